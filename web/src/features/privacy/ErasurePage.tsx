import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Link, useParams } from 'react-router';
import { answer, api } from '../../api/client';
import { type ErasureDetail, erasure } from '../../api/queries';
import { count, counted } from '../../format/number';
import { plain, platform, source, state, tone } from '../../format/words';
import { Ago } from '../../ui/Ago';
import { Badge } from '../../ui/Badge';
import { Button } from '../../ui/Button';
import { Columns } from '../../ui/Columns';
import { Confirm, Trouble } from '../../ui/Confirm';
import item from '../../ui/Item.module.css';
import { Empty, Failed, Loading } from '../../ui/Notice';
import { Page } from '../../ui/Page';
import { Panel } from '../../ui/Panel';
import { Stat, Stats } from '../../ui/Stat';
import { save } from '../../ui/save';
import styles from './Privacy.module.css';
import { Recheck } from './PrivacyPage';
import { fileName } from './person';

const POLICIES: Record<string, string> = { delete: 'Delete', anonymise: 'Make anonymous' };
const ROWS: Record<string, ['info' | 'good' | 'warn', string]> = {
  open: ['info', 'Still to do'],
  erased: ['good', 'Erased'],
  refused: ['warn', 'Refused'],
};

/** One request: what each system answered, what is left to people, who turned up again, and the certificate. */
export function ErasurePage() {
  const { id = '' } = useParams();
  const { data, error, refetch } = useQuery(erasure(id));
  if (!data) {
    return (
      <Page title={`Erasure ${id}`} lead={<Link to="/privacy">← All requests</Link>}>
        <Panel title="What each system answered">{error ? <Failed error={error} retry={() => void refetch()} /> : <Loading />}</Panel>
      </Page>
    );
  }
  const lead = (
    <>
      <Link to="/privacy">← All requests</Link>
      <Badge tone={tone(data.state)} dot>
        {state(data.state)}
      </Badge>
      <span>
        asked by {data.asked_by} ({source(data.source)}), <Ago at={data.asked_at} />
      </span>
    </>
  );
  return (
    <Page title={`Erasure ${data.id}`} lead={lead} actions={<Certificate id={data.id} />}>
      <Summary of={data} />
      {data.flags.length > 0 && <Flags of={data} />}
      <Answers of={data} />
      {data.seen_again.length > 0 && <SeenAgain of={data} />}
      <Emptied of={data} />
      <Blocked of={data} />
    </Page>
  );
}

function Certificate({ id }: { id: string }) {
  const fetch = useMutation({
    // As the server wrote it: the file is what was signed.
    mutationFn: () => answer(api.GET('/api/v1/privacy/erasures/{id}/certificate', { params: { path: { id } }, parseAs: 'text' })),
    onSuccess: (text) => save(fileName('certificate', id), text),
  });
  return (
    <>
      {fetch.error && <Trouble error={fetch.error} />}
      <span role="status" className={`muted ${styles['said']}`}>
        {fetch.isSuccess ? 'Saved.' : ''}
      </span>
      <Button onClick={() => fetch.mutate()} disabled={fetch.isPending}>
        {fetch.isPending ? 'Signing…' : 'Download the certificate'}
      </Button>
    </>
  );
}

function Summary({ of }: { of: ErasureDetail }) {
  return (
    <Stats>
      <Stat
        label="Rows erased"
        value={`${count(of.erased)} of ${count(of.rows)}`}
        detail={of.ended_at != null ? <>every system answered, <Ago at={of.ended_at} /></> : 'systems that do not answer are asked again'}
      />
      <Stat label="Left to people" value={count(of.waiting)} tone={of.waiting > 0 ? 'warn' : 'quiet'} detail={of.flags.length > of.waiting ? `${count(of.flags.length - of.waiting)} done` : undefined} />
      <Stat label="Database files" value={of.scrubbed_at != null ? 'Written anew' : 'Waiting'} detail={of.scrubbed_at != null ? <>since <Ago at={of.scrubbed_at} /></> : 'they are written anew'} />
      <Stat label="Turned up again" value={count(of.sightings)} tone={of.sightings > 0 ? 'warn' : 'quiet'} detail="not taken in" />
      <Stat label="Check again" value={of.rechecked_at != null ? 'Done' : of.recheck_at != null ? 'Planned' : '–'} detail={<Recheck erasure={of} />} />
    </Stats>
  );
}

