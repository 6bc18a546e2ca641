import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useDeferredValue, useEffect, useState } from 'react';
import { Link, useSearchParams } from 'react-router';
import { type RecordItem, mappings, records } from '../../api/queries';
import { objects, plain, platform, tone } from '../../format/words';
import { Ago } from '../../ui/Ago';
import { Badge } from '../../ui/Badge';
import { Button } from '../../ui/Button';
import { Columns } from '../../ui/Columns';
import { Empty, Failed, Loading } from '../../ui/Notice';
import { Page } from '../../ui/Page';
import { Panel } from '../../ui/Panel';
import styles from './RecordsPage.module.css';

/** Objects that every installation has, in the order people think of them; what else is mapped follows. */
const USUAL = ['account', 'contact', 'opportunity', 'case', 'activity'];

/** Every record, newest change first; the search and the object are in the address, so that they can be shared. */
export function RecordsPage() {
  const [params, setParams] = useSearchParams();
  const object = params.get('object') ?? '';
  const [search, setSearch] = useState(params.get('q') ?? '');
  const settled = useDeferredValue(search.trim());
  const query = useInfiniteQuery({ ...records(object, settled), placeholderData: keepPreviousData });
  const mapped = useQuery(mappings).data?.map((version) => version.object) ?? [];
  const choices = [...new Set(['', ...USUAL, ...mapped.sort(), object])];
  const items = query.data?.pages.flatMap((page) => page.items) ?? [];

  useEffect(() => {
    setParams(
      (old) => {
        const next = new URLSearchParams(old);
        if (settled) next.set('q', settled);
        else next.delete('q');
        return next;
      },
      { replace: true },
    );
  }, [settled, setParams]);

  const choose = (chosen: string) => {
    setParams((old) => {
      const next = new URLSearchParams(old);
      if (chosen) next.set('object', chosen);
      else next.delete('object');
      return next;
    });
  };

  return (
    <Page title="Records" lead="Every customer, ticket and deal that Entente keeps the same.">
      <div className={styles['tools']}>
        <div className={styles['field']} role="search">
          <svg viewBox="0 0 20 20" width="15" height="15" fill="none" stroke="currentColor" strokeWidth="1.8" strokeLinecap="round" aria-hidden="true">
            <path d="M9 3.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11zM13.2 13.2 17 17" />
          </svg>
          <input type="search" aria-label="Search records" placeholder="Name, e-mail, company, phone…" value={search} onChange={(event) => setSearch(event.target.value)} />
        </div>
        <div className={styles['objects']} role="group" aria-label="Object">
          {choices.map((each) => (
            <button key={each} type="button" aria-pressed={each === object} onClick={() => choose(each)}>
              {each ? objects(each) : 'All'}
            </button>
          ))}
        </div>
      </div>
      <Panel title={object ? objects(object) : 'All objects'} note={items.length > 0 ? `${items.length}${query.hasNextPage ? '+' : ''} shown, last changed first` : undefined} flush>
        {query.error ? (
          <Failed error={query.error} retry={() => void query.refetch()} />
        ) : query.isPending ? (
          <Loading rows={12} />
        ) : items.length === 0 ? (
          <Empty title={settled ? `Nothing matches “${settled}”` : 'No records yet'}>
            {settled ? 'Search looks for the beginnings of words in names, e-mail addresses, companies and phone numbers.' : 'They appear here while the first full sync runs.'}
          </Empty>
        ) : (
          <>
            <Rows items={items} />
            {query.hasNextPage && (
              <p className={styles['more']}>
                <Button onClick={() => void query.fetchNextPage()} disabled={query.isFetchingNextPage}>
                  {query.isFetchingNextPage ? 'Loading…' : 'Show more'}
                </Button>
              </p>
            )}
          </>
        )}
      </Panel>
    </Page>
  );
}

function Rows({ items }: { items: readonly RecordItem[] }) {
  return (
    <table>
      <Columns of={['Record', 'Object', 'Linked at', 'State', { right: 'Changed' }]} />
      <tbody>
        {items.map((item) => (
          <tr key={item.id} className={styles['row']}>
            <td>
              <Link to={`/records/${item.id}`} className={styles['title'] ?? ''}>
                {item.title}
              </Link>
            </td>
            <td className="muted">{plain(item.object)}</td>
            <td>
              <span className={styles['links']}>
                {item.links.length === 0 && <span className="muted">nowhere</span>}
                {item.links.map((link) => (
                  <Badge key={`${link.connection} ${link.external_id}`} tone="quiet" title={link.external_id}>
                    {platform(link.connection)}
                  </Badge>
                ))}
              </span>
            </td>
            <td>
              <Badge tone={tone(item.state)} dot>
                {plain(item.state)}
              </Badge>
            </td>
            <td className={`number muted ${styles['when']}`}>
              <Ago at={item.updated_at} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
