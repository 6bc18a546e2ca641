interface Field {
  same: boolean;
  first?: string | null;
  second?: string | null;
}

/** Fields shown at once: what differs first, then what agrees, as far as a glance goes. */
const GLANCE = 8;

/** What a person needs to decide by: fields that both have a value for and that differ, then those that agree, then what only one knows. */
export function shownFields<T extends Field>(fields: readonly T[], all: boolean): T[] {
  const rank = (field: T) => (field.first == null || field.second == null ? 2 : field.same ? 1 : 0);
  const sorted = [...fields].sort((a, b) => rank(a) - rank(b));
  return all ? sorted : sorted.slice(0, GLANCE);
}

/** Bits below which a part of a sum tells nobody anything: less than a factor of one and a half. */
export const TELLING_BITS = -0.5;

/** How common a value is, where that tells something. */
export function commonness(bits: number): string {
  return bits <= TELLING_BITS ? ', a common value' : bits >= -TELLING_BITS ? ', a rare value' : '';
}

/** Bits with their sign, one digit after the point. */
export function signed(bits: number): string {
  const digits = Math.abs(bits).toFixed(1);
  return digits === '0.0' ? digits : `${bits < 0 ? '−' : '+'}${digits}`;
}
