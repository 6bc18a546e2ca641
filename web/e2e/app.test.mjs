// A person opens the web app of a running product and looks around.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before } from 'node:test';
import { accessible, fits, launch, picture } from './browser.mjs';
import { product } from './product.mjs';
import { story } from './story.mjs';

let entente;
let browser;

before(async () => {
  [entente, browser] = await Promise.all([product({ customers: 200, seconds: 1_800 }), launch()]);
});
after(async () => {
  await browser?.close();
  await entente?.stop();
});

const stage = () => ({ browser, log: () => entente.log() });
const number = (text) => Number(text.replaceAll(',', ''));

/** The first of a list that changes while it is looked at. */
async function firstRecord(page) {
  const link = page.getByRole('row').nth(1).getByRole('link');
  await link.waitFor();
  // In one step: a moment later another may be first.
  return link.evaluate((one) => ({ href: one.getAttribute('href'), title: one.innerText }));
}

story('the dashboard shows live numbers', stage, async ({ open }) => {
  const page = await open('light');
  await page.goto(entente.url);
  await page.getByRole('heading', { level: 1, name: 'Dashboard' }).waitFor();

  const connections = page.getByRole('region', { name: 'Connections' });
  await connections.getByText('Salesforce', { exact: true }).waitFor();
  await connections.getByText('Zendesk', { exact: true }).waitFor();

  // Customers arrive while nobody touches the page.
  const agreed = page.getByText(/^[\d,]+ of [\d,]+ records?$/).first();
  await page.waitForFunction(() => /[1-9][\d,]* of [1-9][\d,]* record/.test(document.body.innerText));
  const [, all] = (await agreed.innerText()).match(/of ([\d,]+)/);
  assert.ok(number(all) > 0);

  const live = page.getByRole('region', { name: 'Live changes' });
  await live.getByRole('listitem').first().waitFor();
  await page.getByRole('banner').getByRole('status').getByText(/Operational|Starting|Degraded/).waitFor();

  await accessible(page, 'the dashboard');
  await picture(page, 'dashboard');
});

story('a record shows its values, where they came from, and its history', stage, async ({ open }) => {
  const page = await open('light');
  await page.goto(`${entente.url}/records?object=contact`);
  const { href, title } = await firstRecord(page);
  await accessible(page, 'the records');
  await picture(page, 'records');

  await page.getByRole('searchbox').fill(title);
  await page.waitForURL(/q=/);
  await page.locator(`a[href="${href}"]`).click();
  await page.waitForURL(`**${href}`);
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
});

story('every page stands in the dark and on a small screen, without barriers', stage, async ({ open }) => {
  for (const [scheme, viewport, name] of [
    ['dark', { width: 1440, height: 900 }, 'dark'],
    ['light', { width: 390, height: 844 }, 'small'],
  ]) {
    const page = await open(scheme, viewport);
    for (const [path, title] of [
      ['/', 'Dashboard'],
      ['/records', 'Records'],
      ['/conflicts', 'Conflicts'],
      ['/reviews', 'Reviews'],
      ['/dead-letters', 'Dead letters'],
      ['/holds', 'Holds'],
      ['/plan', 'Plan'],
      ['/alerts', 'Alerts'],
      ['/reports', 'Reports'],
      ['/privacy', 'Privacy'],
      ['/connections', 'Connections'],
      ['/mappings', 'Mappings'],
      ['/mappings/zendesk/account', 'Accounts at Zendesk'],
      ['/reconciliation', 'Reconciliation'],
      ['/nowhere', 'Not here'],
    ]) {
      await page.goto(entente.url + path);
      await page.getByRole('heading', { level: 1, name: title }).waitFor();
      await page.locator('[role=status]:has-text("Loading")').first().waitFor({ state: 'detached' });
      await accessible(page, `${path} (${name})`);
      await fits(page, `${path} (${name})`);
      await picture(page, `${name}${path === '/' ? '-dashboard' : path.replaceAll('/', '-')}`);
    }
  }
});

