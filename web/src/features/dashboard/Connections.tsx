import type { Dashboard } from '../../api/queries';
import { count, counted, percent, share } from '../../format/number';
import { duration } from '../../format/time';
import { type Tone, objects, owner, plain, platform, tone } from '../../format/words';
import { Badge } from '../../ui/Badge';
import { Bar } from '../../ui/Bar';
import { Empty } from '../../ui/Notice';
import { Panel } from '../../ui/Panel';
import styles from './Connections.module.css';

type Connection = Dashboard['connections'][number];

/** A budget that is nearly spent should be seen before it is gone. */
function budgetTone(part: number): Tone {
  return part > 0.9 ? 'bad' : part > 0.7 ? 'warn' : 'good';
}

export function Connections({ connections }: { connections: readonly Connection[] }) {
  return (
    <Panel title="Connections" note={counted(connections.length, 'system')}>
      {connections.length === 0 ? (
        <Empty title="No connection is configured">Add one to the configuration and check it with <code>entente doctor</code>.</Empty>
      ) : (
        <ul className={styles['list']}>
          {connections.map((connection) => (
            <One key={connection.name} connection={connection} />
          ))}
        </ul>
      )}
    </Panel>
  );
}

function One({ connection }: { connection: Connection }) {
  const { calls_today: calls, daily_limit: limit } = connection;
  const spent = limit == null ? 0 : share(calls, limit);
  const links = Object.entries(connection.links).sort(([, a], [, b]) => b - a);
  return (
    <li className={styles['one']}>
      <div className={styles['head']}>
        <span className={styles['name']}>{platform(connection.platform)}</span>
        {connection.name !== connection.platform && <span className="muted">{connection.name}</span>}
        <Badge tone={tone(connection.role)}>{owner(connection.role)}</Badge>
        <span className={styles['state']}>
          <Badge tone={tone(connection.state)} dot>
            {connection.state === 'ok' ? 'Connected' : plain(connection.state)}
          </Badge>
        </span>
      </div>
      {connection.note != null && <p className={styles['note']}>{connection.note}</p>}
      {connection.resting.map((resting) => (
        <p key={`${resting.asked} ${resting.object}`} className={styles['note']}>
          <b>{resting.object}</b> is not {resting.asked}: {resting.reason}; {resting.remedy}
        </p>
      ))}
      <div className={styles['budget']}>
        <div className={styles['line']}>
          <span>API calls today</span>
          <span>
            <b>{count(calls)}</b>
            {limit != null && ` of ${count(limit)} · ${percent(calls, limit)}`}
          </span>
        </div>
        {limit != null && (
          <Bar thin label={`${percent(calls, limit)} of the daily budget is spent`} segments={[{ label: 'Spent', share: spent, tone: budgetTone(spent) }]} />
        )}
      </div>
      <dl className={styles['facts']}>
        <Fact label="Calls/1,000" title="API calls per 1,000 synced changes" value={connection.calls_per_1000 == null ? '–' : count(connection.calls_per_1000)} />
        <Fact label="Response" value={connection.response_ms == null ? '–' : duration(connection.response_ms)} />
        {connection.clock_offset_ms != null && connection.clock_offset_ms !== 0 && <Fact label="Clock" value={`${(connection.clock_offset_ms / 1000).toFixed(1)} s off`} />}
        <Fact label="Network" value={connection.network_ms == null ? '–' : connection.network_ms < 1 ? '< 1 ms' : duration(connection.network_ms)} />
        <Fact label="Webhooks" value={count(connection.webhooks)} note={failed(connection.webhooks_failed, 'failed') ?? failed(connection.webhooks_refused, 'refused')} />
        <Fact label="Polls" value={count(connection.polls)} note={failed(connection.polls_failed, 'failed')} />
      </dl>
      {links.length > 0 && (
        <p className={styles['links']}>
          {links.map(([object, linked]) => (
            <span key={object}>
              {objects(object)} <b>{count(linked)}</b>
            </span>
          ))}
        </p>
      )}
    </li>
  );
}

function failed(many: number, word: string): string | undefined {
  return many > 0 ? `${count(many)} ${word}` : undefined;
}

function Fact({ label, title, value, note }: { label: string; title?: string; value: string; note?: string | undefined }) {
  return (
    <div>
      <dt title={title}>{label}</dt>
      <dd>{value}</dd>
      {note !== undefined && <dd className={styles['refused']}>{note}</dd>}
    </div>
  );
}
