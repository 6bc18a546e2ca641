// What a person does in Pipedrive's client arrives in Zendesk's, and back: Entente stands between the two and is not seen.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { v1, v2 } from 'pipedrive';
import { between, zendeskClient } from '../both-ways.mjs';

let stage;
let now;
let old;
let support;

before(async () => {
  stage = await between(['pipedrive', 'zendesk']);
  const { url, token } = stage.pipedrive;
  now = new v2.Configuration({ apiKey: token, basePath: `${url}/api/v2` });
  old = new v1.Configuration({ apiKey: token, basePath: `${url}/v1` });
  support = zendeskClient(stage.zendesk);
});
after(() => stage?.stop());

test('a customer made in Pipedrive has a support profile, whose changes and tickets come back by polls alone', async () => {
  const labels = (await new v2.OrganizationFieldsApi(now).getOrganizationFields({ limit: 500 })).data.find((each) => each.field_code === 'label_ids');
  const customer = labels.options.find((each) => each.label === 'Customer').id;
  const organizations = new v2.OrganizationsApi(now);
  const persons = new v2.PersonsApi(now);
  const { data: company } = await organizations.addOrganization({ AddOrganizationRequest: { name: 'Northwind', label_ids: [customer] } });
  const emails = [{ value: 'maria@northwind.example', primary: true, label: 'work' }];
  const { data: contact } = await persons.addPerson({ AddPersonRequest: { name: 'Maria Lindquist', org_id: company.id, emails } });

  const user = await stage.arrives('the support profile', async () => (await support.users.list()).find((each) => each.email === emails[0].value));
  assert.equal(user.name, 'Maria Lindquist');
  const organization = (await support.organizations.list()).find((each) => each.id === user.organization_id);
  assert.equal(organization.name, 'Northwind');

  await support.users.update(user.id, { user: { phone: '+46 70 987 65 43' } });
  const phone = async () => (await persons.getPerson({ id: contact.id })).data.phones[0]?.value.replaceAll(/[^\d+]/g, '');
  await stage.arrives('the new phone number in Pipedrive', async () => (await phone()) === '+46709876543');

  const { result: ticket } = await support.tickets.create({ ticket: { subject: 'Cannot log in', comment: { body: 'Since this morning.' }, requester_id: user.id } });
  const activities = async () => (await new v2.ActivitiesApi(now).getActivities({ org_id: company.id })).data;
  const told = await stage.arrives('the ticket as an activity of its customer', async () => (await activities()).find((each) => each.subject === `[Ticket #${ticket.id}] Cannot log in`));
  assert.deepEqual([told.person_id, told.done, told.type], [contact.id, false, 'task']);

  await new v1.NotesApi(old).addNote({ AddNoteRequest: { content: 'They want a second seat.', org_id: company.id } });
  await stage.arrives('the note in Entente', async () => {
    const answer = await fetch(`${stage.entente.url}/api/v1/records?object=activity`);
    return (await answer.text()).includes('They want a second seat.');
  });
});
