// What a person does in a client of Salesforce arrives in one of Freshdesk, and back: Entente stands between the two and is not seen.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import Freshdesk from 'freshdesk-api';
import jsforce from 'jsforce';
import { between } from '../both-ways.mjs';

let stage;
let salesforce;
let support;

before(async () => {
  stage = await between(['salesforce', 'freshdesk']);
  salesforce = new jsforce.Connection({ loginUrl: stage.salesforce.url, version: '62.0' });
  await salesforce.login(stage.salesforce.username, stage.salesforce.password);
  support = new Freshdesk(stage.freshdesk.url, stage.freshdesk.token);
});
after(() => stage?.stop());

/** What a method with a callback gives. */
const desk = (name, ...args) => new Promise((resolve, reject) => support[name](...args, (error, data) => (error ? reject(error) : resolve(data))));

test('a customer made in the CRM has a support profile, whose changes and tickets come back', async () => {
  const email = 'maria@northwind.example';
  const account = await salesforce.sobject('Account').create({ Name: 'Northwind', Type: 'Customer - Direct', Website: 'northwind.example' });
  const contact = await salesforce.sobject('Contact').create({ FirstName: 'Maria', LastName: 'Lindquist', Email: email, AccountId: account.id });

  const profile = await stage.arrives('the support profile', async () => (await desk('listAllContacts', { email })).find((each) => each.company_id));
  assert.equal(profile.name, 'Maria Lindquist');
  assert.equal((await desk('getCompany', profile.company_id)).name, 'Northwind');

  await salesforce.sobject('Contact').update({ Id: contact.id, LastName: 'Lindqvist' });
  await stage.arrives('the new name in support', async () => (await desk('getContact', profile.id)).name === 'Maria Lindqvist');

  await desk('updateContact', profile.id, { phone: '+46 70 987 65 43' });
  const read = () => salesforce.sobject('Contact').retrieve(contact.id);
  await stage.arrives('the new phone number in the CRM', async () => (await read()).Phone?.replaceAll(/[^\d+]/g, '') === '+46709876543');
  assert.equal((await read()).LastName, 'Lindqvist');

  const ticket = await desk('createTicket', { requester_id: profile.id, subject: 'Cannot log in', description: 'Since this morning.', status: 2, priority: 2, source: 2 });
  const tasks = () => salesforce.sobject('Task').find({ WhatId: account.id }, ['Id', 'Subject', 'Status', 'WhoId']);
  const told = await stage.arrives('the ticket as an activity of its customer', async () => (await tasks()).find((each) => each.Subject.includes('Cannot log in')));
  assert.equal(told.WhoId, contact.id);
  await desk('updateTicket', ticket.id, { status: 5 });
  await stage.arrives('its end', async () => (await tasks()).some((each) => each.Id === told.Id && each.Status === 'Completed'));

  assert.equal((await desk('listAllContacts', { email })).length, 1, 'nobody twice');
});
