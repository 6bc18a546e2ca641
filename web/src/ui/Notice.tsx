import type { ReactNode } from 'react';
import { Refusal } from '../api/refusal';
import { Button } from './Button';
import styles from './Notice.module.css';

/** Nothing is there, and what that means. */
export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className={styles['notice']}>
      <p className={styles['title']}>{title}</p>
      {children !== undefined && <p className={styles['text']}>{children}</p>}
    </div>
  );
}

/** Something went wrong: what, what to do, and a way to try again. */
export function Failed({ error, retry }: { error: Error; retry?: () => void }) {
  const remedy = error instanceof Refusal ? error.remedy : undefined;
  return (
    <div className={styles['notice']} role="alert">
      <p className={`${styles['title']} ${styles['bad']}`}>{error.message}</p>
      {remedy !== undefined && <p className={styles['text']}>{remedy.charAt(0).toUpperCase() + remedy.slice(1)}</p>}
      {retry && (
        <p className={styles['action']}>
          <Button onClick={retry}>Try again</Button>
        </p>
      )}
    </div>
  );
}

/** What is not there yet, in the shape it will have. */
export function Loading({ rows = 6 }: { rows?: number }) {
  return (
    <div className={styles['loading']} role="status">
      <span className="hidden-text">Loading</span>
      {Array.from({ length: rows }, (_, row) => (
        <span key={row} className={styles['bone']} style={{ width: `${[92, 78, 85, 64, 88, 71][row % 6] ?? 80}%` }} />
      ))}
    </div>
  );
}
