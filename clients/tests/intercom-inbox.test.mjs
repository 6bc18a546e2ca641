// Intercom's own client does what an inbox is for: tags, conversations of several people, tickets of types of their own, attributes.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { IntercomClient } from 'intercom-client';
import { simulators } from '../simulators.mjs';

let sims;
let client;
let us;

const refusal = (work) => Promise.resolve(work).then(() => assert.fail('this should have been refused'), (error) => error);
const code = (error) => [error.statusCode, error.body?.errors?.[0]?.code];

before(async () => {
  sims = await simulators(['intercom']);
  client = new IntercomClient({ token: sims.intercom.token, baseUrl: sims.intercom.url, maxRetries: 0, version: '2.14' });
  us = (await client.admins.identify()).id;
});
after(() => sims?.stop());

test('tags are put on many at once, renamed and deleted, and attributes get more choices and are archived', async () => {
  const contact = await client.contacts.create({ email: 'many@bloggs.com' });
  const company = await client.companies.createOrUpdate({ company_id: 'tagged-1', name: 'Tagged' });
  const tag = await client.tags.create({ name: 'Key Account', users: [{ id: contact.id }] });
  await client.tags.create({ name: 'Key Account', companies: [{ company_id: 'tagged-1' }] });
  const named = async () => (await client.companies.find({ company_id: company.id })).tags.tags.map((each) => each.name);
  assert.deepEqual([(await client.contacts.find({ contact_id: contact.id })).tags.data[0].id, await named()], [tag.id, ['Key Account']]);
  await client.tags.create({ name: 'Best Account', id: tag.id });
  assert.deepEqual([(await client.tags.find({ tag_id: tag.id })).name, await named()], ['Best Account', ['Best Account']]);
  await client.tags.create({ name: 'Best Account', companies: [{ id: company.id, untag: true }] });
  assert.deepEqual(await named(), []);
  await client.tags.delete({ tag_id: tag.id });
  assert.deepEqual(code(await refusal(client.tags.find({ tag_id: tag.id }))), [404, 'tag_not_found']);
  assert.deepEqual((await client.contacts.find({ contact_id: contact.id })).tags.data, []);

  const level = await client.dataAttributes.create({ name: 'level', model: 'contact', data_type: 'options', options: [{ value: 'low' }, { value: 'high' }] });
  const gold = () => client.contacts.update({ contact_id: contact.id, custom_attributes: { level: 'gold' } });
  assert.equal((await refusal(gold())).statusCode, 400);
  await client.dataAttributes.update({ data_attribute_id: level.id, body: { options: [{ value: 'low' }, { value: 'gold' }] } });
  assert.equal((await gold()).custom_attributes.level, 'gold');
  await client.dataAttributes.update({ data_attribute_id: level.id, body: { archived: true } });
  const held = async (query) => (await client.dataAttributes.list({ model: 'contact', ...query })).data.some((each) => each.name === 'level');
  assert.deepEqual([await held({}), await held({ include_archived: true })], [false, true]);
  assert.equal((await refusal(client.dataAttributes.create({ name: 'mood', model: 'conversation', data_type: 'string' }))).statusCode, 422);
  assert.equal((await refusal(client.dataAttributes.create({ name: 'a.b', model: 'contact', data_type: 'string' }))).statusCode, 400);
});

