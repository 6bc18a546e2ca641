import { useQuery } from '@tanstack/react-query';
import { type Platform, platforms } from '../../api/queries';
import { count } from '../../format/number';
import { plain } from '../../format/words';
import { Columns } from '../../ui/Columns';
import { Empty, Failed, Loading } from '../../ui/Notice';
import { Page } from '../../ui/Page';
import { Panel } from '../../ui/Panel';
import { Freshness } from './Freshness';
import { detected, span } from './seen';

/** The connected platforms: what each can do, and how soon a change of each mapped field is seen. */
export function ConnectionsPage() {
  const { data, error, isPending, refetch } = useQuery(platforms);
  const connected = data?.filter((platform) => platform.connections.length > 0) ?? [];
  return (
    <Page title="Connections" lead="What each connected platform can do, and how long a change there may go unseen.">
      {error ? (
        <Failed error={error} retry={() => void refetch()} />
      ) : isPending ? (
        <Loading />
      ) : connected.length === 0 ? (
        <Empty title="No connection is configured">
          Add one to the configuration and check it with <code>entente doctor</code>.
        </Empty>
      ) : (
        connected.map((platform) => <Abilities key={platform.key} platform={platform} />)
      )}
      {connected.length > 0 && <Freshness />}
    </Page>
  );
}

function Abilities({ platform }: { platform: Platform }) {
  return (
    <Panel title={platform.label} note={platform.limits.map((limit) => `${count(limit.amount)} ${limit.what}, within ${span(limit.seconds)}`).join('; ')} flush>
      <table>
        <Columns of={['Object', { right: 'Rows a page' }, 'Key', 'Crossing edits', 'Changes', 'Deletions', 'Merges', 'Come back']} />
        <tbody>
          {platform.objects.map((object) => (
            <tr key={object.object}>
              <th scope="row">{object.object === '*' ? (platform.objects.length > 1 ? 'every other' : 'every object') : object.object}</th>
              <td className="number">{count(object.page_rows)}</td>
              <td>{object.key == null ? '–' : plain(object.key)}</td>
              <td>{object.concurrency == null ? '–' : plain(object.concurrency)}</td>
              <td>{detected(object.changes)}</td>
              <td>{detected(object.deletions)}</td>
              <td>{detected(object.merges)}</td>
              <td>{object.restorations == null ? '–' : detected(object.restorations)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  );
}
