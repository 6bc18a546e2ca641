// What a person does in Pipedrive's client arrives in Zendesk's, and back: Entente stands between the two and is not seen.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { v1, v2 } from 'pipedrive';
import zendesk from 'node-zendesk';
import { eventually, finish, freePort, serve, simulators } from '../simulators.mjs';

const PATIENCE_MS = 60_000; // a debug build on a loaded machine; alone it takes a few seconds

let sims;
let folder;
let entente;
let now;
let old;
let support;

before(async () => {
  sims = await simulators(['pipedrive', 'zendesk']);
  const { pipedrive: pd, zendesk: zd } = sims;
  folder = await mkdtemp(join(tmpdir(), 'entente-clients-'));
  const config = join(folder, 'entente.toml');
  const port = await freePort();
  await writeFile(
    config,
    `[server]
listen = "127.0.0.1:${port}"
[sync]
poll_interval_ms = 10000
latency_target_ms = 500
[[connection]]
name = "pipedrive"
platform = "pipedrive"
base_url = "${pd.url}"
auth = { kind = "access_token", token = "${pd.token}" }
[[connection]]
name = "zendesk"
platform = "zendesk"
base_url = "${zd.url}"
auth = { kind = "client_credentials", client_id = "${zd.client_id}", client_secret = "${zd.client_secret}" }
`,
  );
  await finish(['--config', config, 'provision', '--apply']);
  entente = await serve(config, `http://127.0.0.1:${port}`);
  now = new v2.Configuration({ apiKey: pd.token, basePath: `${pd.url}/api/v2` });
  old = new v1.Configuration({ apiKey: pd.token, basePath: `${pd.url}/v1` });
  support = zendesk.createClient({ username: zd.email, token: zd.token, subdomain: 'acme', endpointUri: `${zd.url}/api/v2` });
});
after(async () => {
  await entente?.stop();
  await sims?.stop();
  if (folder) await rm(folder, { recursive: true, force: true });
});

/** Waits for what Entente should bring about; when it does not, the end of its log says why. */
const arrives = (what, ask) =>
  eventually(what, ask, PATIENCE_MS).catch((error) => {
    throw new Error(`${error.message}; Entente's log ends:\n${entente.log().slice(-3000)}`);
  });

test('a customer made in Pipedrive has a support profile, whose changes and tickets come back by polls alone', async () => {
  const labels = (await new v2.OrganizationFieldsApi(now).getOrganizationFields({ limit: 500 })).data.find((each) => each.field_code === 'label_ids');
  const customer = labels.options.find((each) => each.label === 'Customer').id;
  const organizations = new v2.OrganizationsApi(now);
  const persons = new v2.PersonsApi(now);
  const { data: company } = await organizations.addOrganization({ AddOrganizationRequest: { name: 'Northwind', label_ids: [customer] } });
  const emails = [{ value: 'maria@northwind.example', primary: true, label: 'work' }];
  const { data: contact } = await persons.addPerson({ AddPersonRequest: { name: 'Maria Lindquist', org_id: company.id, emails } });

  const user = await arrives('the support profile', async () => (await support.users.list()).find((each) => each.email === emails[0].value));
  assert.equal(user.name, 'Maria Lindquist');
  const organization = (await support.organizations.list()).find((each) => each.id === user.organization_id);
  assert.equal(organization.name, 'Northwind');

  await support.users.update(user.id, { user: { phone: '+46 70 987 65 43' } });
  const phone = async () => (await persons.getPerson({ id: contact.id })).data.phones[0]?.value.replaceAll(/[^\d+]/g, '');
  await arrives('the new phone number in Pipedrive', async () => (await phone()) === '+46709876543');

  const { result: ticket } = await support.tickets.create({ ticket: { subject: 'Cannot log in', comment: { body: 'Since this morning.' }, requester_id: user.id } });
  const activities = async () => (await new v2.ActivitiesApi(now).getActivities({ org_id: company.id })).data;
  const told = await arrives('the ticket as an activity of its customer', async () => (await activities()).find((each) => each.subject === `[Ticket #${ticket.id}] Cannot log in`));
  assert.deepEqual([told.person_id, told.done, told.type], [contact.id, false, 'task']);

  await new v1.NotesApi(old).addNote({ AddNoteRequest: { content: 'They want a second seat.', org_id: company.id } });
  await arrives('the note in Entente', async () => {
    const answer = await fetch(`${entente.url}/api/v1/records?object=activity`);
    return (await answer.text()).includes('They want a second seat.');
  });
});
