// Intercom's own client reads, writes, searches, pages and hears no.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { IntercomClient } from 'intercom-client';
import { simulators } from '../simulators.mjs';

let sims;
let desk;
let client;
let us;

const as = (version) => new IntercomClient({ token: desk.token, baseUrl: desk.url, maxRetries: 0, version });
const refusal = (work) => Promise.resolve(work).then(() => assert.fail('this should have been refused'), (error) => error);
const code = (error) => [error.statusCode, error.body?.errors?.[0]?.code];

before(async () => {
  sims = await simulators(['intercom']);
  desk = sims.intercom;
  client = as('2.14');
  us = (await client.admins.identify()).id;
});
afterEach(() => desk.steer('faults', { clear: true }));
after(() => sims?.stop());

test('a contact is made, found, changed, archived, brought back and deleted', async () => {
  const made = await client.contacts.create({ email: 'Joe@Bloggs.com', name: 'Joe & Co', external_id: 'joe-1' });
  assert.deepEqual([made.type, made.role, made.email, made.name, made.phone], ['contact', 'user', 'joe@bloggs.com', 'Joe &amp; Co', null]);
  assert.equal((await client.contacts.find({ contact_id: made.id })).id, made.id);
  assert.equal((await client.contacts.showContactByExternalId({ external_id: 'joe-1' })).id, made.id);
  const changed = await client.contacts.update({ contact_id: made.id, name: 'Joe Bloggs' });
  assert.equal(changed.name, 'Joe Bloggs');
  assert.equal((await client.contacts.archive({ contact_id: made.id })).archived, true);
  const twin = await refusal(client.contacts.create({ email: 'joe@bloggs.com' }));
  assert.equal(twin.statusCode, 409);
  assert.match(twin.body.errors[0].message, new RegExp(`archived contact .*id=${made.id}`));
  assert.equal((await client.contacts.unarchive({ contact_id: made.id })).archived, false);
  const again = await refusal(client.contacts.create({ email: 'joe@bloggs.com' }));
  assert.match(again.body.errors[0].message, new RegExp(`^A contact .*id=${made.id}`));
  assert.equal((await client.contacts.delete({ contact_id: made.id })).deleted, true);
  assert.deepEqual(code(await refusal(client.contacts.find({ contact_id: made.id }))), [404, 'not_found']);
});

test('lists are paged, and searches compare days', async () => {
  for (let at = 0; at < 5; at += 1) await client.contacts.create({ email: `page${at}@bloggs.com` });
  const emails = [];
  for await (const contact of await client.contacts.list({ per_page: 2 })) emails.push(contact.email);
  assert.equal(new Set(emails).size, emails.length);
  assert.equal(emails.filter((email) => email?.startsWith('page')).length, 5);
  const now = Math.floor(Date.now() / 1000);
  const search = async (operator, value) => (await client.contacts.search({ query: { field: 'updated_at', operator, value } })).data.length;
  assert.equal(await search('>', now - 10), 0, 'after a day means after its end');
  assert.ok((await search('>', now - 2 * 86_400)) >= 5);
  assert.deepEqual(code(await refusal(client.contacts.search({ query: { field: 'updated_at', operator: '>=', value: now } }))), [400, 'parameter_invalid']);
  const found = await client.contacts.search({
    query: { operator: 'AND', value: [{ field: 'email', operator: '^', value: 'page' }, { field: 'role', operator: '=', value: 'user' }] },
    pagination: { per_page: 3 },
  });
  let count = 0;
  for await (const contact of found) count += contact.email.startsWith('page') ? 1 : 0;
  assert.equal(count, 5);
});

