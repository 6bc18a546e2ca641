// The client that Dynamics' developers use reads, writes, batches, tracks changes, closes and merges, and hears no.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, afterEach, before, test } from 'node:test';
import { DynamicsWebApi } from 'dynamics-web-api';
import { eventually, simulators } from '../simulators.mjs';

let sims;
let env;
let api;

/** A token as the application gets it from Entra. */
async function token(more = {}) {
  const form = { grant_type: 'client_credentials', client_id: env.client_id, client_secret: env.client_secret, scope: `${env.url}/.default`, ...more };
  const answer = await fetch(`${env.url}/${env.tenant_id}/oauth2/v2.0/token`, { method: 'POST', body: new URLSearchParams(form) });
  return answer.json();
}

before(async () => {
  sims = await simulators(['dynamics']);
  env = sims.dynamics;
  let held;
  const onTokenRefresh = async () => (held ??= (await token()).access_token); // the client asks before every request
  api = new DynamicsWebApi({ serverUrl: env.url, dataApi: { version: '9.2' }, onTokenRefresh });
});
afterEach(() => env.steer('faults', { clear: true }));
after(() => sims?.stop());

const refusal = (work) => work.then(() => assert.fail('this should have been refused'), (error) => error);
const account = (name, more = {}) => api.create({ collection: 'accounts', data: { name, ...more }, returnRepresentation: true });

test('the application signs in for one environment, and Entra says why it does not', async () => {
  const well = await token();
  assert.deepEqual([well.token_type, well.expires_in], ['Bearer', 3599]);
  assert.match((await token({ client_secret: 'wrong' })).error_description, /^AADSTS7000215/);
  assert.match((await token({ scope: 'https://another.crm.dynamics.com/.default' })).error_description, /^AADSTS500011/);
  const known = await (await fetch(`${env.url}/${env.tenant_id}/v2.0/.well-known/openid-configuration`)).json();
  assert.equal(known.token_endpoint, `${env.url}/${env.tenant_id}/oauth2/v2.0/token`);
  const stranger = await fetch(`${env.url}/api/data/v9.2/WhoAmI`);
  assert.deepEqual([stranger.status, await stranger.text()], [401, '']);
  assert.match(stranger.headers.get('www-authenticate'), new RegExp(`authorization_uri=.*${env.tenant_id}`));
  const me = await api.callFunction({ name: 'WhoAmI' });
  assert.match(me.UserId, /^[0-9a-f-]{36}$/);
  await env.steer('doors', { member: false });
  assert.equal((await refusal(api.callFunction({ name: 'WhoAmI' }))).status, 403);
  await env.steer('doors', { member: true });
});

test('a row is created, read, changed and deleted, and its absence is told', async () => {
  const id = await api.create({ collection: 'accounts', data: { name: 'Northwind', revenue: 1200.5, industrycode: 7 } });
  assert.match(id, /^[0-9a-f-]{36}$/); // it stands in a header alone
  const read = await api.retrieve({ collection: 'accounts', key: id, select: ['name', 'revenue', 'industrycode'], includeAnnotations: '*' });
  assert.deepEqual([read.name, read.revenue, read.industrycode], ['Northwind', 1200.5, 7]);
  assert.equal(read['industrycode@OData.Community.Display.V1.FormattedValue'], 'Consulting');
  assert.ok(read._transactioncurrencyid_value); // money brings its currency
  assert.equal(await api.update({ collection: 'accounts', key: id, data: { name: 'Northwind Ltd' } }), true);
  await api.updateSingleProperty({ collection: 'accounts', key: id, fieldValuePair: { telephone1: '+46 8 1' } });
  await api.deleteRecord({ collection: 'accounts', key: id, property: 'telephone1' });
  assert.equal((await api.retrieve({ collection: 'accounts', key: id })).telephone1, null);
  await api.deleteRecord({ collection: 'accounts', key: id });
  const gone = await refusal(api.retrieve({ collection: 'accounts', key: id }));
  assert.deepEqual([gone.status, gone.code], [404, '0x80040217']);
});

