import type { Dashboard } from '../../api/queries';
import { Panel } from '../../ui/Panel';
import styles from './Alerts.module.css';

const SIGNS: Record<string, [sign: string, word: string]> = {
  ok: ['✓', 'Fine'],
  warning: ['!', 'Warning'],
  critical: ['✕', 'Critical'],
};
const ORDER = ['critical', 'warning', 'ok'];

/** What needs attention first, then the promises that are kept. */
export function Alerts({ alerts }: { alerts: Dashboard['alerts'] }) {
  if (alerts.length === 0) return null;
  const sorted = [...alerts].sort((a, b) => ORDER.indexOf(a.level) - ORDER.indexOf(b.level));
  const open = alerts.filter((alert) => alert.level !== 'ok').length;
  return (
    <Panel title="Alerts" note={open === 0 ? 'all promises kept' : `${open} open`}>
      <ul className={styles['alerts']}>
        {sorted.map((alert) => {
          const [sign, word] = SIGNS[alert.level] ?? ['•', alert.level];
          return (
            <li key={alert.text}>
              <span className={`${styles['sign']} ${styles[alert.level]}`} aria-hidden="true">
                {sign}
              </span>
              <span className="hidden-text">{word}: </span>
              {alert.text}
            </li>
          );
        })}
      </ul>
    </Panel>
  );
}
