import { useQuery } from '@tanstack/react-query';
import { conflictStatistics } from '../../api/queries';
import { count, counted } from '../../format/number';
import { plain } from '../../format/words';
import { Columns } from '../../ui/Columns';
import { Failed, Loading } from '../../ui/Notice';
import { Panel } from '../../ui/Panel';
import { Stat, Stats } from '../../ui/Stat';
import styles from './Statistics.module.css';

const hours = (value: number | null | undefined) => (value == null ? '–' : `${value.toFixed(1)} h`);

/** Conflicts of the last thirty days: how many among all syncs, who decided them, by which rule and about what. */
export function Statistics() {
  const { data, error, isPending, refetch } = useQuery(conflictStatistics);
  return (
    <Panel title="Last 30 days" note={data && `${data.conflicts_per_day.toFixed(1)} conflicts a day`}>
      {error ? (
        <Failed error={error} retry={() => void refetch()} />
      ) : isPending ? (
        <Loading />
      ) : (
        <>
          <Stats small>
            <Stat label="Syncs" value={count(data.syncs)} detail={`${data.percent_of_syncs.toFixed(2)} % met a conflict`} />
            <Stat label="Decided by a rule" value={count(data.automatic)} detail={`${data.automatic_percent.toFixed(1)} % of ${counted(data.conflicts, 'conflict')}`} />
            <Stat label="Flagged" value={count(data.flagged)} detail="passed over for a later change, not looked at" />
            <Stat label="Went to a person" value={count(data.conflicts - data.automatic)} detail={`${data.waiting} wait, ${data.by_themselves} ended by themselves`} />
            <Stat label="Time to decide" value={hours(data.mean_hours)} detail={data.median_hours == null ? 'no decision yet' : `half of them within ${hours(data.median_hours)}`} />
            <Stat label={`Longer than ${data.promise_hours} hours`} value={count(data.late)} tone={data.late > 0 ? 'bad' : 'good'} />
          </Stats>
          {data.by_rule.length > 0 && (
            <p className="muted">
              Rules: {data.by_rule.map((one) => `${plain(one.rule)} ${one.conflicts}`).join(', ')}.
            </p>
          )}
          {data.by_field.length > 0 && (
            <div className={styles['scroll']} role="group" aria-label="Conflicts by field" tabIndex={0}>
              <table>
                <Columns of={['Field', { right: 'Conflicts' }, { right: 'By a rule' }, { right: 'By people' }, { right: 'Waiting' }, { right: 'Time to decide' }]} />
                <tbody>
                  {data.by_field.map((one) => (
                    <tr key={`${one.object} ${one.field}`}>
                      <td>
                        {one.label} <span className="muted">{plain(one.object)}</span>
                      </td>
                      <td className="number">{count(one.conflicts)}</td>
                      <td className="number">{count(one.automatic)}</td>
                      <td className="number">{count(one.manual)}</td>
                      <td className="number">{count(one.waiting)}</td>
                      <td className="number">{hours(one.mean_hours)}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )}
        </>
      )}
    </Panel>
  );
}
