import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Link } from 'react-router';
import { answer, api } from '../../api/client';
import { type HeldRecord, type Hold, held } from '../../api/queries';
import { count, counted } from '../../format/number';
import { platform } from '../../format/words';
import { Ago } from '../../ui/Ago';
import { Button } from '../../ui/Button';
import { Columns } from '../../ui/Columns';
import { Confirm } from '../../ui/Confirm';
import item from '../../ui/Item.module.css';
import { Failed, Loading } from '../../ui/Notice';
import { Value } from '../record/Value';
import styles from './Holds.module.css';
import { droppedWords, headline, reason, released } from './holds';

/** A hold: what it would do, a sample of it record by record, and the two ways out. */
export function HoldCard({ hold }: { hold: Hold }) {
  const client = useQueryClient();
  const [asks, setAsks] = useState<'nothing' | 'release' | 'drop'>('nothing');
  const params = { path: { id: hold.id } };
  const onSuccess = () => {
    setAsks('nothing');
    return client.invalidateQueries();
  };
  const release = useMutation({ mutationFn: () => answer(api.POST('/api/v1/holds/{id}/release', { params })), onSuccess });
  const drop = useMutation({ mutationFn: () => answer(api.POST('/api/v1/holds/{id}/drop', { params })), onSuccess });
  const kept = drop.data?.kept ?? [];
  const title = headline(hold);
  return (
    <li className={item['item']} aria-label={title}>
      <div className={item['head']}>
        <h3>{title}</h3>
        <span className={item['since']}>
          since <Ago at={hold.since} />
        </span>
      </div>
      <p className="muted">{reason(hold)}</p>
      <Sample hold={hold} />
      <div className={item['actions']}>
        <Button kind="primary" aria-expanded={asks === 'release'} onClick={() => setAsks('release')} aria-label={`Release: ${title}`}>
          Release…
        </Button>
        <Button aria-expanded={asks === 'drop'} onClick={() => setAsks('drop')} aria-label={`Drop: ${title}`}>
          Drop…
        </Button>
      </div>
      {asks === 'release' && (
        <Confirm
          key="release"
          title="Release this hold?"
          action={`Release ${counted(hold.records, 'record')}`}
          danger={hold.kind === 'delete' || hold.kind === 'blank'}
          pending={release.isPending}
          error={release.error}
          onConfirm={() => release.mutate()}
          onCancel={() => setAsks('nothing')}
        >
          <p>{released(hold)} What follows of this kind within the same minutes passes too.</p>
          {hold.kind === 'delete' ? <p>A platform may not give back what was deleted there.</p> : <p>The values from before stay in each record’s history and can be undone from there.</p>}
        </Confirm>
      )}
      {asks === 'drop' && (
        <Confirm
          key="drop"
          title="Drop this hold?"
          action={`Drop ${counted(hold.records, 'record')}`}
          pending={drop.isPending}
          error={drop.error}
          onConfirm={() => drop.mutate()}
          onCancel={() => setAsks('nothing')}
        >
          <p>{droppedWords(hold)}</p>
          <p>What cannot be put back still waits, and is named here. The values that go stay in each record’s history.</p>
        </Confirm>
      )}
      {kept.length > 0 && (
        <div role="status" className={styles['kept']}>
          <p>
            {counted(drop.data?.records ?? 0, 'record')} put back. These still wait:
          </p>
          <ul>
            {kept.map((one) => (
              <li key={one.record}>
                <Link to={`/records/${one.record}`} className="mono">
                  {one.record}
                </Link>
                : {one.reason}
              </li>
            ))}
          </ul>
        </div>
      )}
    </li>
  );
}

/** The first held records with what would become of them. */
function Sample({ hold }: { hold: Hold }) {
  const { data, error, isPending, refetch, hasNextPage, fetchNextPage, isFetchingNextPage } = useInfiniteQuery(held(hold.id));
  if (error) return <Failed error={error} retry={() => void refetch()} />;
  if (isPending) return <Loading rows={3} />;
  const shown = data.pages.flatMap((page) => page.held);
  if (shown.length === 0) return <p className="muted">None of the held records can be shown.</p>;
  return (
    <>
      <div className={`${item['scroll']} ${styles['rows']}`} role="group" aria-label={`What ${hold.kind === 'delete' ? 'would be deleted' : 'would change'}`} tabIndex={0}>
        <table>
          <Columns of={[...(hold.kind === 'delete' ? ['Record', 'Why'] : ['Record', 'Field', 'Now → would become']), { right: 'Since', className: styles['age'] }]} />
          <tbody>
            {shown.map((one) => (
              <Rows key={one.record} held={one} deletes={hold.kind === 'delete'} />
            ))}
          </tbody>
        </table>
      </div>
      <p className={item['actions']}>
        <span className="muted">
          {count(shown.length)} of {counted(Math.max(hold.records, shown.length), 'record')} shown
        </span>
        {hasNextPage && (
          <Button kind="quiet" onClick={() => void fetchNextPage()} disabled={isFetchingNextPage}>
            {isFetchingNextPage ? 'Loading…' : 'Show more'}
          </Button>
        )}
      </p>
    </>
  );
}

function Rows({ held: { record, title, since, changes, gone }, deletes }: { held: HeldRecord; deletes: boolean }) {
  const name = (rows: number) => (
    <td rowSpan={rows}>
      <Link to={`/records/${record}`} className={styles['title'] ?? ''}>
        {title}
      </Link>
    </td>
  );
  const age = (rows: number) => (
    <td rowSpan={rows} className={`number muted ${styles['age']}`}>
      <Ago at={since} />
    </td>
  );
  if (deletes || changes.length === 0) {
    return (
      <tr>
        {name(1)}
        <td colSpan={deletes ? 1 : 2} className="muted">
          {gone.length > 0 ? `gone at ${gone.map(platform).join(' and ')}` : '–'}
        </td>
        {age(1)}
      </tr>
    );
  }
  return changes.map((change, at) => (
    <tr key={change.field}>
      {at === 0 && name(changes.length)}
      <td className="muted">{change.label}</td>
      <td className={styles['change']}>
        <Value value={change.before ?? null} /> → <b>{change.after == null || change.after === '' ? 'no value' : <Value value={change.after} />}</b>
      </td>
      {at === 0 && age(changes.length)}
    </tr>
  ));
}
