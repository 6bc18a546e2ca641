// What waits for a person is decided on the page, and what was decided is seen where the customers are: at both platforms.
import assert from 'node:assert/strict';
import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { accessible, launch, picture } from './browser.mjs';
import { installation, until } from './installation.mjs';
import { story } from './story.mjs';

let entente;
let browser;

before(async () => {
  [entente, browser] = await Promise.all([installation(), launch()]);
});
after(async () => {
  await browser?.close();
  await entente?.stop();
});

const stage = () => ({ browser, log: () => entente.log() });

/** An import in the CRM and an agent at the desk give a person different names at the same time, however long this machine takes for the two. */
async function differ(first) {
  const { contact, person } = await entente.names(first);
  const at = Date.now();
  await entente.crm.steer('update', { object: 'Contact', id: contact, fields: { LastName: 'Importfield' }, by: 'automation', at });
  await entente.desk.steer('update', { kind: 'contacts', id: person, fields: { name: `${first} Agentson` }, at });
}

/** Somebody has everything looked at again. */
async function lookAgain(page) {
  await page.goto(entente.url);
  await page.getByRole('button', { name: 'Resync everything…' }).click();
  await page.getByRole('form', { name: 'Resync everything?' }).getByRole('button', { name: 'Resync everything' }).click();
  await page.getByText('Asked for; every side is looked at again.').waitFor();
}

/** Both platforms call the person this. */
const called = (first, family) =>
  until(
    `${first} ${family} at both platforms`,
    () => entente.names(first),
    ({ crm, desk }) => crm === family && desk === `${first} ${family}`,
  );

story('people are called otherwise at both sides: a person decides for a side, for several at once, and for a name that neither has', stage, async ({ open }) => {
  await Promise.all(['Ada', 'Mary', 'Grace'].map(differ));
  const page = await open('light');
  // One record at a time: both of its sides are asked before anything is decided.
  for (const first of ['Ada', 'Mary', 'Grace']) {
    const { items } = await entente.get(`/api/v1/records?object=contact&q=${first}`);
    await page.goto(`${entente.url}/records/${items[0].id}`);
    await page.getByRole('button', { name: 'Look again' }).click();
    await page.getByText('Asked for; every side is looked at again.').waitFor();
  }
  await page.goto(`${entente.url}/conflicts`);
  await page.getByText('3 conflicts', { exact: true }).waitFor();
  const mary = page.getByRole('listitem').filter({ hasText: /^Mary/ });
  assert.match(await mary.innerText(), /Last name[\s\S]*within 5 seconds[\s\S]*Before, it was “Somerville”[\s\S]*(Freshdesk[\s\S]*Agentson|Salesforce[\s\S]*Importfield)/);
  assert.match(await mary.innerText(), /Salesforce[\s\S]*Importfield[\s\S]*Automation/);
  await accessible(page, 'conflicts');
  // What waits is not written, whatever else of the person is.
  const before = await entente.names('Mary');
  assert.deepEqual([before.crm, before.desk], ['Importfield', 'Mary Agentson']);

  await page.getByLabel(/^Decide with others: Last name of Ada/).check();
  await page.getByLabel(/^Decide with others: Last name of Mary/).check();
  const many = page.getByRole('group', { name: 'Decide several at once' });
  await many.getByText('2 conflicts ticked').waitFor();
  await accessible(page, 'several conflicts');
  await picture(page, 'conflicts-many');
  await many.getByRole('button', { name: 'Keep what Freshdesk says' }).click();
  await page.getByText('1 conflict', { exact: true }).waitFor();
  await Promise.all([called('Ada', 'Agentson'), called('Mary', 'Agentson')]);
  const after = await entente.names('Grace');
  assert.deepEqual([after.crm, after.desk], ['Importfield', 'Grace Agentson'], 'the third still waits');

  await page.getByRole('button', { name: 'Another value for Last name' }).click();
  await page.getByRole('form', { name: 'Another value for Last name' }).getByRole('textbox').fill('Murray');
  await picture(page, 'conflict-other');
  await page.getByRole('button', { name: 'Take this everywhere' }).click();
  await page.getByText('No conflict waits').waitFor();
  await called('Grace', 'Murray');

  // Who decided is in the person's history.
  await page.goto(`${entente.url}/records?object=contact&q=Murray`);
  await page.getByRole('link', { name: 'Grace Murray' }).click();
  const history = page.getByRole('region', { name: 'History' });
  await history.getByText(/conflict \d+ about Last name was decided by a person/).first().waitFor();
});

