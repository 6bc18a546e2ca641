import { amount } from '../../format/amount';
import styles from './Value.module.css';

/** A value as a person reads it. Nothing is a value too, and looks different from an empty text. */
export function Value({ value, type }: { value: string | null; type?: string }) {
  if (value === null || value === '') return <span className={styles['none']}>–</span>;
  if (type === 'boolean') return <>{value === 'true' ? 'Yes' : value === 'false' ? 'No' : value}</>;
  if (type === 'email') {
    return (
      <a href={`mailto:${value}`} className={styles['link']}>
        {value}
      </a>
    );
  }
  // Only web addresses become links: a value comes from outside, and `javascript:` is an address too.
  if (type === 'url' && /^https?:\/\//i.test(value)) {
    return (
      <a href={value} className={styles['link']} target="_blank" rel="noreferrer">
        {value}
      </a>
    );
  }
  return <span className={styles['text']}>{type === undefined || type === 'money' ? amount(value) : value}</span>;
}