test('a lookup is written by its navigation property, to the letter, and read by its id', async () => {
  const { accountid } = await account('Contoso');
  const bind = `/accounts(${accountid})`;
  const made = await api.create({ collection: 'contacts', data: { firstname: 'Ada', lastname: 'Lovelace', 'parentcustomerid_account@odata.bind': bind }, returnRepresentation: true });
  assert.deepEqual([made._parentcustomerid_value, made._accountid_value, made.fullname], [accountid, accountid, 'Ada Lovelace']);
  const wrong = await refusal(api.create({ collection: 'contacts', data: { lastname: 'X', 'ParentCustomerId_Account@odata.bind': bind } }));
  assert.match(wrong.message, /undeclared property 'ParentCustomerId_Account' which only has property annotations/);
  await api.associateSingleValued({ collection: 'accounts', primaryKey: accountid, navigationProperty: 'primarycontactid', relatedCollection: 'contacts', relatedKey: made.contactid });
  const shown = await api.retrieve({ collection: 'accounts', key: accountid, select: ['name'], expand: [{ property: 'primarycontactid', select: ['fullname'] }] });
  assert.equal(shown.primarycontactid.fullname, 'Ada Lovelace');
  await api.disassociateSingleValued({ collection: 'accounts', primaryKey: accountid, navigationProperty: 'primarycontactid' });
  assert.equal((await api.retrieve({ collection: 'accounts', key: accountid }))._primarycontactid_value, null);
});

test('a list is filtered, ordered and read over its pages', async () => {
  for (let n = 0; n < 7; n += 1) await account(`Page ${n}`, { numberofemployees: n });
  const request = { collection: 'accounts', select: ['name'], filter: "startswith(name,'PAGE') and numberofemployees ge 1", orderBy: ['numberofemployees desc'], maxPageSize: 4, count: true };
  const first = await api.retrieveMultiple(request);
  assert.deepEqual([first.value.length, first['@odata.count'], first.value[0].name], [4, 6, 'Page 6']);
  const rest = await api.retrieveMultiple(request, first.oDataNextLink);
  assert.deepEqual([rest.value.map((each) => each.name), rest.oDataNextLink], [['Page 2', 'Page 1'], undefined]);
  assert.equal((await api.retrieveAll(request)).value.length, 6);
  assert.equal((await api.retrieveMultiple({ ...request, maxPageSize: undefined, top: 2 })).oDataNextLink, undefined);
  assert.equal(await api.count({ collection: 'accounts', filter: "startswith(name,'page')" }), 7);
  const wrong = await refusal(api.retrieveMultiple({ collection: 'accounts', filter: "nothing eq 'x'" }));
  assert.deepEqual([wrong.code, wrong.message], ['0x80060888', "Could not find a property named 'nothing' on type 'Microsoft.Dynamics.CRM.account'."]);
});

test('a precondition that does not hold changes nothing', async () => {
  const made = await account('Fabrikam');
  const old = made['@odata.etag'];
  await api.update({ collection: 'accounts', key: made.accountid, data: { name: 'Fabrikam Inc' }, ifmatch: old });
  // The client takes a row that moved on for an answer.
  assert.equal(await api.update({ collection: 'accounts', key: made.accountid, data: { name: 'Late' }, ifmatch: old }), false);
  assert.equal((await api.retrieve({ collection: 'accounts', key: made.accountid, select: ['name'] })).name, 'Fabrikam Inc');
});

