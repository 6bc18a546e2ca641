// What a person does in one vendor's own client arrives in the other's: Entente stands between the two and is not seen.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import jsforce from 'jsforce';
import { between, zendeskClient } from '../both-ways.mjs';

let stage;
let salesforce;
let support;

before(async () => {
  stage = await between(['salesforce', 'zendesk']);
  salesforce = new jsforce.Connection({ loginUrl: stage.salesforce.url, version: '62.0' });
  await salesforce.login(stage.salesforce.username, stage.salesforce.password);
  support = zendeskClient(stage.zendesk);
});
after(() => stage?.stop());

const userBy = async (email) => (await support.users.list()).find((user) => user.email === email);
const contactOf = (id) => salesforce.sobject('Contact').retrieve(id);

test('a customer made in the CRM has a support profile, and each side’s changes reach the other', async () => {
  const account = await salesforce.sobject('Account').create({ Name: 'Northwind', Type: 'Customer - Direct', Industry: 'Retail' });
  const contact = await salesforce.sobject('Contact').create({ FirstName: 'Maria', LastName: 'Lindquist', Email: 'maria@northwind.example', Phone: '+46 8 123 456 78', AccountId: account.id });

  const user = await stage.arrives('the support profile', () => userBy('maria@northwind.example'));
  assert.equal(user.name, 'Maria Lindquist');
  const organization = (await support.organizations.list()).find((each) => each.id === user.organization_id);
  assert.equal(organization.name, 'Northwind');

  await salesforce.sobject('Contact').update({ Id: contact.id, LastName: 'Lindqvist' });
  await stage.arrives('the new name in support', async () => (await userBy('maria@northwind.example'))?.name === 'Maria Lindqvist');

  await support.users.update(user.id, { user: { phone: '+46 70 987 65 43' } });
  await stage.arrives('the new phone number in the CRM', async () => (await contactOf(contact.id)).Phone?.replaceAll(/[^\d+]/g, '') === '+46709876543');

  assert.equal((await contactOf(contact.id)).LastName, 'Lindqvist');
  assert.equal((await support.users.list()).filter((each) => each.email === 'maria@northwind.example').length, 1);
});
