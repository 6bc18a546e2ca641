// jsforce reads what is left of the day's calls.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import jsforce from 'jsforce';
import { simulators } from '../simulators.mjs';

let sims;
let connection;

before(async () => {
  sims = await simulators(['salesforce'], { profile: 'real' });
  const { url, username, password } = sims.salesforce;
  connection = new jsforce.Connection({ loginUrl: url, version: '62.0', maxRetries: 0 });
  await connection.login(username, password);
});
after(() => sims?.stop());

test('every answer tells how many calls are spent', async () => {
  await connection.query('SELECT Id FROM Account');
  const first = connection.limitInfo.apiUsage;
  await connection.query('SELECT Id FROM Account');
  assert.equal(first.limit, 100_000);
  assert.equal(connection.limitInfo.apiUsage.used, first.used + 1);
});

test('when they are gone, it is told so', async () => {
  await sims.salesforce.steer('faults', { order: ['quota_exhausted'] });
  await assert.rejects(connection.query('SELECT Id FROM Account'), { errorCode: 'REQUEST_LIMIT_EXCEEDED' });
});
