// A person opens the web app of a running product and looks around.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { accessible, launch, open, picture } from './browser.mjs';
import { product } from './product.mjs';

let entente;
let browser;

before(async () => {
  [entente, browser] = await Promise.all([product({ customers: 200, seconds: 240 }), launch()]);
});
after(async () => {
  await browser?.close();
  await entente?.stop();
});

const number = (text) => Number(text.replaceAll(',', ''));

test('the dashboard shows live numbers', async () => {
  const { page, complaints, close } = await open(browser, 'light');
  await page.goto(entente.url);
  await page.getByRole('heading', { level: 1, name: 'Dashboard' }).waitFor();

  const connections = page.getByRole('region', { name: 'Connections' });
  await connections.getByText('Salesforce', { exact: true }).waitFor();
  await connections.getByText('Zendesk', { exact: true }).waitFor();

  // Customers arrive while nobody touches the page.
  const agreed = page.getByText(/^[\d,]+ of [\d,]+ records?$/).first();
  await page.waitForFunction(() => /[1-9][\d,]* of [1-9][\d,]* record/.test(document.body.innerText), undefined, { timeout: 60_000 });
  const [, all] = (await agreed.innerText()).match(/of ([\d,]+)/);
  assert.ok(number(all) > 0);

  const live = page.getByRole('region', { name: 'Live changes' });
  await live.getByRole('listitem').first().waitFor({ timeout: 60_000 });
  await page.getByRole('banner').getByRole('status').getByText(/Operational|Starting|Degraded/).waitFor();

  await accessible(page, 'the dashboard');
  await picture(page, 'dashboard');
  assert.deepEqual(complaints, []);
  await close();
});

test('a record shows its values, where they came from, and its history', async () => {
  const { page, complaints, close } = await open(browser, 'light');
  await page.goto(`${entente.url}/records?object=contact`);
  const first = page.getByRole('row').nth(1).getByRole('link');
  await first.waitFor();
  const title = await first.innerText();
  await accessible(page, 'the records');
  await picture(page, 'records');

  await page.getByRole('searchbox').fill(title);
  await page.waitForURL(/q=/);
  await page.getByRole('link', { name: title }).first().click();
  await page.waitForURL(/\/records\/[a-z]+_/);
  await page.getByRole('heading', { level: 1, name: title }).waitFor();

  const values = page.getByRole('region', { name: 'Values' });
  await values.getByRole('rowheader', { name: 'Last name' }).waitFor();
  assert.ok((await values.getByRole('row').count()) > 3);
  assert.match(await values.innerText(), / ago|just now/);

  const history = page.getByRole('region', { name: 'History' });
  await history.getByText('Last name').first().waitFor();
  assert.ok((await page.getByRole('list', { name: 'Counterparts' }).getByRole('listitem').count()) > 0);

  await accessible(page, 'a record');
  await picture(page, 'record');
  assert.deepEqual(complaints, []);
  await close();
});

test('every page stands in the dark and on a small screen, without barriers', async () => {
  for (const [scheme, viewport, name] of [
    ['dark', { width: 1440, height: 900 }, 'dark'],
    ['light', { width: 390, height: 844 }, 'small'],
  ]) {
    const { page, complaints, close } = await open(browser, scheme, viewport);
    for (const [path, title] of [
      ['/', 'Dashboard'],
      ['/records', 'Records'],
      ['/conflicts', 'Conflicts'],
      ['/reviews', 'Reviews'],
      ['/dead-letters', 'Dead letters'],
      ['/plan', 'Plan'],
      ['/alerts', 'Alerts'],
      ['/reports', 'Reports'],
      ['/connections', 'Connections'],
      ['/nowhere', 'Not here'],
    ]) {
      await page.goto(entente.url + path);
      await page.getByRole('heading', { level: 1, name: title }).waitFor();
      await page.locator('[role=status]:has-text("Loading")').waitFor({ state: 'detached' });
      await accessible(page, `${path} (${name})`);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
      assert.equal(wide, false, `${path} (${name}) does not fit the screen`);
      await picture(page, `${name}${path === '/' ? '-dashboard' : path.replaceAll('/', '-')}`);
    }
    assert.deepEqual(complaints, []);
    await close();
  }
});

test('a record that is not there is told as such', async () => {
  const { page, close } = await open(browser, 'light');
  await page.goto(`${entente.url}/records/nobody`);
  await page.getByRole('alert').waitFor();
  assert.notEqual((await page.getByRole('alert').innerText()).trim(), '');
  await accessible(page, 'a missing record');
  await close();
});

