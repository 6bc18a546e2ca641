/** How a change comes to be known, in words. */

export interface Detection {
  webhook: boolean;
  poll_seconds?: number | null;
  reconciliation: boolean;
}

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** 45 s, 15 min, 6 h, 1 d; never where there is no bound. */
export function span(seconds: number | null | undefined): string {
  if (seconds == null) return 'never';
  if (seconds === 0) return 'at once';
  if (seconds % DAY === 0) return `${seconds / DAY} d`;
  if (seconds % HOUR === 0) return `${seconds / HOUR} h`;
  if (seconds % MINUTE === 0) return `${seconds / MINUTE} min`;
  return `${seconds} s`;
}

/** webhook, poll; what only a reconciliation sees is called that. */
export function detected({ webhook, poll_seconds: poll, reconciliation }: Detection): string {
  const words = webhook ? ['webhook'] : [];
  if (poll != null) words.push(poll === 0 ? 'poll' : `poll every ${span(poll)}`);
  else if (reconciliation) words.push('reconciliation');
  return words.length === 0 ? 'never' : words.join(', ');
}
