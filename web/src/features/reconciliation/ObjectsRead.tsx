import type { ReconciliationReport } from '../../api/queries';
import { count } from '../../format/number';
import { platform } from '../../format/words';
import { Badge } from '../../ui/Badge';
import { Panel } from '../../ui/Panel';
import styles from './Reconciliation.module.css';

/** What was read of each object. */
export function ObjectsRead({ report: { objects } }: { report: ReconciliationReport }) {
  return (
    <Panel title="What was read" flush>
      <table>
        <thead>
          <tr>
            <th scope="col">Object</th>
            <th scope="col" className="number">
              Pages
            </th>
            <th scope="col" className="number">
              Rows
            </th>
            <th scope="col" className="number">
              Compared
            </th>
            <th scope="col">Read</th>
          </tr>
        </thead>
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