test('an alternate key makes upserts, and no twins', async () => {
  const key = "EntityDefinitions(LogicalName='account')";
  const root = `${env.url}/api/data/v9.2`;
  const headers = { authorization: `Bearer ${(await token()).access_token}`, 'content-type': 'application/json' };
  const label = { LocalizedLabels: [{ Label: 'External id', LanguageCode: 1033 }] };
  const column = { '@odata.type': 'Microsoft.Dynamics.CRM.StringAttributeMetadata', SchemaName: 'new_ExtId', MaxLength: 50, DisplayName: label };
  const { MetadataId } = (await api.retrieveEntities({ filter: "LogicalName eq 'account'" })).value[0];
  await api.createAttribute({ entityKey: MetadataId, data: column });
  const sent = { KeyAttributes: ['new_extid'], SchemaName: 'new_ExtIdKey', DisplayName: label };
  assert.equal((await fetch(`${root}/${key}/Keys`, { method: 'POST', headers, body: JSON.stringify(sent) })).status, 204);
  const keys = await (await fetch(`${root}/${key}/Keys`, { headers })).json();
  assert.equal(keys.value[0].EntityKeyIndexStatus, 'Active');
  const upsert = (name, more = {}) => api.upsert({ collection: 'accounts', key: "new_extid='A1'", data: { name }, returnRepresentation: true, select: ['name', 'new_extid'], ...more });
  const made = await upsert('Adatum');
  assert.equal(made.new_extid, 'A1');
  assert.equal((await upsert('Adatum Corp')).accountid, made.accountid);
  assert.equal(await upsert('Once more', { ifnonematch: '*' }), null); // there is one already
  const twin = await refusal(account('Twin', { new_extid: 'a1' }));
  assert.equal(twin.code, '0x80060892');
  assert.match(twin.message, new RegExp(`<Id>${made.accountid}</Id>`));
  assert.match((await refusal(api.retrieve({ collection: 'accounts', key: "websiteurl='x'" }))).message, /The key in the request URI is not valid/);
});

test('a batch carries a change set whose rows refer to each other, and reads', async () => {
  api.startBatch();
  api.create({ collection: 'accounts', data: { name: 'Tailspin' }, contentId: '1' });
  api.create({ collection: 'contacts', data: { lastname: 'Berg', 'parentcustomerid_account@odata.bind': '$1' }, contentId: '2' });
  api.retrieveMultiple({ collection: 'accounts', select: ['name'], filter: "name eq 'Tailspin'", inChangeSet: false });
  const [accountid, contactid, read] = await api.executeBatch();
  assert.equal(read.value[0].accountid, accountid);
  assert.equal((await api.retrieve({ collection: 'contacts', key: contactid }))._parentcustomerid_value, accountid);
  api.startBatch();
  api.create({ collection: 'accounts', data: { name: 'Nobody' } });
  api.create({ collection: 'accounts', data: { name: 'x'.repeat(161) } });
  const failed = await refusal(api.executeBatch());
  assert.match(JSON.stringify(failed, Object.getOwnPropertyNames(Array.isArray(failed) ? failed[0] : failed)), /maximum allowed length|0x80044331|error/i);
  assert.equal((await api.retrieveMultiple({ collection: 'accounts', filter: "name eq 'Nobody'" })).value.length, 0); // all or nothing
});

test('bulk messages land whole or not at all', async () => {
  const typed = (each) => ({ '@odata.type': 'Microsoft.Dynamics.CRM.account', ...each });
  const bulk = (name, targets) => api.callAction({ collection: 'accounts', actionName: `Microsoft.Dynamics.CRM.${name}`, action: { Targets: targets } });
  const { Ids } = await bulk('CreateMultiple', [typed({ name: 'Bulk 1' }), typed({ name: 'Bulk 2' })]);
  assert.equal(Ids.length, 2);
  await bulk('UpdateMultiple', Ids.map((accountid) => typed({ accountid, telephone1: '1' })));
  assert.equal((await api.retrieve({ collection: 'accounts', key: Ids[1] })).telephone1, '1');
  await refusal(bulk('UpdateMultiple', [typed({ accountid: Ids[0], telephone1: '2' }), typed({ accountid: Ids[1], industrycode: 999 })]));
  assert.equal((await api.retrieve({ collection: 'accounts', key: Ids[0] })).telephone1, '1');
  assert.match((await refusal(bulk('CreateMultiple', [{ name: 'No type' }]))).message, /type/);
});

test('changes are tracked by a link, deletions among them, until the link expires', async () => {
  const request = { collection: 'contacts', select: ['lastname'], trackChanges: true };
  const first = await api.retrieveMultiple(request);
  assert.ok(first.oDataDeltaLink);
  const stays = await api.create({ collection: 'contacts', data: { lastname: 'New' } });
  const goes = await api.create({ collection: 'contacts', data: { lastname: 'Gone' } });
  await api.deleteRecord({ collection: 'contacts', key: goes });
  const changes = await api.retrieveMultiple(request, first.oDataDeltaLink);
  const seen = Object.fromEntries(changes.value.map((each) => [each.contactid ?? each.id, each.reason ?? each.lastname]));
  assert.deepEqual(seen, { [stays]: 'New', [goes]: 'deleted' });
  assert.deepEqual((await api.retrieveMultiple(request, changes.oDataDeltaLink)).value, []);
  assert.match((await refusal(api.retrieveMultiple({ ...request, filter: "lastname eq 'x'" }))).message, /change tracking/);
  await env.steer('doors', { expire_links: true });
  assert.equal((await refusal(api.retrieveMultiple(request, changes.oDataDeltaLink))).code, '0x80044352');
});

