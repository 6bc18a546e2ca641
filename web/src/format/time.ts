const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** 230 ms, 4.7 s, 4.2 min, 3.1 h: two significant places, the unit a person would use. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < MINUTE) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < HOUR) return `${(ms / MINUTE).toFixed(1)} min`;
  return `${(ms / HOUR).toFixed(1)} h`;
}

/** just now, 42 s ago, 5 min ago, 3 h ago, 12 Mar; "in 5 min" for what is still to come. */
export function ago(at: string, now: number): string {
  const then = Date.parse(at);
  if (Number.isNaN(then)) return at;
  const past = now - then;
  const far = Math.abs(past);
  if (far < 2_000) return 'just now';
  if (far >= 7 * DAY) return day(at);
  const text = far < MINUTE ? `${Math.floor(far / 1000)} s` : far < HOUR ? `${Math.floor(far / MINUTE)} min` : far < DAY ? `${Math.floor(far / HOUR)} h` : `${Math.floor(far / DAY)} d`;
  return past >= 0 ? `${text} ago` : `in ${text}`;
}

/** How long something waits, and what is left of the time that is promised, or how long that is over: 5 h, 19 h left; 26 h, 2 h overdue. */
export function waiting(since: string, due: string | null | undefined, now: number): { text: string; overdue: boolean } {
  const age = span(now - Date.parse(since));
  if (due == null) return { text: age, overdue: false };
  const left = Date.parse(due) - now;
  return left < 0 ? { text: `${age}, ${span(-left)} overdue`, overdue: true } : { text: `${age}, ${span(left)} left`, overdue: false };
}

/** Whole minutes, hours, or from two days on days: what is begun does not count. */
function span(ms: number): string {
  const past = Math.max(0, ms);
  if (past < HOUR) return `${Math.floor(past / MINUTE)} min`;
  return past < 2 * DAY ? `${Math.floor(past / HOUR)} h` : `${Math.floor(past / DAY)} d`;
}

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit', timeZone: 'UTC' });
const date = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' });
const dateWithYear = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC' });

/** 14:47:23, in UTC as all of Entente's days and hours. */
export function time(at: string): string {
  return format(clock, at);
}

/** 15 Jan */
export function day(at: string): string {
  return format(date, at);
}

/** 15 Jan 2026, 14:47:23 UTC */
export function instant(at: string): string {
  const parsed = new Date(at);
  return Number.isNaN(parsed.getTime()) ? at : `${dateWithYear.format(parsed)}, ${clock.format(parsed)} UTC`;
}

function format(formatter: Intl.DateTimeFormat, at: string): string {
  const parsed = new Date(at);
  return Number.isNaN(parsed.getTime()) ? at : formatter.format(parsed);
}
