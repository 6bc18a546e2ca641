// node-zendesk makes webhooks, reads the secret that they are signed with, and looks up what became of each call.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import { after, before, beforeEach, test } from 'node:test';
import zendesk from 'node-zendesk';
import { eventually, simulators } from '../simulators.mjs';

let sims;
let client;
let server;
let letters; // what arrived
let answer; // the status that is answered

before(async () => {
  sims = await simulators(['zendesk']);
  const { url, email, token } = sims.zendesk;
  client = zendesk.createClient({ username: email, token, subdomain: 'acme', endpointUri: `${url}/api/v2` });
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += chunk));
    request.on('end', () => {
      letters.push({ headers: request.headers, body });
      response.statusCode = answer;
      response.end('heard');
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
});
beforeEach(() => {
  letters = [];
  answer = 200;
});
after(async () => {
  server?.close();
  await sims?.stop();
});

const endpoint = () => `http://127.0.0.1:${server.address().port}/`;
const webhook = async (more) => (await client.webhooks.create({ webhook: { name: 'Test', endpoint: endpoint(), http_method: 'POST', request_format: 'json', status: 'active', ...more } })).result;
const arrived = (what, which = () => true) => eventually(what, () => letters.find(which));
const signature = (secret, letter) => createHmac('sha256', secret).update(letter.headers['x-zendesk-webhook-signature-timestamp'] + letter.body).digest('base64');
const secret = async (id) => (await client.webhooks.getSigningSecret(id)).result.signing_secret.secret;

test('an event arrives signed with the secret, with the credentials that were set and nobody may read', async () => {
  const authentication = { type: 'basic_auth', add_position: 'header', data: { username: 'me', password: 'pass' } };
  const made = await webhook({ subscriptions: ['zen:event-type:user.created'], authentication, custom_headers: { 'X-Own': 'yes' } });
  assert.equal(made.authentication.data.password, undefined);
  const { result: shown } = await client.webhooks.show(made.id);
  assert.deepEqual(shown.subscriptions, ['zen:event-type:user.created']);
  assert.ok((await client.webhooks.list()).some((each) => each.id === made.id));
  await client.organizations.create({ organization: { name: 'Not watched' } });
  const { result: user } = await client.users.create({ user: { name: 'Maria', email: 'maria@hooks.example', verified: true } });
  const letter = await arrived('the event');
  const told = JSON.parse(letter.body);
  assert.deepEqual([told.type, String(told.detail.id)], ['zen:event-type:user.created', String(user.id)]);
  assert.equal(letter.headers['x-zendesk-webhook-signature'], signature(await secret(made.id), letter));
  assert.notEqual(letter.headers['x-zendesk-webhook-signature'], signature('another', letter));
  assert.deepEqual([letter.headers.authorization, letter.headers['x-own']], [`Basic ${Buffer.from('me:pass').toString('base64')}`, 'yes']);
  assert.equal(letter.headers['x-zendesk-webhook-id'], made.id);
  const { result: renewed } = await client.webhooks.resetSigningSecret(made.id);
  await client.users.create({ user: { name: 'Nils', email: 'nils@hooks.example', verified: true } });
  const next = await arrived('the next event', (each) => each.body.includes('nils@hooks.example') || each !== letter);
  assert.equal(next.headers['x-zendesk-webhook-signature'], signature(renewed.signing_secret.secret, next));
  assert.equal(letters.length, 2, 'no other event was asked for');
  await client.webhooks.delete(made.id);
  await assert.rejects(client.webhooks.show(made.id), /404/);
});

test('every call is looked up with its tries', async () => {
  const made = await webhook({ subscriptions: ['zen:event-type:organization.created'] });
  answer = 404;
  await client.organizations.create({ organization: { name: 'Refused' } });
  const { id } = await eventually('the record of the call', async () => (await client.webhooks.listInvocations(made.id)).result.invocations.find((each) => each.status_code === 404));
  const [attempt] = (await client.webhooks.listInvocationAttempts(made.id, id)).result.attempts;
  assert.deepEqual([attempt.status_code, attempt.response.payload, attempt.request.payload], [404, 'heard', letters[0].body]);
  assert.equal(letters[0].headers['x-zendesk-webhook-invocation-id'], id);
  await client.webhooks.patch(made.id, { webhook: { status: 'inactive' } });
  await client.organizations.create({ organization: { name: 'Unheard' } });
  await client.webhooks.update(made.id, { webhook: { name: 'Test', endpoint: endpoint(), http_method: 'POST', request_format: 'json', status: 'active', subscriptions: made.subscriptions } });
  answer = 200;
  await client.organizations.create({ organization: { name: 'Heard' } });
  await arrived('the event after the pause', (each) => each !== letters[0]);
  assert.equal(letters.length, 2, 'what happened in between is not told');
  await client.webhooks.delete(made.id);
});

test('a trigger calls its webhook with its own words', async () => {
  const made = await webhook({ subscriptions: ['conditional_ticket_events'] });
  const body = '{"number":{{ticket.id}},"title":"{{ticket.title}}"}';
  const trigger = { title: 'Tell', conditions: { all: [{ field: 'update_type', value: 'Create' }] }, actions: [{ field: 'notification_webhook', value: [made.id, body] }] };
  const { result: held } = await client.triggers.create({ trigger });
  const { result: ticket } = await client.tickets.create({ ticket: { subject: 'Say "hello"', comment: { body: 'Hello' } } });
  const letter = await arrived('the call');
  assert.deepEqual(JSON.parse(letter.body), { number: ticket.id, title: 'Say "hello"' });
  assert.equal(letter.headers['x-zendesk-webhook-signature'], signature(await secret(made.id), letter));
  await client.triggers.delete(held.id);
  await client.webhooks.delete(made.id);
});

test('a webhook is tried before it is made, and one that cannot work is refused', async () => {
  await client.webhooks.test({ request: { endpoint: endpoint(), http_method: 'POST', request_format: 'json', payload: '{"tried":true}' } });
  const letter = await arrived('the trial');
  assert.deepEqual(JSON.parse(letter.body), { tried: true });
  assert.equal(letter.headers['x-zendesk-webhook-signature'], signature('dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==', letter));
  const made = await webhook({ subscriptions: ['zen:event-type:user.created'] });
  await client.webhooks.test({ request: { payload: '{"again":true}' } }, made.id);
  const second = await arrived('the second trial', (each) => each.body.includes('again'));
  assert.equal(second.headers['x-zendesk-webhook-signature'], signature(await secret(made.id), second));
  for (const wrong of [{ endpoint: 'nowhere' }, { name: '' }, { subscriptions: ['zen:event-type:user.created', 'conditional_ticket_events'] }, { subscriptions: ['zen:event-type:user.created'], http_method: 'GET' }]) {
    await assert.rejects(webhook(wrong), /400/, JSON.stringify(wrong));
  }
  await client.webhooks.delete(made.id);
});