test('companies are kept by their id, listed once they have people, and scrolled through by one at a time', async () => {
  await client.dataAttributes.create({ name: 'tier', model: 'company', data_type: 'string' });
  const company = await client.companies.createOrUpdate({ company_id: 'acc-1', name: 'Acme', size: 12, custom_attributes: { tier: 'Pro' } });
  const same = await client.companies.createOrUpdate({ company_id: 'acc-1', name: 'Acme Ltd' });
  assert.deepEqual([same.id, same.name, same.custom_attributes.tier], [company.id, 'Acme Ltd', 'Pro']);
  assert.equal('website' in same, false, 'what a company has not is left out');
  const contact = await client.contacts.create({ email: 'cfo@acme.com' });
  assert.equal((await client.companies.list({})).data.length, 0);
  await client.companies.attachContact({ contact_id: contact.id, id: company.id });
  assert.equal((await client.companies.list({})).data.length, 1);
  assert.equal((await client.companies.listAttachedContacts({ company_id: company.id })).data[0].id, contact.id);
  assert.equal((await client.companies.retrieve({ company_id: 'acc-1' })).id, company.id);
  const scroll = await client.companies.scroll({});
  assert.equal(scroll.data[0].id, company.id);
  assert.deepEqual(code(await refusal(client.companies.scroll({}))), [400, 'scroll_exists']);
  const unknown = await refusal(client.companies.createOrUpdate({ company_id: 'acc-1', custom_attributes: { mood: 'x' } }));
  assert.match(unknown.body.errors[0].message, /'mood' does not exist/);
  assert.equal((await client.companies.detachContact({ contact_id: contact.id, company_id: company.id })).id, company.id);
  const gone = await client.companies.delete({ company_id: company.id });
  assert.deepEqual([gone.object, gone.deleted], ['company', true]);
});

test('attributes, tags and notes', async () => {
  await client.dataAttributes.create({ name: 'plan', model: 'contact', data_type: 'string' });
  const attributes = (await client.dataAttributes.list({ model: 'contact' })).data;
  assert.equal(attributes.find((attribute) => attribute.name === 'plan').full_name, 'custom_attributes.plan');
  const contact = await client.contacts.create({ email: 'tagged@bloggs.com', custom_attributes: { plan: 'Pro' } });
  const tag = await client.tags.create({ name: 'Key account' });
  assert.equal((await client.tags.tagContact({ contact_id: contact.id, id: tag.id })).name, 'Key account');
  assert.equal((await client.contacts.find({ contact_id: contact.id })).tags.data[0].id, tag.id);
  assert.equal((await client.contacts.listAttachedTags({ contact_id: contact.id })).data.length, 1);
  await client.tags.untagContact({ contact_id: contact.id, tag_id: tag.id });
  const note = await client.notes.create({ contact_id: contact.id, body: 'Call back', admin_id: us });
  assert.equal(note.body, '<p>Call back</p>');
  assert.equal((await client.notes.find({ note_id: note.id })).author.id, us);
  assert.equal((await client.admins.list()).admins.length, 4);
  assert.equal((await client.teams.list()).teams.length, 3);
});

test('a conversation is begun, answered, assigned, closed, searched for and redacted', async () => {
  const contact = await client.contacts.create({ email: 'asks@bloggs.com' });
  const message = await client.conversations.create({ from: { type: 'user', id: contact.id }, body: 'Help' });
  assert.equal(message.type, 'user_message');
  const id = message.conversation_id;
  const replied = await client.conversations.reply({ conversation_id: id, body: { message_type: 'comment', type: 'admin', admin_id: us, body: 'Hello' } });
  assert.equal(replied.conversation_parts.conversation_parts.at(-1).body, '<p>Hello</p>');
  await client.conversations.manage({ conversation_id: id, body: { message_type: 'assignment', type: 'admin', admin_id: us, assignee_id: us } });
  const closed = await client.conversations.manage({ conversation_id: id, body: { message_type: 'close', type: 'admin', admin_id: us } });
  assert.deepEqual([closed.state, closed.open, String(closed.admin_assignee_id)], ['closed', false, us]);
  const again = await client.conversations.reply({ conversation_id: id, body: { message_type: 'comment', type: 'user', intercom_user_id: contact.id, body: 'Still' } });
  assert.deepEqual([again.state, again.conversation_parts.conversation_parts.at(-1).part_type], ['open', 'open']);
  const found = await client.conversations.search({ query: { field: 'contact_ids', operator: '=', value: contact.id } });
  assert.deepEqual([found.data[0].id, found.data[0].conversation_parts], [id, undefined]);
  const part = again.conversation_parts.conversation_parts[0];
  const redacted = await client.conversations.redactConversationPart({ type: 'conversation_part', conversation_id: id, conversation_part_id: part.id });
  assert.equal(redacted.conversation_parts.conversation_parts[0].redacted, true);
  assert.equal((await client.conversations.find({ conversation_id: id, display_as: 'plaintext' })).source.body, 'Help');
  assert.equal((await client.conversations.deleteConversation({ conversation_id: id })).deleted, true);
});