/** The first account with an amount of more than a thousand: its id, and what the amount is called. */
async function richAccount() {
  const get = async (path) => (await fetch(entente.url + path)).json();
  const { items } = await get('/api/v1/records?object=account&limit=50');
  for (const { id } of items) {
    const { fields } = await get(`/api/v1/records/${id}`);
    const amount = fields.find(({ type, value }) => type === 'money' && Number.parseFloat(value) >= 1_000);
    if (amount) return { id, label: amount.label };
  }
  throw new Error(`none of ${items.length} accounts has an amount of more than a thousand`);
}

story('fields are called as people call them, and amounts can be read', stage, async ({ open }) => {
  const page = await open('light');
  await page.goto(`${entente.url}/connections`);
  await page.getByRole('rowheader', { name: 'Account: Company size', exact: true }).first().waitFor();
  const { id, label } = await richAccount();
  await page.goto(`${entente.url}/records/${id}`);
  const row = page.getByRole('region', { name: 'Values' }).getByRole('row').filter({ has: page.getByRole('rowheader', { name: label, exact: true }) });
  await row.getByText(/^\d{1,3}(,\d{3})+(\.\d+)? [A-Z]{3}$/).waitFor();
});

story('a record or a request that is not there is told as such', stage, async ({ open, expects }) => {
  const page = await open('light');
  expects(/status of 400/);
  expects(/status of 404/);
  for (const [path, told] of [
    ['/records/nobody', /`nobody` is not an id/],
    ['/privacy/999', /there is no erasure `999`/i],
  ]) {
    expects(told);
    await page.goto(entente.url + path);
    await page.getByRole('alert').getByText(told).waitFor();
    await accessible(page, `${path}, which is not there`);
  }
});

story('a review shows two records side by side, and each decision is sent once', stage, async ({ open }) => {
  const page = await open('light');
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
});

story('alerts show what is open and what is over, and a channel is tried', stage, async ({ open }) => {
  const page = await open('light');
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
});

story('the report of the month is on the page, and on paper', stage, async ({ open }) => {
  const page = await open('light');
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
});

story('on a small screen the pages are behind a menu, and the keyboard opens and closes it', stage, async ({ open }) => {
  const page = await open('light', { width: 390, height: 844 });
  await page.goto(`${entente.url}/holds`);
  const places = page.getByRole('navigation', { name: 'Main' });
  const menu = page.getByRole('button', { name: /^Menu: Holds/ });
  await menu.waitFor();
  assert.equal(await places.isVisible(), false);
  await menu.press('Enter');
  await places.getByRole('link', { name: 'Privacy' }).waitFor();
  await accessible(page, 'the menu');
  await picture(page, 'menu');
  await page.keyboard.press('Escape');
  await places.waitFor({ state: 'hidden' });
  await menu.click();
  await places.getByRole('link', { name: 'Privacy' }).click();
  await page.getByRole('heading', { level: 1, name: 'Privacy' }).waitFor();
  await places.waitFor({ state: 'hidden' });
  // A screen between the two has all of them in a row of their own.
  await page.setViewportSize({ width: 1000, height: 800 });
  await places.getByRole('link', { name: 'Connections' }).waitFor();
  await picture(page, 'middle');
});

