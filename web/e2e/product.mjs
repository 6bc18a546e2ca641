// The running product: one that is given by ENTENTE_URL, or a demo with two simulated platforms, started here.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const BINARY = process.env.ENTENTE_BIN ?? fileURLToPath(new URL('../../target/debug/entente', import.meta.url));
const PATIENCE_MS = 180_000; // a debug build on a loaded machine: start, load customers, first full sync

/** Where the web app is, what the product said so far, and how to end what was started for it. */
export async function product({ customers, seconds }) {
  const given = process.env.ENTENTE_URL;
  if (given) return { url: given.replace(/\/$/, ''), stop: async () => {}, log: () => 'it was given by ENTENTE_URL; its log is where it runs' };

  // Without bad times: what a platform refuses in them is shown, and a story that happens to ask then would end at it.
  const args = ['demo', '--port', '0', '--customers', String(customers), '--seconds', String(seconds), '--faults', '0'];
  const demo = spawn(BINARY, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  demo.stdout.on('data', (text) => (said += text));
  demo.stderr.on('data', (text) => (said += text));
  const ended = new Promise((resolve) => demo.on('close', resolve));
  const broken = new Promise((_, reject) => {
    demo.on('error', reject);
    demo.on('close', (code) => reject(new Error(`\`entente ${args.join(' ')}\` ended with ${code}:\n${said}`)));
  });
  broken.catch(() => {}); // after the test, its end is no failure
  const stop = async () => {
    // The first word ends the edits, another one the wait until the last of them has landed.
    const again = setInterval(() => demo.kill('SIGTERM'), 250);
    demo.kill('SIGTERM');
    await ended;
    clearInterval(again);
  };
  try {
    return { url: await Promise.race([answering(() => said), broken]), stop, log: () => said };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The address among those a demo prints at which Entente's API answers; the others are the simulators. */
async function answering(said) {
  const until = Date.now() + PATIENCE_MS;
  while (Date.now() < until) {
    for (const url of new Set(said().match(/http:\/\/(?:127\.0\.0\.1|localhost):\d+/g))) {
      const answer = await fetch(`${url}/api/v1/dashboard`).catch(() => undefined);
      if (answer?.ok && (answer.headers.get('content-type') ?? '').includes('json') && 'consistency' in (await answer.json())) return url;
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`no dashboard answered within ${PATIENCE_MS} ms; the demo said:\n${said()}`);
}
