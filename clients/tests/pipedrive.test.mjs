// Pipedrive's own client reads, writes, searches, merges and converts, over both versions of the API, and hears no.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, afterEach, before, test } from 'node:test';
import { v1, v2 } from 'pipedrive';
import { eventually, simulators } from '../simulators.mjs';

let sims;
let pd;
let now; // the present version
let old; // what remains of the older one

const connect = (apiKey) => ({
  now: new v2.Configuration({ apiKey, basePath: `${pd.url}/api/v2` }),
  old: new v1.Configuration({ apiKey, basePath: `${pd.url}/v1` }),
});

before(async () => {
  sims = await simulators(['pipedrive']);
  pd = sims.pipedrive;
  ({ now, old } = connect(pd.token));
});
afterEach(() => pd.steer('faults', { clear: true }));
after(() => sims?.stop());

// The client throws away the status and gives the parsed body alone.
const refusal = (work) => work.then(() => assert.fail('this should have been refused'), (error) => error.response?.data ?? error);
const data = async (work) => (await work).data;
const organization = (name) => data(new v2.OrganizationsApi(now).addOrganization({ AddOrganizationRequest: { name } }));
const person = (name, email, more = {}) =>
  data(new v2.PersonsApi(now).addPerson({ AddPersonRequest: { name, emails: [{ value: email, primary: true, label: 'work' }], ...more } }));

test('a code and a refresh token give access tokens that work, and the api domain is followed', async () => {
  const redirectUri = 'http://127.0.0.1/back';
  const asked = new URLSearchParams({ client_id: pd.client_id, redirect_uri: redirectUri, state: 'x y' });
  const consent = await fetch(`${pd.url}/oauth/authorize?${asked}`, { redirect: 'manual' });
  const back = new URL(consent.headers.get('location'));
  assert.equal(back.searchParams.get('state'), 'x y');
  const oauth = new v2.OAuth2Configuration({ clientId: pd.client_id, clientSecret: pd.client_secret, redirectUri, host: pd.url });
  const tokens = await oauth.authorize(back.searchParams.get('code'));
  assert.equal(tokens.api_domain, pd.url);
  const config = new v2.Configuration({ accessToken: oauth.getAccessToken, basePath: oauth.basePath });
  assert.ok(Array.isArray((await new v2.PersonsApi(config).getPersons({ limit: 1 })).data));
  await pd.steer('expire_sessions', {});
  const renewed = await oauth.tokenRefresh();
  assert.notEqual(renewed.access_token, tokens.access_token);
  assert.ok((await new v2.PersonsApi(config).getPersons({ limit: 1 })).success);
});

test('a token that nobody gave is refused by the gateway', async () => {
  const refused = await refusal(new v2.PersonsApi(connect('0'.repeat(40)).now).getPersons());
  assert.deepEqual([refused.success, refused.error, refused.errorCode], [false, 'unauthorized access', 401]);
});

