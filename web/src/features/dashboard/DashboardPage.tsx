import { useQuery } from '@tanstack/react-query';
import { dashboard } from '../../api/queries';
import { duration } from '../../format/time';
import { plain, tone } from '../../format/words';
import { Ago } from '../../ui/Ago';
import { Badge } from '../../ui/Badge';
import { Failed, Loading } from '../../ui/Notice';
import { Page } from '../../ui/Page';
import { Panel } from '../../ui/Panel';
import { Alerts } from './Alerts';
import { Connections } from './Connections';
import { Consistency } from './Consistency';
import styles from './DashboardPage.module.css';
import { Failures } from './Failures';
import { Headline } from './Headline';
import { Latest } from './Latest';
import { Mappings } from './Mappings';
import { Onboarding } from './Onboarding';
import { Resync } from '../resync/Resync';
import { Today } from './Today';

const RESYNC = 'Every row of every platform is read again, which takes as many API calls as the first sync did. What people change meanwhile goes first, and nothing is written but what differs.';

export function DashboardPage() {
  const { data, error, refetch } = useQuery(dashboard);
  if (!data) {
    return (
      <Page title="Dashboard">
        <Panel title="Sync">{error ? <Failed error={error} retry={() => void refetch()} /> : <Loading rows={10} />}</Panel>
      </Page>
    );
  }
  const { health } = data;
  const lead = (
    <>
      <Badge tone={tone(health.overall)} dot>
        {plain(health.overall)}
      </Badge>
      {health.last_full_sync_at && (
        <span>
          Full sync <Ago at={health.last_full_sync_at} />
          {health.last_full_sync_ms != null && ` in ${duration(health.last_full_sync_ms)}`}
        </span>
      )}
      {health.last_live_sync_at && (
        <span>
          Last live change <Ago at={health.last_live_sync_at} />
          {health.last_live_sync_ms != null && `, landed in ${duration(health.last_live_sync_ms)}`}
        </span>
      )}
    </>
  );
  return (
    <Page title="Dashboard" lead={lead} actions={<Resync scope={{}} label="Resync everything" ask={RESYNC} />}>
      <Headline dashboard={data} />
      <div className={styles['columns']}>
        <div className={styles['column']}>
          <Connections connections={data.connections} />
          <Consistency consistency={data.consistency} />
          <Failures failures={data.failures} trend={data.failure_trend_percent ?? null} health={health} />
        </div>
        <div className={styles['column']}>
          <Alerts alerts={data.alerts} />
          <Latest />
          <Today volume={data.volume} />
          <Onboarding onboarding={data.onboarding} />
          <Mappings mappings={data.mappings} />
        </div>
      </div>
    </Page>
  );
}
