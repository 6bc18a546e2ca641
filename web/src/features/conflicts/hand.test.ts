import { expect, test } from 'vitest';
import { hand } from './hand';

test('a hand is told with its user, and an unknown one as unknown', () => {
  expect(hand({ by: 'sales', who: 'Ada Lovelace' })).toBe('Sales, Ada Lovelace');
  expect(hand({ by: 'customer', who: null })).toBe('Customer');
  expect(hand({ by: 'unknown', who: 'user 7' })).toBe('Unknown, user 7');
  expect(hand({ by: null })).toBe('Unknown');
});