test('cases and deals are closed by their messages and by nothing else', async () => {
  const { accountid } = await account('Wingtip');
  const customer = { 'customerid_account@odata.bind': `/accounts(${accountid})` };
  assert.match((await refusal(api.create({ collection: 'incidents', data: { title: 'Nobody asks' } }))).message, /contact or account/);
  const incident = await api.create({ collection: 'incidents', data: { title: 'Cannot log in', ...customer }, returnRepresentation: true });
  assert.match(incident.ticketnumber, /^CAS-\d{5}-[A-Z0-9]{6}$/);
  assert.match((await refusal(api.update({ collection: 'incidents', key: incident.incidentid, data: { statecode: 1, statuscode: 5 } }))).message, /CloseIncident/);
  const resolution = { '@odata.type': 'Microsoft.Dynamics.CRM.incidentresolution', 'incidentid@odata.bind': `/incidents(${incident.incidentid})`, subject: 'Done' };
  await api.callAction({ actionName: 'CloseIncident', action: { IncidentResolution: resolution, Status: 5 } });
  assert.equal((await api.retrieve({ collection: 'incidents', key: incident.incidentid })).statecode, 1);
  const deal = await api.create({ collection: 'opportunities', data: { name: 'First year', estimatedvalue: 1200, ...customer } });
  const close = { '@odata.type': 'Microsoft.Dynamics.CRM.opportunityclose', 'opportunityid@odata.bind': `/opportunities(${deal})`, subject: 'Won' };
  await api.callAction({ actionName: 'WinOpportunity', action: { OpportunityClose: close, Status: 3 } });
  const won = await api.retrieve({ collection: 'opportunities', key: deal });
  assert.deepEqual([won.statecode, won.statuscode, won.actualvalue], [1, 3, 1200]);
});

test('a lead is qualified into an account, a contact and a deal', async () => {
  const lead = await api.create({ collection: 'leads', data: { subject: 'Ten seats', firstname: 'Grace', lastname: 'Hopper', companyname: 'Litware' } });
  const action = { CreateAccount: true, CreateContact: true, CreateOpportunity: true, Status: 3 };
  const made = await api.callAction({ collection: 'leads', key: lead, actionName: 'Microsoft.Dynamics.CRM.QualifyLead', action });
  assert.equal((made.value ?? made).length, 3);
  const { opportunityid } = (made.value ?? made).find((row) => row.opportunityid);
  const qualified = await api.retrieve({ collection: 'leads', key: lead });
  assert.deepEqual([qualified.statecode, qualified._qualifyingopportunityid_value], [1, opportunityid]);
});

test('a row that is merged away stays behind, inactive, and says where it went', async () => {
  const winner = (await account('Proseware')).accountid;
  const loser = (await account('Proseware Inc')).accountid;
  const contact = await api.create({ collection: 'contacts', data: { lastname: 'Fox', 'parentcustomerid_account@odata.bind': `/accounts(${loser})` } });
  const row = (accountid) => ({ '@odata.type': 'Microsoft.Dynamics.CRM.account', accountid });
  await api.callAction({ actionName: 'Merge', action: { Target: row(winner), Subordinate: row(loser), UpdateContent: {}, PerformParentingChecks: false } });
  const lost = await api.retrieve({ collection: 'accounts', key: loser });
  assert.deepEqual([lost.merged, lost._masterid_value, lost.statecode], [true, winner, 1]);
  assert.equal((await api.retrieve({ collection: 'contacts', key: contact }))._parentcustomerid_value, winner);
});

