// `entente serve` in a folder of its own, beside a simulated CRM and a simulated desk that are edited by hand. It polls but every ten minutes: what it
// sees meanwhile, it was asked to look at, so that what a story edits is seen at once and never halfway.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { BINARY } from './product.mjs';

const PATIENCE_MS = 60_000; // a debug build on a loaded machine
const LOOK_EVERY_MS = 100;
// Salesforce tells times in seconds: an edit within the second of our own write cannot be told from it where no webhook tells of it.
const SECOND_MS = 1_100;
// Longer than a change waits for company at the usual latency target.
const REST_MS = 3_000;

/** Looks until what it sees is right; when that never comes, the error shows what was seen last. */
export async function until(what, look, right) {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const seen = await look();
    if (right(seen)) return;
    if (Date.now() > end) throw new Error(`${what}: not within ${PATIENCE_MS} ms; at last it was ${JSON.stringify(seen)}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}

async function said(response) {
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.url}: ${response.status} ${text}`);
  return text;
}

/** The people who work at a platform, past Entente. */
function platform(base) {
  const steer = async (what, body) => {
    const text = await said(await fetch(`${base}/_sim/${what}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }));
    return text === '' ? null : JSON.parse(text);
  };
  const rows = async (query) => (await said(await fetch(`${base}/_sim/dump?${query}`))).split('\n').filter(Boolean).map((line) => JSON.parse(line));
  return { steer, rows };
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  return port;
}

/** A company of five people who are customers, in agreement at Salesforce and Freshdesk; `stop` ends everything that was started for it. */
export async function installation() {
  const folder = mkdtempSync(join(tmpdir(), 'entente-e2e-'));
  const children = [];
  const stop = async () => {
    for (const child of children.reverse().filter((one) => one.exitCode === null)) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const sims = spawn(BINARY, ['sim', 'salesforce', 'freshdesk', '--seed', '5', '--profile', 'instant', '--with-parent'], { stdio: ['pipe', 'pipe', 'inherit'] });
    children.push(sims);
    const [line] = await once(createInterface(sims.stdout), 'line');
    const { salesforce, freshdesk, credentials } = JSON.parse(line);
    const [crm, desk] = [platform(salesforce), platform(freshdesk)];
    const { automation } = JSON.parse(await said(await fetch(`${salesforce}/_sim/users`)));
    const port = await freePort();
    const { client_id: id, client_secret: secret } = credentials.salesforce;
    writeFileSync(
      join(folder, 'entente.toml'),
      `[server]
listen = "127.0.0.1:${port}"
public_url = "http://127.0.0.1:${port}"

[sync]
latency_target_ms = 500
poll_interval_ms = 600000

[[connection]]
name = "salesforce"
platform = "salesforce"
base_url = "${salesforce}"
auth = { kind = "client_credentials", client_id = "${id}", client_secret = "${secret}" }
actors = { automation = ["${automation}"] }

[[connection]]
name = "freshdesk"
platform = "freshdesk"
base_url = "${freshdesk}"
auth = { kind = "access_token", token = "${credentials.freshdesk.token}" }
`,
    );
    /** Runs a command of Entente to its end; what it said, as data. */
    const run = (...args) =>
      new Promise((resolve, reject) => {
        // Exit codes are answers too, such as that of a certificate that does not hold.
        const told = (_, stdout, stderr) => (stdout === '' ? reject(new Error(`entente ${args.join(' ')}: ${stderr}`)) : resolve(JSON.parse(stdout)));
        execFile(BINARY, [...args, '--output', 'json'], { cwd: folder, maxBuffer: 1 << 24 }, told);
      });
    await run('provision', '--apply');
    const { id: account } = await crm.steer('insert', { object: 'Account', fields: { Name: 'Analytical Engines', Type: 'Customer - Direct', Plan__c: 'Pro Monthly' }, by: 'sales' });
    for (const name of ['Ada Lovelace', 'Charles Babbage', 'Mary Somerville', 'Grace Hopper', 'Katherine Johnson']) {
      const [FirstName, LastName] = name.split(' ');
      await crm.steer('insert', { object: 'Contact', fields: { FirstName, LastName, Email: `${FirstName.toLowerCase()}@engines.example`, AccountId: account }, by: 'sales' });
    }
    const log = join(folder, 'serve.log');
    const server = spawn(BINARY, ['serve'], { cwd: folder, stdio: ['ignore', 'ignore', openSync(log, 'w')] });
    children.push(server);
    const url = `http://127.0.0.1:${port}`;
    const get = async (path) => JSON.parse(await said(await fetch(url + path)));
    /** Until every record agrees, nothing is on its way, and the second of our last write is over. */
    const agreement = async () => {
      const look = async () => {
        if (server.exitCode !== null) throw new Error(`the server ended:\n${readFileSync(log, 'utf8')}`);
        return get('/api/v1/dashboard').catch((error) => ({ error: error.message }));
      };
      await until('agreement', look, ({ health, consistency: of }) => of?.in_flight === 0 && of.records >= 6 && of.in_agreement === of.records && health.last_full_sync_at !== null);
      await new Promise((resolve) => setTimeout(resolve, SECOND_MS));
    };
    await agreement();
    // The ids of the other side are written last, in company, and who wrote a row last is all that Salesforce tells of its values.
    const stamps = async () => JSON.stringify((await crm.rows('object=Contact')).map((row) => row.SystemModstamp));
    for (let before = null, now = await stamps(); before !== now; now = await stamps()) {
      before = now;
      await new Promise((resolve) => setTimeout(resolve, REST_MS));
    }
    /** What both platforms hold of the person of a first name: the family name in the CRM, the whole name at the desk. */
    const names = async (first) => {
      const email = `${first.toLowerCase()}@engines.example`;
      const contact = (await crm.rows('object=Contact')).find((row) => row.Email.toLowerCase() === email);
      const person = (await desk.rows('kind=contacts')).find((row) => row.email === email);
      return { contact: contact.Id, person: person.id, crm: contact.LastName, desk: person.name };
    };
    return { url, folder, crm, desk, run, get, agreement, names, stop, log: () => readFileSync(log, 'utf8') };
  } catch (error) {
    await stop();
    throw error;
  }
}
