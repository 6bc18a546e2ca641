import type { Dashboard } from '../../api/queries';
import { count, counted } from '../../format/number';
import { platform } from '../../format/words';
import { Ago } from '../../ui/Ago';
import { Panel } from '../../ui/Panel';
import { Stat, Stats } from '../../ui/Stat';
import styles from './Mappings.module.css';

/** Which fields are mapped, and what was mapped lately. */
export function Mappings({ mappings }: { mappings: Dashboard['mappings'] }) {
  const flow = (label: string, many: number, operational: number) => (
    <Stat
      label={label}
      value={count(many)}
      detail={operational === many ? 'all operational' : `${count(operational)} operational`}
      tone={operational === many ? 'quiet' : 'warn'}
    />
  );
  return (
    <Panel title="Field mappings" note={`${counted(mappings.custom, 'custom field')}: ${count(mappings.custom_crm_to_support)} to support, ${count(mappings.custom_support_to_crm)} to CRM`}>
      <Stats small>
        <Stat label="Active" value={count(mappings.active)} />
        {flow('CRM → support', mappings.crm_to_support, mappings.crm_to_support_operational)}
        {flow('Support → CRM', mappings.support_to_crm, mappings.support_to_crm_operational)}
      </Stats>
      {mappings.recent.length > 0 && (
        <ul className={styles['recent']}>
          {mappings.recent.map((recent) => (
            <li key={`${recent.field} ${recent.connection} ${recent.at}`}>
              <span>
                {recent.label} <span className="muted">at {platform(recent.connection)}</span>
              </span>
              <span className="muted">
                {recent.by}, <Ago at={recent.at} />, syncing {counted(recent.records, 'record')}
              </span>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}
