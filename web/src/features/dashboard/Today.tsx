import type { Dashboard } from '../../api/queries';
import { count } from '../../format/number';
import { Panel } from '../../ui/Panel';
import { Stat, Stats } from '../../ui/Stat';

/** What was synced since midnight, UTC. */
export function Today({ volume }: { volume: Dashboard['volume'] }) {
  const hour = (value: number) => `${String(value % 24).padStart(2, '0')}:00`;
  const peak = volume.peak_hour == null ? 'today, UTC' : `peak ${hour(volume.peak_hour)}–${hour(volume.peak_hour + 1)} UTC: ${count(volume.peak_hour_syncs)}`;
  return (
    <Panel title="Synced today" note={peak}>
      <Stats small>
        <Stat label="Created" value={count(volume.created)} />
        <Stat label="Updated" value={count(volume.updated)} />
        <Stat label="Activities" value={count(volume.activities)} />
        <Stat label="Health scores" value={count(volume.health_scores)} />
      </Stats>
    </Panel>
  );
}
