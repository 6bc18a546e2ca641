import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from 'react-router';
import { type Erasure, erasures } from '../../api/queries';
import { count } from '../../format/number';
import { source, state, tone } from '../../format/words';
import { Ago } from '../../ui/Ago';
import { Badge } from '../../ui/Badge';
import { Button } from '../../ui/Button';
import { Columns } from '../../ui/Columns';
import { Empty, Failed, Loading } from '../../ui/Notice';
import { Page } from '../../ui/Page';
import { Panel } from '../../ui/Panel';
import { Person } from './Person';
import styles from './Privacy.module.css';
import { check } from './person';

/** What people may ask for: everything that is held about them, and to be forgotten; and every request to be forgotten so far. */
export function PrivacyPage() {
  const { data, error, isPending, refetch, hasNextPage, fetchNextPage, isFetchingNextPage } = useInfiniteQuery(erasures);
  const items = data?.pages.flatMap((page) => page.items) ?? [];
  const waiting = items.filter((erasure) => erasure.state === 'people').length;
  return (
    <Page title="Privacy" lead="A person can ask for everything that is held about them, and to be forgotten, here and at every platform.">
      <Person />
      <Panel title="Erasure requests" note={items.length === 0 ? undefined : waiting === 0 ? 'none waits for people' : `${count(waiting)} ${waiting === 1 ? 'waits' : 'wait'} for people`} flush>
        {error ? (
          <Failed error={error} retry={() => void refetch()} />
        ) : isPending ? (
          <Loading />
        ) : items.length === 0 ? (
          <Empty title="Nobody asked to be forgotten">Requests come from this page, the command line, the API, or a mark at a platform.</Empty>
        ) : (
          <>
            <List items={items} />
            {hasNextPage && (
              <p className={styles['more']}>
                <Button onClick={() => void fetchNextPage()} disabled={isFetchingNextPage}>
                  {isFetchingNextPage ? 'Loading…' : 'Show more'}
                </Button>
              </p>
            )}
          </>
        )}
      </Panel>
    </Page>
  );
}

function List({ items }: { items: readonly Erasure[] }) {
  return (
    <table>
      <Columns of={['Request', 'State', 'Asked by', 'Where', { right: 'Asked' }, { right: 'Rows erased' }, { right: 'For people' }, { right: 'Check again' }]} />
      <tbody>
        {items.map((erasure) => (
          <tr key={erasure.id}>
            <td className={styles['name']}>
              <Link to={`/privacy/${erasure.id}`}>Erasure {erasure.id}</Link>
            </td>
            <td>
              <Badge tone={tone(erasure.state)} dot>
                {state(erasure.state)}
              </Badge>
            </td>
            <td>{erasure.asked_by}</td>
            <td className="muted">{source(erasure.source)}</td>
            <td className="number muted">
              <Ago at={erasure.asked_at} />
            </td>
            <td className="number">
              {count(erasure.erased)} of {count(erasure.rows)}
            </td>
            <td className="number">{erasure.waiting === 0 ? <span className="muted">–</span> : count(erasure.waiting)}</td>
            <td className="number muted">
              <Recheck erasure={erasure} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** When everybody at the platforms is looked at once more. */
export function Recheck({ erasure }: { erasure: Erasure }) {
  const found = check(erasure, Date.now());
  if (!found) return <>–</>;
  return (
    <span className={found.word === 'overdue' ? styles['overdue'] : undefined}>
      {found.word === 'checked' ? 'checked' : found.word === 'due' ? 'due' : 'was due'} <Ago at={found.at} />
    </span>
  );
}
