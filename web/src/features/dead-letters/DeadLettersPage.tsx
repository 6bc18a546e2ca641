import { useQuery } from '@tanstack/react-query';
import { Link } from 'react-router';
import { deadLetters } from '../../api/queries';
import { count, listed } from '../../format/number';
import { plain, platform } from '../../format/words';
import { Ago } from '../../ui/Ago';
import { Columns } from '../../ui/Columns';
import { Empty, Failed, Loading } from '../../ui/Notice';
import { Page } from '../../ui/Page';
import { Panel } from '../../ui/Panel';
import { Actions } from './Actions';
import { Attempts } from './Attempts';
import styles from './DeadLettersPage.module.css';
import { RetryClass } from './RetryClass';

export function DeadLettersPage() {
  const { data, error, isPending, refetch } = useQuery(deadLetters);
  return (
    <Page title="Dead letters" lead="Records whose sync failed for good. Each keeps its error and every attempt until a person retries or discards it.">
      <Panel
        title="Needs a person"
        note={
          data && (
            <>
              {listed(data, 'record')}
              <RetryClass letters={data.items} />
            </>
          )
        }
        flush
      >
        {error ? (
          <Failed error={error} retry={() => void refetch()} />
        ) : isPending ? (
          <Loading />
        ) : data.items.length === 0 ? (
          <Empty title="Nothing failed for good">What stumbles is tried again by itself, after 1, 5 and 15 minutes.</Empty>
        ) : (
          <table>
            <Columns of={['Record', 'Object', 'Error and what to do', { right: 'Attempts' }, { right: 'Since' }, { heard: 'What to do' }]} />
            <tbody>
              {data.items.map((letter) => (
                <tr key={letter.id}>
                  <td>
                    {/* A row that never became a record is named by connection, object and external id. */}
                    {letter.record.includes('/') ? (
                      <span className={styles['title']}>{letter.title}</span>
                    ) : (
                      <Link to={`/records/${letter.record}`} className={styles['title'] ?? ''}>
                        {letter.title}
                      </Link>
                    )}
                    {letter.connection != null && <p className="muted">at {platform(letter.connection)}</p>}
                  </td>
                  <td className="muted">{plain(letter.object)}</td>
                  <td className={styles['error']}>
                    {letter.error}
                    {letter.advice != null && <p className="muted">{letter.advice}</p>}
                    <Attempts id={letter.id} />
                  </td>
                  <td className="number">{count(letter.attempts)}</td>
                  <td className="number muted">
                    <Ago at={letter.at} />
                  </td>
                  <td>
                    <Actions id={letter.id} title={letter.title} record={letter.record.includes('/') ? null : letter.record} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </Panel>
    </Page>
  );
}
