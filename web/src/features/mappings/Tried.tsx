import { Link } from 'react-router';
import type { MappingTrial } from '../../api/queries';
import { count, counted } from '../../format/number';
import { Differences } from './Differences';
import { Judged } from './Judged';
import styles from './Mappings.module.css';

const SHOWN = 20; // records that say what kind of difference it is; more say it again

/** What a version would do to real records, and what it would cost. */
export function Tried({ trial: { judgement, records, differing, cost } }: { trial: MappingTrial }) {
  return (
    <div className={styles['tried']} role="status">
      <Judged judgement={judgement} />
      <p>
        {differing.length === 0 ? `All of the ${counted(records, 'record')} last changed stay as they are.` : `${count(differing.length)} of the ${counted(records, 'record')} last changed would be decided otherwise.`}{' '}
        <span className="muted">
          All {counted(cost.records, 'record')} would cost about {counted(cost.read_calls, 'call')} to read and {counted(cost.write_calls, 'call')} to write.
        </span>
      </p>
      <ul>
        {differing.slice(0, SHOWN).map((one) => (
          <li key={one.record}>
            <Link to={`/records/${one.record}`}>{one.title}</Link>
            {one.blocked != null && <span className={styles['bad']}> cannot go on: {one.blocked}</span>}
            <Differences of={one.differences} />
          </li>
        ))}
      </ul>
      {differing.length > SHOWN && <p className="muted">And {counted(differing.length - SHOWN, 'record')} more.</p>}
    </div>
  );
}
