import { expect, test } from 'vitest';
import { lastMonths, monthName } from './months';

test('months go back over the turn of a year', () => {
  expect(lastMonths(new Date('2026-02-28T23:59:00Z'), 4)).toEqual(['2026-02', '2026-01', '2025-12', '2025-11']);
  expect(lastMonths(new Date('2026-03-31T00:00:00Z'), 2)).toEqual(['2026-03', '2026-02']);
});

test('a month is called by its name, and what is none as it is', () => {
  expect(monthName('2026-01')).toBe('January 2026');
  expect(monthName('soon')).toBe('soon');
});
