import { Link } from 'react-router';
import { useLabels } from '../../api/labels';
import type { ReconciliationReport } from '../../api/queries';
import { count, counted } from '../../format/number';
import { platform } from '../../format/words';
import { Columns } from '../../ui/Columns';
import { Empty } from '../../ui/Notice';
import { Panel } from '../../ui/Panel';
import styles from './Reconciliation.module.css';

/** Everything that is not in agreement, with the reason. */
export function Exceptions({ report }: { report: ReconciliationReport }) {
  const { exceptions, exceptions_total: all } = report;
  const label = useLabels();
  return (
    <Panel title="Exceptions" note={exceptions.length < all ? `${count(exceptions.length)} of ${count(all)} shown` : counted(all, 'exception')} flush>
      {exceptions.length === 0 ? (
        <Empty title="None">Every row that was compared agrees with its record.</Empty>
      ) : (
        <table>
          <Columns of={['Record', 'Row', 'Field', 'Why']} />
          <tbody>
            {exceptions.map((one, at) => (
              <tr key={at}>
                <td className="mono">{one.record == null ? '–' : <Link to={`/records/${one.record}`}>{one.record}</Link>}</td>
                <td>
                  {platform(one.connection)} {one.object} {one.external_id != null && <span className="mono muted">{one.external_id}</span>}
                </td>
                <td>{one.field == null ? <span className="muted">the row as a whole</span> : label(one.object, one.field)}</td>
                <td className={styles['why']}>
                  {one.words}
                  {one.detail != null && <p className="muted">{one.detail}</p>}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}
