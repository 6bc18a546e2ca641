import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Link } from 'react-router';
import { useLabels } from '../../api/labels';
import { type RecordPlan, plan } from '../../api/queries';
import { count, counted } from '../../format/number';
import { plain, platform } from '../../format/words';
import { Badge } from '../../ui/Badge';
import { Button } from '../../ui/Button';
import item from '../../ui/Item.module.css';
import { Empty, Failed, Loading } from '../../ui/Notice';
import { Page } from '../../ui/Page';
import { Panel } from '../../ui/Panel';
import { Value } from '../record/Value';
import styles from './PlanPage.module.css';

/** What a sync would write to the records that changed last, without writing it. */
export function PlanPage() {
  const [fresh, setFresh] = useState(false);
  const { data, error, isPending, isFetching, refetch } = useQuery(plan(fresh));
  const again = () => void refetch();
  const actions = (
    <>
      <label className={styles['fresh']}>
        <input type="checkbox" checked={fresh} onChange={(event) => setFresh(event.target.checked)} />
        Ask the platforms first
      </label>
      <Button onClick={again} disabled={isFetching}>
        {isFetching ? 'Planning…' : 'Plan again'}
      </Button>
    </>
  );
  const lead = (
    <p>
      What a sync would write now, for the records that changed last. Looking writes nothing; <code>entente plan</code> looks at every record.
    </p>
  );
  return (
    <Page title="Plan" lead={lead} actions={actions}>
      <Panel title="Would be written" note={data && note(data)} flush>
        {error ? (
          <Failed error={error} retry={again} />
        ) : isPending ? (
          <Loading />
        ) : data.records.length === 0 ? (
          <Empty title="Nothing to write">{data.looked_at === 0 ? 'There is no record yet.' : `All sides of ${counted(data.looked_at, 'record')} agree.`}</Empty>
        ) : (
          <ul>
            {data.records.map((record) => (
              <One key={record.record} record={record} />
            ))}
          </ul>
        )}
      </Panel>
    </Page>
  );
}

function note({ looked_at: seen, records, calls }: { looked_at: number; records: readonly RecordPlan[]; calls: number }): string {
  const writes = records.reduce((sum, record) => sum + record.writes.length, 0);
  return `${counted(writes, 'write')} in ${counted(calls, 'call')}, ${count(seen)} looked at`;
}

function One({ record }: { record: RecordPlan }) {
  const labels = useLabels();
  const label = (field: string) => labels(record.object, field);
  return (
    <li className={`${item['item']} ${styles['record']}`}>
      <div className={item['head']}>
        <Link to={`/records/${record.record}`} className={styles['id'] ?? ''}>
          {record.title}
        </Link>
        <span className="muted">{plain(record.object)}</span>
        {record.blocked != null && (
          <Badge tone="bad" dot>
            Cannot go on
          </Badge>
        )}
        {record.waiting.length > 0 && (
          <Badge tone="warn" dot>
            Waits for a person
          </Badge>
        )}
      </div>
      {record.blocked != null && <p className={styles['blocked']}>{record.blocked}</p>}
      {record.waiting.length > 0 && <p className="muted">{record.waiting.map(label).join(', ')}</p>}
      {record.changes.map((change) => (
        <p key={change.field} className={styles['change']}>
          <span className="muted">
            Entente · {label(change.field)} ({plain(change.reason).toLowerCase()})
          </span>
          <Change before={change.before} after={change.after} />
        </p>
      ))}
      {record.writes.map((write) => (
        <div key={`${write.connection} ${write.object} ${write.external_id ?? 'new'}`}>
          <p className={styles['write']}>
            <b>{platform(write.connection)}</b>: {write.kind} {write.object} {write.external_id != null && <span className="mono">{write.external_id}</span>}
          </p>
          {write.fields.map((field) => (
            <p key={field.field} className={styles['change']}>
              <span className="muted">{label(field.field)}</span>
              <Change before={field.before} after={field.after} />
            </p>
          ))}
        </div>
      ))}
    </li>
  );
}

function Change({ before, after }: { before: string; after: string }) {
  return (
    <span className={styles['values']}>
      <Value value={before || null} /> → <b><Value value={after || null} /></b>
    </span>
  );
}
