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
