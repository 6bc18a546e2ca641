import { type FormEvent, useEffect, useRef, useState } from 'react';
import type { Mappable } from '../../api/queries';
import { platform } from '../../format/words';
import { Button } from '../../ui/Button';
import item from '../../ui/Item.module.css';
import styles from './Mappings.module.css';
import { type Direction, type Line, type Mapping, type NewField, type Owner, direction, keyOf, likelyDirection, likelyOwner, newField, tidy } from './mapping';

const NEW = '+';

const OWNERS: [Owner, string][] = [
  ['crm', 'CRM: its value wins always'],
  ['support', 'Support: its value wins always'],
  ['shared', 'Shared: either side may change it'],
  ['native', 'Entente: it is computed here'],
];
const WAYS: [Direction, string][] = [
  ['both', '↔ read and written'],
  ['in', '← only read'],
  ['out', '→ only written'],
];

interface Props {
  mapping: Mapping;
  /** The field whose line is edited; blank for a new line. */
  field: string;
  fields: Mappable;
  /** What people call a field. */
  label: (field: string) => string;
  newFields: readonly NewField[];
  /** Part that the connection plays. */
  role: string;
  onTake: (line: Line, made?: NewField) => void;
  onCancel: () => void;
}

/** One line of a mapping, to be filled in. What is likely is filled in already. */
export function LineForm({ mapping, field, fields, label: named, newFields, role, onTake, onCancel }: Props) {
  const before = mapping.fields.find((line) => line.field === field);
  const [ours, setOurs] = useState(field);
  const [label, setLabel] = useState('');
  const [line, setLine] = useState<Partial<Line>>(before ?? {});
  const box = useRef<HTMLFormElement>(null);
  useEffect(() => {
    const opener = document.activeElement;
    box.current?.scrollIntoView({ block: 'nearest' });
    box.current?.querySelector<HTMLElement>(before ? '[name=remote]' : '[name=ours]')?.focus();
    return () => {
      if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
    };
  }, [before]);
  const free = fields.ours.filter((one) => !mapping.fields.some((each) => each.field === one.key));
  const theirs = fields.theirs.find((one) => one.name === line.remote);
  const isNew = ours === NEW;
  const key = isNew ? keyOf(label) : ours;
  const taken = isNew && key !== '' && (fields.ours.some((one) => one.key === key) || newFields.some((one) => one.key === key));
  const set = (part: Partial<Line>) => setLine({ ...line, ...part });
  const setRemote = (remote: string) => {
    const chosen = fields.theirs.find((one) => one.name === remote);
    const likely = before ? {} : guess(ours, chosen?.writable ?? true);
    setLine({ ...line, remote, ...likely });
    if (isNew && label === '') setLabel(chosen?.label ?? '');
  };
  const guess = (key: string, writable: boolean): Partial<Line> => {
    const owner = likelyOwner(fields.ours.find((one) => one.key === key), role);
    return { owner, direction: likelyDirection(owner, role, writable) };
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (taken || key === '' || line.remote === undefined || line.owner === undefined) return;
    onTake(tidy({ ...line, field: key, remote: line.remote, owner: line.owner }), isNew && theirs ? newField(label, theirs) : undefined);
  };
  return (
    <form
      ref={box}
      className={styles['form']}
      aria-label={before ? `Edit the line of ${named(field)}` : 'Map a field'}
      onSubmit={submit}
      onKeyDown={(event) => {
        if (event.key === 'Escape') onCancel();
      }}
    >
      <div className={styles['inputs']}>
        {before ? null : (
          <label>
            Field here
            <select
              name="ours"
              required
              value={ours}
              onChange={(event) => {
                setOurs(event.target.value);
                set(guess(event.target.value, theirs?.writable ?? true));
                if (event.target.value === NEW && label === '') setLabel(theirs?.label ?? '');
              }}
            >
              <option value="">Choose…</option>
              <option value={NEW}>A new custom field…</option>
              {free.map((one) => (
                <option key={one.key} value={one.key}>
                  {one.label}
                </option>
              ))}
            </select>
          </label>
        )}
        {isNew && (
          <label>
            Its name
            <input required value={label} onChange={(event) => setLabel(event.target.value)} aria-describedby="new-field-note" />
          </label>
        )}
        <label>
          Field at {platform(fields.connection)}
          <select name="remote" required value={line.remote ?? ''} onChange={(event) => setRemote(event.target.value)}>
            <option value="">Choose…</option>
            {line.remote !== undefined && line.remote !== '' && !theirs && <option value={line.remote}>{line.remote} (not there now)</option>}
            {fields.theirs.map((one) => (
              <option key={one.name} value={one.name}>
                {one.label === one.name ? one.name : `${one.label} (${one.name})`}
                {one.writable ? '' : ', only read'}
              </option>
            ))}
          </select>
        </label>
        <label>
          Source of truth
          <select required value={line.owner ?? ''} onChange={(event) => set({ owner: event.target.value as Owner })}>
            <option value="">Choose…</option>
            {OWNERS.map(([value, words]) => (
              <option key={value} value={value}>
                {words}
              </option>
            ))}
          </select>
        </label>
        <label>
          Way
          <select value={line.direction ?? (before ? direction(before) : 'both')} onChange={(event) => set({ direction: event.target.value as Direction })}>
            {WAYS.map(([value, words]) => (
              <option key={value} value={value}>
                {words}
              </option>
            ))}
          </select>
        </label>
      </div>
      {isNew && (
        <p id="new-field-note" className={taken ? styles['bad'] : 'muted'} role={taken ? 'alert' : undefined}>
          {taken ? `There is a field ${key} already: choose it, or take another name.` : `${fields.object} gets it when this is saved${key === '' ? '' : `, as ${key}`}. Map it at the other platforms too, so that it travels.`}
        </p>
      )}
      <details open={line.get !== undefined || line.put !== undefined}>
        <summary>Formulas</summary>
        <div className={styles['inputs']}>
          <label>
            Value here, from the platform’s fields
            <input className="mono" value={line.get ?? ''} placeholder={line.remote || 'the value as it is'} onChange={(event) => set({ get: event.target.value })} />
          </label>
          <label>
            Value there, from our fields
            <input className="mono" value={line.put ?? ''} placeholder={key || 'the value as it is'} onChange={(event) => set({ put: event.target.value })} />
          </label>
        </div>
      </details>
      <label className={styles['check']}>
        <input type="checkbox" checked={line.required ?? false} onChange={(event) => set({ required: event.target.checked })} /> Without a value, nothing is created there
      </label>
      <div className={item['actions']}>
        <Button type="submit" kind="primary" disabled={taken}>
          Take this line
        </Button>
        <Button kind="quiet" onClick={onCancel}>
          Cancel
        </Button>
        <span className="muted">Nothing is saved yet.</span>
      </div>
    </form>
  );
}
