// HubSpot's own client reads, writes, searches and associates, and hears no.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { Client, Signature } from '@hubspot/api-client';
import { simulators } from '../simulators.mjs';

let sims;
let hs;
let client;

before(async () => {
  sims = await simulators(['hubspot']);
  hs = sims.hubspot;
  client = connect(hs.token);
  const key = { name: 'badge', label: 'Badge', type: 'string', fieldType: 'text', groupName: 'contactinformation', hasUniqueValue: true };
  await client.crm.properties.coreApi.create('contacts', key);
});
afterEach(() => hs.steer('faults', { clear: true }));
after(() => sims?.stop());

const connect = (accessToken) => new Client({ accessToken, basePath: hs.url, numberOfApiCallRetries: 0 });
const people = (count, word) => Array.from({ length: count }, (_, n) => ({ properties: { email: `${word}${n}@people.example`, firstname: 'Pat', lastname: `${word} ${n}` } }));
const refusal = async (work) => {
  const error = await work.then(() => assert.fail('this should have been refused'), (error) => error);
  return { ...error.body, status: error.code };
};

test('a refresh token gives an access token that works', async () => {
  const tokens = await new Client({ basePath: hs.url }).oauth.tokensApi.create('refresh_token', undefined, undefined, hs.client_id, hs.client_secret, hs.refresh_token);
  assert.equal(tokens.expiresIn, 1800);
  assert.equal(tokens.refreshToken, hs.refresh_token);
  const page = await connect(tokens.accessToken).crm.contacts.basicApi.getPage(1);
  assert.ok(Array.isArray(page.results));
});

test('a token that nobody gave is refused', async () => {
  const refused = await refusal(connect('pat-na1-nobody').crm.contacts.basicApi.getPage(1));
  assert.deepEqual([refused.status, refused.category], [401, 'INVALID_AUTHENTICATION']);
});

test('one record is created, read, changed and archived', async () => {
  const { basicApi } = client.crm.companies;
  const made = await basicApi.create({ properties: { name: 'Northwind', domain: 'northwind.example' }, associations: [] });
  assert.ok(made.createdAt instanceof Date);
  const changed = await basicApi.update(made.id, { properties: { numberofemployees: '90' } });
  assert.equal(changed.id, made.id);
  const read = await basicApi.getById(made.id, ['name', 'numberofemployees', 'phone']);
  assert.deepEqual([read.properties.name, read.properties.numberofemployees, read.properties.phone], ['Northwind', '90', null]);
  await basicApi.archive(made.id);
  assert.equal((await refusal(basicApi.getById(made.id))).status, 404);
  const archived = await basicApi.getPage(100, undefined, undefined, undefined, undefined, true);
  assert.ok(archived.results.some((record) => record.id === made.id && record.archived));
});

test('upserting by a unique property twice makes no twin', async () => {
  const row = (name) => ({ inputs: [{ id: 'B-1', idProperty: 'badge', properties: { firstname: name } }] });
  const first = await client.crm.contacts.batchApi.upsert(row('First'));
  const second = await client.crm.contacts.batchApi.upsert(row('Second'));
  assert.deepEqual([first.results[0]._new, second.results[0]._new], [true, false]);
  assert.equal(first.results[0].id, second.results[0].id);
});

test('a list is read over its pages, and a batch by address', async () => {
  for (const from of [0, 1]) await client.crm.contacts.batchApi.create({ inputs: people(80, `list${from}x`) });
  const all = await client.crm.contacts.getAll(50, undefined, ['email']);
  const emails = new Set(all.map((record) => record.properties.email).filter((email) => email?.startsWith('list')));
  assert.equal(emails.size, 160);
  const read = await client.crm.contacts.batchApi.read({ inputs: [{ id: 'list0x7@people.example' }, { id: 'nobody@people.example' }], idProperty: 'email', properties: ['lastname'], propertiesWithHistory: [] });
  assert.deepEqual([read.results.length, read.numErrors], [1, 1]);
});

test('rows with a trace id fail for themselves', async () => {
  const inputs = [
    { properties: { email: 'good@people.example' }, objectWriteTraceId: 'a' },
    { properties: { email: 'not an address' }, objectWriteTraceId: 'b' },
  ];
  const made = await client.crm.contacts.batchApi.create({ inputs });
  assert.deepEqual([made.results.length, made.errors[0].context.objectWriteTraceId], [1, ['b']]);
});

