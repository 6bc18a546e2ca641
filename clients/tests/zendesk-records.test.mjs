// node-zendesk keeps users, organizations, fields and tickets: what is merged, deleted, searched for and exported.
//
// It has no call for deleted users and tickets (restoring, erasing) and for merging organizations: those are told in crates/sims/src/zendesk.
// Its calls for views, macros, the help centre, requests and settings are left out, as the simulator has none of them.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import zendesk from 'node-zendesk';
import { eventually, simulators } from '../simulators.mjs';

let sims;
let client;

before(async () => {
  sims = await simulators(['zendesk']);
  const { url, email, token } = sims.zendesk;
  client = zendesk.createClient({ username: email, token, subdomain: 'acme', endpointUri: `${url}/api/v2` });
});
after(() => sims?.stop());

const result = async (work) => (await work).result;
const ids = (rows) => rows.map((row) => row.id);
const epoch = (seconds) => Math.floor(Date.now() / 1000) + seconds;
let people = 0;
const user = (name, more = {}) => result(client.users.create({ user: { name, email: `${name.toLowerCase()}${(people += 1)}@records.example`, verified: true, ...more } }));
const organization = (name, more = {}) => result(client.organizations.create({ organization: { name, ...more } }));
const ticket = (subject, more = {}) => result(client.tickets.create({ ticket: { subject, comment: { body: `${subject}, please.` }, ...more } }));

/** The end of a background job, whose results are told in any order. */
async function finished(answer) {
  const { id } = (await answer).result.job_status;
  const job = await eventually(`job ${id}`, async () => {
    const status = (await result(client.jobstatuses.show(id))).job_status;
    return ['completed', 'failed'].includes(status.status) && status;
  });
  if (Array.isArray(job.results)) job.results.sort((one, other) => one.index - other.index);
  return job;
}

test('a user has addresses, one of them first, and a taken one is refused', async () => {
  const ida = await user('Ida');
  const second = await result(client.useridentities.create(ida.id, { identity: { type: 'email', value: 'Ida@home.example', verified: true } }));
  assert.deepEqual([second.value, second.primary], ['ida@home.example', false]);
  await client.useridentities.makePrimary(ida.id, second.id);
  assert.equal((await result(client.users.show(ida.id))).email, 'ida@home.example');
  const first = (await client.useridentities.list(ida.id)).find((each) => !each.primary);
  await client.useridentities.delete(ida.id, first.id);
  assert.deepEqual((await client.useridentities.list(ida.id)).map((each) => each.value), ['ida@home.example']);
  await assert.rejects(client.users.create({ user: { name: 'Twin', email: 'IDA@home.example' } }), /422/);
  // Another address is added, and the first one stays.
  await client.users.update(ida.id, { user: { email: 'ida@work.example' } });
  assert.equal((await result(client.users.show(ida.id))).email, 'ida@home.example');
  await client.users.suspend(ida.id);
  assert.equal((await result(client.users.show(ida.id))).suspended, true);
});

test('one of two merged users stays, with the addresses and tickets of both', async () => {
  const [kept, lost] = [await user('Kept'), await user('Lost')];
  const asked = await ticket('Password', { requester_id: lost.id });
  const winner = await result(client.users.merge(lost.id, kept.id));
  assert.equal(winner.id, kept.id);
  assert.equal((await result(client.users.show(lost.id))).active, false);
  assert.deepEqual((await client.useridentities.list(kept.id)).map((each) => each.value).toSorted(), [kept.email, lost.email].toSorted());
  assert.equal((await result(client.tickets.show(asked.id))).requester_id, kept.id);
  await assert.rejects(client.users.merge(lost.id, kept.id), /404|422/);
});

