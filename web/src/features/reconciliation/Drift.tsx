import type { ReconciliationReport } from '../../api/queries';
import { count } from '../../format/number';
import { platform } from '../../format/words';
import { Ago } from '../../ui/Ago';
import { Columns } from '../../ui/Columns';
import { Panel } from '../../ui/Panel';

/** What differed, field by field, with the cause. */
export function Drift({ drift }: { drift: ReconciliationReport['drift'] }) {
  return (
    <Panel title="What differed" flush>
      <table>
        <Columns of={['Field', 'At', 'Cause', { right: 'Records' }, { right: 'Agree now' }, { right: 'Since' }]} />
        <tbody>
          {drift.map((line) => (
            <tr key={`${line.connection} ${line.field} ${line.cause}`}>
              <th scope="row">{line.label}</th>
              <td>{platform(line.connection)}</td>
              <td className="muted">{line.words}</td>
              <td className="number">{count(line.records)}</td>
              <td className="number">{count(line.resolved)}</td>
              <td className="number muted">{line.since == null ? '–' : <Ago at={line.since} />}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  );
}