test('a search finds, sorts and counts', async () => {
  await client.crm.deals.batchApi.create({ inputs: [1, 2, 3].map((n) => ({ properties: { dealname: `Found ${n}`, dealstage: 'contractsent', amount: `${n * 1000}` } })) });
  const found = await client.crm.deals.searchApi.doSearch({
    filterGroups: [{ filters: [{ propertyName: 'amount', operator: 'GTE', value: '2000' }, { propertyName: 'dealname', operator: 'CONTAINS_TOKEN', value: 'found' }] }],
    sorts: ['-amount'],
    properties: ['amount', 'hs_is_closed'],
    limit: 1,
  });
  assert.deepEqual([found.total, found.results[0].properties.amount, found.paging.next.after], [2, '3000', '1']);
  assert.equal(found.results[0].properties.hs_is_closed, 'false');
});

test('records are associated, with a primary one', async () => {
  const contact = await client.crm.contacts.basicApi.create({ properties: { email: 'maria@northwind.example' }, associations: [] });
  const companies = await client.crm.companies.batchApi.create({ inputs: ['One', 'Two'].map((name) => ({ properties: { name } })) });
  const [one, two] = companies.results.map((record) => record.id);
  const { basicApi, batchApi } = client.crm.associations.v4;
  await basicApi.createDefault('contacts', contact.id, 'companies', one);
  const types = [{ associationCategory: 'HUBSPOT_DEFINED', associationTypeId: 1 }];
  await batchApi.create('contacts', 'companies', { inputs: [{ _from: { id: contact.id }, to: { id: two }, types }] });
  const page = await basicApi.getPage('contacts', contact.id, 'companies');
  const primary = page.results.filter((end) => end.associationTypes.some((type) => type.label === 'Primary'));
  assert.deepEqual([page.results.length, primary.map((end) => end.toObjectId)], [2, [two]]);
});

test('a lead is made with its contact, moved on and found', async () => {
  const contact = await client.crm.contacts.basicApi.create({ properties: { email: 'lead@northwind.example' }, associations: [] });
  const { basicApi, batchApi, searchApi } = client.crm.objects.leads;
  const alone = await refusal(basicApi.create({ properties: { hs_lead_name: 'Nobody' }, associations: [] }));
  assert.deepEqual([alone.status, alone.category], [400, 'VALIDATION_ERROR']);
  const types = [{ associationCategory: 'HUBSPOT_DEFINED', associationTypeId: 578 }];
  const about = [{ to: { id: contact.id }, types }];
  const lead = await basicApi.create({ properties: { hs_lead_name: 'Spring fair', hs_lead_label: 'WARM' }, associations: about });
  const more = await batchApi.create({ inputs: [{ properties: { hs_lead_name: 'Autumn fair' }, associations: about }] });
  assert.deepEqual([more.status, more.results.length], ['COMPLETE', 1]);
  await basicApi.update(lead.id, { properties: { hs_pipeline_stage: 'qualified-stage-id' } });
  const found = await searchApi.doSearch({
    filterGroups: [{ filters: [{ propertyName: 'hs_pipeline_stage', operator: 'EQ', value: 'qualified-stage-id' }] }],
    properties: ['hs_lead_name', 'hs_primary_contact_id'],
  });
  assert.deepEqual(found.results.map((found) => found.properties.hs_primary_contact_id), [contact.id]);
  const pipelines = await client.crm.pipelines.pipelinesApi.getAll('leads');
  assert.deepEqual(pipelines.results[0].stages.map((stage) => stage.label), ['New', 'Attempting', 'Connected', 'Qualified', 'Disqualified']);
  await basicApi.archive(lead.id);
  assert.equal((await refusal(basicApi.getById(lead.id))).status, 404);
});

test('a schema is told and extended', async () => {
  const { coreApi } = client.crm.properties;
  const tier = { name: 'tier', label: 'Tier', type: 'enumeration', fieldType: 'select', groupName: 'companyinformation', options: [{ label: 'Pro', value: 'Pro', displayOrder: 0, hidden: false }] };
  await coreApi.create('companies', tier);
  const twice = await refusal(coreApi.create('companies', tier));
  assert.deepEqual([twice.status, twice.category], [409, 'OBJECT_ALREADY_EXISTS']);
  const all = await coreApi.getAll('companies');
  assert.equal(all.results.find((property) => property.name === 'tier').options[0].value, 'Pro');
  const owners = await client.crm.owners.ownersApi.getPage();
  assert.ok(owners.results.some((owner) => owner.firstName === 'Dana'));
  const lines = await client.crm.pipelines.pipelinesApi.getAll('deals');
  assert.ok(lines.results[0].stages.some((stage) => stage.metadata.isClosed === 'true'));
});

