import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { answer, api } from '../../api/client';
import { counted } from '../../format/number';
import { Button } from '../../ui/Button';
import { Trouble } from '../../ui/Confirm';
import item from '../../ui/Item.module.css';
import { Panel } from '../../ui/Panel';
import { Judged } from './Judged';
import styles from './Mappings.module.css';
import type { Edit, Mapping, NewField } from './mapping';

interface Props {
  connection: string;
  mapping: Mapping;
  newFields: readonly NewField[];
  edits: readonly Edit[];
  /** What people call a field. */
  label: (field: string) => string;
  onDrop: (field: string) => void;
  onDone: () => void;
}

/** What was edited and is not saved: judged against both sides, then put in force, or kept as a draft that is tried first. */
export function Changes({ connection, mapping, newFields, edits, label, onDrop, onDone }: Props) {
  const client = useQueryClient();
  const [note, setNote] = useState('');
  const [loss, setLoss] = useState(false);
  const params = { path: { connection } };
  // As the API takes it: a mapping is an object to it, whatever its lines are.
  const body = { mapping: mapping as unknown as Record<string, never>, note, accept_loss: loss, new_fields: newFields as unknown as Record<string, never>[] };
  const check = useMutation({ mutationFn: () => answer(api.POST('/api/v1/mappings/{connection}/check', { params, body })) });
  const onSuccess = () => {
    onDone();
    return client.invalidateQueries();
  };
  const save = useMutation({ mutationFn: () => answer(api.POST('/api/v1/mappings/{connection}', { params, body })), onSuccess });
  const draft = useMutation({ mutationFn: () => answer(api.POST('/api/v1/mappings/{connection}/draft', { params, body })), onSuccess });
  const busy = check.isPending || save.isPending || draft.isPending;
  const error = check.error ?? save.error ?? draft.error;
  return (
    <Panel title="Not saved yet" note={counted(edits.length, 'line')}>
      <ul className={styles['edits']}>
        {edits.map(({ line, kind }) => (
          <li key={line.field}>
            <b>{label(line.field)}</b> {kind}
            <Button kind="quiet" onClick={() => onDrop(line.field)} disabled={busy} aria-label={`Take back the edit of ${label(line.field)}`}>
              Take back
            </Button>
          </li>
        ))}
      </ul>
      <label className={styles['note']}>
        Why, for whoever looks at the versions later
        <input value={note} onChange={(event) => setNote(event.target.value)} />
      </label>
      {check.data && <Judged judgement={check.data} />}
      {check.data?.losses.some((one) => !one.known) && (
        <label className={styles['check']}>
          <input type="checkbox" checked={loss} onChange={(event) => setLoss(event.target.checked)} /> Accept what is lost
        </label>
      )}
      <div className={item['actions']}>
        <Button onClick={() => check.mutate()} disabled={busy}>
          {check.isPending ? 'Judging…' : 'Check'}
        </Button>
        <Button kind="primary" onClick={() => save.mutate()} disabled={busy}>
          {save.isPending ? 'Saving…' : 'Put in force'}
        </Button>
        <Button onClick={() => draft.mutate()} disabled={busy}>
          {draft.isPending ? 'Saving…' : 'Save as a draft'}
        </Button>
        <span className="muted">A draft is tried on real records below, before it decides anything.</span>
      </div>
      {error && <Trouble error={error} />}
    </Panel>
  );
}
