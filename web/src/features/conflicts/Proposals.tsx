import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Link } from 'react-router';
import { answer, api } from '../../api/client';
import { type Proposal, type ConflictRule, conflictRules, proposedRules } from '../../api/queries';
import { counted } from '../../format/number';
import { tone } from '../../format/words';
import { Ago } from '../../ui/Ago';
import { Badge } from '../../ui/Badge';
import { Button } from '../../ui/Button';
import { Trouble } from '../../ui/Confirm';
import item from '../../ui/Item.module.css';
import { Panel } from '../../ui/Panel';
import { Value } from '../record/Value';
import styles from './Proposals.module.css';

/** Rules that people's decisions speak for, and those that somebody decided about. Nothing is shown while there is neither. */
export function Proposals() {
  const proposed = useQuery(proposedRules);
  const decided = useQuery(conflictRules);
  return (
    <>
      {(proposed.data?.length ?? 0) > 0 && (
        <Panel title="Proposed rules" note="from what people decided alike, one time after the other" flush>
          <ul>{proposed.data?.map((one) => <Proposed key={one.id} proposal={one} />)}</ul>
        </Panel>
      )}
      {(decided.data?.length ?? 0) > 0 && (
        <Panel title="Rules from decisions" flush>
          <ul>{decided.data?.map((one) => <Decided key={one.id} rule={one} />)}</ul>
        </Panel>
      )}
    </>
  );
}

function Proposed({ proposal }: { proposal: Proposal }) {
  const client = useQueryClient();
  const onSuccess = () => client.invalidateQueries();
  const path = { params: { path: { id: proposal.id } } };
  const adopt = useMutation({ mutationFn: () => answer(api.POST('/api/v1/conflicts/proposals/{id}/adopt', path)), onSuccess });
  const decline = useMutation({
    mutationFn: (reason: string) => answer(api.POST('/api/v1/conflicts/proposals/{id}/decline', { ...path, body: { reason } })),
    onSuccess,
  });
  const { tried } = proposal;
  const error = adopt.error ?? decline.error;
  return (
    <li className={item['item']}>
      <p className={styles['words']}>{proposal.words}.</p>
      <p className="muted">
        {counted(proposal.alike, 'decision')} in a row. Of {counted(tried.conflicts, 'conflict')} of the last 30 days it would have decided {tried.as_people} as people did and {tried.otherwise} otherwise; {tried.waiting} wait
        and would be decided now.
      </p>
      <details>
        <summary>The decisions</summary>
        <ul className={styles['evidence']}>
          {proposal.decisions.map((one) => (
            <li key={one.conflict}>
              <Link to={`/records/${one.record}`}>{one.title}</Link> <Value value={one.value ?? null} />{' '}
              <span className="muted">
                {one.by}
                {one.at != null && (
                  <>
                    , <Ago at={one.at} />
                  </>
                )}
              </span>
            </li>
          ))}
        </ul>
      </details>
      <div className={item['actions']}>
        <Button kind="primary" disabled={adopt.isPending} onClick={() => adopt.mutate()} aria-label={`Adopt the rule about ${proposal.label}`}>
          Adopt
        </Button>
        <WithReason label="Decline" about={proposal.label} pending={decline.isPending} onReason={(reason) => decline.mutate(reason)} />
      </div>
      {error && <Trouble error={error} />}
    </li>
  );
}

function Decided({ rule }: { rule: ConflictRule }) {
  const client = useQueryClient();
  const withdraw = useMutation({
    mutationFn: (reason: string) => answer(api.POST('/api/v1/conflicts/rules/{id}/withdraw', { params: { path: { id: rule.id } }, body: { reason } })),
    onSuccess: () => client.invalidateQueries(),
  });
  return (
    <li className={item['item']}>
      <p className={styles['words']}>
        <Badge tone={rule.state === 'adopted' ? 'good' : tone(rule.state)}>{rule.state}</Badge> {rule.words}.
      </p>
      <p className="muted">
        {rule.by}, <Ago at={rule.at} />
        {rule.reason != null && `: ${rule.reason}`}
        {rule.state === 'adopted' && `; it has decided ${counted(rule.decided, 'conflict')}`}
      </p>
      {rule.state === 'adopted' && (
        <div className={item['actions']}>
          <WithReason label="Withdraw" about={rule.label} pending={withdraw.isPending} onReason={(reason) => withdraw.mutate(reason)} />
        </div>
      )}
      {withdraw.error && <Trouble error={withdraw.error} />}
    </li>
  );
}

/** A step that needs a reason: the reason is asked for first. */
function WithReason({ label, about, pending, onReason }: { label: string; about: string; pending: boolean; onReason: (reason: string) => void }) {
  const [open, setOpen] = useState(false);
  const [reason, setReason] = useState('');
  if (!open) {
    return (
      <Button kind="quiet" onClick={() => setOpen(true)} aria-label={`${label} the rule about ${about}`}>
        {label}…
      </Button>
    );
  }
  return (
    <form
      className={item['actions']}
      onSubmit={(event) => {
        event.preventDefault();
        onReason(reason);
      }}
    >
      <label>
        Reason <input autoFocus value={reason} onChange={(event) => setReason(event.target.value)} required />
      </label>
      <Button type="submit" disabled={pending || reason.trim() === ''}>
        {label}
      </Button>
      <Button kind="quiet" onClick={() => setOpen(false)} disabled={pending}>
        Cancel
      </Button>
    </form>
  );
}
