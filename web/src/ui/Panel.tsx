import { type ReactNode, useId } from 'react';
import styles from './Panel.module.css';

/** A titled surface. `flush` is for tables and lists, which bring their own margins. */
export function Panel({ title, note, children, flush = false }: { title: string; note?: ReactNode; children: ReactNode; flush?: boolean }) {
  const id = useId();
  return (
    <section className={styles['panel']} aria-labelledby={id}>
      <header className={styles['head']}>
        <h2 id={id}>{title}</h2>
        {note !== undefined && <div className={styles['note']}>{note}</div>}
      </header>
      {flush ? (
        // A wide table scrolls on a small screen, with the keyboard too.
        <div className={styles['flush']} role="group" aria-labelledby={id} tabIndex={0}>
          {children}
        </div>
      ) : (
        <div className={styles['body']}>{children}</div>
      )}
    </section>
  );
}
