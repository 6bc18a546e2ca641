// Slack's own client posts to the simulated webhook of a channel. Entente posts there alone, so that the simulator has no Web API.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { IncomingWebhook } from '@slack/webhook';

import { simulators } from '../simulators.mjs';

let sims;

before(async () => {
  sims = await simulators(['slack']);
});

after(() => sims.stop());

/** What a call that has to fail was answered with. */
async function refused(call) {
  try {
    await call;
  } catch (error) {
    assert.equal(error.code, 'slack_webhook_http_error');
    return [error.statusCode, error.body];
  }
  throw new Error('the message was taken');
}

test('a message is shown as it was sent', async () => {
  const webhook = new IncomingWebhook(sims.slack.webhook);
  assert.deepEqual(await webhook.send('Two calls failed'), { text: 'ok' });
  const blocks = [
    { type: 'header', text: { type: 'plain_text', text: 'Zendesk is down' } },
    { type: 'section', text: { type: 'mrkdwn', text: '*503* since noon' }, fields: [{ type: 'mrkdwn', text: 'since 12:00' }] },
  ];
  assert.equal((await webhook.send({ text: 'Zendesk is down', blocks })).text, 'ok');
  const shown = await sims.slack.steer('messages');
  assert.deepEqual(shown.map((message) => message.text), ['Two calls failed', 'Zendesk is down']);
  assert.deepEqual(shown[1].blocks, blocks);
});

test('what Slack does not show is refused with its word', async () => {
  const webhook = new IncomingWebhook(sims.slack.webhook);
  assert.deepEqual(await refused(webhook.send({ text: ' ' })), [400, 'no_text']);
  const long = [{ type: 'header', text: { type: 'plain_text', text: 'x'.repeat(151) } }];
  assert.deepEqual(await refused(webhook.send({ text: 'Long', blocks: long })), [400, 'invalid_blocks']);
  const stranger = new IncomingWebhook(sims.slack.webhook.replace(/[^/]+$/, 'WRONG'));
  assert.deepEqual(await refused(stranger.send('Hello')), [403, 'invalid_token']);
});

test('a channel that is gone and a pace that is too fast are told apart', async () => {
  const webhook = new IncomingWebhook(sims.slack.webhook);
  await sims.slack.steer('refuse', { status: 410, word: 'channel_is_archived' });
  await sims.slack.steer('refuse', { status: 429, word: 'rate_limited' });
  assert.deepEqual(await refused(webhook.send('One')), [410, 'channel_is_archived']);
  assert.deepEqual(await refused(webhook.send('Two')), [429, 'rate_limited']);
  assert.equal((await webhook.send('Three')).text, 'ok');
});
