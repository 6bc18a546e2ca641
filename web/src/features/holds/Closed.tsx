import { useQuery } from '@tanstack/react-query';
import { holds } from '../../api/queries';
import { count } from '../../format/number';
import { objects, plain, platform, tone } from '../../format/words';
import { Ago } from '../../ui/Ago';
import { Badge } from '../../ui/Badge';
import { Columns } from '../../ui/Columns';
import { Empty, Failed, Loading } from '../../ui/Notice';
import { Panel } from '../../ui/Panel';
import styles from './Holds.module.css';
import { closed } from './holds';

/** What people decided about earlier holds. */
export function Closed() {
  const released = useQuery(holds('released'));
  const dropped = useQuery(holds('dropped'));
  const error = released.error ?? dropped.error;
  const retry = () => {
    void released.refetch();
    void dropped.refetch();
  };
  const items = released.data && dropped.data && closed(released.data.items, dropped.data.items);
  return (
    <Panel title="Decided" flush>
      {error ? (
        <Failed error={error} retry={retry} />
      ) : !items ? (
        <Loading rows={3} />
      ) : items.length === 0 ? (
        <Empty title="None yet">Holds that a person released or dropped are listed here.</Empty>
      ) : (
        <table>
          <Columns of={['What', 'Where', 'Decision', 'By', { right: 'Changes' }, { right: 'Held' }, { right: 'Decided' }]} />
          <tbody>
            {items.map((hold) => (
              <tr key={hold.id}>
                <td className={styles['what']}>
                  {objects(hold.object)} {hold.what}
                </td>
                <td className="muted">{platform(hold.connection)}</td>
                <td>
                  <Badge tone={tone(hold.state)} dot>
                    {plain(hold.state)}
                  </Badge>
                </td>
                <td className="muted">{hold.closed_by ?? '–'}</td>
                <td className="number">{count(hold.many)}</td>
                <td className="number muted">
                  <Ago at={hold.since} />
                </td>
                <td className="number muted">{hold.closed_at != null ? <Ago at={hold.closed_at} /> : '–'}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}
