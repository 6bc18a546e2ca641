import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { answer, api } from '../../api/client';
import { counted } from '../../format/number';
import { platform } from '../../format/words';
import { Button } from '../../ui/Button';
import { Trouble } from '../../ui/Confirm';
import styles from './Undo.module.css';
import { Value } from './Value';

/** No condition narrows what is undone. */
const EVERYTHING = { record: null, fields: [], run: null, since: null, until: null, mapping: null, version: null, connection: null, object: null, cause: null, by: null, again: false };

/** Undoes an entry of the ledger: first what it would come to, then, when a person wants it, at every counterpart. */
export function Undo({ entry }: { entry: string }) {
  const client = useQueryClient();
  const [open, setOpen] = useState(false);
  const plan = useMutation({ mutationFn: () => answer(api.POST('/api/v1/undo/plan', { body: { ...EVERYTHING, entry } })), onSuccess: () => setOpen(true) });
  const undo = useMutation({
    mutationFn: () => answer(api.POST('/api/v1/undo', { body: { ...EVERYTHING, entry } })),
    onSuccess: () => {
      setOpen(false);
      return client.invalidateQueries();
    },
  });
  const error = plan.error ?? undo.error;
  const items = open ? (plan.data?.items ?? []) : [];
  return (
    <div className={styles['undo']}>
      {!open && (
        <Button kind="quiet" onClick={() => plan.mutate()} disabled={plan.isPending} aria-label={`Undo entry ${entry}`}>
          Undo…
        </Button>
      )}
      {open && (
        <div className={styles['plan']}>
          <ul>
            {items.flatMap((item) => item.fields).map((field) => (
              <li key={field.field}>
                {field.label} goes back to <Value value={field.then ?? null} />
                {field.takes_back_undos.length > 0 && <span className="muted">, as it was before an undo</span>}
                {field.writes.length > 0 && <span className="muted"> at {field.writes.map(platform).join(' and ')}</span>}
              </li>
            ))}
            {items.flatMap((item) => item.kept).map((field) => (
              <li key={field.field}>
                {field.label} stays <Value value={field.now ?? null} />, it was changed since
              </li>
            ))}
            {items.flatMap((item) => item.impossible).map((no, at) => (
              <li key={at} className="muted">
                Not undone: {no.reason}; {no.remedy}
              </li>
            ))}
            {items.length === 0 && <li className="muted">It is back already.</li>}
          </ul>
          <div className={styles['actions']}>
            {(plan.data?.restored ?? 0) > 0 && (
              <Button kind="primary" onClick={() => undo.mutate()} disabled={undo.isPending}>
                Put back {counted(plan.data?.restored ?? 0, 'field')}
              </Button>
            )}
            <Button kind="quiet" onClick={() => setOpen(false)}>
              Leave it
            </Button>
          </div>
        </div>
      )}
      {error && <Trouble error={error} />}
    </div>
  );
}
