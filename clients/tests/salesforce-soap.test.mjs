// jsforce over SOAP, and what else an old integration uses: approvals and several currencies.
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

test('it is told who it is and what time it is there', async () => {
  const user = await connection.soap.getUserInfo();
  assert.equal(user.userName, sf.username);
  assert.equal(user.organizationMultiCurrency, false);
  const { timestamp } = await connection.soap.getServerTimestamp();
  assert.ok(Math.abs(new Date(timestamp) - Date.now()) < 86_400_000);
});

test('records are made, changed, upserted, deleted, brought back and emptied out of the bin', async () => {
  const made = await connection.soap.create({ type: 'Contact', LastName: 'O’Hara & <Söhne>', Badge__c: 'S-1' });
  assert.equal(made.success, true);
  const changed = await connection.soap.update({ type: 'Contact', Id: made.id, Title: 'Buyer' });
  assert.equal(changed.success, true);
  const again = await connection.soap.upsert('Badge__c', { type: 'Contact', Badge__c: 'S-1', Title: 'Seller' });
  assert.deepEqual([again.success, again.created, again.id], [true, false, made.id]);
  const read = await connection.sobject('Contact').retrieve(made.id);
  assert.deepEqual([read.LastName, read.Title], ['O’Hara & <Söhne>', 'Seller']);
  const gone = await connection.soap.delete(made.id);
  assert.equal(gone.success, true);
  const [back] = [].concat(await connection.soap.undelete([made.id]));
  assert.equal(back.success, true);
  await connection.soap.delete(made.id);
  await connection.soap.emptyRecycleBin([made.id]);
  const [lost] = [].concat(await connection.soap.undelete([made.id]));
  assert.equal(lost.success, false);
});

test('a bad row fails alone, and more than two hundred fail whole', async () => {
  const [good, bad] = await connection.soap.create([{ type: 'Contact', LastName: 'Good' }, { type: 'Contact', FirstName: 'Nameless' }]);
  assert.deepEqual([good.success, bad.success], [true, false]);
  assert.equal([].concat(bad.errors)[0].statusCode, 'REQUIRED_FIELD_MISSING');
  const many = Array.from({ length: 201 }, (_, n) => ({ type: 'Contact', LastName: `Nr ${n}` }));
  await assert.rejects(connection.soap.create(many), /200/);
});

test('a record is submitted, locked and decided on', async () => {
  await sf.steer('add_approval_process', { object: 'Account', name: 'Discount' });
  const processes = await connection.process.approval.list();
  assert.equal(processes.Account[0].name, 'Discount');
  const account = await connection.sobject('Account').create({ Name: 'Acme' });
  const users = await sf.steer('users');
  const [submitted] = [].concat(
    await connection.process.approval.request([{ actionType: 'Submit', contextId: account.id, comments: 'please', nextApproverIds: [users.sales[0]] }]),
  );
  assert.deepEqual([submitted.success, submitted.instanceStatus], [true, 'Pending']);
  await assert.rejects(connection.sobject('Account').update({ Id: account.id, Name: 'Acme AG' }), { errorCode: 'ENTITY_IS_LOCKED' });
  const items = await connection.query(`SELECT Id FROM ProcessInstanceWorkitem WHERE ProcessInstance.TargetObjectId = '${account.id}'`);
  assert.deepEqual(items.records.map((item) => item.Id), submitted.newWorkitemIds);
  const [approved] = [].concat(await connection.process.approval.approve(items.records[0].Id, 'fine'));
  assert.equal(approved.instanceStatus, 'Approved');
  const changed = await connection.sobject('Account').update({ Id: account.id, Name: 'Acme AG' });
  assert.equal(changed.success, true);
});

test('with several currencies a row is in one that is active', async () => {
  await sf.steer('activate_currencies', { rates: [['EUR', 1], ['USD', 1.1]], of_users: 'USD' });
  const rates = await connection.query('SELECT IsoCode, ConversionRate FROM CurrencyType WHERE IsCorporate = true');
  assert.deepEqual(rates.records.map((rate) => [rate.IsoCode, rate.ConversionRate]), [['EUR', 1]]);
  const made = await connection.sobject('Campaign').create({ Name: 'Fair', BudgetedCost: 500 });
  assert.equal((await connection.sobject('Campaign').retrieve(made.id)).CurrencyIsoCode, 'USD');
  await assert.rejects(connection.sobject('Campaign').create({ Name: 'Fair', CurrencyIsoCode: 'JPY' }), { errorCode: 'INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST' });
});
