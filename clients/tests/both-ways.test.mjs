// What a person does in one vendor's own client arrives in the other's: Entente stands between the two and is not seen.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import jsforce from 'jsforce';
import zendesk from 'node-zendesk';
import { eventually, finish, freePort, serve, simulators } from '../simulators.mjs';

const PATIENCE_MS = 60_000; // a debug build on a loaded machine; alone it takes a few seconds

let sims;
let folder;
let entente;
let salesforce;
let support;

before(async () => {
  sims = await simulators(['salesforce', 'zendesk']);
  const { salesforce: sf, zendesk: zd } = sims;
  folder = await mkdtemp(join(tmpdir(), 'entente-clients-'));
  const config = join(folder, 'entente.toml');
  const port = await freePort();
  const connection = (name, url, auth) =>
    `[[connection]]\nname = "${name}"\nplatform = "${name}"\nbase_url = "${url}"\nauth = { kind = "client_credentials", client_id = "${auth.client_id}", client_secret = "${auth.client_secret}" }\n`;
  await writeFile(
    config,
    [`[server]\nlisten = "127.0.0.1:${port}"\n`, `[sync]\npoll_interval_ms = 10000\nlatency_target_ms = 500\n`, connection('salesforce', sf.url, sf), connection('zendesk', zd.url, zd)].join('\n'),
  );
  await finish(['--config', config, 'provision', '--apply']);
  entente = await serve(config, `http://127.0.0.1:${port}`);

  salesforce = new jsforce.Connection({ loginUrl: sf.url, version: '62.0' });
  await salesforce.login(sf.username, sf.password);
  support = zendesk.createClient({ username: zd.email, token: zd.token, subdomain: 'acme', endpointUri: `${zd.url}/api/v2` });
});
after(async () => {
  await entente?.stop();
  await sims?.stop();
  if (folder) await rm(folder, { recursive: true, force: true });
});

const userBy = async (email) => (await support.users.list()).find((user) => user.email === email);

/** Waits for what Entente should bring about; when it does not, the end of its log says why. */
const arrives = (what, ask) =>
  eventually(what, ask, PATIENCE_MS).catch((error) => {
    throw new Error(`${error.message}; Entente's log ends:\n${entente.log().slice(-3000)}`);
  });
const contactOf = (id) => salesforce.sobject('Contact').retrieve(id);

test('a customer made in the CRM has a support profile, and each side’s changes reach the other', async () => {
  const account = await salesforce.sobject('Account').create({ Name: 'Northwind', Type: 'Customer - Direct', Industry: 'Retail' });
  const contact = await salesforce.sobject('Contact').create({ FirstName: 'Maria', LastName: 'Lindquist', Email: 'maria@northwind.example', Phone: '+46 8 123 456 78', AccountId: account.id });

  const user = await arrives('the support profile', () => userBy('maria@northwind.example'));
  assert.equal(user.name, 'Maria Lindquist');
  const organization = (await support.organizations.list()).find((each) => each.id === user.organization_id);
  assert.equal(organization.name, 'Northwind');

  await salesforce.sobject('Contact').update({ Id: contact.id, LastName: 'Lindqvist' });
  await arrives('the new name in support', async () => (await userBy('maria@northwind.example'))?.name === 'Maria Lindqvist');

  await support.users.update(user.id, { user: { phone: '+46 70 987 65 43' } });
  await arrives('the new phone number in the CRM', async () => (await contactOf(contact.id)).Phone?.replaceAll(/[^\d+]/g, '') === '+46709876543');

  assert.equal((await contactOf(contact.id)).LastName, 'Lindqvist');
  assert.equal((await support.users.list()).filter((each) => each.email === 'maria@northwind.example').length, 1);
});
