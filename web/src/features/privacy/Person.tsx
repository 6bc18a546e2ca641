import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useId, useState } from 'react';
import { useNavigate, useSearchParams } from 'react-router';
import { answer, api } from '../../api/client';
import type { PersonExport } from '../../api/queries';
import { Refusal } from '../../api/refusal';
import { counted } from '../../format/number';
import { Button } from '../../ui/Button';
import { Confirm, Trouble } from '../../ui/Confirm';
import item from '../../ui/Item.module.css';
import { Panel } from '../../ui/Panel';
import { save } from '../../ui/save';
import styles from './Privacy.module.css';
import { fileName, isAddress, recordWords, rowWords } from './person';

/** Whom a request is about: somebody who is held here, or an address that only a platform may know. */
type Found = { who: string; held: PersonExport } | { who: string; held: null };

/** A person by record or by address: what is held about them as a file, or their erasure after a look at what goes. */
export function Person() {
  const hint = useId();
  const [params] = useSearchParams();
  const [who, setWho] = useState(params.get('who') ?? '');
  const client = useQueryClient();
  const navigate = useNavigate();
  const give = useMutation({
    mutationFn: (person: string) => everything(person),
    onSuccess: (held) => save(fileName('person', held.person), JSON.stringify(held, null, 2)),
  });
  const look = useMutation({ mutationFn: lookUp });
  const erase = useMutation({
    mutationFn: (person: string) => answer(api.POST('/api/v1/privacy/erasures', { body: { who: person } })),
    onSuccess: async ({ id }) => {
      await navigate(`/privacy/${id}`);
      await client.invalidateQueries();
    },
  });
  const busy = give.isPending || look.isPending || erase.isPending;
  const forget = () => {
    give.reset();
    look.reset();
    erase.reset();
  };
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (busy) return;
    const pressed = (event.nativeEvent as SubmitEvent).submitter;
    forget();
    // The return key asks for the file: it harms nobody.
    if (pressed?.getAttribute('value') === 'erase') look.mutate(who.trim());
    else give.mutate(who.trim());
  };
  const error = give.error ?? look.error;
  return (
    <Panel title="A person">
      <div className={styles['person']}>
        <form className={styles['form']} onSubmit={submit} aria-label="A person">
          <label className={styles['field']}>
            Record or e-mail address
            <input
              required
              value={who}
              autoComplete="off"
              spellCheck={false}
              placeholder="ada@example.com"
              aria-describedby={hint}
              onChange={(event) => {
                setWho(event.target.value);
                forget();
              }}
            />
          </label>
          <div className={item['actions']}>
            <Button type="submit" value="export" aria-busy={give.isPending}>
              {give.isPending ? 'Gathering…' : 'Export everything'}
            </Button>
            <Button type="submit" value="erase" aria-busy={look.isPending}>
              {look.isPending ? 'Looking…' : 'Erase…'}
            </Button>
          </div>
        </form>
        <p id={hint} className="muted">
          An e-mail address, a phone number, the id of a record, or a connection and the id of a row there, such as zendesk/123.
        </p>
        {error && <Trouble error={error} />}
        <p role="status" className={styles['said']}>
          {give.data && `Saved what is held about ${give.data.records[0]?.title ?? give.data.person}: ${recordWords(give.data.records)}.`}
        </p>
        {look.data && (
          <Confirm
            title={look.data.held ? `Erase ${look.data.held.records[0]?.title ?? look.data.who} for good?` : `Erase ${look.data.who} at every platform?`}
            action="Erase for good"
            accept="I understand that this cannot be undone."
            danger
            pending={erase.isPending}
            error={erase.error}
            // By the record that was looked at, so that nobody else is meant by the time of the click.
            onConfirm={() => erase.mutate(look.data.held?.person ?? look.data.who)}
            onCancel={forget}
          >
            <Consequences found={look.data} />
          </Confirm>
        )}
      </div>
    </Panel>
  );
}

function Consequences({ found: { who, held } }: { found: Found }) {
  if (!held) {
    return (
      <ul>
        <li>Nothing is held here about {who}; a platform may know them all the same.</li>
        <li>Every platform is searched for it, and the rows that are found are deleted or made anonymous, as the policy of each connection says.</li>
        <li>Nobody who is known by it is taken in any more.</li>
      </ul>
    );
  }
  const rows = rowWords(held.records);
  return (
    <>
      <ul>
        <li>
          <b>Here, at once:</b> {recordWords(held.records)} {held.records.length === 1 ? 'is' : 'are'} emptied, and what their history says can no longer be read.
        </li>
        <li>
          <b>At the platforms:</b> {rows === '' ? 'rows that are found by their addresses' : `${rows}, and what else is found by their addresses,`} are deleted or made anonymous, as the policy of
          each connection says.
        </li>
        <li>
          <b>From now on:</b> nobody with their addresses, numbers or rows is taken in again.
        </li>
        {held.named_elsewhere.length > 0 && (
          <li>
            <b>Left to people:</b> {counted(held.named_elsewhere.length, 'record')} of others {held.named_elsewhere.length === 1 ? 'names' : 'name'} the person.
            <ul>
              {held.named_elsewhere.map((what) => (
                <li key={what}>{what}</li>
              ))}
            </ul>
          </li>
        )}
      </ul>
      <p className="muted">
        Record <span className="mono">{held.person}</span>
      </p>
    </>
  );
}

const everything = (who: string): Promise<PersonExport> => answer(api.GET('/api/v1/privacy/export', { params: { query: { who } } }));

async function lookUp(who: string): Promise<Found> {
  try {
    return { who, held: await everything(who) };
  } catch (error) {
    if (error instanceof Refusal && error.status === 404 && isAddress(who)) return { who, held: null };
    throw error;
  }
}
