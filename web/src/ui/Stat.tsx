import type { ReactNode } from 'react';
import type { Tone } from '../format/words';
import styles from './Stat.module.css';

/** One number that matters, what it counts, and what it is made of. */
export function Stat({ label, value, detail, tone = 'quiet' }: { label: string; value: ReactNode; detail?: ReactNode; tone?: Tone }) {
  return (
    <div className={styles['stat']}>
      <dt className={styles['label']}>{label}</dt>
      <dd className={`${styles['value']} ${styles[tone]}`}>{value}</dd>
      {detail !== undefined && <dd className={styles['detail']}>{detail}</dd>}
    </div>
  );
}

/** Numbers side by side. */
export function Stats({ children, small = false }: { children: ReactNode; small?: boolean }) {
  return <dl className={`${styles['stats']} ${small ? styles['small'] : ''}`}>{children}</dl>;
}
