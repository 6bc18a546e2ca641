import { useQuery } from '@tanstack/react-query';
import { quality } from '../../api/queries';
import { count, percent } from '../../format/number';
import { day as dayOf, duration } from '../../format/time';
import { Badge } from '../../ui/Badge';
import { Columns } from '../../ui/Columns';
import { Failed, Loading } from '../../ui/Notice';
import { Panel } from '../../ui/Panel';

/** The last days against the promises. */
export function Promises() {
  const { data, error, isPending, refetch } = useQuery(quality);
  if (error) return <Failed error={error} retry={() => void refetch()} />;
  return (
    <Panel title="Promises by day" note={data && `${data.promises.success_percent} % of syncs land, 95 % within ${count(data.promises.p95_ms / 1_000)} s`} flush>
      {isPending ? (
        <Loading />
      ) : (
        <table>
          <Columns of={['Day (UTC)', { right: 'Landed' }, { right: 'Failed' }, { right: 'Success' }, { right: 'P50' }, { right: 'P95' }, { right: 'Calls' }, 'Promises']} />
          <tbody>
            {[...data.days].reverse().map((day) => (
              <tr key={day.from}>
                <td>{dayOf(day.from)}</td>
                <td className="number">{count(day.landed)}</td>
                <td className="number">{count(day.failed)}</td>
                <td className="number">{percent(day.landed, day.landed + day.failed)}</td>
                <td className="number">{day.p50_ms == null ? '–' : duration(day.p50_ms)}</td>
                <td className="number">{day.p95_ms == null ? '–' : duration(day.p95_ms)}</td>
                <td className="number">{count(day.calls)}</td>
                <td>
                  {day.landed + day.failed === 0 ? (
                    'no sync'
                  ) : (
                    <Badge tone={day.kept ? 'good' : 'bad'} dot>
                      {day.kept ? 'kept' : 'missed'}
                    </Badge>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}
