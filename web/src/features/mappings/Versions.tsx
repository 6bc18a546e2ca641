import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { answer, api } from '../../api/client';
import { type MappingVersion, mappingVersions } from '../../api/queries';
import { count, counted } from '../../format/number';
import { Ago } from '../../ui/Ago';
import { Badge } from '../../ui/Badge';
import { Button } from '../../ui/Button';
import { Confirm, Trouble } from '../../ui/Confirm';
import item from '../../ui/Item.module.css';
import { Failed, Loading } from '../../ui/Notice';
import { Panel } from '../../ui/Panel';
import styles from './Mappings.module.css';
import { Tried } from './Tried';
import { mappingOf } from './mapping';

const SHARE = 10; // percent that a first share has, until somebody says otherwise

/** Every version there ever was, newest first; each can be tried, and put in force. */
export function Versions({ connection, object }: { connection: string; object: string }) {
  const { data, error, isPending, refetch } = useQuery(mappingVersions(connection, object));
  return (
    <Panel title="Versions" note={data && counted(data.length, 'version')} flush>
      {error ? (
        <Failed error={error} retry={() => void refetch()} />
      ) : isPending ? (
        <Loading rows={3} />
      ) : (
        <ul>
          {data.map((version) => (
            <One key={version.version} version={version} />
          ))}
        </ul>
      )}
    </Panel>
  );
}

function One({ version }: { version: MappingVersion }) {
  const client = useQueryClient();
  const [asks, setAsks] = useState<'nothing' | 'all' | 'share'>('nothing');
  const [percent, setPercent] = useState(SHARE);
  const { connection, object, version: number } = version;
  const params = { path: { connection, object } };
  const onSuccess = () => {
    setAsks('nothing');
    return client.invalidateQueries();
  };
  const tried = useMutation({ mutationFn: () => answer(api.POST('/api/v1/mappings/{connection}/{object}/try', { params, body: { version: number, records: null } })) });
  const activate = useMutation({ mutationFn: () => answer(api.POST('/api/v1/mappings/{connection}/{object}/activate', { params, body: { version: number } })), onSuccess });
  const advance = useMutation({
    mutationFn: (share: number | null) => answer(api.POST('/api/v1/mappings/{connection}/{object}/advance', { params, body: { version: number, percent: share } })),
    onSuccess,
  });
  const trouble = tried.error ?? (asks === 'nothing' ? (advance.error ?? activate.error) : null);
  const busy = tried.isPending || activate.isPending || advance.isPending;
  return (
    <li className={item['item']}>
      <div className={item['head']}>
        <h3>Version {count(number)}</h3>
        {version.active && (
          <Badge tone="good" dot>
            In force
          </Badge>
        )}
        <span className="muted">
          {counted(mappingOf(version).fields.length, 'line')}
          {version.note !== '' && `: ${version.note}`}
        </span>
        <span className={item['since']}>
          {version.saved_by === 'shipped' ? 'as shipped' : version.saved_by}, <Ago at={version.saved_at} />
        </span>
      </div>
      {!version.active && (
        <div className={item['actions']}>
          <Button onClick={() => tried.mutate()} disabled={busy} aria-label={`Try on real records: version ${number}`}>
            {tried.isPending ? 'Trying…' : 'Try on real records'}
          </Button>
          <Button onClick={() => advance.mutate(null)} disabled={busy} aria-label={`Into the shadow: version ${number}`}>
            Into the shadow
          </Button>
          <Button aria-expanded={asks === 'share'} onClick={() => setAsks('share')} disabled={busy} aria-label={`For a share: version ${number}`}>
            For a share…
          </Button>
          <Button aria-expanded={asks === 'all'} onClick={() => setAsks('all')} disabled={busy} aria-label={`Put in force: version ${number}`}>
            Put in force…
          </Button>
        </div>
      )}
      {asks === 'share' && (
        <Confirm key="share" title="In force for a share of the records?" action={`Decide ${percent} % by it`} pending={advance.isPending} error={advance.error} onConfirm={() => advance.mutate(percent)} onCancel={() => setAsks('nothing')}>
          <label>
            Percent of the records, the same ones every time{' '}
            <input type="number" min={1} max={99} required className={styles['percent']} value={percent} onChange={(event) => setPercent(Number(event.target.value))} />
          </label>
        </Confirm>
      )}
      {asks === 'all' && (
        <Confirm key="all" title={`Put version ${number} in force?`} action="Put it in force" pending={activate.isPending} error={activate.error} onConfirm={() => activate.mutate()} onCancel={() => setAsks('nothing')}>
          <p>It decides every record from now on, and all of them are looked at again. One step goes back to the version that is in force now.</p>
        </Confirm>
      )}
      {tried.data && <Tried trial={tried.data} />}
      {trouble && <Trouble error={trouble} />}
    </li>
  );
}
