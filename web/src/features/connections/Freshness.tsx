import { useQuery } from '@tanstack/react-query';
import { staleness } from '../../api/queries';
import { counted } from '../../format/number';
import { plain, platform } from '../../format/words';
import { Columns } from '../../ui/Columns';
import { Failed, Loading } from '../../ui/Notice';
import { Panel } from '../../ui/Panel';
import { span } from './seen';

/** Every mapped field with how long a change of it may go unseen. */
export function Freshness() {
  const { data, error, isPending, refetch } = useQuery(staleness);
  if (error) return <Failed error={error} retry={() => void refetch()} />;
  return (
    <Panel title="Mapped fields" note={data && counted(data.length, 'field')} flush>
      {isPending ? (
        <Loading />
      ) : (
        <table>
          <Columns of={['Field', 'There', 'Connection', 'Seen by', 'Usually within', 'At most']} />
          <tbody>
            {data.map((field) => (
              <tr key={`${field.connection} ${field.object} ${field.field} ${field.remote_field}`}>
                <th scope="row">
                  {plain(field.object)}: {field.label}
                </th>
                <td>
                  {field.remote_object}.{field.remote_field}
                </td>
                <td>{platform(field.connection)}</td>
                <td>{plain(field.seen_by)}</td>
                <td>{span(field.usual_seconds)}</td>
                <td>{span(field.at_most_seconds)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}
