import { useMutation, useQuery } from '@tanstack/react-query';
import { answer, api } from '../../api/client';
import { reconciliation } from '../../api/queries';
import { counted } from '../../format/number';
import { Ago } from '../../ui/Ago';
import { Badge } from '../../ui/Badge';
import { Button } from '../../ui/Button';
import { Trouble } from '../../ui/Confirm';
import { Empty, Failed, Loading } from '../../ui/Notice';
import { Page } from '../../ui/Page';
import { Panel } from '../../ui/Panel';
import { save } from '../../ui/save';
import { Drift } from './Drift';
import { Exceptions } from './Exceptions';
import { Numbers } from './Numbers';
import { ObjectsRead } from './ObjectsRead';
import styles from './Reconciliation.module.css';
import { Start } from './Start';

/** Both sides compared field by field: the last time, what is not in agreement, the certificate, and a new one. */
export function ReconciliationPage() {
  const { data, error, isPending, refetch } = useQuery(reconciliation);
  const last = data?.last;
  const lead = 'Both sides compared field by field: what differs is put right by the owner rules, the rest is listed, and the result is signed.';
  return (
    <Page title="Reconciliation" lead={lead} actions={last != null ? <Certificate /> : undefined}>
      {error ? (
        <Failed error={error} retry={() => void refetch()} />
      ) : isPending ? (
        <Panel title="The last one">
          <Loading rows={8} />
        </Panel>
      ) : (
        <>
          {data.running != null ? (
            <Panel title="Under way" note={<>since <Ago at={data.running.began_at} />, {data.running.by}</>}>
              <p role="status">
                {data.running.scope}: {counted(data.running.pages, 'page')} read so far, last sign of life <Ago at={data.running.at} />.
              </p>
            </Panel>
          ) : (
            // With each one that ends, another one can be asked for.
              <Start key={last?.ended_at} cost={data.cost ?? null} />
          )}
          {last == null ? (
            <Panel title="The last one">
              <Empty title="There was none yet">The first comes by itself in the hour that is set for it (sync.reconcile_hour), or when you start one.</Empty>
            </Panel>
          ) : (
            <>
              <Panel
                title="The last one"
                note={
                  <span className={styles['state']}>
                    <Badge tone={!last.complete ? 'bad' : last.exceptions_total > 0 ? 'warn' : 'good'} dot>
                      {!last.complete ? 'Not everything could be read' : last.exceptions_total > 0 ? counted(last.exceptions_total, 'exception') : 'In agreement'}
                    </Badge>
                    <span>
                      {last.scope}, <Ago at={last.ended_at} />, {last.by}
                      {last.dry_run && ', compared only'}
                    </span>
                  </span>
                }
              >
                <Numbers report={last} />
              </Panel>
              {last.drift.length > 0 && <Drift drift={last.drift} />}
              <Exceptions report={last} />
              <ObjectsRead report={last} />
            </>
          )}
        </>
      )}
    </Page>
  );
}

function Certificate() {
  const fetch = useMutation({
    // As the server wrote it: the file is what was signed.
    mutationFn: () => answer(api.GET('/api/v1/reconciliation/certificate', { parseAs: 'text' })),
    onSuccess: (text) => save('entente-reconciliation.json', text as unknown as string),
  });
  return (
    <>
      {fetch.error && <Trouble error={fetch.error} />}
      <Button onClick={() => fetch.mutate()} disabled={fetch.isPending}>
        {fetch.isPending ? 'Fetching…' : 'Download the certificate'}
      </Button>
    </>
  );
}
