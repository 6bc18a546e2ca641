import { useQuery } from '@tanstack/react-query';
import { useSearchParams } from 'react-router';
import { type MonthlyReport, report } from '../../api/queries';
import { count, counted, percent } from '../../format/number';
import { duration } from '../../format/time';
import { Ago } from '../../ui/Ago';
import { Empty, Failed, Loading } from '../../ui/Notice';
import { Page } from '../../ui/Page';
import { Panel } from '../../ui/Panel';
import { Stat, Stats } from '../../ui/Stat';
import { Promises } from './Promises';
import styles from './ReportsPage.module.css';
import { lastMonths, monthName } from './months';

const FORMS = [
  ['html', 'Page'],
  ['pdf', 'PDF'],
  ['text', 'Text'],
] as const;

/** The month in numbers, with what they recommend; and how the promises are kept today. */
export function ReportsPage() {
  const [search, setSearch] = useSearchParams();
  const months = lastMonths(new Date(), 12);
  const month = search.get('month') ?? months[0] ?? '';
  const { data, error, isPending, refetch } = useQuery(report(month));
  const choose = (
    <label>
      <span className="hidden-text">Month</span>
      <select value={month} onChange={(event) => setSearch({ month: event.target.value })}>
        {months.map((each) => (
          <option key={each} value={each}>
            {monthName(each)}
          </option>
        ))}
      </select>
    </label>
  );
  return (
    <Page title="Reports" lead="Every number is counted; recommendations follow from the numbers." actions={choose}>
      {error ? <Failed error={error} retry={() => void refetch()} /> : isPending ? <Loading /> : <Month report={data} />}
      <Promises />
    </Page>
  );
}

function Month({ report: { month, label, complete, performance, consistency, impact, recommendations } }: { report: MonthlyReport }) {
  return (
    <>
      <Panel
        title={complete ? label : `${label}, so far`}
        note={
          <span className={styles['forms']}>
            {FORMS.map(([format, name]) => (
              <a key={format} href={`/api/v1/reports/${month}?format=${format}`} target="_blank" rel="noreferrer">
                {name}
              </a>
            ))}
          </span>
        }
      >
        <Stats>
          <Stat label="Sync events" value={count(performance.events)} detail={change(performance.events_change_percent)} />
          <Stat
            label="Success rate"
            value={percent(performance.landed, performance.events)}
            detail={`${counted(performance.failed, 'failure')}, ${count(performance.recovered)} recovered by themselves`}
            tone={performance.success_percent == null ? 'quiet' : performance.success_kept ? 'good' : 'bad'}
          />
          <Stat
            label="P95 latency"
            value={performance.p95_ms == null ? '–' : duration(performance.p95_ms)}
            detail="promise: below 10 s"
            tone={performance.p95_ms == null ? 'quiet' : performance.p95_kept ? 'good' : 'bad'}
          />
          <Stat
            label="In agreement"
            value={consistency.records == null || consistency.in_agreement == null ? '–' : percent(consistency.in_agreement, consistency.records)}
            detail={
              <>
                {held(consistency.records, complete)}
                {consistency.counted_at != null && (
                  <>
                    , counted <Ago at={consistency.counted_at} />
                  </>
                )}
              </>
            }
          />
          <Stat label="New customers" value={count(impact.new_customers)} detail={impact.profile_ms == null ? undefined : `profile after ${duration(impact.profile_ms)}`} />
          <Stat label="Activities in the CRM" value={count(impact.activities)} detail={`${counted(impact.csat_scores, 'CSAT score')}`} />
        </Stats>
      </Panel>
      <Panel title="Recommendations" note={recommendations.length === 0 ? undefined : count(recommendations.length)}>
        {recommendations.length === 0 ? (
          <Empty title="None">Nothing in the numbers of this month asks for a change.</Empty>
        ) : (
          <ol className={styles['advice']}>
            {recommendations.map((advice) => (
              <li key={advice.title}>
                {advice.title}
                <p className="muted">{advice.evidence}</p>
              </li>
            ))}
          </ol>
        )}
      </Panel>
    </>
  );
}

/** How many records agreement is a share of, or why it is a share of none. */
function held(records: number | null | undefined, complete: boolean): string {
  if (records == null) return complete ? 'not counted' : 'not counted yet';
  return records === 0 ? 'no records were held' : `of ${counted(records, 'record')}`;
}

function change(percentage: number | null | undefined): string | undefined {
  if (percentage == null) return undefined;
  const rounded = Math.round(percentage);
  return rounded === 0 ? 'as in the month before' : `${rounded > 0 ? '↑' : '↓'} ${Math.abs(rounded)} % from the month before`;
}
