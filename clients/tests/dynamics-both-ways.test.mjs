// What a person does in Dynamics' client arrives in Zendesk's, and back: Entente stands between the two and is not seen.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { DynamicsWebApi } from 'dynamics-web-api';
import { between, zendeskClient } from '../both-ways.mjs';

let stage;
let crm;
let support;

before(async () => {
  stage = await between(['dynamics', 'zendesk']);
  const { url, tenant_id, client_id, client_secret } = stage.dynamics;
  const form = { grant_type: 'client_credentials', client_id, client_secret, scope: `${url}/.default` };
  const answer = await fetch(`${url}/${tenant_id}/oauth2/v2.0/token`, { method: 'POST', body: new URLSearchParams(form) });
  const { access_token } = await answer.json();
  crm = new DynamicsWebApi({ serverUrl: url, dataApi: { version: '9.2' }, onTokenRefresh: async () => access_token });
  support = zendeskClient(stage.zendesk);
});
after(() => stage?.stop());

test('a customer made in Dynamics has a support profile, whose changes and tickets come back by polls alone', async () => {
  const account = await crm.create({ collection: 'accounts', data: { name: 'Northwind', customertypecode: 3 } });
  const email = 'maria@northwind.example';
  const person = { firstname: 'Maria', lastname: 'Lindquist', emailaddress1: email, 'parentcustomerid_account@odata.bind': `/accounts(${account})` };
  const contact = await crm.create({ collection: 'contacts', data: person });

  const user = await stage.arrives('the support profile', async () => (await support.users.list()).find((each) => each.email === email));
  assert.equal(user.name, 'Maria Lindquist');
  const organization = (await support.organizations.list()).find((each) => each.id === user.organization_id);
  assert.equal(organization.name, 'Northwind');

  await support.users.update(user.id, { user: { phone: '+46 70 987 65 43' } });
  const phone = async () => (await crm.retrieve({ collection: 'contacts', key: contact, select: ['telephone1'] })).telephone1?.replaceAll(/[^\d+]/g, '');
  await stage.arrives('the new phone number in Dynamics', async () => (await phone()) === '+46709876543');

  const { result: ticket } = await support.tickets.create({ ticket: { subject: 'Cannot log in', comment: { body: 'Since this morning.' }, requester_id: user.id } });
  const cases = async () => (await crm.retrieveMultiple({ collection: 'incidents', filter: `_customerid_value eq ${account}` })).value;
  const told = await stage.arrives('the ticket as a case of its customer', async () => (await cases()).find((each) => each.title === `[Ticket #${ticket.id}] Cannot log in`));
  assert.deepEqual([told._primarycontactid_value, told.statecode], [contact, 0]);

  const close = { '@odata.type': 'Microsoft.Dynamics.CRM.opportunityclose', subject: 'Won' };
  const deal = await crm.create({ collection: 'opportunities', data: { name: 'First year', estimatedvalue: 1200, 'parentaccountid@odata.bind': `/accounts(${account})` } });
  await crm.callAction({ actionName: 'WinOpportunity', action: { OpportunityClose: { ...close, 'opportunityid@odata.bind': `/opportunities(${deal})` }, Status: 3 } });
  await stage.arrives('the onboarding checklist', async () => (await support.tickets.list()).some((each) => each.subject === 'Onboarding: Northwind'));
});
