import { useLabels } from '../../api/labels';
import type { Judgement } from '../../api/queries';
import { counted } from '../../format/number';
import styles from './Mappings.module.css';

/** What a mapping was found to be, tried on both sides. */
export function Judged({ judgement: { object, errors, losses, rows, records, to_provision: made } }: { judgement: Judgement }) {
  const label = useLabels();
  const [stops, loses] = [errors.filter((one) => !one.known), losses.filter((one) => !one.known)];
  const known = errors.length + losses.length - stops.length - loses.length;
  return (
    <div role="status" className={styles['judged']}>
      <p className="muted">
        Tried on {counted(rows, 'row')} there and {counted(records, 'record')} here.
        {stops.length + loses.length === 0 && ' Nothing stands against it.'}
        {made.length > 0 && (
          <>
            {' '}
            Not there yet, and made by <code>entente provision --apply</code>: {made.join(', ')}.
          </>
        )}
        {known > 0 && ` ${counted(known, 'remark')} on lines that stay as they are.`}
      </p>
      <ul>
        {stops.map((one, at) => (
          <li key={at} className={styles['bad']}>
            {one.field != null && `${label(object, one.field)}: `}
            <span className={styles['reason']}>{one.reason}</span>
            <span className="muted"> {one.remedy.charAt(0).toUpperCase() + one.remedy.slice(1)}.</span>
          </li>
        ))}
        {loses.map((one) => (
          <li key={one.field} className={styles['warn']}>
            {one.text}
          </li>
        ))}
      </ul>
    </div>
  );
}
