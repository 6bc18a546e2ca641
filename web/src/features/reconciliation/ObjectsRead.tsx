import type { ReconciliationReport } from '../../api/queries';
import { count } from '../../format/number';
import { platform } from '../../format/words';
import { Badge } from '../../ui/Badge';
import { Columns } from '../../ui/Columns';
import { Panel } from '../../ui/Panel';
import styles from './Reconciliation.module.css';

/** What was read of each object. */
export function ObjectsRead({ report: { objects } }: { report: ReconciliationReport }) {
  return (
    <Panel title="What was read" flush>
      <table>
        <Columns of={['Object', { right: 'Pages' }, { right: 'Rows' }, { right: 'Compared' }, 'Read']} />
        <tbody>
          {objects.map((line) => (
            <tr key={`${line.connection} ${line.object}`}>
              <th scope="row">
                {platform(line.connection)} {line.object}
              </th>
              <td className="number">{count(line.pages)}</td>
              <td className="number">{count(line.rows)}</td>
              <td className="number">{count(line.compared)}</td>
              <td className={styles['why']}>
                {line.incomplete == null ? (
                  <Badge tone="good">completely</Badge>
                ) : (
                  <>
                    <Badge tone="bad">not completely</Badge> {line.incomplete}
                  </>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  );
}
