// What a person does in HubSpot's client arrives in Zendesk's, and back: Entente stands between the two and is not seen.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Client } from '@hubspot/api-client';
import zendesk from 'node-zendesk';
import { eventually, finish, freePort, serve, simulators } from '../simulators.mjs';

const PATIENCE_MS = 60_000; // a debug build on a loaded machine; alone it takes a few seconds

let sims;
let folder;
let entente;
let hubspot;
let support;

before(async () => {
  sims = await simulators(['hubspot', 'zendesk']);
  const { hubspot: hs, zendesk: zd } = sims;
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
name = "hubspot"
platform = "hubspot"
base_url = "${hs.url}"
auth = { kind = "refresh_token", client_id = "${hs.client_id}", client_secret = "${hs.client_secret}", refresh_token = "${hs.refresh_token}" }
[[connection]]
name = "zendesk"
platform = "zendesk"
base_url = "${zd.url}"
auth = { kind = "client_credentials", client_id = "${zd.client_id}", client_secret = "${zd.client_secret}" }
`,
  );
  await finish(['--config', config, 'provision', '--apply']);
  entente = await serve(config, `http://127.0.0.1:${port}`);
  hubspot = new Client({ accessToken: hs.token, basePath: hs.url });
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

test('a customer made in HubSpot has a support profile, whose changes and tickets come back', async () => {
  const { companies, contacts, objects } = hubspot.crm;
  const company = await companies.basicApi.create({ properties: { name: 'Northwind', domain: 'northwind.example', lifecyclestage: 'customer' }, associations: [] });
  const primary = [{ to: { id: company.id }, types: [{ associationCategory: 'HUBSPOT_DEFINED', associationTypeId: 1 }] }];
  const properties = { email: 'maria@northwind.example', firstname: 'Maria', lastname: 'Lindquist', phone: '+46 8 123 456 78' };
  const contact = await contacts.basicApi.create({ properties, associations: primary });

  const user = await arrives('the support profile', async () => (await support.users.list()).find((each) => each.email === properties.email));
  assert.equal(user.name, 'Maria Lindquist');
  const organization = (await support.organizations.list()).find((each) => each.id === user.organization_id);
  assert.equal(organization.name, 'Northwind');

  await support.users.update(user.id, { user: { phone: '+46 70 987 65 43' } });
  const phone = async () => (await contacts.basicApi.getById(contact.id, ['phone'])).properties.phone?.replaceAll(/[^\d+]/g, '');
  await arrives('the new phone number in HubSpot', async () => (await phone()) === '+46709876543');

  const { result: ticket } = await support.tickets.create({ ticket: { subject: 'Cannot log in', comment: { body: 'Since this morning.' }, requester_id: user.id } });
  const page = () => objects.basicApi.getPage('tasks', 10, undefined, ['hs_task_subject'], undefined, ['contacts', 'companies']);
  const made = async () => (await page()).results.find((each) => each.properties.hs_task_subject === `[Ticket #${ticket.id}] Cannot log in`);
  // The task comes first, and what it belongs to in the next call.
  const ends = await arrives('the ticket as a task of its customer', async () => {
    const { contacts: people, companies: firms } = (await made())?.associations ?? {};
    return people && firms && [people.results[0].id, firms.results[0].id];
  });
  assert.deepEqual(ends, [contact.id, company.id]);
});
