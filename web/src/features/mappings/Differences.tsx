import type { MappingTrial } from '../../api/queries';
import { plain, platform } from '../../format/words';
import { Value } from '../record/Value';

/** Where two versions decide differently about a record: what is written now, and what would be. */
export function Differences({ of }: { of: MappingTrial['differing'][number]['differences'] }) {
  return of.map((difference) => (
    <p key={`${difference.place} ${difference.field}`}>
      <span className="muted">
        {platform(difference.place)} {plain(difference.field)}:
      </span>{' '}
      <Value value={difference.now ?? null} /> → <Value value={difference.then ?? null} />
    </p>
  ));
}
