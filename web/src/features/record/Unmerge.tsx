import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Link } from 'react-router';
import { answer, api } from '../../api/client';
import { counted } from '../../format/number';
import { platform } from '../../format/words';
import { Ago } from '../../ui/Ago';
import { Button } from '../../ui/Button';
import { Trouble } from '../../ui/Confirm';
import { Panel } from '../../ui/Panel';
import styles from './Unmerge.module.css';
import { Value } from './Value';

/** Parts a record from the one that it was merged into: first what it would come to, then, when a person wants it, at every platform. */
export function Unmerge({ record }: { record: string }) {
  const client = useQueryClient();
  const path = { params: { path: { id: record } } };
  const plan = useMutation({ mutationFn: () => answer(api.GET('/api/v1/records/{id}/unmerge/plan', path)) });
  const part = useMutation({
    mutationFn: () => answer(api.POST('/api/v1/records/{id}/unmerge', path)),
    onSuccess: () => client.invalidateQueries(),
  });
  const error = plan.error ?? part.error;
  const found = plan.data;
  const whose = (id: string) => (id === found?.comes_back.record ? found.comes_back.title : (found?.stays.title ?? ''));
  return (
    <Panel title="Merged" note={found && <>merged <Ago at={found.merge.at} /> by {found.merge.by}</>}>
      {!found && (
        <Button onClick={() => plan.mutate()} disabled={plan.isPending}>
          Unmerge…
        </Button>
      )}
      {found && (
        <div className={styles['plan']}>
          <p>
            <Link to={`/records/${found.comes_back.record}`}>{found.comes_back.title}</Link> comes back as a record of its own, apart from{' '}
            <Link to={`/records/${found.stays.record}`}>{found.stays.title}</Link>.
          </p>
          <ul>
            {found.links.map((link) => (
              <li key={`${link.connection} ${link.external_id}`}>
                {platform(link.connection)} <span className="mono">{link.external_id}</span> belongs to {whose(link.goes_to)}
              </li>
            ))}
            {found.creates_at.map((connection) => (
              <li key={connection}>{platform(connection)} gets a new row</li>
            ))}
            {found.fields.map((field) => (
              <li key={`${field.record} ${field.field}`}>
                {field.label} of {whose(field.record)}: <Value value={field.now ?? null} /> → <Value value={field.then ?? null} />
                {field.since && <span className="muted"> entered since</span>}
              </li>
            ))}
            {found.reference_count > 0 && <li>{counted(found.reference_count, 'record')} point to {found.comes_back.title} again</li>}
            {found.since.map((since, at) => (
              <li key={at} className="muted">
                Since then: {since.field} <Value value={since.value ?? null} /> by {since.by} goes to {whose(since.goes_to)}
              </li>
            ))}
            {found.impossible.map((no, at) => (
              <li key={at} className="muted">
                Cannot be undone: {no.reason}; {no.remedy}
              </li>
            ))}
          </ul>
          {!found.already && (
            <Button kind="primary" onClick={() => part.mutate()} disabled={part.isPending}>
              Part the two
            </Button>
          )}
        </div>
      )}
      {error && <Trouble error={error} />}
    </Panel>
  );
}
