// A real browser, and what every page must be: without errors in the console and without barriers.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const SCREENSHOTS = process.env.ENTENTE_SCREENSHOTS ?? fileURLToPath(new URL('../../target/screenshots', import.meta.url));
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core'), 'utf8');

export async function launch() {
  mkdirSync(SCREENSHOTS, { recursive: true });
  return chromium.launch({
    executablePath: process.env.ENTENTE_CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

const PATIENCE_MS = 60_000; // a debug build on a loaded machine; whatever goes wrong ends a wait at once

/** A page in a colour scheme. `complaints` fills with what goes wrong in it, and `onAlert` is told the text of every alert as soon as it is there. */
export async function open(browser, colorScheme = 'light', viewport = { width: 1440, height: 900 }, onAlert = () => {}) {
  const context = await browser.newContext({ viewport, colorScheme, reducedMotion: 'reduce' });
  await context.exposeBinding('tellAlert', (_, text) => onAlert(text));
  await context.addInitScript(() => {
    const told = new Set();
    const look = () => {
      const texts = [...document.querySelectorAll('[role=alert]')].map((alert) => alert.innerText.replaceAll(/\s+/g, ' ').trim());
      for (const text of texts.filter((each) => each !== '' && !told.has(each))) {
        told.add(text);
        globalThis.tellAlert(text);
      }
    };
    new MutationObserver(look).observe(document, { subtree: true, childList: true, characterData: true });
  });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const complaints = [];
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(error.message));
  // An answer that a story was changing while its page closed is nobody's concern.
  const close = async () => {
    await page.unrouteAll({ behavior: 'ignoreErrors' });
    await context.close();
  };
  return { page, complaints, close };
}

/** Looks at a page that has barriers, and the time between them. */
const LOOKS = 3;
const LOOK_AGAIN_MS = 500;

/** Keeps a picture of the page; its path. */
export async function picture(page, name, how = {}) {
  const path = join(SCREENSHOTS, `${name}.png`);
  await page.screenshot({ path, ...how });
  return path;
}

/** No page is wider than its screen. */
export async function fits(page, where) {
  const wide = await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
  assert.equal(wide, false, `${where} does not fit the screen`);
}

/**
 * Runs axe in the page, past the page's content security policy as a person's assistive technology would. What stands there for a moment alone,
 * such as a button that comes to life while axe looks at its colours, is no barrier: it must be found again.
 */
export async function accessible(page, where) {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('Runtime.evaluate', { expression: AXE });
  let told = [];
  for (let look = 0; look < LOOKS; look += 1) {
    const { violations } = await page.evaluate(() => globalThis.axe.run());
    told = violations.map((each) => `${each.id}: ${each.help}\n  ${each.nodes.map((node) => node.html).join('\n  ')}`);
    if (told.length === 0) return;
    await page.waitForTimeout(LOOK_AGAIN_MS);
  }
  assert.deepEqual(told, [], `${where} has barriers`);
}