test('users are shown by the hundred, made or changed in the background, tagged and deleted softly', async () => {
  const [abe, zoe] = [await user('Abe'), await user('Zoe', { external_id: 'zoe-1' })];
  assert.deepEqual(ids(await result(client.users.showMany([abe.id, zoe.id]))), [abe.id, zoe.id]);
  const users = [{ external_id: 'zoe-1', name: 'Zoe King' }, { name: 'New', email: 'new@records.example', verified: true }, { name: '' }];
  const job = await finished(client.users.createOrUpdateMany({ users }));
  assert.deepEqual(job.results.map((row) => [row.id === zoe.id, row.error !== undefined]), [[true, false], [false, false], [false, true]]);
  assert.equal((await result(client.users.show(zoe.id))).name, 'Zoe King');
  await client.users.setTags(abe.id, { tags: ['Gold', 'key account'] });
  await client.users.addTags(abe.id, { tags: ['gold', 'beta'] });
  assert.deepEqual((await result(client.users.show(abe.id))).tags.toSorted(), ['account', 'beta', 'gold', 'key']);
  const [found] = await client.users.search({ external_id: 'ZOE-1' });
  assert.equal(found.id, zoe.id);
  const gone = await result(client.users.delete(abe.id));
  assert.equal(gone.active, false);
  assert.equal((await result(client.users.show(abe.id))).active, false);
  assert.ok(!ids(await client.users.list()).includes(abe.id));
  const busy = await ticket('Open', { requester_id: zoe.id });
  await assert.rejects(client.users.delete(zoe.id), /422/, 'somebody whose ticket is open stays');
  assert.equal((await result(client.tickets.show(busy.id))).requester_id, zoe.id);
});

test('an export of users tells of changes and of who is gone', async () => {
  const since = epoch(-5);
  const [stays, goes] = [await user('Stays'), await user('Goes')];
  await client.users.delete(goes.id);
  const told = await client.users.incremental(since);
  assert.deepEqual([stays.id, goes.id].map((id) => told.find((each) => each.id === id).active), [true, false]);
});

test('organizations are known by their external id, unique by name, found, counted and deleted', async () => {
  const first = await organization('Adatum', { external_id: 'acc-1', domain_names: ['adatum.example'] });
  await assert.rejects(organization('ADATUM'), /422/);
  const same = await result(client.organizations.createOrUpdate({ organization: { name: 'Adatum Ltd', external_id: 'ACC-1' } }));
  assert.deepEqual([same.id, same.name], [first.id, 'Adatum Ltd']);
  await assert.rejects(client.organizations.createOrUpdate({ organization: { name: 'adatum ltd' } }), /422/, 'never by name');
  assert.deepEqual(ids(await client.organizations.search('acc-1')), [first.id]);
  assert.deepEqual(ids(await client.organizations.autocomplete({ name: 'adat' })), [first.id]);
  assert.deepEqual(ids(await client.organizations.showManyByExternalIds(['acc-1', 'acc-2'])), [first.id]);
  const adopted = await result(client.users.create({ user: { name: 'Ada', email: 'ada@adatum.example', verified: true } }));
  assert.equal(adopted.organization_id, first.id, 'by the domain');
  const asked = await ticket('Invoice', { requester_id: adopted.id });
  assert.deepEqual((await result(client.organizations.related(first.id))).organization_related, { users_count: 1, tickets_count: 1 });
  assert.deepEqual(ids(await client.tickets.listByOrganization(first.id)), [asked.id]);
  const job = await finished(client.organizations.createMany({ organizations: [{ name: 'Fourth Coffee' }, { name: 'adatum ltd' }] }));
  assert.match(job.results[1].details, /has already been taken/);
  await client.organizations.updateMany({ organizations: [{ id: job.results[0].id, notes: 'Roasts' }] });
  await eventually('the note', async () => (await result(client.organizations.show(job.results[0].id))).notes === 'Roasts');
  const since = epoch(-5);
  assert.ok(ids(await client.organizations.incremental(since)).includes(first.id));
  await client.organizations.delete(first.id);
  await assert.rejects(client.organizations.show(first.id), /404/);
  assert.equal((await result(client.users.show(adopted.id))).organization_id, null);
  await finished(client.organizations.bulkDelete([job.results[0].id]));
  await assert.rejects(client.organizations.show(job.results[0].id), /404/);
});

