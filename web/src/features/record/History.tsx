import { useInfiniteQuery } from '@tanstack/react-query';
import { type HistoryEntry, history } from '../../api/queries';
import { actor, plain, platform, rule } from '../../format/words';
import { Ago } from '../../ui/Ago';
import { Button } from '../../ui/Button';
import { Empty, Failed, Loading } from '../../ui/Notice';
import { Panel } from '../../ui/Panel';
import styles from './History.module.css';
import { Undo } from './Undo';
import { Value } from './Value';

/** Everything that ever happened to the record, newest first, as the ledger has it. */
export function History({ id }: { id: string }) {
  const query = useInfiniteQuery(history(id));
  const entries = query.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <Panel title="History" note="from the ledger, newest first">
      {query.error ? (
        <Failed error={query.error} retry={() => void query.refetch()} />
      ) : query.isPending ? (
        <Loading rows={8} />
      ) : entries.length === 0 ? (
        <Empty title="Nothing has happened yet" />
      ) : (
        <ol className={styles['timeline']}>
          {entries.map((entry) => (
            <Entry key={entry.entry} entry={entry} />
          ))}
        </ol>
      )}
      {query.hasNextPage && (
        <Button onClick={() => void query.fetchNextPage()} disabled={query.isFetchingNextPage}>
          {query.isFetchingNextPage ? 'Loading…' : 'Show older'}
        </Button>
      )}
    </Panel>
  );
}

function Entry({ entry }: { entry: HistoryEntry }) {
  return (
    <li className={`${styles['entry']} ${styles[entry.actor] ?? ''}`}>
      <p className={styles['head']}>
        <span className={styles['who']}>{entry.actor_name == null ? actor(entry.actor) : platform(entry.actor_name)}</span>
        {entry.connection != null && entry.connection !== entry.actor_name && <span className="muted">at {platform(entry.connection)}</span>}
        <span className={styles['when']}>
          <Ago at={entry.at} />
        </span>
      </p>
      <p className={styles['why']}>
        {plain(entry.cause)}
        {entry.detail != null && ` · ${entry.detail}`}
      </p>
      {entry.erased && <p className={styles['why']}>The values were destroyed by an erasure.</p>}
      <ul className={styles['changes']}>
        {entry.changes.map((change) => (
          <li key={change.field}>
            <span className={styles['field']}>{change.label}</span>
            <span className={styles['values']}>
              {change.before != null && change.before !== '' && (
                <>
                  <del>
                    <Value value={change.before} />
                  </del>
                  <span className={styles['arrow']} aria-label="became">
                    {' → '}
                  </span>
                </>
              )}
              <ins>
                <Value value={change.after ?? null} />
              </ins>
              {change.reason != null && <span className={styles['reason']}>{rule(change.reason)}</span>}
              {change.lost.map((lost) => (
                <span key={lost.side} className={styles['reason']}>
                  instead of <Value value={lost.value ?? null} /> at {platform(lost.side)}
                </span>
              ))}
            </span>
          </li>
        ))}
      </ul>
      {!entry.erased && entry.changes.some((change) => change.before !== change.after) && <Undo entry={entry.entry} />}
    </li>
  );
}
