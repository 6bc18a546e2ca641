import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { answer, api } from '../../api/client';
import type { Reconciliation } from '../../api/queries';
import { count, counted } from '../../format/number';
import { platform } from '../../format/words';
import { Button } from '../../ui/Button';
import { Trouble } from '../../ui/Confirm';
import { Panel } from '../../ui/Panel';
import styles from './Reconciliation.module.css';

/** What one would cost, and starting it. */
export function Start({ cost }: { cost: NonNullable<Reconciliation['cost']> | null }) {
  const client = useQueryClient();
  const [compareOnly, setCompareOnly] = useState(false);
  const start = useMutation({
    mutationFn: () => answer(api.POST('/api/v1/reconciliation', { body: { object: null, connection: null, dry_run: compareOnly } })),
    onSuccess: () => client.invalidateQueries({ queryKey: ['reconciliation'] }),
  });
  if (!cost) return null;
  return (
    <Panel title="A new one" note={`about ${counted(cost.calls, 'API call')}`}>
      <div className={styles['stack']}>
        <p className="muted">{cost.lines.map((line) => `${platform(line.connection)} ${line.object} ${count(line.calls)}`).join(', ')}. They go behind every call that people wait for.</p>
        <div className={styles['actions']}>
          <Button kind="primary" onClick={() => start.mutate()} disabled={start.isPending || start.isSuccess}>
            {start.isPending ? 'Asking…' : compareOnly ? 'Compare both sides' : 'Compare and put right'}
          </Button>
          <label className={styles['check']}>
            <input type="checkbox" checked={compareOnly} onChange={(event) => setCompareOnly(event.target.checked)} /> Compare only, change nothing
          </label>
          <span role="status" className="muted">
            {start.isSuccess && 'Asked for; it begins within seconds.'}
          </span>
        </div>
        {start.error && <Trouble error={start.error} />}
      </div>
    </Panel>
  );
}
