// Slack's own clients post to the simulated webhook of a channel and, as a bot, by the Web API.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { LogLevel, WebClient } from '@slack/web-api';
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

/** The bot, which tries nothing twice. */
function bot(token = sims.slack.token) {
  return new WebClient(token, { slackApiUrl: sims.slack.api, retryConfig: { retries: 0 }, rejectRateLimitedCalls: true, logLevel: LogLevel.ERROR });
}

/** Slack's word for why a call of the Web API has to fail. */
async function word(call) {
  try {
    await call;
  } catch (error) {
    return error.code === 'slack_webapi_platform_error' ? error.data.error : error.code;
  }
  throw new Error('the call was answered');
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

test('a bot knows itself and its channels', async () => {
  const self = await bot().auth.test();
  assert.deepEqual([self.ok, self.team, self.user], [true, 'Acme', 'entente']);
  const channels = [];
  for await (const page of bot().paginate('conversations.list', { limit: 100 })) channels.push(...page.channels);
  assert.deepEqual(channels.map((channel) => [channel.name, channel.is_member]), [['general', true], ['ops', true], ['old', false], ['board', false]]);
});

test('a bot posts to a channel by its name and its id, and mends what it said', async () => {
  const blocks = [{ type: 'section', text: { type: 'mrkdwn', text: '*Zendesk* is down' } }];
  const posted = await bot().chat.postMessage({ channel: '#ops', text: 'Zendesk is down', blocks });
  assert.deepEqual([posted.channel, posted.message.text, typeof posted.ts], ['C0000000OPS', 'Zendesk is down', 'string']);
  const second = await bot().chat.postMessage({ channel: posted.channel, text: 'Since noon' });
  assert.notEqual(second.ts, posted.ts);
  const mended = await bot().chat.update({ channel: posted.channel, ts: posted.ts, text: 'Zendesk is back' });
  assert.equal(mended.text, 'Zendesk is back');
  const shown = (await sims.slack.steer('messages')).filter((message) => message.channel === posted.channel);
  assert.deepEqual(shown.map((message) => [message.ts, message.text]), [[posted.ts, 'Zendesk is back'], [second.ts, 'Since noon']]);
  assert.equal(await word(bot().chat.update({ channel: posted.channel, ts: '1.2', text: 'x' })), 'message_not_found');
});

test('what a bot may not do is refused with the word that Slack has for it', async () => {
  const post = (channel, more = {}) => word(bot().chat.postMessage({ channel, text: 'Hello', ...more }));
  assert.deepEqual(
    [await post('#nowhere'), await post('#old'), await post('#board'), await post('#ops', { text: ' ' }), await post('#ops', { text: 'x'.repeat(40_001) })],
    ['channel_not_found', 'is_archived', 'not_in_channel', 'no_text', 'msg_too_long'],
  );
  const long = [{ type: 'header', text: { type: 'plain_text', text: 'x'.repeat(151) } }];
  assert.equal(await post('#ops', { blocks: long }), 'invalid_blocks');
  assert.equal(await word(bot('xoxb-wrong').auth.test()), 'invalid_auth');
  assert.equal(await word(bot('').auth.test()), 'not_authed');
  await sims.slack.steer('refuse', { status: 429, word: 'ratelimited' });
  await sims.slack.steer('refuse', { status: 503, word: 'service_unavailable' });
  assert.equal(await post('#ops'), 'slack_webapi_rate_limited_error');
  assert.equal(await post('#ops'), 'slack_webapi_http_error');
});
