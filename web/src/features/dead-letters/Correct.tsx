import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { answer, api } from '../../api/client';
import { Button } from '../../ui/Button';
import styles from './Actions.module.css';

/** Corrects one field of the record and tries again. */
export function Correct({ id, title, done }: { id: string; title: string; done: () => void }) {
  const client = useQueryClient();
  const [field, setField] = useState('');
  const [value, setValue] = useState('');
  const correct = useMutation({
    mutationFn: () => answer(api.POST('/api/v1/dead-letters/{id}/edit', { params: { path: { id } }, body: { fields: { [field.trim()]: value } } })),
    onSuccess: () => client.invalidateQueries(),
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    correct.mutate();
  };
  return (
    <form className={styles['form']} onSubmit={submit} aria-label={`Correct ${title}`}>
      <input required aria-label="Field" placeholder="email" value={field} onChange={(event) => setField(event.target.value)} />
      <input aria-label="New value" placeholder="new value" value={value} onChange={(event) => setValue(event.target.value)} />
      <Button type="submit" disabled={correct.isPending}>
        Correct and retry
      </Button>
      <Button kind="quiet" onClick={done}>
        Cancel
      </Button>
      {correct.error && (
        <p role="alert" className={styles['bad']}>
          {correct.error.message}
        </p>
      )}
    </form>
  );
}
