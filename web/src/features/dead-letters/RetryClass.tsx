import { useMutation, useQueryClient } from '@tanstack/react-query';
import { answer, api } from '../../api/client';
import type { DeadLetter } from '../../api/queries';
import { plain } from '../../format/words';
import { Button } from '../../ui/Button';
import { Trouble } from '../../ui/Confirm';
import styles from './Actions.module.css';

/** Retries every record whose dead letter is of one class of error: one button for each class there is. */
export function RetryClass({ letters }: { letters: readonly DeadLetter[] }) {
  const client = useQueryClient();
  const retry = useMutation({
    mutationFn: (name: string) => answer(api.POST('/api/v1/dead-letters/retry', { body: { class: name, connection: null } })),
    onSuccess: () => client.invalidateQueries(),
  });
  const classes = [...new Set(letters.map((letter) => letter.class))].sort();
  return (
    <div className={styles['actions']}>
      {classes.map((name) => (
        <Button key={name} kind="quiet" disabled={retry.isPending} onClick={() => retry.mutate(name)}>
          Retry all: {plain(name)}
        </Button>
      ))}
      {retry.error && <Trouble error={retry.error} />}
    </div>
  );
}
