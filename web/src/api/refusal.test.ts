import { expect, it } from 'vitest';
import { Refusal } from './refusal';

it('carries what the server said and what to do', () => {
  const refusal = Refusal.from({ error: { code: 'not_found', message: 'no such record', remedy: 'search for it' } }, 404);
  expect([refusal.code, refusal.message, refusal.remedy, refusal.temporary]).toEqual(['not_found', 'no such record', 'search for it', false]);
});

it('makes sense of an answer that is not ours', () => {
  const refusal = Refusal.from('<html>Bad Gateway</html>', 502);
  expect(refusal.code).toBe('http_502');
  expect(refusal.temporary).toBe(true);
});

it('asking again helps where nobody answered or the pace was too fast, and not where we are wrong', () => {
  expect([Refusal.unreachable(new TypeError('Failed to fetch')).temporary, Refusal.from({}, 429).temporary, Refusal.from({}, 400).temporary]).toEqual([true, true, false]);
});
