import { useQuery } from '@tanstack/react-query';
import { holds } from '../../api/queries';
import { listed } from '../../format/number';
import { Empty, Failed, Loading } from '../../ui/Notice';
import { Page } from '../../ui/Page';
import { Panel } from '../../ui/Panel';
import { Closed } from './Closed';
import { HoldCard } from './HoldCard';

/** Unusual mass changes that wait for a person, and what became of earlier ones. */
export function HoldsPage() {
  const { data, error, isPending, refetch } = useQuery(holds('open'));
  return (
    <Page title="Holds" lead="Mass changes that are unusual wait here before they are written on: rows deleted, values emptied, owners changed, values overwritten.">
      <Panel title="Waiting for a person" note={data && listed(data, 'hold')} flush>
        {error ? (
          <Failed error={error} retry={() => void refetch()} />
        ) : isPending ? (
          <Loading />
        ) : data.items.length === 0 ? (
          <Empty title="Nothing is held">Changes pass by themselves as long as not too many of one kind come at once.</Empty>
        ) : (
          <ul>
            {data.items.map((hold) => (
              <HoldCard key={hold.id} hold={hold} />
            ))}
          </ul>
        )}
      </Panel>
      <Closed />
    </Page>
  );
}