test('a review shows two records side by side, and each decision is sent once', async () => {
  const { page, complaints, close } = await open(browser, 'light');
  const side = (record, title, connection) => ({ record, title, state: 'active', created_at: '2026-01-15T14:00:00Z', links: [{ connection, external_id: '42' }] });
  const field = (name, label, first, second) => ({ field: name, label, first, second, same: first === second });
  const review = {
    id: '7',
    kind: 'match',
    object: 'contact',
    state: 'waiting',
    score: 0.82,
    evidence: 'name same, company same (0.82)',
    since: '2026-01-15T14:00:00Z',
    first: side('con_01h455vb4pex5vsknk084sn02q', 'Ada Lovelace', 'salesforce'),
    second: side('con_01h455vb4pex5vsknk084sn02r', 'A. Lovelace', 'zendesk'),
    fields: [field('last_name', 'Last name', 'Lovelace', 'Lovelace'), field('email', 'E-mail', 'ada@example.com', 'a.lovelace@example.com')],
    obstacle: null,
    decided: null,
  };
  // Whether a real pair turns up in the demo is chance; what the page does with one is not.
  let waiting = [review];
  await page.route('**/api/v1/reviews?*', (route) => route.fulfill({ json: { items: waiting, next: null } }));
  const decisions = [];
  await page.route('**/api/v1/reviews/7/*', (route) => {
    decisions.push(`${route.request().method()} ${new URL(route.request().url()).pathname}`);
    waiting = [];
    return route.fulfill({ json: { ...review, state: 'accepted' } });
  });
  await page.goto(`${entente.url}/reviews`);
  await page.getByText('82 % likely the same').waitFor();
  const rows = page.getByRole('table').getByRole('row');
  assert.match(await rows.nth(0).innerText(), /Ada Lovelace[\s\S]*Salesforce[\s\S]*A\. Lovelace[\s\S]*Zendesk/);
  // What differs comes first.
  assert.match(await rows.nth(1).innerText(), /E-mail\s+ada@example\.com\s+a\.lovelace@example\.com/);
  await accessible(page, 'a review');
  await picture(page, 'review');
  await page.getByRole('button', { name: 'One customer: Ada Lovelace and A. Lovelace' }).click();
  await page.getByText('No pair waits').waitFor();
  assert.deepEqual(decisions, ['POST /api/v1/reviews/7/accept']);
  assert.deepEqual(complaints, []);
  await close();
});

test('alerts show what is open and what is over, and a channel is tried', async () => {
  const { page, complaints, close } = await open(browser, 'light');
  const alert = (id, title, ended_at) => ({
    id,
    kind: 'circuit_open',
    label: 'Platform left alone',
    subject: 'zendesk',
    severity: 'critical',
    title,
    body: 'It fails and is left alone; one call tries it now and then.',
    state: ended_at ? 'over' : 'open',
    since: '2026-01-15T14:00:00Z',
    ended_at,
    messages: [{ kind: 'alert', state: 'sent', attempts: 0, error: null }],
  });
  // Whether the demo has an outage is chance; what the page does with one is not.
  await page.route('**/api/v1/alerts?*', (route) =>
    route.fulfill({ json: { items: [alert('2', 'zendesk fails', null), alert('1', 'salesforce fails', '2026-01-15T14:30:00Z')], next: null } }),
  );
  await page.route('**/api/v1/alerts/channels', (route) => route.fulfill({ json: [{ name: 'slack', kind: 'slack', audiences: ['ops'] }] }));
  const tried = [];
  await page.route('**/api/v1/alerts/channels/slack/test', (route) => {
    tried.push(route.request().method());
    return route.fulfill({ json: [{ channel: 'slack', taken: true, words: 'taken' }] });
  });
  await page.goto(`${entente.url}/alerts`);
  await page.getByText('1 alert open').waitFor();
  const rows = page.getByRole('region', { name: 'Open and recent' }).getByRole('row');
  assert.match(await rows.nth(1).innerText(), /zendesk fails[\s\S]*critical/);
  assert.match(await rows.nth(2).innerText(), /salesforce fails[\s\S]*over/);
  await page.getByRole('button', { name: 'Send a test message to slack' }).click();
  await page.getByRole('region', { name: 'Channels' }).getByText('taken').waitFor();
  assert.deepEqual(tried, ['POST']);
  await accessible(page, 'the alerts');
  await picture(page, 'alerts');
  assert.deepEqual(complaints, []);
  await close();
});

test('the report of the month is on the page, and on paper', async () => {
  const { page, complaints, close } = await open(browser, 'light');
  await page.goto(`${entente.url}/reports`);
  const month = page.getByRole('region', { name: /, so far$/ });
  await month.getByText('Sync events').waitFor();
  assert.match(await month.innerText(), /Success rate[\s\S]*%/);
  await page.getByRole('region', { name: 'Promises by day' }).getByRole('row').nth(7).waitFor();
  await accessible(page, 'the reports');
  await picture(page, 'reports');
  const paper = await month.getByRole('link', { name: 'Page' }).getAttribute('href');
  await page.goto(entente.url + paper);
  await page.getByText('CRM sync monthly report').waitFor();
  await accessible(page, 'the report on paper');
  await picture(page, 'report-paper');
  const pdf = await page.request.get(`${entente.url}${paper.replace('html', 'pdf')}`);
  assert.equal(pdf.headers()['content-type'], 'application/pdf');
  assert.equal((await pdf.body()).subarray(0, 5).toString(), '%PDF-');
  assert.deepEqual(complaints, []);
  await close();
});
