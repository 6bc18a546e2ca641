// What a person does in a client of Salesforce arrives in one of Freshdesk, and back: Entente stands between the two and is not seen.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import Freshdesk from 'freshdesk-api';
import jsforce from 'jsforce';
import { eventually, finish, freePort, serve, simulators } from '../simulators.mjs';

const PATIENCE_MS = 60_000; // a debug build on a loaded machine; alone it takes a few seconds

let sims;
let folder;
let entente;
let salesforce;
let support;

before(async () => {
  sims = await simulators(['salesforce', 'freshdesk']);
  const { salesforce: sf, freshdesk: fd } = sims;
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
name = "salesforce"
platform = "salesforce"
base_url = "${sf.url}"
auth = { kind = "client_credentials", client_id = "${sf.client_id}", client_secret = "${sf.client_secret}" }
[[connection]]
name = "freshdesk"
platform = "freshdesk"
base_url = "${fd.url}"
auth = { kind = "access_token", token = "${fd.token}" }
`,
  );
  await finish(['--config', config, 'provision', '--apply']);
  entente = await serve(config, `http://127.0.0.1:${port}`);
  salesforce = new jsforce.Connection({ loginUrl: sf.url, version: '62.0' });
  await salesforce.login(sf.username, sf.password);
  support = new Freshdesk(fd.url, fd.token);
});
after(async () => {
  await entente?.stop();
  await sims?.stop();
  if (folder) await rm(folder, { recursive: true, force: true });
});

/** What a method with a callback gives. */
const desk = (name, ...args) => new Promise((resolve, reject) => support[name](...args, (error, data) => (error ? reject(error) : resolve(data))));

/** Waits for what Entente should bring about; when it does not, the end of its log says why. */
const arrives = (what, ask) =>
  eventually(what, ask, PATIENCE_MS).catch((error) => {
    throw new Error(`${error.message}; Entente's log ends:\n${entente.log().slice(-3000)}`);
  });

test('a customer made in the CRM has a support profile, whose changes and tickets come back', async () => {
  const email = 'maria@northwind.example';
  const account = await salesforce.sobject('Account').create({ Name: 'Northwind', Type: 'Customer - Direct', Website: 'northwind.example' });
  const contact = await salesforce.sobject('Contact').create({ FirstName: 'Maria', LastName: 'Lindquist', Email: email, AccountId: account.id });

  const profile = await arrives('the support profile', async () => (await desk('listAllContacts', { email })).find((each) => each.company_id));
  assert.equal(profile.name, 'Maria Lindquist');
  assert.equal((await desk('getCompany', profile.company_id)).name, 'Northwind');

  await salesforce.sobject('Contact').update({ Id: contact.id, LastName: 'Lindqvist' });
  await arrives('the new name in support', async () => (await desk('getContact', profile.id)).name === 'Maria Lindqvist');

  await desk('updateContact', profile.id, { phone: '+46 70 987 65 43' });
  const read = () => salesforce.sobject('Contact').retrieve(contact.id);
  await arrives('the new phone number in the CRM', async () => (await read()).Phone?.replaceAll(/[^\d+]/g, '') === '+46709876543');
  assert.equal((await read()).LastName, 'Lindqvist');

  const ticket = await desk('createTicket', { requester_id: profile.id, subject: 'Cannot log in', description: 'Since this morning.', status: 2, priority: 2, source: 2 });
  const tasks = () => salesforce.sobject('Task').find({ WhatId: account.id }, ['Id', 'Subject', 'Status', 'WhoId']);
  const told = await arrives('the ticket as an activity of its customer', async () => (await tasks()).find((each) => each.Subject.includes('Cannot log in')));
  assert.equal(told.WhoId, contact.id);
  await desk('updateTicket', ticket.id, { status: 5 });
  await arrives('its end', async () => (await tasks()).some((each) => each.Id === told.Id && each.Status === 'Completed'));

  assert.equal((await desk('listAllContacts', { email })).length, 1, 'nobody twice');
});
