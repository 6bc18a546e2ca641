import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { answer, api } from '../../api/client';
import { record as recordOf } from '../../api/queries';
import { Button } from '../../ui/Button';
import { Trouble } from '../../ui/Confirm';
import styles from './Actions.module.css';

/** Corrects one field of the record and tries again. */
export function Correct({ id, title, record, done }: { id: string; title: string; record: string; done: () => void }) {
  const client = useQueryClient();
  const [field, setField] = useState('');
  const [value, setValue] = useState('');
  const { data, error } = useQuery(recordOf(record));
  const correct = useMutation({
    mutationFn: () => answer(api.POST('/api/v1/dead-letters/{id}/edit', { params: { path: { id } }, body: { fields: { [field]: value } } })),
    onSuccess: () => client.invalidateQueries(),
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    correct.mutate();
  };
  const choose = (key: string) => {
    setField(key);
    setValue(data?.fields.find((one) => one.key === key)?.value ?? '');
  };
  const trouble = correct.error ?? error;
  return (
    <form
      className={styles['form']}
      onSubmit={submit}
      aria-label={`Correct ${title}`}
      onKeyDown={(event) => {
        if (event.key === 'Escape') done();
      }}
    >
      <select required autoFocus aria-label="Field" value={field} onChange={(event) => choose(event.target.value)}>
        <option value="">{data ? 'Field…' : 'Loading…'}</option>
        {data?.fields.map((one) => (
          <option key={one.key} value={one.key}>
            {one.label}
          </option>
        ))}
      </select>
      <input aria-label="New value" placeholder="New value; blank clears it" value={value} onChange={(event) => setValue(event.target.value)} />
      <Button type="submit" disabled={correct.isPending || field === ''}>
        Correct and retry
      </Button>
      <Button kind="quiet" onClick={done}>
        Cancel
      </Button>
      {trouble && <Trouble error={trouble} />}
    </form>
  );
}