test('somebody belongs to several organizations, one of them first', async () => {
  const [one, two] = [await organization('Litware'), await organization('Proseware')];
  const member = await user('Member', { organization_id: one.id });
  const [usual] = await client.organizationmemberships.listByUser(member.id);
  assert.deepEqual([usual.organization_id, usual.default], [one.id, true]);
  const wanted = { user_id: member.id, organization_id: two.id };
  const made = await result(client.organizationmemberships.create(wanted));
  assert.deepEqual([made.default, made.organization_name], [false, 'Proseware']);
  await assert.rejects(client.organizationmemberships.create(wanted), /422/);
  assert.deepEqual(ids(await client.organizations.listByUser(member.id)).toSorted(), [one.id, two.id].toSorted());
  await client.organizationmemberships.makeDefault(member.id, made.id);
  assert.equal((await result(client.users.show(member.id))).organization_id, two.id);
  await client.organizationmemberships.delete(made.id);
  assert.equal((await result(client.users.show(member.id))).organization_id, one.id, 'the other one takes its place');
  await finished(client.organizationmemberships.deleteMany([usual.id]));
  assert.deepEqual([(await result(client.users.show(member.id))).organization_id, await client.organizationmemberships.listByUser(member.id)], [null, []]);
});

test('fields have options, take values by their key or id, and go with their values', async () => {
  const plan = await result(client.userfields.create({ user_field: { key: 'plan', title: 'Plan', type: 'dropdown', custom_field_options: [{ name: 'Pro', value: 'plan_pro' }] } }));
  await client.userfields.createOrUpdateOption(plan.id, { custom_field_option: { name: 'Free', value: 'plan_free' } });
  const { custom_field_options: options } = await result(client.userfields.listOptions(plan.id));
  assert.deepEqual(options.map((each) => each.value), ['plan_pro', 'plan_free']);
  const paying = await user('Paying', { user_fields: { plan: 'plan_pro' } });
  assert.deepEqual([paying.user_fields.plan, paying.tags], ['plan_pro', ['plan_pro']]);
  const score = await result(client.organizationfields.create({ organization_field: { key: 'score', title: 'Score', type: 'integer' } }));
  const scored = await organization('Scored', { organization_fields: { score: 7 } });
  assert.equal(scored.organization_fields.score, 7);
  const area = await result(client.ticketfields.create({ ticket_field: { title: 'Area', type: 'tagger', custom_field_options: [{ name: 'Billing', value: 'area_billing' }] } }));
  const filed = await ticket('Filed', { custom_fields: [{ id: area.id, value: 'area_billing' }] });
  assert.equal(filed.custom_fields.find((each) => each.id === area.id).value, 'area_billing');
  assert.ok(filed.tags.includes('area_billing'), 'a choice is a tag as well');
  await assert.rejects(client.tickets.update(filed.id, { ticket: { custom_fields: [{ id: area.id, value: 'area_sales' }] } }), /422/);
  await client.ticketfields.update(area.id, { ticket_field: { title: 'Area of work' } });
  assert.equal((await result(client.ticketfields.show(area.id))).title, 'Area of work');
  for (const [fields, field] of [[client.userfields, plan], [client.organizationfields, score], [client.ticketfields, area]]) {
    await fields.delete(field.id);
    assert.ok(!ids(await fields.list()).includes(field.id));
  }
  assert.equal('plan' in (await result(client.users.show(paying.id))).user_fields, false);
});

test('a ticket is talked about, and what happened to it is on record', async () => {
  const asker = await user('Asker');
  const asked = await ticket('Printer', { requester_id: asker.id, priority: 'low' });
  assert.deepEqual([asked.status, asked.organization_id], ['new', null]);
  await client.tickets.update(asked.id, { ticket: { comment: { body: 'For us', public: false }, status: 'pending' } });
  await client.tickets.update(asked.id, { ticket: { comment: { html_body: '<p>Try <b>again</b></p>', public: true }, priority: 'high' } });
  const comments = await client.tickets.getComments(asked.id);
  assert.deepEqual(comments.map((each) => [each.plain_body, each.public]), [['Printer, please.', true], ['For us', false], ['Try again', true]]);
  const audits = await client.tickets.exportAudit(asked.id);
  const changes = audits.flatMap((audit) => audit.events).filter((event) => event.type === 'Change');
  assert.deepEqual(changes.filter((event) => event.field_name !== 'custom_status_id').map((event) => [event.field_name, event.previous_value, event.value]), [['status', 'new', 'pending'], ['priority', 'low', 'high']]);
  await client.tickets.updateTags(asked.id, { tags: ['ink'] });
  await client.tickets.addTags(asked.id, { tags: ['toner'] });
  await client.tickets.update(asked.id, { ticket: { status: 'solved' } });
  const [shown] = await result(client.tickets.showMany([asked.id]));
  assert.deepEqual([shown.status, shown.tags.toSorted()], ['solved', ['ink', 'toner']]);
  const { ticket_metric: metric } = await result(client.tickets.listMetrics(asked.id));
  assert.deepEqual([metric.replies, typeof metric.solved_at, metric.reopens], [1, 'string', 0]);
  assert.deepEqual(ids(await client.tickets.listByUserRequested(asker.id)), [asked.id]);
});

