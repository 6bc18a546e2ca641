import { expect, test } from 'vitest';
import { detected, span } from './seen';

test('spans are told in the unit a person would use', () => {
  expect([3, 900, 3_600, 86_400, 0, null].map(span)).toEqual(['3 s', '15 min', '1 h', '1 d', 'at once', 'never']);
});

test('what sees a change is named, best first, and nothing is called never', () => {
  expect(detected({ webhook: true, poll_seconds: 0, reconciliation: true })).toBe('webhook, poll');
  expect(detected({ webhook: false, poll_seconds: 3_600, reconciliation: true })).toBe('poll every 1 h');
  expect(detected({ webhook: true, poll_seconds: null, reconciliation: true })).toBe('webhook, reconciliation');
  expect(detected({ webhook: false, poll_seconds: null, reconciliation: false })).toBe('never');
});
