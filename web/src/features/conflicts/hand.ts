import type { Conflict } from '../../api/queries';
import { actor } from '../../format/words';

/** Whose hand changed a side, and which user's, as far as that is known: "Sales, Ada Lovelace"; "Unknown" where nothing is. */
export function hand({ by, who }: Pick<Conflict['sides'][number], 'by' | 'who'>): string {
  const kind = actor(by ?? 'unknown');
  return who == null ? kind : `${kind}, ${who}`;
}
