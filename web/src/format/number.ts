const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/** 14,230 */
export function count(value: number): string {
  return whole.format(value);
}

/** 1 record, 2 records */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** 1 record, 2 records; 500+ records where the list goes on behind what was asked for. */
export function listed(page: { items: readonly unknown[]; next?: string | null | undefined }, one: string, many = `${one}s`): string {
  return page.next == null ? counted(page.items.length, one, many) : `${count(page.items.length)}+ ${many}`;
}

/**
 * 99.7 %. A part that is not the whole never reads as 100 %, and a part that is not nothing never reads as 0 %: rounding must not
 * hide the last failure.
 */
export function percent(part: number, all: number): string {
  if (all <= 0) return '–';
  if (part >= all) return '100 %';
  if (part <= 0) return '0 %';
  const shown = Math.min(99.9, Math.max(0.1, Math.floor((part / all) * 1000) / 10));
  return `${shown.toFixed(1)} %`;
}

/** Part of all as 0…1, for bars; nothing of nothing is nothing. */
export function share(part: number, all: number): number {
  return all <= 0 ? 0 : Math.min(1, Math.max(0, part / all));
}
