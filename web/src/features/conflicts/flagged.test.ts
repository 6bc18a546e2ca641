import { expect, test } from 'vitest';
import type { Conflict } from '../../api/queries';
import { parts } from './flagged';

const side = (name: string, value: string | null) => ({ side: name, value, at: null, by: null, who: null });
const conflict = (sides: Conflict['sides'], won: string | null) => ({ sides, resolved: { value: 'x', side: won, by: 'rule latest', at: null } }) as unknown as Conflict;

test('the value that won stands beside those that it passed over', () => {
  const found = parts(conflict([side('salesforce', 'Ada'), side('zendesk', 'Augusta')], 'zendesk'));
  expect(found.won?.value).toBe('Augusta');
  expect(found.passed.map((one) => one.side)).toEqual(['salesforce']);
});

test('what a side showed before is not offered, nor is the same value twice', () => {
  const found = parts(conflict([side('salesforce', 'Ada'), side('zendesk', 'Augusta'), side('intercom', 'Augusta'), side('salesforce', 'A.')], 'zendesk'));
  expect(found.passed.map((one) => one.value)).toEqual(['Ada']);
});

test('no value may have been passed over, too', () => {
  const found = parts(conflict([side('salesforce', null), side('zendesk', 'Augusta')], 'zendesk'));
  expect(found.passed).toEqual([side('salesforce', null)]);
});
