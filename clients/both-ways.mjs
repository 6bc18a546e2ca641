// What the tests of two vendors' clients with Entente between them have in common: simulators, a configuration, and a server that runs.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import zendesk from 'node-zendesk';
import { eventually, finish, freePort, serve, simulators } from './simulators.mjs';

const PATIENCE_MS = 60_000; // a debug build on a loaded machine; alone it takes a few seconds

const clientCredentials = ({ client_id, client_secret }) => `kind = "client_credentials", client_id = "${client_id}", client_secret = "${client_secret}"`;
const accessToken = ({ token }) => `kind = "access_token", token = "${token}"`;

/** How Entente signs in, by platform. */
const AUTH = {
  salesforce: clientCredentials,
  hubspot: (of) => `kind = "refresh_token", client_id = "${of.client_id}", client_secret = "${of.client_secret}", refresh_token = "${of.refresh_token}"`,
  pipedrive: accessToken,
  dynamics: clientCredentials,
  zendesk: clientCredentials,
  freshdesk: accessToken,
  intercom: accessToken,
};

function connection(name, of) {
  const login = name === 'dynamics' ? `login_url = "${of.url}/${of.tenant_id}"\n` : '';
  return `[[connection]]\nname = "${name}"\nplatform = "${name}"\nbase_url = "${of.url}"\n${login}auth = { ${AUTH[name](of)} }\n`;
}

/** Simulators of these platforms and an Entente between them, which `stop` ends. */
export async function between(platforms) {
  const sims = await simulators(platforms);
  const folder = await mkdtemp(join(tmpdir(), 'entente-clients-'));
  let entente;
  const stop = async () => {
    await entente?.stop();
    await sims.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const config = join(folder, 'entente.toml');
    const port = await freePort();
    const parts = [`[server]\nlisten = "127.0.0.1:${port}"\n`, '[sync]\npoll_interval_ms = 10000\nlatency_target_ms = 500\n'];
    await writeFile(config, [...parts, ...platforms.map((name) => connection(name, sims[name]))].join('\n'));
    await finish(['--config', config, 'provision', '--apply']);
    entente = await serve(config, `http://127.0.0.1:${port}`);
  } catch (error) {
    await stop();
    throw error;
  }
  /** Waits for what Entente should bring about; when it does not, the end of its log says why. */
  const arrives = (what, ask) =>
    eventually(what, ask, PATIENCE_MS).catch((error) => {
      throw new Error(`${error.message}; Entente's log ends:\n${entente.log().slice(-3000)}`);
    });
  return { ...sims, entente, arrives, stop };
}

/** Zendesk's client, signed in. */
export const zendeskClient = ({ url, email, token }) =>
  zendesk.createClient({ username: email, token, subdomain: 'acme', endpointUri: `${url}/api/v2` });
