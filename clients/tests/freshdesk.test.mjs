// A client of Freshdesk that others wrote reads, writes, searches, pages and hears no.
//
// It has no call for merging (contacts or tickets), for restoring or hard deleting a contact, for `include`, jobs, webhooks' rules or the
// making of fields: those are told in crates/sims/tests/freshdesk, and fields are made here without it. It has calls for time entries, roles,
// solutions, and for changing and deleting agents, which the simulator leaves out. It sends a `+` in an expression as a space.
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
/** A field of the account's own, made as an administrator makes it; its name. */
async function field(path, label, type, more = {}) {
  const headers = { 'content-type': 'application/json', authorization: `Basic ${Buffer.from(`${desk.token}:X`).toString('base64')}` };
  const answer = await fetch(`${desk.url}/api/v2/${path}`, { method: 'POST', headers, body: JSON.stringify({ label, type, ...more }) });
  assert.equal(answer.status, 201);
  return (await answer.json()).name;
}
const codes = (error) => [error.status, error.data.errors.map((flaw) => `${flaw.field} ${flaw.code}`)];
const ids = (rows) => rows.map((row) => row.id);
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

test('a deleted ticket is in no list but its own, takes no writes, and comes back', async () => {
  const kept = (await call(client, 'createTicket', ticket('Comes back'))).data;
  await call(client, 'deleteTicket', kept.id);
  assert.equal((await call(client, 'getTicket', kept.id)).data.deleted, true);
  assert.ok(!ids((await call(client, 'listAllTickets', { per_page: 100 })).data).includes(kept.id));
  assert.deepEqual(ids((await call(client, 'listAllTickets', { filter: 'deleted', updated_since: kept.created_at, email: 'ann@customer.example' })).data)[0], kept.id);
  for (const [name, ...args] of [['updateTicket', kept.id, { priority: 2 }], ['createReply', kept.id, { body: 'Hello' }], ['deleteTicket', kept.id]]) {
    assert.equal((await refusal(call(client, name, ...args))).status, 405, name);
  }
  assert.equal((await call(client, 'restoreTicket', kept.id)).data, null);
  const back = (await call(client, 'updateTicket', kept.id, { priority: 2 })).data;
  assert.deepEqual([back.priority, back.deleted], [2, undefined]);
  assert.equal((await refusal(call(client, 'restoreTicket', kept.id))).status, 404);
});

test('a ticket names all that is wrong with it at once', async () => {
  const bare = await refusal(call(client, 'createTicket', { subject: 'Nothing else' }));
  assert.deepEqual(codes(bare), [400, ['requester_id', 'description', 'status', 'priority', 'source'].map((name) => `${name} missing_field`)]);
  const odd = await refusal(call(client, 'createTicket', { ...ticket('Odd'), status: 99, priority: 'high', mood: 'bad', tags: 'hot' }));
  assert.deepEqual([odd.status, new Set(codes(odd)[1])], [400, new Set(['priority datatype_mismatch', 'mood invalid_field', 'tags datatype_mismatch'])]);
  const values = await refusal(call(client, 'createTicket', { ...ticket('Odd'), status: 99, type: 'Riddle', source: 4, responder_id: 1, due_by: '2030-01-01' }));
  assert.deepEqual(codes(values)[1].toSorted(), ['fr_due_by missing_field', 'responder_id invalid_value', 'source invalid_value', 'status invalid_value', 'type invalid_value']);
  const made = (await call(client, 'createTicket', ticket('Portal'))).data;
  assert.deepEqual(codes(await refusal(call(client, 'updateTicket', made.id, { subject: 'Other' }))), [400, ['subject incompatible_field']]);
  const phoned = (await call(client, 'createTicket', { ...ticket('Phoned'), source: 3 })).data;
  assert.equal((await call(client, 'updateTicket', phoned.id, { subject: 'Phoned in' })).data.subject, 'Phoned in');
});