test('a person is created, read, changed and deleted, and deleted again', async () => {
  const api = new v2.PersonsApi(now);
  const { id: org_id } = await organization('Northwind');
  const made = await person('Ada Lovelace', 'ada@people.example', { org_id });
  assert.deepEqual([made.first_name, made.last_name, made.org_id, made.custom_fields], ['Ada', 'Lovelace', org_id, null]);
  assert.match(made.add_time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  const changed = await data(api.updatePerson({ id: made.id, UpdatePersonRequest: { name: 'Ada King' } }));
  assert.deepEqual([changed.name, changed.emails[0].value], ['Ada King', 'ada@people.example']);
  assert.equal((await data(api.deletePerson({ id: made.id }))).id, made.id);
  assert.equal((await data(api.getPerson({ id: made.id }))).is_deleted, true);
  const listed = await data(api.getPersons({ ids: String(made.id) }));
  assert.deepEqual(listed, []);
  const again = await refusal(api.deletePerson({ id: made.id }));
  assert.equal(again.data.id, made.id); // 410, with the words of success
});

test('one unknown field or one value of another type refuses the whole request', async () => {
  const api = new v2.PersonsApi(now);
  const wrong = await refusal(api.addPerson({ AddPersonRequest: { name: 'Eve', custom_fields: { ['0'.repeat(40)]: 'x' } } }));
  assert.equal(wrong.code, 'ERR_SCHEMA_VALIDATION_FAILED');
  const typed = await refusal(api.addPerson({ AddPersonRequest: { name: 'Eve', org_id: '1' } }));
  assert.match(typed.error, /org_id/);
  const fine = await refusal(api.getPersons({ updated_since: '2026-01-01T00:00:00.000Z' }));
  assert.match(fine.error, /updated_since/);
  const sync = await refusal(api.addPerson({ AddPersonRequest: { name: 'Eve', job_title: 'CEO' } }));
  assert.equal(sync.success, false);
});

test('a custom field has a random code, choices have ids, and every kind of value comes back', async () => {
  const fields = new v2.OrganizationFieldsApi(now);
  const make = (field_name, field_type, options) => data(fields.addOrganizationField({ AddOrganizationFieldRequest: { field_name, field_type, ...(options && { options }) } }));
  const size = await make('Size', 'enum', [{ label: 'Small' }, { label: 'Large' }]);
  const tags = await make('Tags', 'set', [{ label: 'Red' }, { label: 'Blue' }]);
  const budget = await make('Budget', 'monetary');
  const visit = await make('Visit', 'daterange');
  assert.match(size.field_code, /^[0-9a-f]{40}$/);
  const wider = await data(fields.addOrganizationFieldOptions({ field_code: size.field_code, AddDealFieldOptionsRequestInner: [{ label: 'Huge' }] }));
  assert.equal(wider.length, 3);
  const custom_fields = {
    [size.field_code]: wider[2].id,
    [tags.field_code]: tags.options.map((each) => each.id),
    [budget.field_code]: { value: 10.5, currency: 'EUR' },
    [visit.field_code]: { value: '2026-02-01', until: '2026-02-03' },
  };
  const made = await data(new v2.OrganizationsApi(now).addOrganization({ AddOrganizationRequest: { name: 'Tailspin', custom_fields } }));
  assert.deepEqual(made.custom_fields, { ...made.custom_fields, ...custom_fields });
  const spelled = await data(new v2.OrganizationsApi(now).getOrganizations({ ids: String(made.id), include_option_labels: true }));
  assert.equal(spelled[0].custom_fields[size.field_code].label, 'Huge');
  const empty = await refusal(new v2.OrganizationsApi(now).updateOrganization({ id: made.id, UpdateOrganizationRequest: { custom_fields: { [tags.field_code]: [] } } }));
  assert.match(empty.error, /fewer than 1/);
  const cleared = await data(new v2.OrganizationsApi(now).updateOrganization({ id: made.id, UpdateOrganizationRequest: { custom_fields: { [tags.field_code]: null } } }));
  assert.equal(cleared.custom_fields[tags.field_code], null);
  await fields.deleteOrganizationField({ field_code: budget.field_code });
  const listed = await data(fields.getOrganizationFields({ limit: 500 }));
  assert.ok(!listed.some((each) => each.field_code === budget.field_code) && listed.some((each) => !each.is_custom_field));
});

test('a list is read over its pages, by what changed, and its last cursor is null', async () => {
  const api = new v2.PersonsApi(now);
  const since = new Date(Math.floor(Date.now() / 1000) * 1000).toISOString().replace('.000Z', 'Z');
  for (let n = 0; n < 25; n += 1) await person(`Page ${n}`, `page${n}@people.example`);
  const seen = new Set();
  let cursor;
  let last;
  do {
    last = await api.getPersons({ limit: 10, sort_by: 'update_time', updated_since: since, ...(cursor && { cursor }) });
    last.data.filter((each) => each.name.startsWith('Page ')).forEach((each) => seen.add(each.id));
    cursor = last.additional_data.next_cursor;
  } while (cursor);
  assert.deepEqual([seen.size, last.additional_data.next_cursor], [25, null]);
  assert.match((await refusal(api.getPersons({ limit: 501 }))).error, /limit/);
});

test('people are found by their address, and everything by a word', async () => {
  await person('Grace Hopper', 'grace@people.example');
  const { items } = await data(new v2.PersonsApi(now).searchPersons({ term: 'GRACE@people.example', fields: 'email', exact_match: true }));
  assert.deepEqual(items.map((hit) => [hit.item.name, hit.item.emails]), [['Grace Hopper', ['grace@people.example']]]);
  const found = await data(new v2.ItemSearchApi(now).searchItem({ term: 'hopper', item_types: 'person,deal' }));
  assert.equal(found.items[0].item.type, 'person');
});

test('a deal begins at the first stage, moves, is won, archived and deleted', async () => {
  const api = new v2.DealsApi(now);
  const stages = await data(new v2.StagesApi(now).getStages());
  assert.deepEqual([stages[0].name, stages[0].update_time, (await data(new v2.PipelinesApi(now).getPipelines()))[0].name], ['Qualified', null, 'Pipeline']);
  const deal = await data(api.addDeal({ AddDealRequest: { title: 'First year', value: 1200, currency: 'EUR' } }));
  assert.deepEqual([deal.stage_id, deal.pipeline_id, deal.status], [stages[0].id, 1, 'open']);
  const early = await refusal(api.updateDeal({ id: deal.id, UpdateDealRequest: { lost_reason: 'Price' } }));
  assert.match(early.error, /lost_reason/);
  const won = await data(api.updateDeal({ id: deal.id, UpdateDealRequest: { status: 'won', stage_id: stages[3].id } }));
  assert.deepEqual([won.status, won.stage_id, typeof won.won_time], ['won', stages[3].id, 'string']);
  await api.updateDeal({ id: deal.id, UpdateDealRequest: { is_archived: true } });
  const has = (rows) => rows.some((each) => each.id === deal.id);
  assert.deepEqual([has(await data(api.getDeals({ limit: 500 }))), has(await data(api.getArchivedDeals({ limit: 500 })))], [false, true]);
  const gone = await data(api.addDeal({ AddDealRequest: { title: 'Never' } }));
  await api.deleteDeal({ id: gone.id });
  assert.ok((await data(api.getDeals({ status: 'deleted', limit: 500 }))).some((each) => each.id === gone.id));
});

test('an activity has participants and notes belong to what their deal belongs to', async () => {
  const { id: org_id } = await organization('Fabrikam');
  const { id: person_id } = await person('Linus', 'linus@people.example', { org_id });
  const activities = new v2.ActivitiesApi(now);
  const activity = await data(activities.addActivity({ AddActivityRequest: { subject: 'Call', type: 'call', org_id, participants: [{ person_id, primary: true }], due_date: '2026-02-01', due_time: '09:30' } }));
  assert.deepEqual([activity.person_id, activity.done, activity.marked_as_done_time], [person_id, false, null]);
  const done = await data(activities.updateActivity({ id: activity.id, AddActivityRequest: { done: true } }));
  assert.equal(typeof done.marked_as_done_time, 'string');
  const types = await data(new v1.ActivityTypesApi(old).getActivityTypes());
  assert.ok(types.some((each) => each.key_string === 'call'));
  const deal = await data(new v2.DealsApi(now).addDeal({ AddDealRequest: { title: 'Fabrikam', org_id, person_id } }));
  const notes = new v1.NotesApi(old);
  const note = await data(notes.addNote({ AddNoteRequest: { content: '<p>Hello</p>', deal_id: deal.id } }));
  assert.deepEqual([note.org_id, note.person_id, note.active_flag], [org_id, person_id, true]);
  assert.match(note.add_time, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
  await notes.updateNote({ id: note.id, NoteRequest: { content: 'Changed' } });
  assert.equal(await data(notes.deleteNote({ id: note.id })), true);
  assert.equal((await data(notes.getNote({ id: note.id }))).active_flag, false);
});

test('a lead needs somebody, has fine stamps, and becomes a deal', async () => {
  const leads = new v1.LeadsApi(old);
  assert.equal((await refusal(leads.addLead({ AddLeadRequest: { title: 'Nobody' } }))).success, false);
  const { id: person_id } = await person('Barbara', 'barbara@people.example');
  const labels = await data(new v1.LeadLabelsApi(old).getLeadLabels());
  const lead = await data(leads.addLead({ AddLeadRequest: { title: 'Wants more', person_id, value: { amount: 5, currency: 'EUR' }, label_ids: [labels[0].id] } }));
  assert.match(lead.update_time, /\.\d{3}Z$/);
  assert.deepEqual([lead.visible_to, lead.value, lead.label_ids], ['3', { amount: 5, currency: 'EUR' }, [labels[0].id]]);
  const { conversion_id } = await data(new v2.LeadsApi(now).convertLeadToDeal({ id: lead.id, ConvertLeadToDealRequest: { stage_id: 2 } }));
  const status = () => data(new v2.LeadsApi(now).getLeadConversionStatus({ id: lead.id, conversion_id }));
  const done = await eventually('the conversion', async () => {
    const told = await status();
    return told.status === 'completed' && told;
  });
  const deal = await data(new v2.DealsApi(now).getDeal({ id: done.deal_id }));
  assert.deepEqual([deal.title, deal.stage_id, deal.person_id, deal.value], ['Wants more', 2, person_id, 5]);
  assert.equal((await refusal(leads.getLead({ id: lead.id }))).success, false);
});

test('a merge keeps one of two, and recent changes tell of what went', async () => {
  const since = new Date(Date.now() - 60_000).toISOString().slice(0, 19).replace('T', ' ');
  const kept = await person('Jo', 'jo@people.example');
  const lost = await person('Joanna', 'joanna@people.example');
  const merged = await data(new v1.PersonsApi(old).mergePersons({ id: lost.id, MergePersonsRequest: { merge_with_id: kept.id } }));
  assert.deepEqual([merged.id, merged.merge_what_id, merged.email.map((each) => each.value)], [kept.id, lost.id, ['jo@people.example', 'joanna@people.example']]);
  assert.equal((await refusal(new v2.PersonsApi(now).getPerson({ id: lost.id }))).error, 'Person not found');
  const recents = await new v1.RecentsApi(old).getRecents({ since_timestamp: since, items: 'person', limit: 500 });
  const told = recents.data.find((each) => each.id === lost.id);
  assert.ok(told.data === null || told.data.active_flag === false);
});

test('users are listed with who we are', async () => {
  const users = new v1.UsersApi(old);
  const me = await data(users.getCurrentUser());
  assert.deepEqual([me.is_you, me.company_domain], [true, 'acme']);
  assert.ok((await data(users.getUsers())).some((each) => !each.active_flag));
  assert.equal((await data(users.findUsersByName({ term: me.email, search_by_email: 1 })))[0].id, me.id);
});

test('webhooks come with their password, text ids and fields in a shape of their own', async () => {
  const letters = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += chunk));
    request.on('end', () => {
      letters.push({ authorization: request.headers.authorization, body: JSON.parse(body) });
      response.end();
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const hooks = new v1.WebhooksApi(old);
  const subscription_url = `http://127.0.0.1:${server.address().port}/`;
  const wanted = { subscription_url, event_action: '*', event_object: 'person', name: 'Test', http_auth_user: 'me', http_auth_password: 'pass' };
  try {
    const hook = await data(hooks.addWebhook({ AddWebhookRequest: wanted }));
    assert.deepEqual([hook.version, hook.is_active], ['2.0', 1]);
    const field = await data(new v2.PersonFieldsApi(now).addPersonField({ AddPersonFieldRequest: { field_name: 'Score', field_type: 'double' } }));
    const made = await person('Margaret', 'margaret@people.example', { custom_fields: { [field.field_code]: 5 } });
    await new v2.PersonsApi(now).updatePerson({ id: made.id, UpdatePersonRequest: { name: 'Margaret Hamilton' } });
    await new v2.PersonsApi(now).deletePerson({ id: made.id });
    await eventually('three messages', () => letters.length === 3);
    const by = Object.fromEntries(letters.map((each) => [each.body.meta.action, each.body]));
    assert.equal(letters[0].authorization, `Basic ${Buffer.from('me:pass').toString('base64')}`);
    assert.deepEqual([by.create.meta.entity_id, by.create.previous], [String(made.id), null]);
    assert.deepEqual(by.create.data.custom_fields[field.field_code], { type: 'double', value: 5 });
    assert.equal(by.change.previous.name, 'Margaret');
    assert.deepEqual([by.delete.data, by.delete.previous.name], [null, 'Margaret Hamilton']);
    await hooks.deleteWebhook({ id: hook.id });
    assert.deepEqual(await data(hooks.getWebhooks()), []);
    assert.ok((await refusal(hooks.addWebhook({ AddWebhookRequest: { ...wanted, event_object: 'planet' } }))).errors.event_object);
  } finally {
    server.close();
  }
});

test('too many calls, and a network that shuts everybody out', async () => {
  const api = new v2.PersonsApi(now);
  await pd.steer('faults', { order: ['too_many'] });
  assert.deepEqual(await refusal(api.getPersons()), { success: false, error: 'Rate limit exceeded', errorCode: 429 });
  await pd.steer('doors', { closed: true });
  assert.match((await refusal(api.getPersons())).error, /account is not open/);
  await pd.steer('doors', {});
  const answer = await fetch(`${pd.url}/api/v2/persons?limit=1&api_token=${pd.token}`);
  assert.ok(Number(answer.headers.get('x-daily-ratelimit-token-remaining')) > 0 && answer.headers.get('x-ratelimit-reset') === '2');
  assert.equal((await fetch(`${pd.url}/v1/persons`, { headers: { 'x-api-token': pd.token } })).status, 410);
});

test('organizations and deals are found, merged and deleted, with what belongs to them', async () => {
  const [kept, lost] = [await organization('Wingtip Toys'), await organization('Wingtip')];
  const worker = await person('Wim', 'wim@people.example', { org_id: lost.id });
  const { items } = await data(new v2.OrganizationsApi(now).searchOrganization({ term: 'wingtip' }));
  assert.deepEqual(new Set(items.map((hit) => hit.item.id)), new Set([kept.id, lost.id]));
  const merged = await data(new v1.OrganizationsApi(old).mergeOrganizations({ id: lost.id, MergeOrganizationsRequest: { merge_with_id: kept.id } }));
  assert.deepEqual([merged.id, merged.merge_what_id], [kept.id, lost.id]);
  assert.equal((await data(new v2.PersonsApi(now).getPerson({ id: worker.id }))).org_id, kept.id);
  const deals = new v2.DealsApi(now);
  const deal = (title, more) => data(deals.addDeal({ AddDealRequest: { title, ...more } }));
  const [one, other] = [await deal('Toys for Wingtip', { org_id: kept.id, value: 10 }), await deal('Toys again', { org_id: kept.id, value: 20 })];
  const found = (await data(deals.searchDeals({ term: 'toys' }))).items.map((hit) => hit.item.id);
  assert.deepEqual(new Set(found), new Set([one.id, other.id]));
  assert.equal((await data(new v1.DealsApi(old).mergeDeals({ id: other.id, MergeDealsRequest: { merge_with_id: one.id } }))).id, one.id);
  assert.equal((await refusal(deals.getDeal({ id: other.id }))).success, false);
  await new v2.OrganizationsApi(now).deleteOrganization({ id: kept.id });
  assert.equal((await data(new v2.OrganizationsApi(now).getOrganization({ id: kept.id }))).is_deleted, true);
  const activities = new v2.ActivitiesApi(now);
  const { id } = await data(activities.addActivity({ AddActivityRequest: { subject: 'Call', type: 'call' } }));
  await activities.deleteActivity({ id });
  assert.deepEqual(await data(activities.getActivities({ ids: String(id) })), []);
});
