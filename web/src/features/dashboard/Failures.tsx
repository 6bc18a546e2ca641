import { Link } from 'react-router';
import type { Dashboard } from '../../api/queries';
import { count } from '../../format/number';
import { plain, tone } from '../../format/words';
import { Ago } from '../../ui/Ago';
import { Badge } from '../../ui/Badge';
import { Columns } from '../../ui/Columns';
import { Empty } from '../../ui/Notice';
import { Panel } from '../../ui/Panel';
import styles from './Failures.module.css';

const STATUS: Record<string, string> = { manual: 'Needs a person', fixed: 'Fixed by a person' };

const SHOWN = 12; // more than a glance takes in; the rest is in the dead letters

/** What failed in the last day, and what became of it. */
export function Failures({ failures, trend, health }: { failures: Dashboard['failures']; trend: number | null; health: Dashboard['health'] }) {
  const note = trend === null ? '24 h' : `${trend > 0 ? '↑' : trend < 0 ? '↓' : '→'} ${count(Math.abs(trend))} % against last week`;
  return (
    <Panel title="Sync failures" note={note} flush>
      {failures.length === 0 ? (
        <Empty title="Nothing failed in the last 24 hours">{health.recovered > 0 ? 'What stumbled went through on a retry.' : undefined}</Empty>
      ) : (
        <table>
          <Columns of={['When', 'Direction', 'Record', 'Error', 'Status']} />
          <tbody>
            {failures.slice(0, SHOWN).map((failure, row) => (
              <tr key={`${failure.record} ${failure.at} ${row}`}>
                <td className={styles['narrow']}>
                  <Ago at={failure.at} />
                </td>
                <td className={styles['narrow']}>{failure.direction.replace('→', ' → ')}</td>
                <td className={styles['narrow']}>
                  {/* A row that never became a record is named by connection, object and external id. */}
                  {failure.record.includes('/') ? (
                    <span className="mono">{failure.record}</span>
                  ) : (
                    <Link to={`/records/${failure.record}`} className={`mono ${styles['record']}`} title={failure.record}>
                      {short(failure.record)}
                    </Link>
                  )}
                </td>
                <td className={styles['error']}>{failure.error}</td>
                <td>
                  <Badge tone={tone(failure.status)} dot>
                    {STATUS[failure.status] ?? plain(failure.status)}
                  </Badge>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}

/** The end of an id tells records apart; its beginning is mostly time. */
function short(id: string): string {
  const cut = id.indexOf('_');
  return id.length <= 16 ? id : `${id.slice(0, cut + 1)}…${id.slice(-6)}`;
}