story('a held mass change is seen record by record, and released or dropped after a question', stage, async ({ open }) => {
  const hold = (id, changes) => ({
    id,
    connection: 'zendesk',
    object: 'contact',
    kind: 'blank',
    what: 'would lose values',
    state: 'open',
    records: 120,
    many: 130,
    allowed: 50,
    since: new Date(Date.now() - 240_000).toISOString(),
    closed_at: null,
    closed_by: null,
    ...changes,
  });
  const change = (field, label, before, after) => ({ field, label, before, after });
  const held = (at, changes, gone = []) => ({ record: `con_01h455vb4pex5vsknk084sn0${at}q`, title: `Customer ${at}`, since: new Date(Date.now() - 230_000).toISOString(), changes, gone });
  const deletion = { kind: 'delete', what: 'would be deleted', connection: 'salesforce', object: 'account', records: 3, many: 90 };
  const old = hold('2', { kind: 'owner', what: 'would get other owners', state: 'released', closed_at: '2026-01-15T15:00:00Z', closed_by: 'ada' });
  const first = [held(1, [change('phone', 'Phone', '+44 20 7946 0958', null), change('title', 'Title', 'Head of Support', null)]), held(2, [change('phone', 'Phone', '+44 20 7946 0111', null)])];
  for (const [scheme, viewport, name] of [
    ['light', { width: 1440, height: 900 }, 'holds'],
    ['dark', { width: 390, height: 844 }, 'holds-small-dark'],
  ]) {
    const page = await open(scheme, viewport);
    // Whether the demo has a mass change is chance; what the page does with one is not.
    const state = { open: [hold('4', {}), hold('3', deletion)], released: [old], dropped: [] };
    await page.route('**/api/v1/holds?*', (route) => route.fulfill({ json: { items: state[new URL(route.request().url()).searchParams.get('state')], next: null } }));
    await page.route('**/api/v1/holds/4?*', (route) => {
      const more = new URL(route.request().url()).searchParams.has('after');
      return route.fulfill({ json: { ...hold('4', {}), held: more ? [held(3, [change('phone', 'Phone', '+44 20 7946 0222', null)])] : first, next: more ? null : first[1].record } });
    });
    await page.route('**/api/v1/holds/3?*', (route) => route.fulfill({ json: { ...hold('3', deletion), held: [held(5, [], ['zendesk'])], next: null } }));
    const sent = [];
    await page.route('**/api/v1/holds/*/*', (route) => {
      const path = new URL(route.request().url()).pathname;
      sent.push(`${route.request().method()} ${path}`);
      if (path.endsWith('/drop')) {
        state.open = state.open.map((one) => (one.id === '3' ? { ...one, records: 1 } : one));
        const kept = [{ record: 'acc_01h455vb4pex5vsknk084sn05q', reason: 'the row is merged into another; unmerge it first' }];
        return route.fulfill({ json: { hold: hold('3', { ...deletion, records: 1 }), records: 2, kept } });
      }
      state.open = state.open.filter((one) => one.id !== '4');
      state.released = [hold('4', { state: 'released', closed_at: new Date().toISOString(), closed_by: 'grace' }), old];
      return route.fulfill({ json: { hold: state.released[0], records: 120, kept: [] } });
    });
    await page.goto(`${entente.url}/holds`);
    const waiting = page.getByRole('region', { name: 'Waiting for a person' });
    const blanks = waiting.getByRole('listitem', { name: '120 contacts would lose values at Zendesk' });
    await blanks.getByText('Head of Support').waitFor();
    assert.match(await blanks.innerText(), /130 changes of this kind[\s\S]*Customer 1[\s\S]*Phone[\s\S]*\+44 20 7946 0958[\s\S]*no value/);
    await blanks.getByText('2 of 120 records shown').waitFor();
    await blanks.getByRole('button', { name: 'Show more' }).click();
    await blanks.getByText('Customer 3').waitFor();
    const rows = waiting.getByRole('listitem', { name: '3 accounts would be deleted at Salesforce' });
    await rows.getByText('gone at Zendesk').waitFor();
    await accessible(page, `the holds (${name})`);
    await picture(page, name);

    // The question has a way back, and the keyboard is where it was.
    await blanks.getByRole('button', { name: /^Release: / }).press('Enter');
    await page.getByRole('form', { name: 'Release this hold?' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('form', { name: 'Release this hold?' }).waitFor({ state: 'detached' });
    assert.match(await page.evaluate(() => document.activeElement.getAttribute('aria-label')), /^Release: /);
    assert.deepEqual(sent, []);

    await rows.getByRole('button', { name: /^Drop: / }).click();
    await rows.getByText('Nothing is deleted at Salesforce').waitFor();
    await rows.getByRole('button', { name: 'Drop 3 records' }).click();
    await waiting.getByText('the row is merged into another').waitFor();
    await blanks.getByRole('button', { name: /^Release: / }).click();
    await blanks.getByText('The new values of 120 records are written to Zendesk').waitFor();
    await accessible(page, `the question (${name})`);
    await blanks.scrollIntoViewIfNeeded();
    await picture(page, `${name}-question`);
    await blanks.getByRole('button', { name: 'Release 120 records' }).click();
    await page.getByRole('region', { name: 'Decided' }).getByText('grace').waitFor();
    await blanks.waitFor({ state: 'detached' });
    assert.deepEqual(sent, ['POST /api/v1/holds/3/drop', 'POST /api/v1/holds/4/release']);
    await fits(page, name);
  }
});

story('a request to be forgotten shows what each system answered and what is left to people', stage, async ({ open }) => {
  for (const [scheme, viewport, name] of [
    ['light', { width: 1440, height: 900 }, 'erasure'],
    ['dark', { width: 390, height: 844 }, 'erasure-small-dark'],
  ]) {
    const page = await open(scheme, viewport);
    // What a platform refuses is chance; what the page says of it is not. Its times are those of this very look.
    const minutes = (many) => new Date(Date.now() + many * 60_000).toISOString();
    const flags = [
      { number: 1, connection: 'zendesk', what: 'ticket 4711: its attachments have to be deleted by hand', done_by: null, done_at: null },
      { number: 2, connection: null, what: 'the account Analytical Engines names the person in its notes; only a person can rewrite that', done_by: 'grace', done_at: minutes(-3) },
    ];
    const row = (connection, object, id, state, answer, attempts = 0) => ({ connection, object, id, kind: 'contact', policy: connection === 'zendesk' ? 'anonymise' : 'delete', state, answer, at: answer ? minutes(-8) : null, attempts });
    const item = { id: '7', state: 'people', record: 'con_01h455vb4pex5vsknk084sn02q', asked_at: minutes(-10), asked_by: 'ada', source: 'zendesk', rows: 3, erased: 2, waiting: 1, sightings: 1, ended_at: minutes(-5), scrubbed_at: minutes(-4), recheck_at: minutes(4 * 24 * 60), rechecked_at: null };
    const detail = {
      ...item,
      records: ['con_01h455vb4pex5vsknk084sn02q', 'cas_01h455vb4pex5vsknk084sn02r'],
      answers: [row('salesforce', 'Contact', '003XX0000004TMM', 'erased', 'blanked and deleted', 2), row('zendesk', 'user', '8801', 'erased', 'anonymised'), row('zendesk', 'ticket', '4711', 'refused', 'RecordInvalid (status 422)')],
      searched: ['salesforce', 'zendesk'],
      flags,
      seen_again: [{ connection: 'salesforce', object: 'Contact', id: '003XX0000009ABC', at: minutes(-1), what: 'a row with an address of the person' }],
      blocked: 6,
    };
    let state = detail;
    await page.route('**/api/v1/privacy/erasures?*', (route) => route.fulfill({ json: { items: [item, { ...item, id: '6', state: 'done', source: 'cli', waiting: 0, erased: 3, rechecked_at: minutes(-2) }], next: null } }));
    await page.route('**/api/v1/privacy/erasures/7', (route) => route.fulfill({ json: state }));
    const sent = [];
    await page.route('**/api/v1/privacy/erasures/7/confirm', (route) => {
      sent.push(route.request().postDataJSON());
      state = { ...detail, state: 'done', waiting: 0, flags: flags.map((flag) => ({ ...flag, done_by: 'grace', done_at: minutes(0) })) };
      return route.fulfill({ json: state });
    });
    const certificate = '{"statement":{"erasure":"7","complete":false},"signature":"c2lnbmVk"}';
    await page.route('**/api/v1/privacy/erasures/7/certificate', (route) => route.fulfill({ contentType: 'application/json', body: certificate }));
    await page.goto(`${entente.url}/privacy`);
    const list = page.getByRole('region', { name: 'Erasure requests' });
    await list.getByText('Waits for people', { exact: true }).waitFor();
    assert.match(await list.getByRole('row').nth(1).innerText(), /Erasure 7[\s\S]*ada[\s\S]*Zendesk[\s\S]*10 min ago[\s\S]*2 of 3[\s\S]*1[\s\S]*due in 3 d/);
    assert.match(await list.getByRole('row').nth(2).innerText(), /Done[\s\S]*Command line[\s\S]*checked/);
    await accessible(page, `the requests (${name})`);
    await picture(page, `${name}-list`);
    await list.getByRole('link', { name: 'Erasure 7' }).click();
    const answers = page.getByRole('region', { name: 'What each system answered' });
    await answers.getByText('RecordInvalid (status 422)').waitFor();
    assert.match(await answers.innerText(), /Salesforce[\s\S]*003XX0000004TMM[\s\S]*Delete[\s\S]*Erased[\s\S]*blanked and deleted[\s\S]*after 2 failed attempts/);
    await accessible(page, `a request (${name})`);
    await picture(page, name);
    const saving = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Download the certificate' }).click();
    const file = await saving;
    assert.equal(file.suggestedFilename(), 'entente-certificate-7.json');
    assert.equal(readFileSync(await file.path(), 'utf8'), certificate);
    const left = page.getByRole('region', { name: 'What only a person can do' });
    await left.getByRole('button', { name: 'It is done… Zendesk, number 1' }).click();
    await accessible(page, `a question (${name})`);
    assert.deepEqual(sent, []);
    await left.getByRole('button', { name: 'Yes, it is done' }).click();
    await left.getByText('all done').waitFor();
    assert.deepEqual(sent, [{ flag: 1 }]);
    await fits(page, name);
  }
});

story('a person gets what is held about them, and is forgotten once that is confirmed', stage, async ({ open, expects }) => {
  const page = await open('light');
  await page.goto(`${entente.url}/records?object=contact`);
  const { href, title } = await firstRecord(page);
  await page.locator(`a[href="${href}"]`).click();
  await page.getByRole('link', { name: 'Export or erase' }).click();
  await page.getByRole('heading', { level: 1, name: 'Privacy' }).waitFor();
  const who = page.getByLabel('Record or e-mail address');
  const record = await who.inputValue();
  assert.match(record, /^[a-z]+_/);

  const saving = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Export everything' }).click();
  const file = await saving;
  assert.equal(file.suggestedFilename(), `entente-person-${record}.json`);
  const held = JSON.parse(readFileSync(await file.path(), 'utf8'));
  assert.equal(held.person, record);
  assert.ok(held.records[0].values.length > 0);
  await page.getByText(/^Saved what is held about/).waitFor();

  await page.getByRole('button', { name: 'Erase…' }).click();
  const question = page.getByRole('form', { name: /^Erase .* for good\?$/ });
  await question.getByText('At the platforms:').waitFor();
  const button = question.getByRole('button', { name: 'Erase for good' });
  assert.equal(await button.isDisabled(), true);
  await accessible(page, 'the question before an erasure');
  await picture(page, 'privacy-question');
  await question.getByRole('button', { name: 'Cancel' }).click();
  await question.waitFor({ state: 'detached' });

  await page.getByRole('button', { name: 'Erase…' }).click();
  await question.getByRole('checkbox').check();
  await button.click();
  await page.waitForURL(/\/privacy\/\d+$/);
  await page.getByRole('region', { name: 'Emptied here' }).getByText(record).waitFor();
  await page.getByRole('region', { name: 'What each system answered' }).getByText('Erased').first().waitFor();
  await accessible(page, 'an erasure');
  await picture(page, 'privacy-erasure');
  const certifying = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Download the certificate' }).click();
  const certificate = JSON.parse(readFileSync(await (await certifying).path(), 'utf8'));
  assert.deepEqual(certificate.statement.records.includes(record), true);
  assert.equal(JSON.stringify(certificate).includes(title), false);

  // An address that nobody has here: a platform may know it.
  expects(/status of 404/);
  await page.goto(`${entente.url}/privacy`);
  await who.fill('nobody@example.com');
  await page.getByRole('button', { name: 'Erase…' }).click();
  await page.getByText('Nothing is held here about nobody@example.com').waitFor();
  await picture(page, 'privacy-address');
  await page.keyboard.press('Escape');
  expects(/con_nobody/);
  await who.fill('con_nobody');
  await page.getByRole('button', { name: 'Erase…' }).click();
  await page.getByRole('alert').getByText('con_nobody').waitFor();
  await picture(page, 'privacy-nobody');
});

story('a field is mapped on the page: filled in, judged, put in force, and said to be right', stage, async ({ open, expects }) => {
  const page = await open('light');
  await page.goto(`${entente.url}/mappings`);
  await page.getByRole('link', { name: 'Accounts at Zendesk' }).click();
  await page.getByRole('heading', { level: 1, name: 'Accounts at Zendesk' }).waitFor();
  await page.getByText('version 1, organization there').waitFor();
  const fields = page.getByRole('region', { name: 'Fields', exact: true });
  const before = await fields.getByRole('row').count();
  await fields.getByRole('button', { name: 'Map a field…' }).click();
  const form = page.getByRole('form', { name: 'Map a field' });
  await form.getByLabel('Field here').selectOption({ label: 'Type' });
  await form.getByLabel('Field at Zendesk').selectOption('details');
  // What is known of the field is filled in: it is the CRM's, so it is only written at the desk.
  assert.equal(await form.getByLabel('Source of truth').inputValue(), 'crm');
  assert.equal(await form.getByLabel(/^Way/).inputValue(), 'out');
  await accessible(page, 'the form of a line');
  await picture(page, 'mapping-line');
  await form.getByRole('button', { name: 'Take this line' }).click();
  assert.equal(await fields.getByRole('row').count(), before + 1);
  const changes = page.getByRole('region', { name: 'Not saved yet' });
  await changes.getByText('Type new').waitFor();
  await changes.getByRole('button', { name: 'Check' }).click();
  await changes.getByText('Nothing stands against it.').waitFor();
  await changes.getByLabel('Why, for whoever looks').fill('agents asked for it');
  await accessible(page, 'a mapping that is not saved yet');
  await picture(page, 'mapping-changes');
  await changes.getByRole('button', { name: 'Put in force' }).click();
  const way = page.getByRole('region', { name: 'On its way' });
  await way.getByText('Version 2 is in force for all records.').waitFor();
  await page.getByRole('region', { name: 'Versions' }).getByText('agents asked for it').waitFor();
  await accessible(page, 'a mapping that nobody has verified');
  await picture(page, 'mapping-verify');
  await way.getByRole('button', { name: 'It is right' }).click();
  await way.waitFor({ state: 'detached' });

  // What does not fit is named, and nothing is saved.
  await fields.getByRole('button', { name: 'Edit Type' }).click();
  const edit = page.getByRole('form', { name: 'Edit the line of Type' });
  await edit.getByLabel('Source of truth').selectOption('support');
  await edit.getByRole('button', { name: 'Take this line' }).click();
  expects(/its owner is `support` here/);
  expects(/status of 400/);
  await changes.getByRole('button', { name: 'Put in force' }).click();
  await changes.getByRole('alert').getByText('its owner is `support` here and `crm` in the mapping of salesforce').waitFor();
  await changes.getByRole('button', { name: 'Take back the edit of Type' }).click();
  await changes.waitFor({ state: 'detached' });

  // The first version is tried on real records beside the one in force.
  const versions = page.getByRole('region', { name: 'Versions' });
  await versions.getByRole('button', { name: 'Try on real records: version 1' }).click();
  await versions.getByText(/last changed (stay|would be decided)/).waitFor();
  await accessible(page, 'a version that was tried');
  await picture(page, 'mapping-tried');
});
