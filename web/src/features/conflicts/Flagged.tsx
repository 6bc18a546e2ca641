import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from 'react-router';
import { answer, api } from '../../api/client';
import { type Conflict, flaggedConflicts } from '../../api/queries';
import { counted, listed } from '../../format/number';
import { plain, platform } from '../../format/words';
import { Ago } from '../../ui/Ago';
import { Badge } from '../../ui/Badge';
import { Button } from '../../ui/Button';
import { Trouble } from '../../ui/Confirm';
import item from '../../ui/Item.module.css';
import { Panel } from '../../ui/Panel';
import styles from './ConflictList.module.css';
import { parts } from './flagged';
import { Said, useDecision } from './Said';

/** Values that a later change passed over, to be looked at: acknowledged, one or all, or taken after all. Nothing is shown while there is none. */
export function Flagged() {
  const client = useQueryClient();
  const { data } = useQuery(flaggedConflicts);
  const { mutate, isPending, error, data: done } = useMutation({
    mutationFn: (conflicts: string[]) => answer(api.POST('/api/v1/conflicts/acknowledge', { body: { conflicts, all: false, field: null } })),
    onSuccess: () => client.invalidateQueries(),
  });
  if (!data || (data.items.length === 0 && !done)) return null;
  return (
    <Panel title="Passed over for a later change" note={listed(data, 'value')} flush>
      <div className={styles['many']} role="group" aria-label="Acknowledge all at once">
        <Button disabled={isPending || data.items.length === 0} onClick={() => mutate(data.items.map(({ id }) => id))}>
          The later ones are right
        </Button>
        <span role="status" className="muted">
          {done && `${counted(done.acknowledged, 'value')} acknowledged.`}
        </span>
        {done?.left.map((one) => (
          <p key={one.id} className={styles['left']}>
            Not acknowledged: {one.reason}
          </p>
        ))}
        {error && <Trouble error={error} />}
      </div>
      <ul>
        {data.items.map((conflict) => (
          <One key={conflict.id} conflict={conflict} pending={isPending} onAcknowledge={() => mutate([conflict.id])} />
        ))}
      </ul>
    </Panel>
  );
}

function One({ conflict, pending, onAcknowledge }: { conflict: Conflict; pending: boolean; onAcknowledge: () => void }) {
  const take = useDecision(conflict);
  const { won, passed } = parts(conflict);
  const busy = pending || take.isPending;
  return (
    <li className={item['item']}>
      <div className={item['head']}>
        <Link to={`/records/${conflict.record}`} className={styles['title'] ?? ''}>
          {conflict.title}
        </Link>
        <span className="muted">{plain(conflict.object)}</span>
        <span className={styles['field']}>{conflict.label}</span>
        <span className={item['since']}>
          decided <Ago at={conflict.resolved?.at ?? conflict.since} />
        </span>
      </div>
      <ul className={styles['sides']}>
        {[...(won ? [won] : []), ...passed].map((side) => (
          <Said key={side.side} side={side} badges={<Badge tone={side === won ? 'good' : 'quiet'}>{side === won ? 'won' : 'passed over'}</Badge>}>
            <Button
              className={styles['keep'] ?? ''}
              disabled={busy}
              onClick={() => (side === won ? onAcknowledge() : take.mutate({ side: side.side }))}
              aria-label={`${side === won ? 'Right as it is' : 'Take this after all'}: ${side.value ?? 'no value'} from ${platform(side.side)} for ${conflict.label} of ${conflict.title}`}
            >
              {side === won ? 'Right as it is' : 'Take this after all'}
            </Button>
          </Said>
        ))}
      </ul>
      {take.error && <Trouble error={take.error} />}
    </li>
  );
}
