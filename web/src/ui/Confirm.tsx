import { type ReactNode, useEffect, useId, useRef, useState } from 'react';
import { Button } from './Button';
import styles from './Confirm.module.css';

interface Props {
  title: string;
  /** What the button says that does it. */
  action: string;
  /** What has to be ticked before it can be done: for what cannot be undone. */
  accept?: string;
  danger?: boolean;
  pending?: boolean;
  error?: Error | null;
  onConfirm: () => void;
  onCancel: () => void;
  children: ReactNode;
}

/** The step before something is done: what will happen, and a way back. The keyboard goes into it, and back to where it was. */
export function Confirm({ title, action, accept, danger = false, pending = false, error, onConfirm, onCancel, children }: Props) {
  const id = useId();
  const box = useRef<HTMLFormElement>(null);
  const [accepted, setAccepted] = useState(false);
  useEffect(() => {
    const opener = document.activeElement;
    box.current?.focus();
    return () => {
      if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
    };
  }, []);
  return (
    <form
      ref={box}
      className={`${styles['box']} ${danger ? styles['danger'] : ''}`}
      aria-labelledby={id}
      tabIndex={-1}
      onKeyDown={(event) => {
        if (event.key === 'Escape' && !pending) onCancel();
      }}
      onSubmit={(event) => {
        event.preventDefault();
        if (!pending && (accept === undefined || accepted)) onConfirm();
      }}
    >
      <h3 id={id}>{title}</h3>
      <div className={styles['text']}>{children}</div>
      {accept !== undefined && (
        <label className={styles['accept']}>
          <input type="checkbox" required checked={accepted} onChange={(event) => setAccepted(event.target.checked)} />
          {accept}
        </label>
      )}
      <div className={styles['actions']}>
        <Button type="submit" kind={danger ? 'danger' : 'primary'} disabled={pending || (accept !== undefined && !accepted)}>
          {pending ? 'One moment…' : action}
        </Button>
        <Button kind="quiet" onClick={onCancel} disabled={pending}>
          Cancel
        </Button>
      </div>
      {error && <Trouble error={error} />}
    </form>
  );
}

/** What went wrong with a step, and what to do. */
export function Trouble({ error }: { error: Error }) {
  const remedy = 'remedy' in error && typeof error.remedy === 'string' ? error.remedy : undefined;
  return (
    <p role="alert" className={styles['bad']}>
      {error.message}
      {remedy !== undefined && <span className="muted"> {remedy.charAt(0).toUpperCase() + remedy.slice(1)}</span>}
    </p>
  );
}
