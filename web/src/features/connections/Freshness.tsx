import { useQuery } from '@tanstack/react-query';
import { staleness } from '../../api/queries';
import { counted } from '../../format/number';
import { plain } from '../../format/words';
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
          <thead>
            <tr>
              <th>Field</th>
              <th>There</th>
              <th>Connection</th>
              <th>Seen by</th>
              <th>Usually within</th>
              <th>At most</th>
            </tr>
          </thead>
          <tbody>
            {data.map((field) => (
              <tr key={`${field.connection} ${field.object} ${field.field} ${field.remote_field}`}>
                <th scope="row">
                  {plain(field.object)}: {plain(field.field)}
                </th>
                <td>
                  {field.remote_object}.{field.remote_field}
                </td>
                <td>{field.connection}</td>
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
