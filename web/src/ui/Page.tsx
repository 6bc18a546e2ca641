import { type ReactNode, useEffect } from 'react';
import styles from './Page.module.css';

/** A page: its title in the window and at its top, what can be done, and its content. */
export function Page({ title, lead, actions, children }: { title: string; lead?: ReactNode; actions?: ReactNode; children: ReactNode }) {
  useEffect(() => {
    document.title = `${title} · Entente`;
  }, [title]);
  return (
    <main className={styles['page']} id="content" tabIndex={-1}>
      <header className={styles['head']}>
        <div>
          <h1>{title}</h1>
          {lead !== undefined && <div className={styles['lead']}>{lead}</div>}
        </div>
        {actions !== undefined && <div className={styles['actions']}>{actions}</div>}
      </header>
      {children}
    </main>
  );
}