test('metadata tell tables, columns, choices in words and relationships', async () => {
  const entities = (await api.retrieveEntities({ select: ['LogicalName', 'EntitySetName', 'ChangeTrackingEnabled'] })).value;
  assert.equal(entities.find((each) => each.LogicalName === 'opportunity').EntitySetName, 'opportunities');
  const { MetadataId } = entities.find((each) => each.LogicalName === 'incident');
  const lists = await api.retrieveAttributes({ entityKey: MetadataId, castType: 'Microsoft.Dynamics.CRM.StatusAttributeMetadata', select: ['LogicalName'], expand: [{ property: 'OptionSet' }] });
  const status = lists.value.find((each) => each.LogicalName === 'statuscode').OptionSet.Options;
  assert.deepEqual(status.map((each) => [each.Value, each.Label.UserLocalizedLabel.Label, each.State])[0], [1, 'In Progress', 0]);
  const csdl = await api.retrieveCsdlMetadata();
  assert.match(csdl, /<EntityType Name="incident"/);
});

test('webhooks come with their secret, the tag of the write and what was sent', async () => {
  const letters = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += chunk));
    request.on('end', () => {
      letters.push({ headers: request.headers, body: JSON.parse(body) });
      response.end();
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const authvalue = '<settings><setting name="x-key" value="v"/></settings>';
    const endpoint = await api.create({ collection: 'serviceendpoints', data: { name: 'Test', contract: 8, authtype: 5, authvalue, url: `http://127.0.0.1:${server.address().port}/` } });
    assert.equal((await api.retrieve({ collection: 'serviceendpoints', key: endpoint })).authvalue, null);
    const [message] = (await api.retrieveMultiple({ collection: 'sdkmessages', filter: "name eq 'Update'" })).value;
    const [filter] = (await api.retrieveMultiple({ collection: 'sdkmessagefilters', filter: `primaryobjecttypecode eq 'contact' and _sdkmessageid_value eq ${message.sdkmessageid}` })).value;
    const step = {
      name: 'Test', stage: 40, mode: 1, rank: 1, filteringattributes: 'lastname', supporteddeployment: 0, asyncautodelete: true,
      'sdkmessageid@odata.bind': `/sdkmessages(${message.sdkmessageid})`, 'sdkmessagefilterid@odata.bind': `/sdkmessagefilters(${filter.sdkmessagefilterid})`,
      'eventhandler_serviceendpoint@odata.bind': `/serviceendpoints(${endpoint})`,
    };
    await api.create({ collection: 'sdkmessageprocessingsteps', data: step });
    const contact = await api.create({ collection: 'contacts', data: { lastname: 'Berg' } });
    await api.update({ collection: 'contacts', key: contact, data: { jobtitle: 'CEO' } }); // not watched
    await api.update({ collection: 'contacts', key: contact, data: { lastname: 'Bergman' }, tag: 'mine' });
    const [letter] = await eventually('the message', () => letters.length > 0 && letters);
    assert.deepEqual([letter.headers['x-key'], letter.headers['x-ms-dynamics-request-name'], letter.body.PrimaryEntityId], ['v', 'Update', contact]);
    assert.deepEqual(letter.body.SharedVariables, [{ key: 'tag', value: 'mine' }]);
    const sent = letter.body.InputParameters[0].value.Attributes;
    assert.equal(sent.find((each) => each.key === 'lastname').value, 'Bergman');
    assert.match(sent.find((each) => each.key === 'modifiedon').value, /^\/Date\(\d+\)\/$/);
    assert.equal(letters.length, 1);
  } finally {
    server.close();
  }
});

test('service protection refuses with a pause, and every answer says what is left', async () => {
  await env.steer('faults', { order: ['too_many'] });
  const refused = await refusal(api.callFunction({ name: 'WhoAmI' }));
  assert.deepEqual([refused.status, refused.code, refused.headers['retry-after']], [429, '0x80072326', '5']);
  const answer = await fetch(`${env.url}/api/data/v9.2/WhoAmI`, { headers: { authorization: `Bearer ${(await token()).access_token}` } });
  assert.ok(Number(answer.headers.get('x-ms-ratelimit-burst-remaining-xrm-requests')) > 0);
  assert.equal(answer.headers.get('odata-version'), '4.0');
});
