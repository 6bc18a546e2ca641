// What a person does in HubSpot's client arrives in Zendesk's, and back: Entente stands between the two and is not seen.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Client } from '@hubspot/api-client';
import { between, zendeskClient } from '../both-ways.mjs';

let stage;
let hubspot;
let support;

before(async () => {
  stage = await between(['hubspot', 'zendesk']);
  hubspot = new Client({ accessToken: stage.hubspot.token, basePath: stage.hubspot.url });
  support = zendeskClient(stage.zendesk);
});
after(() => stage?.stop());

test('a customer made in HubSpot has a support profile, whose changes and tickets come back', async () => {
  const { companies, contacts, objects } = hubspot.crm;
  const company = await companies.basicApi.create({ properties: { name: 'Northwind', domain: 'northwind.example', lifecyclestage: 'customer' }, associations: [] });
  const primary = [{ to: { id: company.id }, types: [{ associationCategory: 'HUBSPOT_DEFINED', associationTypeId: 1 }] }];
  const properties = { email: 'maria@northwind.example', firstname: 'Maria', lastname: 'Lindquist', phone: '+46 8 123 456 78' };
  const contact = await contacts.basicApi.create({ properties, associations: primary });

  const user = await stage.arrives('the support profile', async () => (await support.users.list()).find((each) => each.email === properties.email));
  assert.equal(user.name, 'Maria Lindquist');
  const organization = (await support.organizations.list()).find((each) => each.id === user.organization_id);
  assert.equal(organization.name, 'Northwind');

  await support.users.update(user.id, { user: { phone: '+46 70 987 65 43' } });
  const phone = async () => (await contacts.basicApi.getById(contact.id, ['phone'])).properties.phone?.replaceAll(/[^\d+]/g, '');
  await stage.arrives('the new phone number in HubSpot', async () => (await phone()) === '+46709876543');

  const { result: ticket } = await support.tickets.create({ ticket: { subject: 'Cannot log in', comment: { body: 'Since this morning.' }, requester_id: user.id } });
  const page = () => objects.basicApi.getPage('tasks', 10, undefined, ['hs_task_subject'], undefined, ['contacts', 'companies']);
  const made = async () => (await page()).results.find((each) => each.properties.hs_task_subject === `[Ticket #${ticket.id}] Cannot log in`);
  // The task comes first, and what it belongs to in the next call.
  const ends = await stage.arrives('the ticket as a task of its customer', async () => {
    const { contacts: people, companies: firms } = (await made())?.associations ?? {};
    return people && firms && [people.results[0].id, firms.results[0].id];
  });
  assert.deepEqual(ends, [contact.id, company.id]);
});
