// jsforce reads and writes records: one by one, many at once, and in bulk.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import jsforce from 'jsforce';
import { simulators } from '../simulators.mjs';

let sims;
let sf;
let connection;

before(async () => {
  sims = await simulators(['salesforce']);
  sf = sims.salesforce;
  connection = new jsforce.Connection({ loginUrl: sf.url, version: '62.0' });
  await connection.login(sf.username, sf.password);
  await sf.steer('add_field', { object: 'Contact', field: { name: 'Badge__c', label: 'Badge', type: 'string', length: 40, externalId: true, unique: true } });
});
after(() => sims?.stop());

const people = (count, from = 0) =>
  Array.from({ length: count }, (_, n) => ({ FirstName: 'Pat', LastName: `Person ${from + n}`, Email: `pat${from + n}@people.example`, Badge__c: `B-${from + n}` }));

test('one record is created, read, changed and deleted', async () => {
  const made = await connection.sobject('Account').create({ Name: 'Northwind', Industry: 'Retail' });
  assert.equal(made.success, true);
  const changed = await connection.sobject('Account').update({ Id: made.id, Industry: 'Media' });
  assert.equal(changed.success, true);
  const read = await connection.sobject('Account').retrieve(made.id);
  assert.deepEqual([read.Name, read.Industry], ['Northwind', 'Media']);
  await connection.sobject('Account').destroy(made.id);
  await assert.rejects(connection.sobject('Account').retrieve(made.id), { errorCode: 'ENTITY_IS_DELETED' });
});

test('a record is found by an external id, and upserting it twice makes no twin', async () => {
  const first = await connection.sobject('Contact').upsert({ Badge__c: 'once', LastName: 'First' }, 'Badge__c');
  const second = await connection.sobject('Contact').upsert({ Badge__c: 'once', LastName: 'Second' }, 'Badge__c');
  assert.equal(first.success && second.success, true);
  const found = await connection.query("SELECT Id, LastName FROM Contact WHERE Badge__c = 'once'");
  assert.deepEqual(found.records.map((record) => record.LastName), ['Second']);
});

test('many records go in one call each way, and one bad row does not stop the others', async () => {
  const made = await connection.sobject('Contact').create(people(3, 90_000));
  assert.deepEqual(made.map((result) => result.success), [true, true, true]);
  const changed = await connection.sobject('Contact').update([
    { Id: made[0].id, Title: 'Buyer' },
    { Id: made[1].id, LastName: '' },
    { Id: made[2].id, Title: 'Seller' },
  ]);
  assert.deepEqual(changed.map((result) => result.success), [true, false, true]);
  assert.equal(changed[1].errors[0].statusCode, 'REQUIRED_FIELD_MISSING');
  const upserted = await connection.sobject('Contact').upsert([{ Badge__c: 'B-90000', Title: 'Chief buyer' }, { Badge__c: 'B-90003', LastName: 'New' }], 'Badge__c');
  assert.deepEqual(upserted.map((result) => result.success), [true, true]);
  const gone = await connection.sobject('Contact').destroy(made.map((result) => result.id));
  assert.deepEqual(gone.map((result) => result.success), [true, true, true]);
});

test('a query of more than one page is read to its end', async () => {
  const made = await connection.sobject('Contact').create(people(2_345), { allowRecursive: true });
  assert.equal(made.filter((result) => result.success).length, 2_345);
  const page = await connection.query("SELECT Id FROM Contact WHERE FirstName = 'Pat'");
  assert.equal(page.done, false);
  assert.equal(page.records.length, 2_000);
  assert.equal(page.totalSize, 2_345);
  const all = await connection.query("SELECT Id, Email FROM Contact WHERE FirstName = 'Pat'", { autoFetch: true, maxFetch: 10_000 });
  assert.equal(new Set(all.records.map((record) => record.Id)).size, 2_345);
});

test('bulk loads and reads rows', async () => {
  const rows = people(500, 10_000).map((person) => ({ ...person, FirstName: 'Bulk' }));
  const loaded = await connection.bulk2.loadAndWaitForResults({ object: 'Contact', operation: 'insert', input: rows, pollInterval: 50, pollTimeout: 30_000 });
  assert.equal(loaded.successfulResults.length, 500);
  assert.deepEqual([loaded.failedResults.length, loaded.unprocessedRecords.length], [0, 0]);

  const stream = await connection.bulk2.query("SELECT Id, LastName FROM Contact WHERE FirstName = 'Bulk'", { pollInterval: 50, pollTimeout: 30_000 });
  assert.equal((await stream.toArray()).length, 500);
});

test('what is wrong with a query is said in the vendor’s own codes', async () => {
  await assert.rejects(connection.query('SELECT Nme FROM Account'), { errorCode: 'INVALID_FIELD' });
  await assert.rejects(connection.query('SELECT Id FRM Account'), { errorCode: 'MALFORMED_QUERY' });
  await assert.rejects(connection.sobject('Account').create({ Industry: 'Retail' }), { errorCode: 'REQUIRED_FIELD_MISSING' });
});

test('a locked row is refused, and the same call works a moment later', async () => {
  const made = await connection.sobject('Account').create({ Name: 'Locked' });
  await sf.steer('faults', { order: ['collision'] });
  const [refused] = await connection.sobject('Account').update([{ Id: made.id, Industry: 'Media' }]);
  assert.equal(refused.errors[0].statusCode, 'UNABLE_TO_LOCK_ROW');
  const [landed] = await connection.sobject('Account').update([{ Id: made.id, Industry: 'Media' }]);
  assert.equal(landed.success, true);
});

test('an org that describes itself can be described', async () => {
  const contact = await connection.sobject('Contact').describe();
  const badge = contact.fields.find((field) => field.name === 'Badge__c');
  assert.deepEqual([badge.externalId, badge.unique, badge.label], [true, true, 'Badge']);
  const all = await connection.describeGlobal();
  assert.ok(all.sobjects.some((object) => object.name === 'Case'));
});