test('tickets have types, attributes and states', async () => {
  const contact = await client.contacts.create({ email: 'ticket@bloggs.com' });
  const type = (await client.ticketTypes.list()).data[0];
  assert.ok(type.ticket_type_attributes.data.some((attribute) => attribute.name === '_default_title_'));
  const ticket = await client.tickets.create({ ticket_type_id: type.id, contacts: [{ id: contact.id }], ticket_attributes: { _default_title_: 'No ink' } });
  assert.deepEqual([ticket.ticket_id, ticket.ticket_state.category], ['1', 'submitted']);
  const states = (await client.ticketStates.listTicketStates()).data;
  const resolved = states.find((state) => state.category === 'resolved');
  const moved = await client.tickets.update({ ticket_id: ticket.id, ticket_state_id: resolved.id });
  assert.deepEqual([moved.ticket_state.category, moved.open], ['resolved', false]);
  const part = await client.tickets.reply({ ticket_id: ticket.id, body: { message_type: 'comment', type: 'admin', admin_id: us, body: 'Done' } });
  assert.equal(part.type, 'ticket_part');
  const found = await client.tickets.search({ query: { field: 'title', operator: '~', value: 'ink' } });
  assert.equal(found.data[0].id, ticket.id);
  assert.equal((await client.conversations.find({ conversation_id: ticket.id })).id, ticket.id, 'a ticket is a conversation as well');
  assert.equal((await client.tickets.deleteTicket({ ticket_id: ticket.id })).deleted, true);
});

test('a lead is merged into a user, and what is left of it depends on the version', async () => {
  const user = await client.contacts.create({ email: 'merge@bloggs.com' });
  const lead = await client.contacts.create({ role: 'lead', name: 'Visitor', phone: '+15551234567' });
  const winner = await client.contacts.mergeLeadInUser({ from: lead.id, into: user.id });
  assert.deepEqual([winner.id, winner.phone], [user.id, '+15551234567']);
  assert.equal((await refusal(client.contacts.find({ contact_id: lead.id }))).statusCode, 404);
  const merged = await refusal(as('2.16').contacts.find({ contact_id: lead.id }));
  assert.deepEqual([merged.statusCode, merged.rawResponse.headers.get('link')], [410, `</contacts/${user.id}>; rel="canonical"`]);
});

test('wrong tokens, versions, full windows and failures are errors of the client', async () => {
  const stranger = new IntercomClient({ token: 'nobody', baseUrl: desk.url, maxRetries: 0, version: '2.14' });
  assert.deepEqual(code(await refusal(stranger.admins.identify())), [401, 'unauthorized']);
  assert.deepEqual(code(await refusal(as('9.9').contacts.list())), [400, 'intercom_version_invalid']);
  await desk.steer('faults', { order: ['unavailable'] });
  assert.deepEqual(code(await refusal(client.contacts.list())), [503, 'service_unavailable']);
  const { rawResponse } = await client.contacts.find({ contact_id: 'none' }).then(assert.fail, (error) => error);
  assert.equal(rawResponse.headers.get('intercom-version'), '2.14');
  assert.ok(Number(rawResponse.headers.get('x-ratelimit-remaining')) > 0);
  await desk.steer('faults', { order: ['too_many'] });
  const busy = await refusal(client.contacts.list());
  assert.deepEqual(code(busy), [429, 'rate_limit_exceeded']);
  assert.equal(busy.rawResponse.headers.get('retry-after'), null);
  assert.ok(Number(busy.rawResponse.headers.get('x-ratelimit-reset')) * 1000 > Date.now() - 1000);
});