test('tickets are made, changed, merged and deleted in the background', async () => {
  const tickets = ['One', 'Two', 'Three'].map((subject) => ({ subject, comment: { body: subject } }));
  const [one, two, three] = ids((await finished(client.tickets.createMany({ tickets }))).results);
  await finished(client.tickets.updateMany([one, two], { ticket: { priority: 'urgent' } }));
  assert.deepEqual((await result(client.tickets.showMany([one, two, three]))).map((each) => each.priority), ['urgent', 'urgent', null]);
  const merge = { ids: [two], target_comment: 'Takes the other in', source_comment: 'Goes on there' };
  assert.equal((await finished(client.tickets.merge(one, merge))).status, 'completed');
  const closed = await result(client.tickets.show(two));
  assert.deepEqual([closed.status, closed.tags.includes('closed_by_merge')], ['closed', true]);
  assert.equal((await client.tickets.getComments(one)).at(-1).plain_body, 'Takes the other in');
  await assert.rejects(client.tickets.update(two, { ticket: { priority: 'low' } }), /422/, 'closed is closed');
  await finished(client.tickets.deleteMany([three]));
  await assert.rejects(client.tickets.show(three), /404/);
  await client.tickets.delete(one);
  await assert.rejects(client.tickets.show(one), /404/);
  const told = await client.tickets.incremental(epoch(-60));
  assert.deepEqual([one, two, three].map((id) => told.find((each) => each.id === id).status), ['deleted', 'closed', 'deleted']);
});

test('a search finds by words and fields, counts, and is exported without its limit', async () => {
  const wanted = await user('Needle', { phone: '+46 70 1', notes: 'Haystack' });
  const asked = await ticket('Needle in a haystack', { requester_id: wanted.id, priority: 'high' });
  const found = async (query) => ids(await client.search.queryAll(query));
  assert.deepEqual(await found(`type:user email:${wanted.email}`), [wanted.id]);
  assert.deepEqual(await found('type:ticket subject:haystack priority:high'), [asked.id]);
  assert.deepEqual(await found(`type:ticket requester:${wanted.email} status<solved`), [asked.id]);
  assert.deepEqual(await found('type:ticket subject:haystack status:closed'), []);
  assert.deepEqual(await result(client.search.showResultsCount('type:user needle')), { count: 1 });
  assert.deepEqual(ids(await client.search.exportResults('needle', 'user')), [wanted.id]);
});

test('an old conversation is imported with its dates and speakers', async () => {
  const asker = await user('Historic');
  const [created_at, solved_at] = ['2020-03-01T08:00:00Z', '2020-03-02T08:00:00Z'];
  const comments = [{ author_id: asker.id, value: 'Then', created_at }, { value: 'Done', created_at: solved_at, public: true }];
  const made = await result(client.imports.ticket({ ticket: { subject: 'From the old desk', requester_id: asker.id, status: 'solved', created_at, solved_at, comments } }));
  assert.deepEqual([made.created_at, made.status], [created_at, 'solved']);
  assert.deepEqual((await client.tickets.getComments(made.id)).map((each) => [each.plain_body, each.created_at]), [['Then', created_at], ['Done', solved_at]]);
});

test('at the pace of a real account, exports withhold the last minute and the search lags behind', async () => {
  const real = await simulators(['zendesk'], { profile: 'real' });
  try {
    const { url, email, token } = real.zendesk;
    const slow = zendesk.createClient({ username: email, token, subdomain: 'acme', endpointUri: `${url}/api/v2` });
    const { result: made } = await slow.users.create({ user: { name: 'Fresh', email: 'fresh@records.example', verified: true } });
    await assert.rejects(slow.users.incremental(epoch(-10)), /400/);
    assert.ok(!ids(await slow.users.incremental(epoch(-120))).includes(made.id));
    assert.deepEqual(await slow.search.queryAll('type:user email:fresh@records.example'), []);
    assert.ok(ids(await slow.users.list()).includes(made.id));
  } finally {
    await real.stop();
  }
});
