import { Link } from 'react-router';
import { useLive } from '../../api/LiveProvider';
import { useLabels } from '../../api/labels';
import type { Happening } from '../../api/live';
import { plain, platform } from '../../format/words';
import { Ago } from '../../ui/Ago';
import { Empty } from '../../ui/Notice';
import { Panel } from '../../ui/Panel';
import styles from './Latest.module.css';

const SHOWN = 9;

/** Changes as they happen, newest first. */
export function Latest() {
  const { latest, pulse } = useLive();
  const label = useLabels();
  return (
    <Panel title="Live changes" note={pulse === 'live' ? <span className={styles['live']}>live</span> : pulse === 'lost' ? 'reconnecting' : 'connecting'} flush>
      {latest.length === 0 ? (
        <Empty title="Quiet">The next change of a record, on any side, appears here within seconds.</Empty>
      ) : (
        <ol className={styles['list']}>
          {latest.slice(0, SHOWN).map((happening) => (
            <li key={happening.id} className={styles['one']}>
              <Link to={`/records/${happening.record}`} className={styles['link'] ?? ''}>
                <span className={styles['title']}>{happening.title}</span>
                <span className={styles['what']}>{what(happening, label)}</span>
              </Link>
              <span className={styles['when']}>
                <Ago at={happening.at} />
              </span>
            </li>
          ))}
        </ol>
      )}
    </Panel>
  );
}

/** Contact · Phone, E-mail · Zendesk, webhook */
function what({ object, fields, connection, cause }: Happening, label: (object: string, field: string) => string): string {
  const named = fields.slice(0, 3).map((field) => label(object, field));
  const more = fields.length > 3 ? `${named.join(', ')} and ${fields.length - 3} more` : named.join(', ');
  const source = connection === null ? cause : `${platform(connection)}, ${cause}`;
  return [plain(object), more, source].filter((part) => part !== '').join(' · ');
}
