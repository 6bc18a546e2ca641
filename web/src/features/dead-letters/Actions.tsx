import { useMutation, useQueryClient } from '@tanstack/react-query';
import { answer, api } from '../../api/client';
import { Button } from '../../ui/Button';
import styles from './Actions.module.css';

/** Retry looks at the record again, with all attempts anew; discard puts the letter away until the record next changes. */
export function Actions({ id, title }: { id: string; title: string }) {
  const client = useQueryClient();
  const onSuccess = () => client.invalidateQueries();
  const params = { path: { id } };
  const retry = useMutation({ mutationFn: () => answer(api.POST('/api/v1/dead-letters/{id}/retry', { params })), onSuccess });
  const discard = useMutation({
    mutationFn: () => answer(api.POST('/api/v1/dead-letters/{id}/discard', { params, body: { reason: 'discarded in the web app' } })),
    onSuccess,
  });
  const busy = retry.isPending || discard.isPending;
  const error = retry.error ?? discard.error;
  return (
    <div className={styles['actions']}>
      <Button onClick={() => retry.mutate()} disabled={busy} aria-label={`Retry ${title}`}>
        Retry
      </Button>
      <Button kind="quiet" onClick={() => discard.mutate()} disabled={busy} aria-label={`Discard ${title}`}>
        Discard
      </Button>
      {error && (
        <p role="alert" className={styles['bad']}>
          {error.message}
        </p>
      )}
    </div>
  );
}
