import type { Dashboard } from '../../api/queries';
import { count } from '../../format/number';
import { duration } from '../../format/time';
import { Panel } from '../../ui/Panel';
import { Stat, Stats } from '../../ui/Stat';

/** Customers won today, from the CRM to a support profile that is ready. */
export function Onboarding({ onboarding }: { onboarding: Dashboard['onboarding'] }) {
  const { new_customers: won, mean_ms: mean, median_ms: median } = onboarding;
  return (
    <Panel title="New customers today" note={mean == null || median == null ? undefined : `won to support profile: ${duration(mean)} on average, median ${duration(median)}`}>
      <Stats small>
        <Stat label="Won" value={count(won)} />
        <Stat label="Checklists" value={count(onboarding.checklists)} />
        <Stat label="First scores" value={count(onboarding.health_scores)} />
        <Stat label="CSM notices" value={count(onboarding.notices)} />
      </Stats>
    </Panel>
  );
}
