import { useState } from 'react';
import { Link } from 'react-router';
import type { Conflict } from '../../api/queries';
import { amount } from '../../format/amount';
import { plain, platform } from '../../format/words';
import { Waiting } from '../../ui/Ago';
import { Badge } from '../../ui/Badge';
import { Button } from '../../ui/Button';
import { Trouble } from '../../ui/Confirm';
import item from '../../ui/Item.module.css';
import styles from './ConflictList.module.css';
import { Many } from './Many';
import { OtherValue } from './OtherValue';
import { Said, useDecision } from './Said';

/** Conflicts with what each side says, and a button to decide for it. `titled` names the record, where it is not the page's own; several can be
    decided at once then. */
export function ConflictList({ conflicts, titled = false }: { conflicts: readonly Conflict[]; titled?: boolean }) {
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const choose = (ids: readonly string[]) => setChosen(new Set(ids));
  const toggle = (id: string) => choose(chosen.has(id) ? [...chosen].filter((one) => one !== id) : [...chosen, id]);
  return (
    <>
      {titled && conflicts.length > 1 && <Many conflicts={conflicts} chosen={chosen} onChoose={choose} />}
      <ul>
        {conflicts.map((conflict) => (
          <One key={conflict.id} conflict={conflict} titled={titled} {...(titled && conflicts.length > 1 && { ticked: chosen.has(conflict.id), onTick: () => toggle(conflict.id) })} />
        ))}
      </ul>
    </>
  );
}

/** Whether a value is one that its side showed before, while the conflict waited: it may be read, and is no longer there to be kept. */
function isEarlier({ sides }: Conflict, at: number): boolean {
  return sides.findIndex((one) => one.side === sides[at]?.side) < at;
}

interface OneProps {
  conflict: Conflict;
  titled: boolean;
  ticked?: boolean;
  onTick?: () => void;
}

function One({ conflict, titled, ticked = false, onTick }: OneProps) {
  const { mutate, isPending, error } = useDecision(conflict);
  return (
    <li className={item['item']}>
      <div className={item['head']}>
        {onTick && <input type="checkbox" checked={ticked} onChange={onTick} aria-label={`Decide with others: ${conflict.label} of ${conflict.title}`} />}
        {titled && (
          <>
            <Link to={`/records/${conflict.record}`} className={styles['title'] ?? ''}>
              {conflict.title}
            </Link>
            <span className="muted">{plain(conflict.object)}</span>
          </>
        )}
        <span className={styles['field']}>{conflict.label}</span>
        <span className={item['since']}>
          <Waiting since={conflict.since} due={conflict.due} late={styles['late'] ?? ''} />
        </span>
      </div>
      <p className="muted">
        {plain(conflict.reason)}.
        {conflict.base != null && ` Before, it was “${amount(conflict.base)}”.`}
      </p>
      <ul className={styles['sides']}>
        {conflict.sides.map((side, at) => (
          <Said
            key={at}
            side={side}
            badges={
              <>
                {isEarlier(conflict, at) && <Badge tone="quiet">before</Badge>}
                {side.value != null && side.value === conflict.suggested && <Badge tone="good">suggested</Badge>}
              </>
            }
          >
            {!isEarlier(conflict, at) && (
              <Button className={styles['keep'] ?? ''} disabled={isPending} onClick={() => mutate({ side: side.side })} aria-label={`Keep this: ${side.value ?? 'no value'} from ${platform(side.side)} for ${conflict.label}`}>
                Keep this
              </Button>
            )}
          </Said>
        ))}
      </ul>
      <OtherValue label={conflict.label} pending={isPending} onValue={(value) => mutate({ side: null, value })} />
      {error && <Trouble error={error} />}
    </li>
  );
}
