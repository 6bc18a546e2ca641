// Starts simulators as processes of their own, the way a person would: `entente sim …`.
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';

const BINARY = process.env.ENTENTE_BIN ?? fileURLToPath(new URL('../target/debug/entente', import.meta.url));
const PATIENCE_MS = 30_000; // a loaded machine takes seconds to start a debug build

/** Starts a program and waits until one of its lines is the JSON object that says it is ready. */
export async function start(args, options = {}) {
  const child = spawn(BINARY, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  let errors = '';
  child.stderr.on('data', (text) => (errors += text));
  const ended = new Promise((resolve) => child.on('close', resolve));
  const stop = async () => {
    child.kill('SIGTERM');
    await ended;
  };
  const ready = await new Promise((resolve, reject) => {
    const fail = (why) => reject(new Error(`\`entente ${args.join(' ')}\` ${why}\n${errors}`));
    const timer = setTimeout(() => fail(`was not ready within ${PATIENCE_MS} ms`), PATIENCE_MS);
    let text = '';
    child.on('error', (error) => fail(`cannot be started: ${error.message}`));
    child.on('exit', (code) => fail(`ended with ${code}`));
    child.stdout.on('data', (more) => {
      text += more;
      const line = text.split('\n').find((each) => each.startsWith('{') && each.endsWith('}'));
      if (line === undefined) return;
      clearTimeout(timer);
      resolve(JSON.parse(line));
    });
  }).catch(async (error) => {
    child.kill('SIGKILL');
    throw error;
  });
  child.removeAllListeners('exit');
  return { ready, stop, errors: () => errors };
}

/** Simulators with their credentials and a way to steer them from outside, as the vendor's own weather would. */
export async function simulators(platforms, { profile = 'instant' } = {}) {
  const { ready, stop } = await start(['sim', ...platforms, '--profile', profile]);
  const side = (name) => ready[name] && { url: ready[name], ...ready.credentials[name], steer: (path, body) => steer(ready[name], path, body) };
  return {
    salesforce: side('salesforce'),
    hubspot: side('hubspot'),
    pipedrive: side('pipedrive'),
    dynamics: side('dynamics'),
    zendesk: side('zendesk'),
    freshdesk: side('freshdesk'),
    intercom: side('intercom'),
    slack: ready.slack && { url: ready.slack, webhook: ready.slack_webhook, api: ready.slack_api, token: ready.slack_token, steer: (path, body) => steer(ready.slack, path, body) },
    stop,
  };
}

/** Calls a simulator's own surface, which no vendor has. */
async function steer(url, path, body) {
  const answer = await fetch(`${url}/_sim/${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`/_sim/${path} answered ${answer.status}: ${text}`);
  return text === '' ? undefined : JSON.parse(text);
}

/** Asks until the answer is true, or fails with what was last seen. */
export async function eventually(what, ask, patience = 20_000) {
  const until = Date.now() + patience;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > until) throw new Error(`${what} did not happen within ${patience} ms`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Runs a command of Entente to its end. */
export async function finish(args) {
  const child = spawn(BINARY, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stdout.on('data', (text) => (said += text));
  child.stderr.on('data', (text) => (said += text));
  const code = await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
  if (code !== 0) throw new Error(`\`entente ${args.join(' ')}\` ended with ${code}:\n${said}`);
  return said;
}

/** A server of Entente on a configuration, once it is ready. */
export async function serve(config, url) {
  const child = spawn(BINARY, ['--config', config, 'serve'], { stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  child.stderr.on('data', (text) => (log += text));
  const ended = new Promise((resolve) => child.on('close', resolve));
  const stop = async () => {
    child.kill('SIGTERM');
    await ended;
  };
  const ready = eventually('Entente', async () => (await fetch(`${url}/readyz`).catch(() => undefined))?.ok, PATIENCE_MS);
  const died = ended.then((code) => {
    throw new Error(`\`entente serve\` ended with ${code}:\n${log}`);
  });
  died.catch(() => {}); // once it was ready, its end is the test's doing
  try {
    await Promise.race([ready, died]);
  } catch (error) {
    await stop();
    throw new Error(`${error.message}\n${log}`);
  }
  return { url, stop, log: () => log };
}

/** A port that nobody listens on right now. */
export async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}
