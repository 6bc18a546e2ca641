// A client of Freshdesk that others wrote reads, writes, pages and hears no.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import Freshdesk from 'freshdesk-api';
import { simulators } from '../simulators.mjs';

let sims;
let desk;
let client;

before(async () => {
  sims = await simulators(['freshdesk']);
  desk = sims.freshdesk;
  client = new Freshdesk(desk.url, desk.token);
});
afterEach(() => desk.steer('faults', { clear: true }));
after(() => sims?.stop());

/** A method with a callback as a promise of its data and what the client adds. */
const call = (on, name, ...args) =>
  new Promise((resolve, reject) => on[name](...args, (error, data, extra) => (error ? reject(error) : resolve({ data, extra }))));
const refusal = (work) => work.then(() => assert.fail('this should have been refused'), (error) => error);
const ticket = (subject) => ({ email: 'ann@customer.example', name: 'Ann', subject, description: 'Help', status: 2, priority: 1, source: 2 });

test('a ticket is made, read, changed, answered and deleted', async () => {
  const made = (await call(client, 'createTicket', ticket('Printer'))).data;
  assert.equal(made.description, '<div>Help</div>');
  const changed = (await call(client, 'updateTicket', made.id, { priority: 4, tags: ['hot'] })).data;
  assert.deepEqual([changed.priority, changed.tags], [4, ['hot']]);
  const note = (await call(client, 'createNote', made.id, { body: 'For us', private: true })).data;
  assert.equal(note.private, true);
  const read = (await call(client, 'getTicket', made.id)).data;
  assert.equal(read.description_text, 'Help');
  assert.equal((await call(client, 'deleteTicket', made.id)).data, null);
});

test('pages end where the link ends', async () => {
  for (const subject of ['One', 'Two', 'Three']) await call(client, 'createTicket', ticket(subject));
  const first = await call(client, 'listAllTickets', { page: 1, per_page: 2 });
  assert.deepEqual([first.data.length, first.extra.pageIsLast], [2, false]);
  const second = await call(client, 'listAllTickets', { page: 2, per_page: 2 });
  assert.equal(second.extra.pageIsLast, true);
});

test('contacts and companies are made, and twins are refused with their holder', async () => {
  const company = (await call(client, 'createCompany', { name: 'Northwind', domains: ['northwind.example'] })).data;
  const contact = (await call(client, 'createContact', { name: 'Maria', email: 'maria@northwind.example' })).data;
  assert.equal(contact.company_id, company.id);
  const twin = await refusal(call(client, 'createContact', { name: 'Twin', email: 'maria@northwind.example' }));
  assert.equal(twin.status, 409);
  assert.equal(twin.data.errors[0].additional_info.user_id, contact.id);
  const unknown = await refusal(call(client, 'updateCompany', company.id, { nickname: 'N' }));
  assert.deepEqual([unknown.status, unknown.data.errors[0].code], [400, 'invalid_field']);
});

test('what is not there, a wrong key and a full minute are errors of the client', async () => {
  assert.equal((await refusal(call(client, 'getTicket', 4711))).status, 404);
  const stranger = new Freshdesk(desk.url, 'nobody');
  assert.equal((await refusal(call(stranger, 'getTicket', 1))).status, 401);
  await desk.steer('faults', { order: ['too_many'] });
  const busy = await refusal(call(client, 'listAllTickets', {}));
  assert.deepEqual([busy.status, busy.retryAfter], [429, 34]);
});
