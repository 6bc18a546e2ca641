// HubSpot's own client with what marketing works with, and with objects that an account defines itself.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Client } from '@hubspot/api-client';
import { eventually, simulators } from '../simulators.mjs';

let sims;
let hs;
let client;

before(async () => {
  sims = await simulators(['hubspot']);
  hs = sims.hubspot;
  client = new Client({ accessToken: hs.token, basePath: hs.url, numberOfApiCallRetries: 0 });
});
after(() => sims?.stop());

const refusal = async (work) => {
  const error = await work.then(() => assert.fail('this should have been refused'), (error) => error);
  return { ...error.body, status: error.code };
};
const contact = async (email, city) => (await client.crm.contacts.basicApi.create({ properties: { email, city }, associations: [] })).id;
/** Calls that the client has no method for. */
const ask = async (method, path, body) => {
  const answer = await client.apiRequest({ method, path, ...(body && { body }) });
  const text = await answer.text();
  return { status: answer.status, body: text && JSON.parse(text) };
};

test('an object of the account’s own is defined, filled, found and associated', async () => {
  const { coreApi } = client.crm.schemas;
  const made = await coreApi.create({
    name: 'car',
    labels: { singular: 'Car', plural: 'Cars' },
    primaryDisplayProperty: 'model',
    requiredProperties: ['model'],
    searchableProperties: ['model'],
    secondaryDisplayProperties: [],
    properties: [
      { name: 'model', label: 'Model', type: 'string', fieldType: 'text' },
      { name: 'vin', label: 'VIN', type: 'string', fieldType: 'text', hasUniqueValue: true },
    ],
    associatedObjects: ['CONTACT'],
  });
  assert.match(made.objectTypeId, /^2-\d+$/);
  assert.ok((await coreApi.getAll()).results.some((schema) => schema.fullyQualifiedName === made.fullyQualifiedName));
  const { basicApi, batchApi, searchApi } = client.crm.objects;
  const car = await basicApi.create(made.objectTypeId, { properties: { model: 'Beetle', vin: 'W1' }, associations: [] });
  const upserted = await batchApi.upsert(made.fullyQualifiedName, { inputs: [{ id: 'W1', idProperty: 'vin', properties: { model: 'Beetle 2' } }] });
  assert.deepEqual([upserted.results[0].id, upserted.results[0]._new], [car.id, false]);
  const found = await searchApi.doSearch(made.objectTypeId, { filterGroups: [{ filters: [{ propertyName: 'vin', operator: 'EQ', value: 'W1' }] }], sorts: [], properties: ['model'], limit: 5, after: '0' });
  assert.deepEqual([found.total, found.results[0].properties.model], [1, 'Beetle 2']);
  const owner = await contact('driver@cars.example');
  await client.crm.associations.v4.basicApi.createDefault(made.objectTypeId, car.id, 'contacts', owner);
  const cars = await client.crm.associations.v4.basicApi.getPage('contacts', owner, made.objectTypeId);
  assert.deepEqual([cars.results[0].toObjectId, cars.results[0].associationTypes[0].category], [car.id, 'USER_DEFINED']);
  const more = await coreApi.createAssociation(made.objectTypeId, { fromObjectTypeId: made.objectTypeId, toObjectTypeId: '0-2', name: 'car_to_company' });
  assert.equal(more.toObjectTypeId, '0-2');
  assert.equal((await refusal(basicApi.create(made.objectTypeId, { properties: { vin: 'W2' }, associations: [] }))).category, 'VALIDATION_ERROR');
  assert.equal((await refusal(coreApi.archive(made.objectTypeId))).status, 400);
});

