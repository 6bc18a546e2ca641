import { expect, test } from 'vitest';
import type { PersonExport } from '../../api/queries';
import { check, fileName, isAddress, recordWords, rowWords } from './person';

const record = (object: string, ...rows: [connection: string, state: string][]): PersonExport['records'][number] => ({
  id: 'con_1',
  object,
  title: 'Ada Lovelace',
  state: 'active',
  created_at: '2026-01-15T14:00:00Z',
  values: [],
  history: [],
  counterparts: rows.map(([connection, state], at) => ({ connection, object: 'Contact', id: String(at), state, values: {} })),
});

test('an address is told from the name of a record', () => {
  expect(['ada@example.com', ' ada@example.co.uk ', '+44 20 7946 0958', '(020) 7946-0958'].map(isAddress)).toEqual([true, true, true, true]);
  expect(['con_01h455vb4pex5vsknk084sn02q', 'zendesk/123', 'zendesk/ada@example.com', 'Ada Lovelace', 'ada@', '1234', ''].map(isAddress)).toEqual(Array(7).fill(false));
});

test('what goes is counted in words', () => {
  const records = [record('contact', ['salesforce', 'present'], ['zendesk', 'present']), record('case', ['zendesk', 'deleted'], ['zendesk', 'merged']), record('activity'), record('activity')];
  expect(recordWords(records)).toBe('1 contact, 1 case and 2 activities');
  expect(rowWords(records)).toBe('1 row at Salesforce and 2 rows at Zendesk');
  expect([recordWords([record('contact')]), rowWords([record('contact')])]).toEqual(['1 contact', '']);
});

test('the check a month later is due, overdue or done', () => {
  const now = Date.parse('2026-02-15T00:00:00Z');
  expect(check({}, now)).toBeUndefined();
  expect(check({ recheck_at: '2026-02-16T00:00:00Z' }, now)?.word).toBe('due');
  expect(check({ recheck_at: '2026-02-14T00:00:00Z' }, now)?.word).toBe('overdue');
  expect(check({ recheck_at: '2026-02-14T00:00:00Z', rechecked_at: '2026-02-14T01:00:00Z' }, now)).toEqual({ word: 'checked', at: '2026-02-14T01:00:00Z' });
});

test('a file is named after what is in it', () => {
  expect(fileName('certificate', '7')).toBe('entente-certificate-7.json');
  expect(fileName('person', '../zendesk/1 2')).toBe('entente-person--zendesk-1-2.json');
});