test('a conversation gathers people and tags, waits, and becomes a ticket', async () => {
  const [asks, joins] = [await client.contacts.create({ email: 'asks2@bloggs.com' }), await client.contacts.create({ email: 'joins@bloggs.com' })];
  const { conversation_id: id } = await client.conversations.create({ from: { type: 'user', id: asks.id }, body: 'Both of us' });
  const people = (conversation) => conversation.contacts.contacts.map((each) => each.id);
  const both = await client.conversations.attachContactAsAdmin({ conversation_id: id, admin_id: us, customer: { intercom_user_id: joins.id } });
  assert.deepEqual(people(both), [asks.id, joins.id]);
  assert.deepEqual(people(await client.conversations.detachContactAsAdmin({ conversation_id: id, contact_id: joins.id, admin_id: us })), [asks.id]);
  const tag = await client.tags.create({ name: 'Urgent' });
  await client.tags.tagConversation({ conversation_id: id, id: tag.id, admin_id: us });
  const tagged = (await client.conversations.find({ conversation_id: id })).tags.tags[0];
  assert.deepEqual([tagged.name, tagged.applied_by.id], ['Urgent', us]);
  const later = Math.floor(Date.now() / 1000) + 3600;
  const waiting = await client.conversations.manage({ conversation_id: id, body: { message_type: 'snoozed', admin_id: us, snoozed_until: later } });
  assert.deepEqual([waiting.state, waiting.snoozed_until], ['snoozed', later]);
  assert.equal((await client.conversations.manage({ conversation_id: id, body: { message_type: 'open', admin_id: us } })).state, 'open');
  const team = (await client.teams.list()).teams[0];
  const assigned = await client.conversations.manage({ conversation_id: id, body: { message_type: 'assignment', type: 'team', admin_id: us, assignee_id: team.id } });
  assert.equal(String(assigned.team_assignee_id), team.id);
  const note = await client.conversations.reply({ conversation_id: id, body: { message_type: 'note', type: 'admin', admin_id: us, body: 'For us' } });
  assert.equal(note.conversation_parts.conversation_parts.at(-1).part_type, 'note');
  assert.equal((await client.conversations.update({ conversation_id: id, read: true, title: 'Two people' })).title, 'Two people');
  const listed = [];
  for await (const each of await client.conversations.list({ per_page: 20 })) listed.push(each);
  assert.equal(listed.find((each) => each.id === id).conversation_parts, undefined, 'a list is without what was said');
  const type = (await client.ticketTypes.list()).data.find((each) => each.category === 'Customer');
  const ticket = await client.conversations.convertToTicket({ conversation_id: id, ticket_type_id: type.id });
  assert.deepEqual([ticket.type, ticket.id], ['ticket', id]);
  assert.equal((await client.tickets.get({ ticket_id: id })).ticket_type.id, type.id);
  const sent = await client.messages.create({ message_type: 'inapp', body: 'News', from: { type: 'admin', id: Number(us) }, to: { type: 'user', id: joins.id } });
  assert.equal(sent.type, 'admin_message');
});

test('tickets are made in the background and of types of our own', async () => {
  const contact = await client.contacts.create({ email: 'later@bloggs.com' });
  const type = await client.ticketTypes.create({ name: 'Return', category: 'Customer', description: 'Something comes back' });
  assert.equal((await client.ticketTypes.update({ ticket_type_id: type.id, name: 'Returned goods' })).name, 'Returned goods');
  assert.equal((await client.ticketTypes.get({ ticket_type_id: type.id })).name, 'Returned goods');
  const job = await client.tickets.enqueueCreateTicket({ ticket_type_id: type.id, contacts: [{ id: contact.id }], ticket_attributes: { _default_title_: 'Broken' } });
  assert.deepEqual([job.type, job.resource_type], ['job', 'ticket']);
  const done = await client.jobs.status({ job_id: job.id });
  assert.equal(done.status, 'success');
  const made = await client.tickets.get({ ticket_id: done.resource_id });
  assert.deepEqual([made.ticket_attributes._default_title_, made.contacts.contacts[0].id], ['Broken', contact.id]);
  const tag = await client.tags.create({ name: 'Returns' });
  assert.equal((await client.tags.tagTicket({ ticket_id: made.id, id: tag.id, admin_id: us })).name, 'Returns');
  const wrong = await refusal(client.tickets.create({ ticket_type_id: type.id, contacts: [{ id: contact.id }], ticket_attributes: { colour: 'red' } }));
  assert.equal(wrong.statusCode, 400);
});

test('two users are not merged, and whoever is blocked stays', async () => {
  const [one, other] = [await client.contacts.create({ email: 'one@bloggs.com' }), await client.contacts.create({ email: 'other@bloggs.com' })];
  assert.deepEqual(code(await refusal(client.contacts.mergeLeadInUser({ from: one.id, into: other.id }))), [400, 'invalid_merge']);
  assert.equal((await client.contacts.blockContact({ contact_id: one.id })).blocked, true);
  assert.equal((await client.contacts.find({ contact_id: one.id })).email, 'one@bloggs.com');
  const company = await client.companies.createOrUpdate({ company_id: 'two-1', name: 'Two' });
  for (const contact of [one, other]) await client.companies.attachContact({ contact_id: contact.id, id: company.id });
  // The client looks for the rows under `companies`, where Intercom's own example has `data` as well.
  assert.deepEqual((await client.contacts.listAttachedCompanies({ contact_id: one.id })).response.data.map((each) => each.id), [company.id]);
  const people = (await client.companies.listAttachedContacts({ company_id: company.id })).data.map((each) => each.id);
  assert.deepEqual(people.toSorted(), [one.id, other.id].toSorted());
  const renamed = await client.companies.update({ company_id: company.id, body: { name: 'Two Ltd', company_id: 'two-2' } });
  assert.deepEqual([renamed.name, renamed.company_id], ['Two Ltd', 'two-1'], 'its own id never changes');
});
