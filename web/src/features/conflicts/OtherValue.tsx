import { type FormEvent, useState } from 'react';
import { Button } from '../../ui/Button';
import styles from './ConflictList.module.css';

/** A value that neither side has, for a conflict in which both are wrong. */
export function OtherValue({ label, pending, onValue }: { label: string; pending: boolean; onValue: (value: string) => void }) {
  const [open, setOpen] = useState(false);
  const [value, setValue] = useState('');
  if (!open) {
    return (
      <Button kind="quiet" className={styles['other'] ?? ''} onClick={() => setOpen(true)} aria-label={`Another value for ${label}`}>
        Another value…
      </Button>
    );
  }
  const submit = (event: FormEvent) => {
    event.preventDefault();
    onValue(value.trim());
  };
  return (
    <form
      className={styles['form']}
      aria-label={`Another value for ${label}`}
      onSubmit={submit}
      onKeyDown={(event) => {
        if (event.key === 'Escape') setOpen(false);
      }}
    >
      <input autoFocus required aria-label={label} placeholder={label} value={value} onChange={(event) => setValue(event.target.value)} />
      <Button type="submit" disabled={pending || value.trim() === ''}>
        Take this everywhere
      </Button>
      <Button kind="quiet" onClick={() => setOpen(false)} disabled={pending}>
        Cancel
      </Button>
    </form>
  );
}
