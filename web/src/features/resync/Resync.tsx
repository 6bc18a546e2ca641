import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { type Schemas, answer, api } from '../../api/client';
import { Button } from '../../ui/Button';
import { Confirm, Trouble } from '../../ui/Confirm';
import styles from './Resync.module.css';

const EVERYTHING: Schemas['ResyncRequest'] = { object: null, record: null, connection: null };

/**
 * Marks records as worth looking at. Harmless at any time: a record that agrees costs a look and no write. `ask` is what is said before
 * it is done, where a look at all of it costs calls worth a thought.
 */
export function Resync({ scope, label, ask }: { scope: Partial<Schemas['ResyncRequest']>; label: string; ask?: string }) {
  const client = useQueryClient();
  const [asking, setAsking] = useState(false);
  const { mutate, isPending, isSuccess, error } = useMutation({
    mutationFn: () => answer(api.POST('/api/v1/resync', { body: { ...EVERYTHING, ...scope } })),
    onSuccess: () => {
      setAsking(false);
      return client.invalidateQueries();
    },
  });
  return (
    <>
      {error && !asking && <Trouble error={error} />}
      <span role="status" className={styles['done']}>
        {isSuccess && !asking ? 'Asked for; every side is looked at again.' : ''}
      </span>
      <Button onClick={() => (ask === undefined ? mutate() : setAsking(true))} disabled={isPending || asking}>
        {isPending ? 'Asking…' : ask === undefined ? label : `${label}…`}
      </Button>
      {asking && (
        <div className={styles['question']}>
          <Confirm title={`${label}?`} action={label} pending={isPending} error={error} onConfirm={() => mutate()} onCancel={() => setAsking(false)}>
            <p>{ask}</p>
          </Confirm>
        </div>
      )}
    </>
  );
}
