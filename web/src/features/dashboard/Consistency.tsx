import { Link } from 'react-router';
import type { Dashboard } from '../../api/queries';
import { count, counted, share } from '../../format/number';
import type { Tone } from '../../format/words';
import { Ago } from '../../ui/Ago';
import { Bar } from '../../ui/Bar';
import { Columns } from '../../ui/Columns';
import { Panel } from '../../ui/Panel';
import styles from './Consistency.module.css';

/** How much agrees, and what does not. */
export function Consistency({ consistency }: { consistency: Dashboard['consistency'] }) {
  const { records, linked, in_agreement: agreed, in_flight: flying, waiting_conflicts: conflicts, waiting_reviews: reviews } = consistency;
  const last = consistency.reconciliation;
  const parts: { label: string; value: number; tone: Tone }[] = [
    { label: 'In agreement', value: agreed, tone: 'good' },
    { label: 'In flight', value: flying, tone: 'info' },
    { label: 'In conflict', value: conflicts, tone: 'warn' },
    { label: 'Match to review', value: reviews, tone: 'plum' },
    { label: 'Other', value: Math.max(0, records - agreed - flying - conflicts - reviews), tone: 'bad' },
  ];
  const shown = parts.filter((part) => part.value > 0 || part.tone === 'good' || part.tone === 'info');
  // A record that agrees may wait for a review all the same: the bar has each record once, what agrees first.
  let left = records;
  const segments = shown.map(({ label, value, tone }) => {
    const width = Math.min(value, left);
    left -= width;
    return { label: `${label}: ${count(value)}`, share: share(width, records), tone };
  });
  return (
    <Panel title="Data consistency" note={`${count(linked)} of ${counted(records, 'record')} linked everywhere`}>
      <Bar
        label={`${count(agreed)} of ${counted(records, 'record')} in agreement`}
        segments={segments}
      />
      <ul className={styles['legend']}>
        {shown.map(({ label, value, tone }) => (
          <li key={label}>
            <span className={`${styles['swatch']} ${styles[tone]}`} aria-hidden="true" />
            {label} <b>{count(value)}</b>
          </li>
        ))}
      </ul>
      <p className={styles['last']}>
        {last == null ? (
          <>
            No <Link to="/reconciliation">reconciliation</Link> yet.
          </>
        ) : (
          <>
            <Link to="/reconciliation">Last reconciliation</Link> <Ago at={last.at} />: {counted(last.compared, 'row')} compared, {count(last.resolved)} of {counted(last.differences, 'difference')} resolved,{' '}
            {counted(last.exceptions, 'exception')}
            {!last.complete && '; not everything could be read'}
          </>
        )}
      </p>
      {consistency.drift.length > 0 && (
        <table className={styles['drift']}>
          <caption className="hidden-text">Fields that differ</caption>
          <Columns of={['Field that differs', 'Likely cause', { right: 'Records' }]} />
          <tbody>
            {consistency.drift.map((line) => (
              <tr key={`${line.field} ${line.behind} ${line.cause}`}>
                <td>
                  {line.label}
                </td>
                <td className="muted">{line.cause}</td>
                <td className="number">{count(line.records)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}
