import type { ReactNode } from 'react';
import type { Tone } from '../format/words';
import styles from './Badge.module.css';

/** A short word with a colour; with `dot`, a state. */
export function Badge({ tone, dot = false, children, title }: { tone: Tone; dot?: boolean; children: ReactNode; title?: string }) {
  return (
    <span className={`${styles['badge']} ${styles[tone]}`} title={title}>
      {dot && <span className={styles['dot']} aria-hidden="true" />}
      {children}
    </span>
  );
}
