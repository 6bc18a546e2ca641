import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { answer, api } from '../../api/client';
import { Button } from '../../ui/Button';
import { Trouble } from '../../ui/Confirm';
import styles from './Actions.module.css';
import { Correct } from './Correct';

/** Retry looks at the record again, with all attempts anew; correct gives it another value first; discard puts the letter away, with a reason, until
    the record next changes. */
export function Actions({ id, title, record }: { id: string; title: string; record: string | null }) {
  const [asks, setAsks] = useState<'nothing' | 'correction' | 'reason'>('nothing');
  const [reason, setReason] = useState('');
  const client = useQueryClient();
  const onSuccess = () => client.invalidateQueries();
  const params = { path: { id } };
  const retry = useMutation({ mutationFn: () => answer(api.POST('/api/v1/dead-letters/{id}/retry', { params })), onSuccess });
  const discard = useMutation({
    mutationFn: () => answer(api.POST('/api/v1/dead-letters/{id}/discard', { params, body: { reason } })),
    onSuccess,
  });
  const busy = retry.isPending || discard.isPending;
  const error = retry.error ?? discard.error;
  if (asks === 'correction' && record !== null) return <Correct id={id} title={title} record={record} done={() => setAsks('nothing')} />;
  return (
    <div className={styles['actions']}>
      {asks === 'reason' && (
        <form
          className={styles['form']}
          aria-label={`Discard ${title}`}
          onSubmit={(event) => {
            event.preventDefault();
            discard.mutate();
          }}
        >
          <input required autoFocus aria-label="Why" placeholder="Why" value={reason} onChange={(event) => setReason(event.target.value)} />
          <Button type="submit" disabled={busy}>
            Discard
          </Button>
          <Button kind="quiet" onClick={() => setAsks('nothing')}>
            Cancel
          </Button>
        </form>
      )}
      {asks === 'nothing' && (
        <>
          <Button onClick={() => retry.mutate()} disabled={busy} aria-label={`Retry ${title}`}>
            Retry
          </Button>
          {record !== null && (
            <Button kind="quiet" onClick={() => setAsks('correction')} disabled={busy} aria-label={`Correct ${title}`}>
              Correct…
            </Button>
          )}
          <Button kind="quiet" onClick={() => setAsks('reason')} disabled={busy} aria-label={`Discard ${title}`}>
            Discard…
          </Button>
        </>
      )}
      {error && <Trouble error={error} />}
    </div>
  );
}
