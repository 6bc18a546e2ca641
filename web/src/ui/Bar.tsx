import type { Tone } from '../format/words';
import styles from './Bar.module.css';

export interface Segment {
  label: string;
  /** 0…1 of the whole bar. */
  share: number;
  tone: Tone;
}

/** A bar of parts. What is left over stays empty. A part that is there is never thinner than the eye can see. */
export function Bar({ label, segments, thin = false }: { label: string; segments: readonly Segment[]; thin?: boolean }) {
  return (
    <div className={`${styles['bar']} ${thin ? styles['thin'] : ''}`} role="img" aria-label={label}>
      {segments
        .filter((segment) => segment.share > 0)
        .map((segment) => (
          <span key={segment.label} className={styles[segment.tone]} style={{ flexBasis: `${segment.share * 100}%` }} title={segment.label} />
        ))}
    </div>
  );
}
