// jsforce sets an outbound message up over the Tooling API, with the flow that sends it, as an admin's script would.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import jsforce from 'jsforce';
import { eventually, simulators } from '../simulators.mjs';

let sims;
let connection;
let receiver;
const received = [];

before(async () => {
  sims = await simulators(['salesforce']);
  const { url, username, password } = sims.salesforce;
  connection = new jsforce.Connection({ loginUrl: url, version: '62.0' });
  await connection.login(username, password);
  receiver = createServer((request, response) => {
    let body = '';
    request.on('data', (part) => (body += part));
    request.on('end', () => {
      received.push(body);
      const ack = '<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>true</Ack></notificationsResponse>';
      const envelope = `<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body>${ack}</Body></Envelope>`;
      response.writeHead(200, { 'content-type': 'text/xml' }).end(envelope);
    });
  });
  await new Promise((listening) => receiver.listen(0, '127.0.0.1', listening));
});
after(() => {
  receiver?.close();
  return sims?.stop();
});

const address = () => `http://127.0.0.1:${receiver.address().port}/hook`;
const name = 'Contact.Tell_the_hub';

const message = () => ({
  apiVersion: 62.0,
  endpointUrl: address(),
  fields: ['Id', 'LastName', 'Email'],
  includeSessionId: false,
  integrationUser: sims.salesforce.username,
  name: 'Tell the hub',
  protected: false,
  useDeadLetterQueue: false,
});

const flow = {
  apiVersion: 62.0,
  label: 'Tell the hub',
  processType: 'AutoLaunchedFlow',
  status: 'Draft',
  start: {
    locationX: 50,
    locationY: 0,
    object: 'Contact',
    triggerType: 'RecordAfterSave',
    recordTriggerType: 'CreateAndUpdate',
    connector: { targetReference: 'Send' },
  },
  actionCalls: [{ name: 'Send', label: 'Send', locationX: 176, locationY: 158, actionName: name, actionType: 'outboundMessage', flowTransactionModel: 'CurrentTransaction' }],
};

test('a message is made, refused a second time, and read back with its fields', async () => {
  const made = await connection.tooling.sobject('WorkflowOutboundMessage').create({ FullName: name, Metadata: message() });
  assert.equal(made.success, true);
  await assert.rejects(connection.tooling.sobject('WorkflowOutboundMessage').create({ FullName: name, Metadata: message() }), {
    errorCode: 'DUPLICATE_DEVELOPER_NAME',
  });
  const shown = await connection.tooling.sobject('WorkflowOutboundMessage').retrieve(made.id);
  assert.deepEqual([shown.FullName, shown.Metadata.fields], [name, ['Id', 'LastName', 'Email']]);
  const other = { ...message(), integrationUser: 'nobody@nowhere.example' };
  await assert.rejects(connection.tooling.sobject('WorkflowOutboundMessage').create({ FullName: 'Contact.Other', Metadata: other }));
});

test('a flow sends it once it is active, and no more when it is not', async () => {
  await connection.tooling.sobject('Flow').create({ FullName: 'Tell_the_hub', Metadata: flow });
  await connection.sobject('Contact').create({ LastName: 'Before' });
  const found = await connection.tooling.query(
    "SELECT Id, DefinitionId, VersionNumber, Status FROM Flow WHERE Definition.DeveloperName = 'Tell_the_hub'",
  );
  assert.deepEqual([found.records[0].VersionNumber, found.records[0].Status], [1, 'Draft']);
  const definition = found.records[0].DefinitionId;
  await connection.tooling.sobject('FlowDefinition').update({ Id: definition, Metadata: { activeVersionNumber: 1 } });
  await connection.sobject('Contact').create({ LastName: 'Lovelace', Email: 'ada@x.example' });
  await eventually('the message', () => received.length > 0);
  assert.equal(received.length, 1);
  assert.match(received[0], /<sf:LastName>Lovelace<\/sf:LastName><sf:Email>ada@x\.example<\/sf:Email>/);
  await connection.tooling.sobject('FlowDefinition').update({ Id: definition, Metadata: { activeVersionNumber: 0 } });
  const off = await connection.tooling.query("SELECT Status FROM Flow WHERE Definition.DeveloperName = 'Tell_the_hub'");
  assert.equal(off.records[0].Status, 'Obsolete');
});
