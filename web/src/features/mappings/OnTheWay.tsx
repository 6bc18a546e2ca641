import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Link } from 'react-router';
import { answer, api } from '../../api/client';
import type { Rollout } from '../../api/queries';
import { count, counted } from '../../format/number';
import { Ago } from '../../ui/Ago';
import { Button } from '../../ui/Button';
import { Trouble } from '../../ui/Confirm';
import item from '../../ui/Item.module.css';
import { Panel } from '../../ui/Panel';
import { Differences } from './Differences';
import styles from './Mappings.module.css';

const SHOWN = 10; // records of the shadow; `entente mapping rollouts` lists more

/** A version that is on its way into force, or that nobody has verified: what it showed so far, one step back, and the word that it is right. */
export function OnTheWay({ rollout }: { rollout: Rollout }) {
  const client = useQueryClient();
  const { connection, object, version, previous, stage, percent, compared, differing, findings } = rollout;
  const params = { path: { connection, object } };
  const onSuccess = () => client.invalidateQueries();
  const back = useMutation({ mutationFn: () => answer(api.POST('/api/v1/mappings/{connection}/{object}/back', { params })), onSuccess });
  const verify = useMutation({ mutationFn: () => answer(api.POST('/api/v1/mappings/{connection}/{object}/verify', { params })), onSuccess });
  const error = back.error ?? verify.error;
  const words =
    stage === 'shadow'
      ? `Version ${version} decides along with the one in force on live traffic, and nothing of it is written.`
      : stage === 'share'
        ? `Version ${version} decides ${percent} % of the records, the same ones every time.`
        : `Version ${version} is in force for all records. Version ${previous} is one step away until somebody says that the new one is right.`;
  return (
    <Panel title="On its way" note={<>{rollout.by}, <Ago at={rollout.at} /></>}>
      <div className={styles['stack']}>
        <p>
          {words}
          {stage === 'shadow' && ` ${count(differing)} of ${counted(compared, 'decision')} differed.`}
        </p>
        {findings.length > 0 && (
          <ul className={styles['edits']}>
            {findings.slice(0, SHOWN).map((one) => (
              <li key={one.record}>
                <Link to={`/records/${one.record}`} className="mono">
                  {one.record}
                </Link>
                <Differences of={one.differences} />
              </li>
            ))}
          </ul>
        )}
        <div className={item['actions']}>
          {stage === 'all' && (
            <Button kind="primary" onClick={() => verify.mutate()} disabled={verify.isPending}>
              It is right
            </Button>
          )}
          <Button onClick={() => back.mutate()} disabled={back.isPending}>
            Back to version {previous}
          </Button>
        </div>
        {error && <Trouble error={error} />}
      </div>
    </Panel>
  );
}
