// jsforce signs in by every way it knows.
import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { after, before, test } from 'node:test';
import jsforce from 'jsforce';
import { simulators } from '../simulators.mjs';

const REDIRECT = 'http://127.0.0.1:9/callback';
let sims;
let sf;
let oauth2;

before(async () => {
  sims = await simulators(['salesforce']);
  sf = sims.salesforce;
  oauth2 = { loginUrl: sf.url, clientId: sf.client_id, clientSecret: sf.client_secret, redirectUri: REDIRECT };
});
after(() => sims?.stop());

const version = '62.0';

async function works(connection) {
  const found = await connection.query('SELECT Id, Username FROM User LIMIT 1');
  assert.equal(found.records.length, 1);
}

test('by SOAP, with user name and password', async () => {
  const connection = new jsforce.Connection({ loginUrl: sf.url, version });
  const user = await connection.login(sf.username, sf.password);
  assert.match(user.id, /^005/);
  assert.match(user.organizationId, /^00D/);
  await works(connection);
});

test('a wrong password is refused with the vendor’s own words', async () => {
  const connection = new jsforce.Connection({ loginUrl: sf.url, version });
  await assert.rejects(connection.login(sf.username, 'wrong'), /INVALID_LOGIN/);
});

test('by OAuth with a password', async () => {
  const connection = new jsforce.Connection({ oauth2, loginUrl: sf.url, version });
  const user = await connection.login(sf.username, sf.password);
  assert.match(user.id, /^005/);
  await works(connection);
});

test('by client credentials, and is told who it is', async () => {
  const connection = new jsforce.Connection({ instanceUrl: sf.url, oauth2, version });
  await connection.authorize({ grant_type: 'client_credentials' });
  const identity = await connection.identity();
  assert.equal(identity.username, sf.username);
  await works(connection);
});

/** An assertion as a connected app makes it; who trusts which key is the org's to say, and the simulated one trusts every key. */
function assertion(claims) {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const part = (object) => Buffer.from(JSON.stringify(object)).toString('base64url');
  const aud = 'https://login.salesforce.com';
  const whole = `${part({ alg: 'RS256' })}.${part({ iss: sf.client_id, sub: sf.username, aud, exp: Math.floor(Date.now() / 1000) + 120, ...claims })}`;
  return `${whole}.${sign('RSA-SHA256', Buffer.from(whole), privateKey).toString('base64url')}`;
}

const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

test('by a signed assertion', async () => {
  const connection = new jsforce.Connection({ instanceUrl: sf.url, oauth2: { loginUrl: sf.url }, version });
  const user = await connection.authorize({ grant_type: JWT_BEARER, assertion: assertion({}) });
  assert.match(user.id, /^005/);
  assert.equal(connection.refreshToken ?? null, null, 'an assertion is renewed by another one');
  await works(connection);
});

test('an assertion that has ended, or that is of nobody, is refused with the vendor’s own words', async () => {
  for (const [claims, words] of [
    [{ exp: Math.floor(Date.now() / 1000) - 60 }, /expired authorization code/],
    [{ sub: 'nobody@acme.example' }, /user hasn't approved this consumer/],
  ]) {
    const connection = new jsforce.Connection({ instanceUrl: sf.url, oauth2: { loginUrl: sf.url }, version });
    await assert.rejects(connection.authorize({ grant_type: JWT_BEARER, assertion: assertion(claims) }), words);
  }
});

test('a session that ends is renewed by itself', async () => {
  const ask = new URL('/services/oauth2/authorize', sf.url);
  ask.search = new URLSearchParams({ response_type: 'code', client_id: sf.client_id, redirect_uri: REDIRECT, scope: 'api refresh_token' }).toString();
  const agreed = await fetch(ask, { redirect: 'manual' });
  const code = new URL(agreed.headers.get('location')).searchParams.get('code');

  const connection = new jsforce.Connection({ instanceUrl: sf.url, oauth2, version });
  await connection.authorize(code);
  assert.ok(connection.refreshToken, 'a refresh token comes with the code');
  const first = connection.accessToken;

  await sf.steer('expire_sessions', {});
  let renewed = 0;
  connection.on('refresh', () => (renewed += 1));
  await works(connection);
  assert.equal(renewed, 1);
  assert.notEqual(connection.accessToken, first);
});