test('what is said on a ticket is listed in order, notes are edited, and anything may go', async () => {
  const made = (await call(client, 'createTicket', ticket('Talk'))).data;
  const reply = (await call(client, 'createReply', made.id, { body: '<p>Try again</p>', cc_emails: ['boss@customer.example'] })).data;
  assert.deepEqual([reply.source, reply.private, reply.incoming, reply.body_text], [0, false, false, 'Try again']);
  assert.deepEqual(reply.replied_to, ['ann@customer.example', 'boss@customer.example']);
  const heard = (await call(client, 'createNote', made.id, { body: 'It works', private: false, incoming: true, user_id: made.requester_id })).data;
  assert.deepEqual([heard.source, heard.incoming, heard.private, heard.user_id], [2, true, false, made.requester_id]);
  const listed = (await call(client, 'listAllConversations', made.id)).data;
  assert.deepEqual(ids(listed), [reply.id, heard.id]);
  const edited = (await call(client, 'updateConversation', heard.id, { body: 'It works now' })).data;
  assert.deepEqual([edited.body, typeof edited.last_edited_at], ['<div>It works now</div>', 'string']);
  assert.equal((await refusal(call(client, 'updateConversation', reply.id, { body: 'Never said' }))).status, 405);
  assert.equal((await call(client, 'deleteConversation', reply.id)).data, null);
  assert.deepEqual(ids((await call(client, 'listAllConversations', made.id)).data), [heard.id]);
  assert.deepEqual(codes(await refusal(call(client, 'createNote', made.id, { body: 'x', mood: 'y' }))), [400, ['mood invalid_field']]);
  assert.deepEqual(codes(await refusal(call(client, 'createReply', made.id, { body: '' }))), [400, ['body missing_field']]);
});

test('lists are filtered, ordered and end where the vendor ends them', async () => {
  const company = (await call(client, 'createCompany', { name: 'Filter Works', domains: ['filter.example'] })).data;
  const zoe = (await call(client, 'createContact', { name: 'Zoe', email: 'zoe@filter.example', unique_external_id: 'con-zoe', mobile: '+15550001' })).data;
  const abe = (await call(client, 'createContact', { name: 'Abe', email: 'abe@filter.example' })).data;
  const contacts = async (query) => ids((await call(client, 'listAllContacts', query)).data);
  assert.deepEqual(await contacts({ company_id: company.id }), [abe.id, zoe.id], 'by name');
  for (const query of [{ email: 'ZOE@filter.example' }, { mobile: '+15550001' }, { unique_external_id: 'con-zoe' }]) assert.deepEqual(await contacts(query), [zoe.id]);
  assert.deepEqual(await contacts({ company_id: company.id, state: 'verified' }), []);
  assert.deepEqual(await contacts({ company_id: company.id, updated_since: '2099-01-01T00:00:00Z' }), []);
  assert.deepEqual(await contacts({ company_id: company.id, _updated_since: zoe.updated_at }), [abe.id, zoe.id]);
  assert.deepEqual(codes(await refusal(call(client, 'listAllContacts', { since: 1 }))), [400, ['since invalid_field']]);
  assert.deepEqual(codes(await refusal(call(client, 'listAllContacts', { per_page: 101 }))), [400, ['per_page invalid_value']]);

  const ours = (await call(client, 'currentAgent')).data;
  const low = (await call(client, 'createTicket', { ...ticket('Low'), email: 'zoe@filter.example' })).data;
  const done = (await call(client, 'createTicket', { ...ticket('Done'), email: 'zoe@filter.example', status: 5, responder_id: ours.id })).data;
  const tickets = async (query) => ids((await call(client, 'listAllTickets', query)).data);
  assert.equal(low.company_id, company.id, 'as their requester');
  for (const query of [{ requester_id: zoe.id }, { email: 'zoe@filter.example' }, { unique_external_id: 'con-zoe' }, { company_id: company.id }]) {
    assert.deepEqual(new Set(await tickets(query)), new Set([low.id, done.id]), JSON.stringify(query));
  }
  assert.deepEqual(await tickets({ requester_id: zoe.id, order_by: 'status', order_type: 'asc' }), [low.id, done.id]);
  assert.deepEqual(await tickets({ requester_id: zoe.id, order_by: 'status' }), [done.id, low.id]);
  assert.deepEqual(await tickets({ requester_id: zoe.id, filter: 'new_and_my_open' }), [low.id]);
  assert.deepEqual(await tickets({ requester_id: zoe.id, filter: 'watching' }), []);
  assert.deepEqual(await tickets({ requester_id: zoe.id, updated_since: '2099-01-01' }), []);
  assert.deepEqual(codes(await refusal(call(client, 'listAllTickets', { page: 301 }))), [400, ['page invalid_value']]);
  assert.deepEqual(codes(await refusal(call(client, 'listAllTickets', { order_by: 'mood' }))), [400, ['order_by invalid_value']]);
  const statused = (await call(client, 'listAllTickets', { requester_id: zoe.id, include: 'stats,requester' })).data.find((row) => row.id === done.id);
  assert.deepEqual([typeof statused.stats.closed_at, statused.requester.name, statused.description], ['string', 'Zoe', undefined]);

  const companies = async (query) => ids((await call(client, 'listAllCompanies', query)).data);
  assert.ok((await companies({})).includes(company.id));
  assert.deepEqual(await companies({ page: 2 }), []); // all that the client passes on
});