test('a taken address is refused and its holder named', async () => {
  const { basicApi } = client.crm.contacts;
  const first = await basicApi.create({ properties: { email: 'once@people.example' }, associations: [] });
  const refused = await refusal(basicApi.create({ properties: { email: 'once@people.example' }, associations: [] }));
  assert.deepEqual([refused.status, refused.message], [409, `Contact already exists. Existing ID: ${first.id}`]);
});

test('the id of who was merged leads to who stays, and who is purged is nobody', async () => {
  const { basicApi, batchApi } = client.crm.contacts;
  const make = (email) => basicApi.create({ properties: { email }, associations: [] });
  const [kept, lost, forgotten] = [await make('kept@people.example'), await make('lost@people.example'), await make('forgotten@people.example')];
  const engagements = { notes: ['hs_note_body', 202], calls: ['hs_call_title', 194], meetings: ['hs_meeting_title', 200], emails: ['hs_email_subject', 198] };
  for (const [object, [property, associationTypeId]] of Object.entries(engagements)) {
    const associations = [{ to: { id: lost.id }, types: [{ associationCategory: 'HUBSPOT_DEFINED', associationTypeId }] }];
    const made = await client.crm.objects[object].basicApi.create({ properties: { hs_timestamp: '2026-01-05T09:00:00Z', [property]: 'With Lost' }, associations });
    assert.equal(made.properties[property], 'With Lost');
  }
  const merged = await basicApi.merge({ primaryObjectId: kept.id, objectIdToMerge: lost.id });
  for (const id of [kept.id, lost.id]) assert.equal((await basicApi.getById(id)).id, merged.id);
  const further = (await basicApi.getById(merged.id, ['hs_additional_emails'])).properties.hs_additional_emails;
  assert.equal(further, 'lost@people.example');
  for (const object of Object.keys(engagements)) {
    const { results } = await client.crm.associations.v4.basicApi.getPage('contacts', merged.id, object);
    assert.equal(results.length, 1, object);
  }
  await basicApi.purge({ objectId: forgotten.id });
  assert.equal((await refusal(basicApi.getById(forgotten.id))).status, 404);
  const gone = async () => (await basicApi.getPage(100, undefined, ['email'], undefined, undefined, true)).results.map((each) => each.id);
  assert.ok(!(await gone()).includes(forgotten.id), 'not even among the archived');
  await batchApi.archive({ inputs: [{ id: merged.id }] });
  assert.ok((await gone()).includes(merged.id));
});

test('too many calls are told which limit it was', async () => {
  await hs.steer('faults', { order: ['too_many'] });
  const refused = await refusal(client.crm.contacts.basicApi.getPage(1));
  assert.deepEqual([refused.status, refused.policyName], [429, 'TEN_SECONDLY_ROLLING']);
  await client.crm.contacts.basicApi.getPage(1);
});

test('with retries on, the client gets through by itself', async () => {
  const patient = new Client({ accessToken: hs.token, basePath: hs.url, numberOfApiCallRetries: 2 });
  await hs.steer('faults', { order: ['server_error'] });
  const page = await patient.crm.contacts.basicApi.getPage(1);
  assert.ok(Array.isArray(page.results));
});

test('webhooks carry signatures that the client accepts', async () => {
  const { createServer } = await import('node:http');
  let arrived;
  const delivery = new Promise((resolve) => (arrived = resolve));
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (part) => (body += part));
    request.on('end', () => {
      response.end();
      arrived({ headers: request.headers, body });
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${server.address().port}/hooks?tenant=1`;
  try {
    await hs.steer('subscribe', { url, subscriptions: ['contact.creation'] });
    await hs.steer('create', { object: 'contacts', properties: { email: 'pushed@people.example' } });
    const { headers, body } = await delivery;
    assert.equal(JSON.parse(body)[0].subscriptionType, 'contact.creation');
    const signed = (signatureVersion, signature) =>
      Signature.isValid({ signatureVersion, signature, clientSecret: hs.client_secret, requestBody: body, url, method: 'POST', timestamp: Number(headers['x-hubspot-request-timestamp']) });
    assert.equal(signed('v1', headers['x-hubspot-signature']), true);
    assert.equal(signed('v3', headers['x-hubspot-signature-v3']), true);
    assert.equal(signed('v3', headers['x-hubspot-signature']), false);
  } finally {
    server.close();
  }
});
