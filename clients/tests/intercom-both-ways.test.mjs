// What a person does in HubSpot's client arrives in Intercom's, and back: Entente stands between the two and is not seen.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Client } from '@hubspot/api-client';
import { IntercomClient } from 'intercom-client';
import { between } from '../both-ways.mjs';

let stage;
let hubspot;
let support;

before(async () => {
  stage = await between(['hubspot', 'intercom']);
  hubspot = new Client({ accessToken: stage.hubspot.token, basePath: stage.hubspot.url });
  support = new IntercomClient({ token: stage.intercom.token, baseUrl: stage.intercom.url, version: '2.14' });
});
after(() => stage?.stop());

test('a customer made in HubSpot is a contact of the workspace, whose changes and conversations come back', async () => {
  const { companies, contacts, objects } = hubspot.crm;
  const company = await companies.basicApi.create({ properties: { name: 'Northwind', domain: 'northwind.example', lifecyclestage: 'customer' }, associations: [] });
  const primary = [{ to: { id: company.id }, types: [{ associationCategory: 'HUBSPOT_DEFINED', associationTypeId: 1 }] }];
  const properties = { email: 'maria@northwind.example', firstname: 'Maria', lastname: 'Lindquist' };
  const contact = await contacts.basicApi.create({ properties, associations: primary });

  const found = async () => (await support.contacts.search({ query: { field: 'email', operator: '=', value: properties.email } })).data;
  const profile = await stage.arrives('the contact of the workspace, with its company', async () => (await found()).find((each) => each.companies.data.length > 0));
  assert.deepEqual([profile.name, profile.role], ['Maria Lindquist', 'user']);
  assert.equal((await support.companies.find({ company_id: profile.companies.data[0].id })).name, 'Northwind');

  await contacts.basicApi.update(contact.id, { properties: { lastname: 'Lindqvist' } });
  await stage.arrives('the new name in support', async () => (await support.contacts.find({ contact_id: profile.id })).name === 'Maria Lindqvist');

  await support.contacts.update({ contact_id: profile.id, phone: '+46709876543' });
  const phone = async () => (await contacts.basicApi.getById(contact.id, ['phone'])).properties.phone?.replaceAll(/[^\d+]/g, '');
  await stage.arrives('the new phone number in HubSpot', async () => (await phone()) === '+46709876543');

  const begun = await support.conversations.create({ from: { type: 'user', id: profile.id }, body: 'I cannot log in' });
  const page = () => objects.basicApi.getPage('tasks', 10, undefined, ['hs_task_subject', 'hs_task_status'], undefined, ['contacts', 'companies']);
  const told = async () => (await page()).results.find((each) => each.properties.hs_task_subject.includes('I cannot log in'));
  // The task comes first, and what it belongs to in the next call.
  const ends = await stage.arrives('the conversation as a task of its customer', async () => {
    const { contacts: people, companies: firms } = (await told())?.associations ?? {};
    return people && firms && [people.results[0].id, firms.results[0].id];
  });
  assert.deepEqual(ends, [contact.id, company.id]);
  const { id: admin } = await support.admins.identify();
  await support.conversations.manage({ conversation_id: begun.conversation_id, body: { message_type: 'close', type: 'admin', admin_id: admin } });
  await stage.arrives('its end', async () => (await told()).properties.hs_task_status === 'COMPLETED');

  assert.equal((await found()).length, 1, 'nobody twice');
});
