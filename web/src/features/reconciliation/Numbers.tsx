import type { ReconciliationReport } from '../../api/queries';
import { count, counted, percent } from '../../format/number';
import { duration } from '../../format/time';
import { Stat, Stats } from '../../ui/Stat';

/** What was compared, what differed and what became of it, and what it cost. */
export function Numbers({ report }: { report: ReconciliationReport }) {
  const made = report.calls.reduce((sum, one) => sum + one.made, 0);
  const expected = report.calls.reduce((sum, one) => sum + one.expected, 0);
  const took = Date.parse(report.ended_at) - Date.parse(report.began_at);
  return (
    <Stats small>
      <Stat label="Rows compared" value={count(report.compared)} detail={`${count(report.rows)} read, ${counted(report.fields, 'field')}`} />
      <Stat label="Differences" value={count(report.differences)} detail={`in ${counted(report.differing, 'record')}`} />
      <Stat label="Put right" value={report.differences === 0 ? '–' : percent(report.resolved, report.differences)} detail={`${count(report.resolved)} agreed at the second look`} />
      <Stat label="Left" value={count(report.exceptions_total)} detail={`${counted(report.unmatched, 'row')} unmatched, ${counted(report.orphans, 'record')} orphaned`} tone={report.exceptions_total > 0 ? 'warn' : 'quiet'} />
      <Stat label="API calls" value={count(made)} detail={`${count(expected)} foretold`} />
      <Stat label="Took" value={duration(took)} detail={`${duration(report.compare_ms)} of comparing`} />
    </Stats>
  );
}
