import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Link } from 'react-router';
import { answer, api } from '../../api/client';
import { type SchemaChange, schemaChanges } from '../../api/queries';
import { counted } from '../../format/number';
import { objects, plain, platform } from '../../format/words';
import { Ago } from '../../ui/Ago';
import { Badge } from '../../ui/Badge';
import { Button } from '../../ui/Button';
import { Confirm, Trouble } from '../../ui/Confirm';
import item from '../../ui/Item.module.css';
import { Empty, Failed, Loading } from '../../ui/Notice';
import { Panel } from '../../ui/Panel';
import styles from './Mappings.module.css';
import { type Line, ARROWS, direction } from './mapping';

/** What has changed at the platforms that breaks lines of mappings, what is proposed, and a look at their schemas now. */
export function SchemaChanges() {
  const client = useQueryClient();
  const { data, error, isPending, refetch } = useQuery(schemaChanges);
  const look = useMutation({
    mutationFn: () => answer(api.POST('/api/v1/schema/check', { body: { connection: null } })),
    onSuccess: () => client.invalidateQueries(),
  });
  return (
    <Panel
      title="Changes at the platforms"
      note={
        <span className={styles['look']}>
          <span role="status">{look.data ? `${counted(look.data.objects, 'object')} looked at, ${counted(look.data.found, 'change')} found` : data && counted(data.length, 'open change')}</span>
          <Button kind="quiet" onClick={() => look.mutate()} disabled={look.isPending}>
            {look.isPending ? 'Looking…' : 'Look now'}
          </Button>
        </span>
      }
      flush
    >
      {look.error && (
        <div className={item['item']}>
          <Trouble error={look.error} />
        </div>
      )}
      {error ? (
        <Failed error={error} retry={() => void refetch()} />
      ) : isPending ? (
        <Loading rows={2} />
      ) : data.length === 0 ? (
        <Empty title="Every mapped field is as it was">Fields and lists of the platforms are looked at once a day, and when a refusal smells of a change.</Empty>
      ) : (
        <ul>
          {data.map((change) => (
            <One key={change.id} change={change} />
          ))}
        </ul>
      )}
    </Panel>
  );
}

function One({ change }: { change: SchemaChange }) {
  const client = useQueryClient();
  const [asks, setAsks] = useState<'nothing' | 'apply' | 'accept'>('nothing');
  const [loss, setLoss] = useState(false);
  const params = { path: { id: change.id } };
  const onSuccess = () => {
    setAsks('nothing');
    return client.invalidateQueries();
  };
  const apply = useMutation({ mutationFn: () => answer(api.POST('/api/v1/schema/changes/{id}/apply', { params, body: { accept_loss: loss } })), onSuccess });
  const accept = useMutation({ mutationFn: () => answer(api.POST('/api/v1/schema/changes/{id}/accept', { params })), onSuccess });
  const lines = change.patches.flatMap((one) => (one.patch as unknown as { lines: { before?: Line | null; after: Line }[] }).lines.map((line) => ({ object: one.object, ...line })));
  return (
    <li className={item['item']}>
      <div className={item['head']}>
        <h3>{change.title}</h3>
        <Badge tone={change.state === 'open' ? 'warn' : 'info'} dot>
          {change.state === 'open' ? 'Stands still' : 'Catching up'}
        </Badge>
        <span className={item['since']}>
          since <Ago at={change.at} />
        </span>
      </div>
      <p className="muted">{change.advice}</p>
      {change.evidence != null && <p className="muted">{plain(change.evidence)}</p>}
      {change.hits.map((hit) => (
        <p key={hit.object}>
          <Link to={`/mappings/${change.connection}/${hit.object}`}>
            {objects(hit.object)} at {platform(change.connection)}
          </Link>
          : {hit.whole ? 'nothing of it is synced' : `${hit.fields.map(plain).join(', ')} not synced`}
        </p>
      ))}
      {lines.length > 0 && (
        <ul className={styles['patch']} aria-label="Proposed patch">
          {lines.map(({ object, before, after }) => (
            <li key={`${object} ${after.field}`}>
              {plain(after.field)}: {before != null && <del>{said(before)}</del>} <ins>{said(after)}</ins>
            </li>
          ))}
        </ul>
      )}
      {change.state === 'open' && (
        <div className={item['actions']}>
          {lines.length > 0 && (
            <Button kind="primary" aria-expanded={asks === 'apply'} onClick={() => setAsks('apply')} aria-label={`Apply the patch: ${change.title}`}>
              Apply the patch…
            </Button>
          )}
          <Button aria-expanded={asks === 'accept'} onClick={() => setAsks('accept')} aria-label={`Accept as it is: ${change.title}`}>
            Accept as it is…
          </Button>
        </div>
      )}
      {asks === 'apply' && (
        <Confirm key="apply" title="Apply the patch?" action="Save it as a new version" pending={apply.isPending} error={apply.error} onConfirm={() => apply.mutate()} onCancel={() => setAsks('nothing')}>
          <p>The lines above are judged, saved as a new version of the mapping and put in force; its records are looked at again. The version before stays at hand.</p>
          <label className={styles['check']}>
            <input type="checkbox" checked={loss} onChange={(event) => setLoss(event.target.checked)} /> Take it although a line loses something on the way there and back
          </label>
        </Confirm>
      )}
      {asks === 'accept' && (
        <Confirm key="accept" title="Accept it as it is?" action="Use the lines again" pending={accept.isPending} error={accept.error} onConfirm={() => accept.mutate()} onCancel={() => setAsks('nothing')}>
          <p>The lines are used again as they are, whatever the platform says to them. A refusal is then a failure of its record.</p>
        </Confirm>
      )}
    </li>
  );
}

/** A line in short: the way, the platform's field, and its formulas. */
function said(line: Line): string {
  const formulas = [line.get && `reads ${line.get}`, line.put && `writes ${line.put}`].filter(Boolean);
  const values = (line.values ?? []).map(([theirs, ours]) => `${theirs} is ${ours}`);
  return [`${ARROWS[direction(line)][0]} ${line.remote}`, ...formulas, ...values, ...(line.archived ? ['archived'] : [])].join(', ');
}
