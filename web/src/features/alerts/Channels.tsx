import { useMutation, useQuery } from '@tanstack/react-query';
import { answer, api } from '../../api/client';
import { channels } from '../../api/queries';
import { plain } from '../../format/words';
import { Button } from '../../ui/Button';
import { Columns } from '../../ui/Columns';
import { Trouble } from '../../ui/Confirm';
import { Empty, Failed, Loading } from '../../ui/Notice';
import { Panel } from '../../ui/Panel';
import styles from './Channels.module.css';

/** Where alerts go, and a test message for each. */
export function Channels() {
  const { data, error, isPending, refetch } = useQuery(channels);
  return (
    <Panel title="Channels" flush>
      {error ? (
        <Failed error={error} retry={() => void refetch()} />
      ) : isPending ? (
        <Loading rows={2} />
      ) : data.length === 0 ? (
        <Empty title="No channel is set up">Alerts are seen on this page only. Slack, Microsoft Teams, mail and webhooks are set up under [notify] in the configuration.</Empty>
      ) : (
        <table>
          <Columns of={['Channel', 'Kind', 'Whose alerts', { heard: 'What to do' }]} />
          <tbody>
            {data.map((channel) => (
              <tr key={channel.name}>
                <td>{channel.name}</td>
                <td className="muted">{plain(channel.kind)}</td>
                <td className="muted">{channel.audiences.join(', ')}</td>
                <td>
                  <Test name={channel.name} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}

function Test({ name }: { name: string }) {
  const test = useMutation({ mutationFn: () => answer(api.POST('/api/v1/alerts/channels/{name}/test', { params: { path: { name } } })) });
  const trial = test.data?.[0];
  return (
    <>
      <Button onClick={() => test.mutate()} disabled={test.isPending} aria-label={`Send a test message to ${name}`}>
        Send a test
      </Button>
      {trial && (
        <p role="status" className={`${styles['said']} ${trial.taken ? '' : styles['bad']}`}>
          {trial.words}
        </p>
      )}
      {test.error && <Trouble error={test.error} />}
    </>
  );
}