test('tickets, contacts and companies are found by expressions over their fields', async () => {
  const plan = await field('contact_fields', 'Plan', 'custom_dropdown', { choices: [{ value: 'Gold' }, { value: 'Silver' }] });
  const region = await field('company_fields', 'Region', 'custom_text');
  const urgency = await field('admin/ticket_fields', 'Urgency', 'custom_number');
  assert.deepEqual([plan, region, urgency], ['plan', 'region', 'cf_urgency']);

  const company = (await call(client, 'createCompany', { name: 'Search Ltd', domains: ['search.example'], custom_fields: { region: 'North' } })).data;
  const person = { name: 'Sam', email: 'sam@search.example', phone: '555 09', tags: ['vip'], custom_fields: { plan: 'Gold' } };
  const sam = (await call(client, 'createContact', person)).data;
  const open = (await call(client, 'createTicket', { ...ticket('Open'), email: 'sam@search.example', priority: 4, tags: ['ink'], custom_fields: { cf_urgency: 7 } })).data;
  const closed = (await call(client, 'createTicket', { ...ticket('Closed'), email: 'sam@search.example', status: 5, tags: ['ink'] })).data;

  const contacts = async (query) => ids((await call(client, 'filterContacts', query)).data.results);
  for (const query of ["email:'sam@search.example'", "tag:'vip' AND plan:'Gold'", `company_id:${company.id}`, "(phone:'555 09' OR phone:'none') AND twitter_id:null"]) {
    assert.deepEqual(await contacts(query), [sam.id], query);
  }
  assert.deepEqual(await contacts("plan:'Silver'"), []);
  const companies = async (query) => ids((await call(client, 'filterCompanies', query)).data.results);
  assert.deepEqual(await companies("domain:'search.example' AND region:'North'"), [company.id]);
  const tickets = async (query, page = 1) => ids((await call(client, 'filterTickets', query, page)).data.results);
  assert.deepEqual(await tickets("tag:'ink'"), [open.id, closed.id]);
  assert.deepEqual(await tickets("tag:'ink' AND (priority:4 OR status:4)"), [open.id]);
  assert.deepEqual(await tickets("tag:'ink' AND cf_urgency:>7"), [open.id]);
  const today = new Date().toISOString().slice(0, 10);
  assert.deepEqual(await tickets(`tag:'ink' AND created_at:<'${today}' AND status:5`), [closed.id]);
  assert.deepEqual(await tickets("tag:'ink'", 2), []);

  const wrong = async (name, ...args) => codes(await refusal(call(client, name, ...args)));
  assert.deepEqual(await wrong('filterTickets', "tag:'ink'", 11), [400, ['page invalid_value']]);
  assert.deepEqual(await wrong('filterTickets', 'subject:1', 1), [400, ['subject invalid_field']]);
  assert.deepEqual(await wrong('filterContacts', 'tag'), [400, ['query invalid_value']]);
  assert.deepEqual(await wrong('filterCompanies', `domain:'${'x'.repeat(600)}'`), [400, ['query invalid_value']]);
  const named = (await call(client, 'searchCompany', { name: 'sear' })).data.companies;
  assert.deepEqual(named, [{ id: company.id, name: 'Search Ltd' }]);
});

