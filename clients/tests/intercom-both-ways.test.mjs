// What a person does in HubSpot's client arrives in Intercom's, and back: Entente stands between the two and is not seen.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Client } from '@hubspot/api-client';
import { IntercomClient } from 'intercom-client';
import { eventually, finish, freePort, serve, simulators } from '../simulators.mjs';

const PATIENCE_MS = 60_000; // a debug build on a loaded machine; alone it takes a few seconds

let sims;
let folder;
let entente;
let hubspot;
let support;

before(async () => {
  sims = await simulators(['hubspot', 'intercom']);
  const { hubspot: hs, intercom: ic } = sims;
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
name = "intercom"
platform = "intercom"
base_url = "${ic.url}"
auth = { kind = "access_token", token = "${ic.token}" }
`,
  );
  await finish(['--config', config, 'provision', '--apply']);
  entente = await serve(config, `http://127.0.0.1:${port}`);
  hubspot = new Client({ accessToken: hs.token, basePath: hs.url });
  support = new IntercomClient({ token: ic.token, baseUrl: ic.url, version: '2.14' });
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

test('a customer made in HubSpot is a contact of the workspace, whose changes and conversations come back', async () => {
  const { companies, contacts, objects } = hubspot.crm;
  const company = await companies.basicApi.create({ properties: { name: 'Northwind', domain: 'northwind.example', lifecyclestage: 'customer' }, associations: [] });
  const primary = [{ to: { id: company.id }, types: [{ associationCategory: 'HUBSPOT_DEFINED', associationTypeId: 1 }] }];
  const properties = { email: 'maria@northwind.example', firstname: 'Maria', lastname: 'Lindquist' };
  const contact = await contacts.basicApi.create({ properties, associations: primary });

  const found = async () => (await support.contacts.search({ query: { field: 'email', operator: '=', value: properties.email } })).data;
  const profile = await arrives('the contact of the workspace, with its company', async () => (await found()).find((each) => each.companies.data.length > 0));
  assert.deepEqual([profile.name, profile.role], ['Maria Lindquist', 'user']);
  assert.equal((await support.companies.find({ company_id: profile.companies.data[0].id })).name, 'Northwind');

  await contacts.basicApi.update(contact.id, { properties: { lastname: 'Lindqvist' } });
  await arrives('the new name in support', async () => (await support.contacts.find({ contact_id: profile.id })).name === 'Maria Lindqvist');

  await support.contacts.update({ contact_id: profile.id, phone: '+46709876543' });
  const phone = async () => (await contacts.basicApi.getById(contact.id, ['phone'])).properties.phone?.replaceAll(/[^\d+]/g, '');
  await arrives('the new phone number in HubSpot', async () => (await phone()) === '+46709876543');

  const begun = await support.conversations.create({ from: { type: 'user', id: profile.id }, body: 'I cannot log in' });
  const page = () => objects.basicApi.getPage('tasks', 10, undefined, ['hs_task_subject', 'hs_task_status'], undefined, ['contacts', 'companies']);
  const told = async () => (await page()).results.find((each) => each.properties.hs_task_subject.includes('I cannot log in'));
  // The task comes first, and what it belongs to in the next call.
  const ends = await arrives('the conversation as a task of its customer', async () => {
    const { contacts: people, companies: firms } = (await told())?.associations ?? {};
    return people && firms && [people.results[0].id, firms.results[0].id];
  });
  assert.deepEqual(ends, [contact.id, company.id]);
  const { id: admin } = await support.admins.identify();
  await support.conversations.manage({ conversation_id: begun.conversation_id, body: { message_type: 'close', type: 'admin', admin_id: admin } });
  await arrives('its end', async () => (await told()).properties.hs_task_status === 'COMPLETED');

  assert.equal((await found()).length, 1, 'nobody twice');
});
