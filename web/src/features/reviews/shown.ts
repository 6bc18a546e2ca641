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
