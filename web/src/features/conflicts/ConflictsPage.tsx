import { useQuery } from '@tanstack/react-query';
import { conflicts } from '../../api/queries';
import { listed } from '../../format/number';
import { Empty, Failed, Loading } from '../../ui/Notice';
import { Page } from '../../ui/Page';
import { Panel } from '../../ui/Panel';
import { ConflictList } from './ConflictList';
import { Flagged } from './Flagged';
import { Proposals } from './Proposals';
import { Statistics } from './Statistics';

export function ConflictsPage() {
  const { data, error, isPending, refetch } = useQuery(conflicts);
  return (
    <Page title="Conflicts" lead="Fields that more than one side changed, where no rule may decide. They stay as they are on every side until a person does.">
      <Panel title="Waiting for a person" note={data && listed(data, 'conflict')} flush>
        {error ? (
          <Failed error={error} retry={() => void refetch()} />
        ) : isPending ? (
          <Loading />
        ) : data.items.length === 0 ? (
          <Empty title="No conflict waits">The rules decided every one of them; each decision is in the record's history.</Empty>
        ) : (
          <ConflictList conflicts={data.items} titled />
        )}
      </Panel>
      <Flagged />
      <Proposals />
      <Statistics />
    </Page>
  );
}