test('members are put into a list by hand, and found in it by filter', async () => {
  const { listsApi, membershipsApi } = client.crm.lists;
  const [ada, eve] = [await contact('ada@lists.example', 'Berlin'), await contact('eve@lists.example', 'Bonn')];
  const { list } = await listsApi.create({ name: 'Partners', objectTypeId: '0-1', processingType: 'MANUAL' });
  const added = await membershipsApi.add(list.listId, [ada, '999999']);
  assert.deepEqual([added.recordsIdsAdded, added.recordIdsMissing], [[ada], ['999999']]);
  const swapped = await membershipsApi.addAndRemove(list.listId, { recordIdsToAdd: [eve], recordIdsToRemove: [ada] });
  assert.deepEqual([swapped.recordsIdsAdded, swapped.recordIdsRemoved], [[eve], [ada]]);
  assert.deepEqual((await membershipsApi.getPage(list.listId)).results.map((member) => member.recordId), [eve]);

  const filter = { filterType: 'PROPERTY', property: 'city', operation: { operationType: 'MULTISTRING', operator: 'IS_EQUAL_TO', values: ['Berlin'], includeObjectsWithNoValueSet: false } };
  const filterBranch = { filterBranchType: 'OR', filterBranchOperator: 'OR', filters: [], filterBranches: [{ filterBranchType: 'AND', filterBranchOperator: 'AND', filterBranches: [], filters: [filter] }] };
  const berlin = (await listsApi.create({ name: 'Berliners', objectTypeId: '0-1', processingType: 'DYNAMIC', filterBranch })).list;
  const members = async () => (await membershipsApi.getPage(berlin.listId)).results.map((member) => member.recordId);
  assert.deepEqual(await members(), [ada]);
  await client.crm.contacts.basicApi.update(eve, { properties: { city: 'Berlin' } });
  assert.deepEqual(await members(), [ada, eve]);
  assert.equal((await refusal(membershipsApi.add(berlin.listId, [eve]))).status, 400);
  const held = await membershipsApi.getLists('0-1', eve);
  assert.deepEqual(held.results.map((membership) => membership.listId).sort(), [list.listId, berlin.listId].sort());
  const found = await listsApi.doSearch({ query: 'berlin', count: 10, offset: 0, processingTypes: [], additionalProperties: [] });
  assert.deepEqual([found.total, found.lists[0].additionalProperties.hs_list_size], [1, '2']);
  await listsApi.remove(berlin.listId);
  assert.equal((await refusal(listsApi.getById(berlin.listId))).status, 404);
  await listsApi.restore(berlin.listId);
  assert.equal((await listsApi.getById(berlin.listId)).list.name, 'Berliners');
});

test('a form is defined, and what people send with it makes and changes contacts', async () => {
  const { formsApi } = client.marketing.forms;
  const made = await formsApi.create({
    name: 'Contact us', formType: 'hubspot', createdAt: new Date(), updatedAt: new Date(), archived: false, fieldGroups: [],
    configuration: { language: 'en', cloneable: true, editable: true, archivable: true, recaptchaEnabled: false, notifyContactOwner: false, notifyRecipients: [], createNewContactForNewEmail: false, prePopulateKnownValues: true, allowLinkToResetKnownValues: false, postSubmitAction: { type: 'thank_you', value: 'Thanks' }, lifecycleStages: [] },
    displayOptions: { renderRawHtml: false, theme: 'default_style', submitButtonText: 'Send', style: {} },
    legalConsentOptions: { type: 'none' },
  });
  assert.ok((await formsApi.getPage()).results.some((form) => form.id === made.id));
  const fields = [{ name: 'email', value: 'visitor@forms.example' }, { name: 'firstname', value: 'Vi' }, { name: 'message', value: 'Call me' }];
  const sent = await fetch(`${hs.url}/submissions/v3/integration/submit/62515/${made.id}`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ fields, context: { pageUri: 'https://acme.example' } }),
  });
  assert.equal(sent.status, 200);
  const person = await client.crm.contacts.basicApi.getById('visitor@forms.example', ['firstname'], undefined, undefined, false, 'email');
  assert.equal(person.properties.firstname, 'Vi');
  const { body } = await ask('GET', `/form-integrations/v1/submissions/forms/${made.id}`);
  assert.deepEqual(body.results[0].values.map(({ name, value }) => [name, value]), fields.map(({ name, value }) => [name, value]));
  await formsApi.archive(made.id);
  assert.equal((await refusal(formsApi.getById(made.id))).status, 404);
});

test('an e-mail is written, published and counted, without those who do without', async () => {
  await contact('reader@mails.example');
  await contact('silent@mails.example');
  await ask('POST', '/communication-preferences/v4/statuses/silent%40mails.example/unsubscribe-all?channel=EMAIL', {});
  const everybody = (await client.crm.contacts.searchApi.doSearch({ filterGroups: [{ filters: [{ propertyName: 'email', operator: 'HAS_PROPERTY' }] }], sorts: [], properties: ['hs_email_optout'], limit: 200, after: '0' })).results;
  const readers = everybody.filter((person) => person.properties.hs_email_optout !== 'true').length;
  assert.equal(everybody.length - readers, 1);
  const { marketingEmailsApi, statisticsApi } = client.marketing.emails;
  const made = await marketingEmailsApi.create({ name: 'News', subject: 'What is new' });
  assert.equal(made.state, 'DRAFT');
  await marketingEmailsApi.update(made.id, { subject: 'What is really new' });
  await ask('POST', `/marketing/v3/emails/${made.id}/publish`, {});
  const { body } = await ask('GET', `/marketing/v3/emails/${made.id}?includeStats=true`);
  assert.deepEqual([body.subject, body.state, body.stats.counters.delivered], ['What is really new', 'PUBLISHED', readers]);
  const listed = await ask('GET', `/marketing/v3/emails/statistics/list?startTimestamp=2020-01-01T00:00:00Z&endTimestamp=2040-01-01T00:00:00Z`);
  assert.equal(listed.body.aggregate.counters.sent, readers);
  assert.ok(statisticsApi);
});

