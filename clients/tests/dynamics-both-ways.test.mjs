// What a person does in Dynamics' client arrives in Zendesk's, and back: Entente stands between the two and is not seen.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { DynamicsWebApi } from 'dynamics-web-api';
import zendesk from 'node-zendesk';
import { eventually, finish, freePort, serve, simulators } from '../simulators.mjs';

const PATIENCE_MS = 60_000; // a debug build on a loaded machine; alone it takes a few seconds

let sims;
let folder;
let entente;
let crm;
let support;

before(async () => {
  sims = await simulators(['dynamics', 'zendesk']);
  const { dynamics: env, zendesk: zd } = sims;
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
name = "dynamics"
platform = "dynamics"
base_url = "${env.url}"
login_url = "${env.url}/${env.tenant_id}"
auth = { kind = "client_credentials", client_id = "${env.client_id}", client_secret = "${env.client_secret}" }
[[connection]]
name = "zendesk"
platform = "zendesk"
base_url = "${zd.url}"
auth = { kind = "client_credentials", client_id = "${zd.client_id}", client_secret = "${zd.client_secret}" }
`,
  );
  await finish(['--config', config, 'provision', '--apply']);
  entente = await serve(config, `http://127.0.0.1:${port}`);
  const form = { grant_type: 'client_credentials', client_id: env.client_id, client_secret: env.client_secret, scope: `${env.url}/.default` };
  const answer = await fetch(`${env.url}/${env.tenant_id}/oauth2/v2.0/token`, { method: 'POST', body: new URLSearchParams(form) });
  const { access_token } = await answer.json();
  crm = new DynamicsWebApi({ serverUrl: env.url, dataApi: { version: '9.2' }, onTokenRefresh: async () => access_token });
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

test('a customer made in Dynamics has a support profile, whose changes and tickets come back by polls alone', async () => {
  const account = await crm.create({ collection: 'accounts', data: { name: 'Northwind', customertypecode: 3 } });
  const email = 'maria@northwind.example';
  const person = { firstname: 'Maria', lastname: 'Lindquist', emailaddress1: email, 'parentcustomerid_account@odata.bind': `/accounts(${account})` };
  const contact = await crm.create({ collection: 'contacts', data: person });

  const user = await arrives('the support profile', async () => (await support.users.list()).find((each) => each.email === email));
  assert.equal(user.name, 'Maria Lindquist');
  const organization = (await support.organizations.list()).find((each) => each.id === user.organization_id);
  assert.equal(organization.name, 'Northwind');

  await support.users.update(user.id, { user: { phone: '+46 70 987 65 43' } });
  const phone = async () => (await crm.retrieve({ collection: 'contacts', key: contact, select: ['telephone1'] })).telephone1?.replaceAll(/[^\d+]/g, '');
  await arrives('the new phone number in Dynamics', async () => (await phone()) === '+46709876543');

  const { result: ticket } = await support.tickets.create({ ticket: { subject: 'Cannot log in', comment: { body: 'Since this morning.' }, requester_id: user.id } });
  const cases = async () => (await crm.retrieveMultiple({ collection: 'incidents', filter: `_customerid_value eq ${account}` })).value;
  const told = await arrives('the ticket as a case of its customer', async () => (await cases()).find((each) => each.title === `[Ticket #${ticket.id}] Cannot log in`));
  assert.deepEqual([told._primarycontactid_value, told.statecode], [contact, 0]);

  const close = { '@odata.type': 'Microsoft.Dynamics.CRM.opportunityclose', subject: 'Won' };
  const deal = await crm.create({ collection: 'opportunities', data: { name: 'First year', estimatedvalue: 1200, 'parentaccountid@odata.bind': `/accounts(${account})` } });
  await crm.callAction({ actionName: 'WinOpportunity', action: { OpportunityClose: { ...close, 'opportunityid@odata.bind': `/opportunities(${deal})` }, Status: 3 } });
  await arrives('the onboarding checklist', async () => (await support.tickets.list()).some((each) => each.subject === 'Onboarding: Northwind'));
});