test('custom fields are listed by the name that was made for them, checked by type, and cleared by null', async () => {
  const names = {
    tier: await field('company_fields', 'Tier', 'custom_dropdown', { choices: [{ value: 'Pro' }] }),
    seats: await field('company_fields', 'Seats', 'custom_number'),
    since: await field('company_fields', 'Customer since', 'custom_date'),
    active: await field('company_fields', 'Active customer', 'custom_checkbox'),
  };
  const fields = (await call(client, 'listAllCompanyFields')).data;
  assert.deepEqual(fields.filter((each) => Object.values(names).includes(each.name)).map((each) => each.type), ['custom_dropdown', 'custom_number', 'custom_date', 'custom_checkbox']);
  assert.equal(fields.find((each) => each.name === 'domains').default, true);
  assert.ok((await call(client, 'listAllContactFields')).data.some((each) => each.type === 'default_unique_external_id'));
  const [status, ...others] = (await call(client, 'listAllTicketFields', { type: 'default_status' })).data;
  assert.deepEqual([status.choices['3'][0], others], ['Pending', []]);

  const custom_fields = { tier: 'Pro', seats: 12, customer_since: '2024-02-29', active_customer: false };
  const company = (await call(client, 'createCompany', { name: 'Fields Inc', custom_fields })).data;
  assert.deepEqual(company.custom_fields, { ...company.custom_fields, ...custom_fields });
  const wrong = await refusal(call(client, 'updateCompany', company.id, { custom_fields: { tier: 'Free', seats: '12', customer_since: '29.02.2024', nothing: 1 } }));
  assert.deepEqual(codes(wrong)[1].toSorted(), ['customer_since invalid_value', 'nothing invalid_field', 'seats datatype_mismatch', 'tier invalid_value']);
  const cleared = (await call(client, 'updateCompany', company.id, { custom_fields: { tier: null } })).data;
  assert.deepEqual([cleared.custom_fields.tier, cleared.custom_fields.seats], [null, 12]);
  const read = (await call(client, 'getCompany', company.id)).data;
  assert.deepEqual([read.custom_fields.active_customer, read.updated_at], [false, cleared.updated_at]);
});

test('a contact moves between companies, loses one that is deleted, and may become an agent', async () => {
  const [from, to] = [(await call(client, 'createCompany', { name: 'From Ltd' })).data, (await call(client, 'createCompany', { name: 'To Ltd' })).data];
  const mover = (await call(client, 'createContact', { name: 'Mo Ver', email: 'mo@mover.example', company_id: from.id, other_emails: ['mo@home.example'] })).data;
  assert.deepEqual([mover.first_name, mover.last_name, mover.deleted, mover.other_emails], ['Mo', 'Ver', false, ['mo@home.example']]);
  const moved = (await call(client, 'updateContact', mover.id, { company_id: to.id, tags: ['moved'], job_title: 'CTO' })).data;
  assert.deepEqual([moved.company_id, moved.tags, moved.job_title], [to.id, ['moved'], 'CTO']);
  const row = (await call(client, 'listAllContacts', { email: 'mo@home.example' })).data[0];
  assert.deepEqual([row.id, row.tags, row.other_emails], [mover.id, undefined, undefined], 'a list shows less');
  assert.equal((await refusal(call(client, 'createContact', { name: 'Twin', email: 'MO@home.example' }))).data.errors[0].additional_info.user_id, mover.id);
  const taken = await refusal(call(client, 'createCompany', { name: 'to ltd' }));
  assert.deepEqual(codes(taken), [409, ['name duplicate_value']]);
  assert.deepEqual(codes(await refusal(call(client, 'updateContact', mover.id, { company_id: 1 }))), [400, ['company_id invalid_value']]);
  assert.deepEqual(codes(await refusal(call(client, 'createContact', { name: 'Nobody' }))), [400, ['email missing_field']]);
  await call(client, 'deleteCompany', to.id);
  assert.equal((await refusal(call(client, 'getCompany', to.id))).status, 404, 'for good');
  assert.equal((await call(client, 'getContact', mover.id)).data.company_id, null);

  const leaver = (await call(client, 'createContact', { name: 'Lee Ver', email: 'lee@mover.example' })).data;
  await call(client, 'deleteContact', leaver.id);
  assert.equal((await call(client, 'getContact', leaver.id)).data.deleted, true, 'softly');
  assert.equal((await refusal(call(client, 'updateContact', leaver.id, { name: 'Back' }))).status, 405);
  assert.deepEqual(ids((await call(client, 'listAllContacts', { state: 'deleted', email: 'lee@mover.example' })).data), [leaver.id]);

  const agent = (await call(client, 'makeAgent', mover.id)).data;
  assert.equal(agent.agent.contact.email, 'mo@mover.example');
  assert.equal((await call(client, 'getAgent', mover.id)).data.contact.name, 'Mo Ver');
  assert.equal((await refusal(call(client, 'getContact', mover.id))).status, 404);
});

test('the desk and its agents are told', async () => {
  const me = (await call(client, 'currentAgent')).data;
  assert.equal((await call(client, 'getAgent', me.id)).data.contact.email, me.contact.email);
  assert.deepEqual(ids((await call(client, 'listAllAgents', { email: me.contact.email })).data), [me.id]);
  assert.deepEqual((await call(client, 'listAllAgents', { state: 'occasional' })).data, []);
  assert.equal((await refusal(call(client, 'getAgent', 1))).status, 404);
  assert.equal((await call(client, 'getSettings')).data.primary_language, 'en');
});
