import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type Schemas, answer, api } from '../../api/client';
import { Button } from '../../ui/Button';
import styles from './Resync.module.css';

const EVERYTHING: Schemas['ResyncRequest'] = { object: null, record: null, connection: null };

/** Marks records as worth looking at. Harmless at any time: a record that agrees costs a look and no write. */
export function Resync({ scope, label }: { scope: Partial<Schemas['ResyncRequest']>; label: string }) {
  const client = useQueryClient();
  const { mutate, isPending, isSuccess, error } = useMutation({
    mutationFn: () => answer(api.POST('/api/v1/resync', { body: { ...EVERYTHING, ...scope } })),
    onSuccess: () => client.invalidateQueries(),
  });
  return (
    <>
      <span role="status" className={error ? styles['bad'] : styles['done']}>
        {error ? error.message : isSuccess ? 'Asked for; every side is looked at again.' : ''}
      </span>
      <Button onClick={() => mutate()} disabled={isPending}>
        {isPending ? 'Asking…' : label}
      </Button>
    </>
  );
}
