import type { Dashboard } from '../../api/queries';
import { count, counted } from '../../format/number';
import { Ago } from '../../ui/Ago';
import { FieldName } from '../../ui/FieldName';
import { Panel } from '../../ui/Panel';
import { Stat, Stats } from '../../ui/Stat';
import styles from './Mappings.module.css';

/** Which fields are mapped, and what was mapped lately. */
export function Mappings({ mappings }: { mappings: Dashboard['mappings'] }) {
  return (
    <Panel title="Field mappings" note={counted(mappings.custom, 'custom field')}>
      <Stats small>
        <Stat label="Active" value={count(mappings.active)} />
        <Stat label="CRM → support" value={count(mappings.crm_to_support)} />
        <Stat label="Support → CRM" value={count(mappings.support_to_crm)} />
      </Stats>
      {mappings.recent.length > 0 && (
        <ul className={styles['recent']}>
          {mappings.recent.map((recent) => (
            <li key={`${recent.field} ${recent.at}`}>
              <span>
                <FieldName path={recent.field} />
              </span>
              <span className="muted">
                {recent.by}, <Ago at={recent.at} />
              </span>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}
