import { useQuery } from '@tanstack/react-query';
import { alerts } from '../../api/queries';
import { counted } from '../../format/number';
import { tone } from '../../format/words';
import { Ago } from '../../ui/Ago';
import { Badge } from '../../ui/Badge';
import { Columns } from '../../ui/Columns';
import { Empty, Failed, Loading } from '../../ui/Notice';
import { Page } from '../../ui/Page';
import { Panel } from '../../ui/Panel';
import { Words } from '../../ui/Words';
import styles from './AlertsPage.module.css';
import { Channels } from './Channels';

const SENT: Record<string, string> = { pending: 'waits to be sent', sent: 'sent', failed: 'could not be sent' };

/** What operators are told of: what is open, what is over, and the channels that tell. */
export function AlertsPage() {
  const { data, error, isPending, refetch } = useQuery(alerts);
  const open = data?.items.filter((alert) => alert.state === 'open').length ?? 0;
  return (
    <Page title="Alerts" lead="Each is told once when it begins and once when it is over.">
      <Panel title="Open and recent" note={data && (open === 0 ? 'none open' : `${counted(open, 'alert')} open`)} flush>
        {error ? (
          <Failed error={error} retry={() => void refetch()} />
        ) : isPending ? (
          <Loading />
        ) : data.items.length === 0 ? (
          <Empty title="Nothing to tell">No alert was raised yet.</Empty>
        ) : (
          <table>
            <Columns of={['Alert', 'Severity', 'Told', { right: 'Began' }, { right: 'Over' }]} />
            <tbody>
              {data.items.map((alert) => {
                const last = alert.messages.at(-1);
                return (
                  <tr key={alert.id}>
                    <td className={styles['title']}>
                      <strong>{alert.title}</strong>
                      <p className="muted">
                        <Words of={alert.body} />
                      </p>
                    </td>
                    <td>
                      <Badge tone={alert.state === 'over' ? 'quiet' : tone(alert.severity)} dot>
                        {alert.state === 'over' ? 'over' : alert.severity}
                      </Badge>
                    </td>
                    <td className="muted" title={last?.error ?? undefined}>
                      {last ? (SENT[last.state] ?? last.state) : '–'}
                    </td>
                    <td className="number muted">
                      <Ago at={alert.since} />
                    </td>
                    <td className="number muted">{alert.ended_at != null ? <Ago at={alert.ended_at} /> : '–'}</td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        )}
      </Panel>
      <Channels />
    </Page>
  );
}