test('people subscribe and unsubscribe, and are not subscribed again behind their backs', async () => {
  await contact('choosy@mails.example');
  const { definitionApi, statusApi } = client.communicationPreferences;
  const { subscriptionDefinitions } = await definitionApi.getPage();
  const [first] = subscriptionDefinitions;
  const state = async () => (await statusApi.getEmailStatus('choosy@mails.example')).subscriptionStatuses.find((each) => each.id === first.id).status;
  await statusApi.subscribe({ emailAddress: 'choosy@mails.example', subscriptionId: first.id });
  assert.equal(await state(), 'SUBSCRIBED');
  await statusApi.unsubscribe({ emailAddress: 'choosy@mails.example', subscriptionId: first.id });
  assert.equal(await state(), 'UNSUBSCRIBED');
  assert.equal((await refusal(statusApi.subscribe({ emailAddress: 'choosy@mails.example', subscriptionId: first.id }))).status, 400);
});

test('a campaign has a budget and what it brought in', async () => {
  const { body: made } = await ask('POST', '/marketing/v3/campaigns', { properties: { hs_name: 'Spring', hs_start_date: '2026-03-01', hs_campaign_status: 'planned' } });
  assert.match(made.id, /^[0-9a-f-]{36}$/);
  await ask('POST', `/marketing/v3/campaigns/${made.id}/budget`, { name: 'Ads', amount: 5000 });
  await ask('POST', `/marketing/v3/campaigns/${made.id}/spend`, { name: 'Ads', amount: 1200.5 });
  const { body: totals } = await ask('GET', `/marketing/v3/campaigns/${made.id}/budget/totals`);
  assert.deepEqual([totals.budgetTotal, totals.spendTotal, totals.remainingBudget], [5000, 1200.5, 3799.5]);
  const { body: read } = await ask('GET', `/marketing/v3/campaigns/${made.id}?properties=hs_name,hs_budget_items_sum_amount,hs_notes`);
  assert.deepEqual(read.properties, { hs_name: 'Spring', hs_budget_items_sum_amount: '5000' });
  await ask('PATCH', `/marketing/v3/campaigns/${made.id}`, { properties: { hs_campaign_status: 'active' } });
  const { body: page } = await ask('GET', '/marketing/v3/campaigns?limit=10&properties=hs_campaign_status');
  assert.deepEqual(page.results.map((each) => each.properties.hs_campaign_status), ['active']);
});

test('the journal is read with a token of the app itself', async () => {
  const scope = 'developer.webhooks_journal.read developer.webhooks_journal.subscriptions.read developer.webhooks_journal.subscriptions.write';
  const form = new URLSearchParams({ grant_type: 'client_credentials', client_id: hs.client_id, client_secret: hs.client_secret, scope });
  const { access_token } = await (await fetch(`${hs.url}/oauth/2026-03/token`, { method: 'POST', body: form })).json();
  const app = new Client({ accessToken: access_token, basePath: hs.url, numberOfApiCallRetries: 0 });
  const journal = async (path, body) => {
    const answer = await app.apiRequest({ method: body ? 'POST' : 'GET', path: `/webhooks-journal/${path}`, ...(body && { body }) });
    return answer.status === 204 ? undefined : answer.json();
  };
  await journal('subscriptions/2026-03', { subscriptionType: 'OBJECT', portalId: 62515, objectTypeId: '0-1', actions: ['CREATE'], properties: ['email'] });
  const id = await contact('told@journal.example');
  const entry = await eventually('the file', () => journal('journal/2026-03/latest'));
  const written = await (await fetch(entry.url)).json();
  assert.deepEqual([written.offset, String(written.journalEvents[0].objectId), written.journalEvents[0].action], [entry.currentOffset, id, 'CREATE']);
  assert.equal(await journal(`journal/2026-03/offset/${entry.currentOffset}/next`), undefined);
});
