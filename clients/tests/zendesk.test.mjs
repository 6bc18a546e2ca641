// node-zendesk signs in, reads, writes, and hears no.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import zendesk from 'node-zendesk';
import { eventually, simulators } from '../simulators.mjs';

let sims;
let zd;
let client;
let endpointUri;

before(async () => {
  sims = await simulators(['zendesk']);
  zd = sims.zendesk;
  endpointUri = `${zd.url}/api/v2`;
  client = zendesk.createClient({ username: zd.email, token: zd.token, subdomain: 'acme', endpointUri });
});
afterEach(() => zd.steer('faults', { clear: true }));
after(() => sims?.stop());

const people = (count, word) => Array.from({ length: count }, (_, n) => ({ name: `${word} ${n}`, email: `${word}${n}@people.example`, verified: true }));

async function finished(job) {
  return eventually(`job ${job.id}`, async () => {
    const { result } = await client.jobstatuses.show(job.id);
    const status = result.job_status ?? result;
    return ['completed', 'failed'].includes(status.status) && status;
  });
}

test('with an API token, it is who the token belongs to', async () => {
  const { result } = await client.users.me();
  assert.equal(result.email, zd.email);
  assert.equal(result.role, 'admin');
});

test('with a wrong token, it is nobody', async () => {
  const stranger = zendesk.createClient({ username: zd.email, token: 'wrong', subdomain: 'acme', endpointUri });
  await assert.rejects(stranger.users.list(), /Not Authorized/);
});

test('with an OAuth token of the client-credentials grant', async () => {
  const answer = await fetch(`${zd.url}/oauth/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ grant_type: 'client_credentials', client_id: zd.client_id, client_secret: zd.client_secret, scope: 'read write' }),
  });
  const { access_token: token } = await answer.json();
  const bearer = zendesk.createClient({ oauth: true, token, subdomain: 'acme', endpointUri });
  const { result } = await bearer.users.me();
  assert.equal(result.email, zd.email);
});

test('many users are made by a background job, and a list is read over its pages', async () => {
  const jobs = [people(100, 'ann'), people(60, 'bob')].map((users) => client.users.createMany({ users }));
  for (const { result } of await Promise.all(jobs)) {
    const job = await finished(result.job_status ?? result);
    assert.equal(job.status, 'completed');
    assert.ok(job.results.every((row) => row.id), JSON.stringify(job.results[0]));
  }
  const all = await client.users.list();
  const made = all.filter((user) => user.email?.endsWith('@people.example'));
  assert.equal(new Set(made.map((user) => user.id)).size, 160);
});

test('making or changing by e-mail makes no twin', async () => {
  const { result: first } = await client.users.createOrUpdate({ user: { name: 'Cleo', email: 'cleo@twins.example', phone: '+46 8 1' } });
  const { result: second } = await client.users.createOrUpdate({ user: { name: 'Cleo', email: 'cleo@twins.example', phone: '+46 8 2' } });
  assert.equal(first.id, second.id);
  const { result: read } = await client.users.show(first.id);
  assert.equal(read.phone, '+46 8 2');
});

test('an incremental export tells of a change', async () => {
  const since = Math.floor(Date.now() / 1000) - 5;
  const { result: ticket } = await client.tickets.create({ ticket: { subject: 'Cannot log in', comment: { body: 'Since this morning.' } } });
  const exported = await client.tickets.incremental(since);
  assert.ok(exported.some((each) => each.id === ticket.id && each.subject === 'Cannot log in'));
});

test('a safe update of a ticket that moved on is refused', async () => {
  const { result: ticket } = await client.tickets.create({ ticket: { subject: 'Race', comment: { body: 'Two agents, one ticket.' } } });
  await assert.rejects(
    client.tickets.update(ticket.id, { ticket: { subject: 'Lost', safe_update: true, updated_stamp: '2020-01-01T00:00:00Z' } }),
    /409/,
  );
  const { result: now } = await client.tickets.show(ticket.id);
  assert.equal(now.subject, 'Race');
  await client.tickets.update(ticket.id, { ticket: { subject: 'Won', safe_update: true, updated_stamp: now.updated_at } });
  const { result: won } = await client.tickets.show(ticket.id);
  assert.equal(won.subject, 'Won');
});

test('too many calls are told to wait', async () => {
  await zd.steer('faults', { calls: { too_many: 1000 } });
  // This client does not throw what it recognises by `Retry-After` as throttling, but hands it back as the result.
  const { response, result } = await client.users.me();
  assert.equal(response.status, 429);
  assert.ok(Number(response.headers.get('retry-after')) > 0);
  assert.equal(result.statusCode, 429);
  await zd.steer('faults', { clear: true });
  assert.ok((await client.users.list()).length > 0);
});

test('an organization and its people belong together', async () => {
  const { result: organization } = await client.organizations.create({ organization: { name: 'Northwind', domain_names: ['northwind.example'] } });
  const { result: user } = await client.users.create({ user: { name: 'Maria', email: 'maria@northwind.example', organization_id: organization.id } });
  const members = await client.users.listByOrganization(organization.id);
  assert.deepEqual(members.map((member) => member.id), [user.id]);
});
