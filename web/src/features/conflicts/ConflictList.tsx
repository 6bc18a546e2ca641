import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Link } from 'react-router';
import { answer, api } from '../../api/client';
import type { Conflict } from '../../api/queries';
import { actor, plain, platform } from '../../format/words';
import { Ago } from '../../ui/Ago';
import { Badge } from '../../ui/Badge';
import { Button } from '../../ui/Button';
import { Value } from '../record/Value';
import styles from './ConflictList.module.css';

/** Conflicts with what each side says, and a button to decide for it. `titled` names the record, where it is not the page's own. */
export function ConflictList({ conflicts, titled = false }: { conflicts: readonly Conflict[]; titled?: boolean }) {
  return (
    <ul>
      {conflicts.map((conflict) => (
        <One key={conflict.id} conflict={conflict} titled={titled} />
      ))}
    </ul>
  );
}

/** Whether a value is one that its side showed before, while the conflict waited: it may be read, and is no longer there to be kept. */
function isEarlier({ sides }: Conflict, at: number): boolean {
  return sides.findIndex((one) => one.side === sides[at]?.side) < at;
}

function One({ conflict, titled }: { conflict: Conflict; titled: boolean }) {
  const client = useQueryClient();
  const { mutate, isPending, error } = useMutation({
    mutationFn: (side: string) => answer(api.POST('/api/v1/conflicts/{id}/resolve', { params: { path: { id: conflict.id } }, body: { side } })),
    onSuccess: () => client.invalidateQueries(),
  });
  return (
    <li className={styles['conflict']}>
      <div className={styles['head']}>
        {titled && (
          <>
            <Link to={`/records/${conflict.record}`} className={styles['title'] ?? ''}>
              {conflict.title}
            </Link>
            <span className="muted">{plain(conflict.object)}</span>
          </>
        )}
        <span className={styles['field']}>{conflict.label}</span>
        <span className={styles['since']}>
          since <Ago at={conflict.since} />
        </span>
      </div>
      <p className="muted">
        {plain(conflict.reason)}.
        {conflict.base != null && ` Before, it was “${conflict.base}”.`}
      </p>
      <ul className={styles['sides']}>
        {conflict.sides.map((side, at) => (
          <li key={at} className={styles['side']}>
            <span className={styles['where']}>
              {platform(side.side)}
              {isEarlier(conflict, at) && <Badge tone="quiet">before</Badge>}
              {side.value != null && side.value === conflict.suggested && <Badge tone="good">suggested</Badge>}
            </span>
            <span className={styles['value']}>
              <Value value={side.value ?? null} />
            </span>
            <span className="muted">
              {actor(side.by ?? 'unknown')}
              {side.at != null && (
                <>
                  {', '}
                  <Ago at={side.at} />
                </>
              )}
            </span>
            {!isEarlier(conflict, at) && (
              <Button className={styles['keep'] ?? ''} disabled={isPending} onClick={() => mutate(side.side)} aria-label={`Keep this: ${side.value ?? 'no value'} from ${platform(side.side)} for ${conflict.label}`}>
                Keep this
              </Button>
            )}
          </li>
        ))}
      </ul>
      {error && (
        <p role="alert" className={styles['bad']}>
          {error.message}
        </p>
      )}
    </li>
  );
}
