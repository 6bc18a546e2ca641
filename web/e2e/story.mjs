// A story: a person at one or more pages. It ends as soon as a page shows an alert that it does not expect, and when it fails it tells what the
// pages showed.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { open as openPage, picture } from './browser.mjs';

const PATIENCE_MS = 240_000; // a story on a loaded machine with a debug build; it takes five to thirty seconds on a quiet one
const LOG_LINES = 15; // of the product's last words: those about the moment that failed

/**
 * Tells a story. `stage` answers what it plays on: the browser, and `log()` with what the product said. The story gets `open(scheme, viewport)`
 * for a page, and `expects(text)`, which announces an alert or an error of the console that belongs to the story; one that never comes is a
 * failure, too.
 */
export function story(name, stage, tell) {
  test(name, { timeout: PATIENCE_MS }, async () => {
    const pages = [];
    const expected = [];
    let interrupt;
    const interrupted = new Promise((_, reject) => (interrupt = reject));
    interrupted.catch(() => {}); // after its end, a story is not interrupted
    const hear = (text) => {
      const known = expected.filter((each) => each.text.test(text));
      for (const each of known) each.came = true;
      if (known.length === 0) interrupt(new Error(`the page says: ${text}`));
    };
    const open = async (scheme, viewport) => {
      const opened = await openPage(stage().browser, scheme, viewport, hear);
      pages.push(opened);
      return opened.page;
    };
    const expects = (text) => expected.push({ text, came: false });
    const told = tell({ open, expects });
    told.catch(() => {}); // what an interrupted story does not find any more is not the reason
    try {
      await Promise.race([told, interrupted]);
      assert.deepEqual(pages.flatMap(({ complaints }) => complaints.filter((text) => !expected.some((each) => each.text.test(text) && (each.came = true)))), []);
      assert.deepEqual(expected.filter((each) => !each.came).map((each) => String(each.text)), [], 'what was expected on a page never came');
    } catch (error) {
      throw new Error(`${error.message}${await seen(name, pages)}\n\nThe product said at last:\n${last(stage().log())}`, { cause: error });
    } finally {
      await Promise.all(pages.map(({ close }) => close()));
      await told.catch(() => {}); // nothing of this story happens during the next one
    }
  });
}

/** Where each page was, what it said, and where its picture is. */
async function seen(name, pages) {
  const lines = [];
  for (const [number, { page, complaints }] of pages.entries()) {
    const alerts = await page.getByRole('alert').allInnerTexts().catch((error) => [`not to be read: ${error.message}`]);
    const file = `failed-${name.replaceAll(/[^a-z0-9]+/gi, '-').slice(0, 60)}-${number + 1}`;
    const kept = await picture(page, file, { fullPage: true }).catch((error) => `none: ${error.message}`);
    lines.push(`\n\nPage ${number + 1} was at ${page.url()}`, `  alerts: ${alerts.length === 0 ? 'none' : alerts.map((alert) => alert.replaceAll(/\s+/g, ' ')).join(' | ')}`);
    lines.push(`  console: ${complaints.length === 0 ? 'no complaints' : complaints.join(' | ')}`, `  picture: ${kept}`);
  }
  return lines.join('\n');
}

function last(log) {
  return log.trimEnd().split('\n').slice(-LOG_LINES).join('\n');
}
