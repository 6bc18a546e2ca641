import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { deadLetter } from '../../api/queries';
import { instant } from '../../format/time';
import { plain } from '../../format/words';
import { Trouble } from '../../ui/Confirm';
import styles from './DeadLettersPage.module.css';

/** Every attempt of a record and what its platform answered, for whoever has to find out why. */
export function Attempts({ id }: { id: string }) {
  const [open, setOpen] = useState(false);
  const { data, error } = useQuery({ ...deadLetter(id), enabled: open });
  return (
    <details className={styles['attempts']} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Attempts and answer</summary>
      {error && <Trouble error={error} />}
      {data && (
        <>
          <p>
            {plain(data.class)}, code <span className="mono">{data.code}</span>
          </p>
          <p className="mono">{data.answer}</p>
          <ol>
            {data.tries.map((attempt, at) => (
              <li key={at}>
                <span className="muted">{attempt.at == null ? 'at an unknown time' : instant(attempt.at)}</span> {attempt.error}
              </li>
            ))}
          </ol>
        </>
      )}
    </details>
  );
}
