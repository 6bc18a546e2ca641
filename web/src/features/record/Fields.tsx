import { useState } from 'react';
import type { RecordField } from '../../api/queries';
import { counted } from '../../format/number';
import { actor, owner, platform, rule, tone } from '../../format/words';
import { Ago } from '../../ui/Ago';
import { Badge } from '../../ui/Badge';
import { Button } from '../../ui/Button';
import { Empty } from '../../ui/Notice';
import { Panel } from '../../ui/Panel';
import styles from './Fields.module.css';
import { Value } from './Value';

/** What the record holds now: each value with its owner, who set it, and why. */
export function Fields({ fields }: { fields: readonly RecordField[] }) {
  const [all, setAll] = useState(false);
  const filled = fields.filter((field) => field.value != null && field.value !== '');
  const shown = all ? fields : filled;
  const empty = fields.length - filled.length;
  return (
    <Panel
      title="Values"
      note={
        empty > 0 && (
          <Button kind="quiet" className={styles['toggle'] ?? ''} aria-pressed={all} onClick={() => setAll(!all)}>
            {all ? 'Hide empty' : `Show ${counted(empty, 'empty field')}`}
          </Button>
        )
      }
      flush
    >
      {shown.length === 0 ? (
        <Empty title="No field has a value" />
      ) : (
        <table>
          <thead>
            <tr>
              <th>Field</th>
              <th>Value</th>
              <th className={styles['owner']}>Owner</th>
              <th className={styles['beside']}>Set by</th>
            </tr>
          </thead>
          <tbody>
            {shown.map((field) => (
              <tr key={field.key} id={`field-${field.key}`}>
                <th scope="row" className={styles['label']}>
                  {field.label}
                </th>
                <td className={styles['value']}>
                  <Value value={field.value ?? null} type={field.type} />
                  <div className={styles['below']}>
                    <Provenance field={field} />
                  </div>
                </td>
                <td className={styles['owner']}>
                  <Badge tone={tone(field.owner)}>{owner(field.owner)}</Badge>
                </td>
                <td className={styles['beside']}>
                  <Provenance field={field} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}

function Provenance({ field }: { field: RecordField }) {
  if (field.set_at == null) return <span className="muted">never set</span>;
  return (
    <div className={styles['provenance']}>
      <span>
        {actor(field.set_by ?? 'unknown')}
        {field.from != null && field.from !== 'entente' && <span className="muted"> at {platform(field.from)}</span>}
        <span className="muted">
          {', '}
          <Ago at={field.set_at} />
        </span>
      </span>
      {field.reason != null && <span className={styles['reason']}>{rule(field.reason)}</span>}
    </div>
  );
}
