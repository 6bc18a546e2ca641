import type { Dashboard } from '../../api/queries';
import { count, counted, percent } from '../../format/number';
import { duration } from '../../format/time';
import type { Tone } from '../../format/words';
import { Stat, Stats } from '../../ui/Stat';

/** Promised success rate of a direction over a day, and 95 % of changes land within this. */
const PROMISED_RATE = 0.995;
const PROMISED_P95_MS = 10_000;

type Rate = Dashboard['health']['crm_to_support'];

export function rateTone({ ok, total }: Rate): Tone {
  return total > 0 && ok / total < PROMISED_RATE ? 'warn' : 'quiet';
}

/** The numbers that tell whether the promises are kept. */
export function Headline({ dashboard: { health, volume, consistency } }: { dashboard: Dashboard }) {
  const rate = (label: string, value: Rate) => (
    <Stat label={label} value={percent(value.ok, value.total)} detail={`${count(value.ok)} of ${count(value.total)}, 24 h`} tone={rateTone(value)} />
  );
  const retrying = health.failed - health.recovered - health.fixed - health.manual - health.discarded;
  const late = volume.p95_ms != null && volume.p95_ms > PROMISED_P95_MS;
  const waiting = consistency.waiting_conflicts + consistency.waiting_reviews + consistency.waiting_dead_letters;
  return (
    <Stats>
      <Stat
        label="Fully synchronized"
        value={percent(consistency.in_agreement, consistency.records)}
        detail={`${count(consistency.in_agreement)} of ${counted(consistency.records, 'record')}`}
      />
      {rate('CRM → support', health.crm_to_support)}
      {rate('Support → CRM', health.support_to_crm)}
      <Stat
        label="Edit to landed"
        value={volume.p50_ms == null ? '–' : duration(volume.p50_ms)}
        detail={volume.p95_ms == null ? 'no live change today' : `95 % within ${duration(volume.p95_ms)}`}
        tone={late ? 'warn' : 'quiet'}
      />
      <Stat
        label="Waiting for a person"
        value={count(waiting)}
        detail={`${counted(consistency.waiting_conflicts, 'conflict')}, ${counted(consistency.waiting_reviews, 'match', 'matches')}, ${count(consistency.waiting_dead_letters)} dead`}
        tone={waiting > 0 ? 'warn' : 'quiet'}
      />
      <Stat
        label="Failures, 24 h"
        value={count(health.failed)}
        detail={`${count(health.recovered)} recovered, ${health.fixed > 0 ? `${count(health.fixed)} fixed, ` : ''}${retrying > 0 ? `${count(retrying)} retried, ` : ''}${count(health.manual)} manual`}
        tone={health.manual > 0 ? 'bad' : 'quiet'}
      />
    </Stats>
  );
}