story('what a platform refuses for good is shown with its answer, corrected on the page, and then held by both', stage, async ({ open }) => {
  await entente.agreement();
  const { person } = await entente.names('Charles');
  // The CRM takes eighty letters, the desk more.
  await entente.desk.steer('update', { kind: 'contacts', id: person, fields: { name: `Charles ${'Babbage'.repeat(15)}` } });
  const page = await open('light');
  await lookAgain(page);
  // A row that never became a record: nothing here leaves one, so it is put behind what the server tells.
  await page.route('**/api/v1/dead-letters?*', async (route) => {
    const answer = await (await route.fetch()).json();
    const further = answer.items.map((letter) => ({ ...letter, id: '999', record: 'freshdesk/contact/4711', title: 'contact 4711' }));
    return route.fulfill({ json: { ...answer, items: [...answer.items, ...further] } });
  });
  await page.goto(`${entente.url}/dead-letters`);
  const row = page.getByRole('row').filter({ hasText: 'BabbageBabbage' });
  await row.waitFor();
  await row.getByText('Attempts and answer').click();
  await row.getByText(/data value too large: (Babbage){15} \(max length=80\)/).waitFor();
  assert.match(await row.innerText(), /STRING_TOO_LONG[\s\S]*shorten the value[\s\S]*code STRING_TOO_LONG[\s\S]*UTC/);
  const rowless = page.getByRole('row').filter({ hasText: 'contact 4711' });
  assert.equal(await rowless.getByRole('button', { name: /^Correct/ }).count(), 0, 'there is no record that could be corrected');
  await accessible(page, 'the dead letters');
  await row.getByRole('button', { name: /^Correct Charles/ }).click();
  const form = page.getByRole('form', { name: /^Correct Charles/ });
  await form.getByLabel('Field').selectOption({ label: 'Last name' });
  assert.equal(await form.getByLabel('New value').inputValue(), 'Babbage'.repeat(15), 'what the record has is where it is corrected');
  await form.getByLabel('New value').fill('Babbage');
  await accessible(page, 'a correction');
  await picture(page, 'dead-letters');
  await form.getByRole('button', { name: 'Correct and retry' }).click();
  await page.getByText('Nothing failed for good').waitFor();
  await called('Charles', 'Babbage');
  await entente.agreement();
});

story('both sides are compared and put right on the page, and the certificate is one that holds', stage, async ({ open }) => {
  await entente.agreement();
  const company = async () => (await entente.desk.rows('kind=companies'))[0];
  const { id, custom_fields: fields } = await company();
  assert.equal(fields.plan, 'Pro Monthly');
  await entente.desk.steer('update', { kind: 'companies', id, fields: { custom_fields: { plan: 'Free for ever' } } });

  const page = await open('light');
  await page.goto(`${entente.url}/reconciliation`);
  await page.getByText('There was none yet').waitFor();
  await page.getByText(/^about \d+ API calls$/).waitFor();
  await page.getByLabel('Compare only, change nothing').check();
  await page.getByRole('button', { name: 'Compare both sides' }).click();
  const report = page.getByRole('region', { name: 'The last one' });
  await report.getByText('1 exception', { exact: true }).waitFor();
  assert.match(await report.innerText(), /compared only[\s\S]*Rows compared\s+\d+[\s\S]*Differences\s+1/i);
  const drift = page.getByRole('region', { name: 'What differed' });
  assert.match(await drift.innerText(), /Account: Plan[\s\S]*Freshdesk[\s\S]*changed in Support although CRM owns it/);
  const exceptions = page.getByRole('region', { name: 'Exceptions' });
  assert.match(await exceptions.innerText(), new RegExp(`${id}[\\s\\S]*Plan[\\s\\S]*although CRM owns it`));
  assert.match(await page.getByRole('region', { name: 'What was read' }).innerText(), /Freshdesk contact\s+1\s+5\s+5\s+completely/);
  await accessible(page, 'a reconciliation');
  await picture(page, 'reconciliation');
  assert.equal((await company()).custom_fields.plan, 'Free for ever', 'comparing changes nothing');

  // A second one puts it right, and says so.
  await page.getByLabel('Compare only, change nothing').uncheck();
  await page.getByRole('button', { name: 'Compare and put right' }).click();
  await report.getByText('In agreement', { exact: true }).waitFor();
  assert.match(await drift.innerText(), /Account: Plan[\s\S]*Freshdesk/);
  assert.equal((await company()).custom_fields.plan, 'Pro Monthly');
  await picture(page, 'reconciliation-agreed');

  const saving = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Download the certificate' }).click();
  const kept = join(entente.folder, 'certificate.json');
  copyFileSync(await (await saving).path(), kept);
  assert.equal(JSON.parse(readFileSync(kept, 'utf8')).statement.complete, true);
  assert.equal((await entente.run('reconcile', '--verify', kept)).verdict, 'holds');
  await entente.desk.steer('update', { kind: 'companies', id, fields: { note: 'Prefers mail' } });
  const broken = await entente.run('reconcile', '--verify', kept);
  assert.equal(broken.verdict, 'broken');
  assert.match(JSON.stringify(broken), new RegExp(String(id)), 'and it names the row');
});