function Answers({ of }: { of: ErasureDetail }) {
  return (
    <Panel title="What each system answered" note={of.searched.length > 0 ? `searched by address: ${of.searched.map(platform).join(', ')}` : undefined} flush>
      {of.answers.length === 0 ? (
        <Empty title="No rows">{of.state === 'working' ? 'The platforms are still being searched.' : 'No platform knew the person.'}</Empty>
      ) : (
        <table>
          <Columns of={['System', 'Row', 'Policy', 'State', 'Answer', { right: 'When' }]} />
          <tbody>
            {of.answers.map((row) => {
              const [mood, word] = ROWS[row.state] ?? ['info', plain(row.state)];
              return (
                <tr key={`${row.connection} ${row.object} ${row.id}`}>
                  <td>{platform(row.connection)}</td>
                  <td>
                    {row.object} <span className="mono muted">{row.id}</span>
                  </td>
                  <td className="muted">{POLICIES[row.policy] ?? plain(row.policy)}</td>
                  <td>
                    <Badge tone={mood} dot>
                      {word}
                    </Badge>
                  </td>
                  <td className={styles['answer']}>
                    {row.answer ?? '–'}
                    {(row.attempts ?? 0) > 0 && <p className="muted">after {counted(row.attempts ?? 0, 'failed attempt')}</p>}
                  </td>
                  <td className="number muted">{row.at != null ? <Ago at={row.at} /> : '–'}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      )}
    </Panel>
  );
}

function Flags({ of }: { of: ErasureDetail }) {
  return (
    <Panel title="What only a person can do" note={of.waiting === 0 ? 'all done' : `${count(of.waiting)} to do`} flush>
      <ul>
        {of.flags.map((flag) => (
          <Flag key={flag.number} erasure={of.id} flag={flag} />
        ))}
      </ul>
    </Panel>
  );
}

function Flag({ erasure: id, flag }: { erasure: string; flag: ErasureDetail['flags'][number] }) {
  const client = useQueryClient();
  const [open, setOpen] = useState(false);
  const confirm = useMutation({
    mutationFn: () => answer(api.POST('/api/v1/privacy/erasures/{id}/confirm', { params: { path: { id } }, body: { flag: flag.number } })),
    onSuccess: () => {
      setOpen(false);
      return client.invalidateQueries({ queryKey: ['erasures'] });
    },
  });
  const where = flag.connection != null ? platform(flag.connection) : 'Entente';
  return (
    <li className={item['item']}>
      <div className={styles['row']}>
        <p className={styles['what']}>
          <b>{where}</b>: {flag.what}
        </p>
        {flag.done_at != null ? (
          <p className="muted">
            done by {flag.done_by}, <Ago at={flag.done_at} />
          </p>
        ) : (
          <Button aria-expanded={open} onClick={() => setOpen(true)} aria-label={`It is done… ${where}, number ${flag.number}`}>
            It is done…
          </Button>
        )}
      </div>
      {open && (
        <Confirm title="Is it done?" action="Yes, it is done" pending={confirm.isPending} error={confirm.error} onConfirm={() => confirm.mutate()} onCancel={() => setOpen(false)}>
          <p>Your name and the time go into the certificate. It cannot be taken back.</p>
        </Confirm>
      )}
    </li>
  );
}

function SeenAgain({ of }: { of: ErasureDetail }) {
  return (
    <Panel title="Turned up again" note="not taken in" flush>
      <table>
        <Columns of={['System', 'Row', 'What was seen', { right: 'When' }]} />
        <tbody>
          {of.seen_again.map((seen) => (
            <tr key={`${seen.connection} ${seen.object} ${seen.id} ${seen.what}`}>
              <td>{platform(seen.connection)}</td>
              <td>
                {seen.object} <span className="mono muted">{seen.id}</span>
              </td>
              <td className={styles['answer']}>{seen.what}</td>
              <td className="number muted">
                <Ago at={seen.at} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  );
}

function Emptied({ of }: { of: ErasureDetail }) {
  return (
    <Panel title="Emptied here" note={counted(of.records.length, 'record')}>
      {of.records.length === 0 ? (
        <p className="muted">No record was held about the person.</p>
      ) : (
        <ul className={styles['records']}>
          {of.records.map((record) => (
            <li key={record}>
              <Link to={`/records/${record}`} className="mono">
                {record}
              </Link>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

function Blocked({ of }: { of: ErasureDetail }) {
  const client = useQueryClient();
  const [open, setOpen] = useState(false);
  const unblock = useMutation({
    mutationFn: () => answer(api.POST('/api/v1/privacy/erasures/{id}/unblock', { params: { path: { id: of.id } } })),
    onSuccess: () => {
      setOpen(false);
      return client.invalidateQueries({ queryKey: ['erasures'] });
    },
  });
  return (
    <Panel title="Kept out" note={of.blocked > 0 ? counted(of.blocked, 'hash', 'hashes') : undefined}>
      <div className={styles['person']}>
        {of.blocked === 0 ? (
          <p className="muted">This request keeps nobody out.</p>
        ) : (
          <>
            <p>Whoever comes with one of the person’s addresses, numbers or rows is not taken in. They are known by keyed hashes, not by their values.</p>
            <div className={item['actions']}>
              <Button aria-expanded={open} onClick={() => setOpen(true)}>
                Let in again…
              </Button>
            </div>
          </>
        )}
        {open && (
          <Confirm title="Let the person in again?" action="Let in again" pending={unblock.isPending} error={unblock.error} onConfirm={() => unblock.mutate()} onCancel={() => setOpen(false)}>
            <p>For somebody who has become a customer again, of their own will: from now on they are taken in like anybody else. What was erased stays erased, and compliance is told.</p>
          </Confirm>
        )}
      </div>
    </Panel>
  );
}
