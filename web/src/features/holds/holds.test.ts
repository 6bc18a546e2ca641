import { expect, test } from 'vitest';
import type { Hold } from '../../api/queries';
import { closed, droppedWords, headline, reason, released } from './holds';

const hold = (changes: Partial<Hold> = {}): Hold => ({
  id: '4',
  connection: 'zendesk',
  object: 'contact',
  kind: 'blank',
  what: 'would lose values',
  state: 'open',
  records: 1_200,
  many: 1_300,
  allowed: 50,
  since: '2026-01-15T14:00:00Z',
  ...changes,
});

test('a hold says what, how many and where', () => {
  expect(headline(hold())).toBe('1,200 contacts would lose values at Zendesk');
  expect(headline(hold({ object: 'activity', records: 1, kind: 'delete', what: 'would be deleted', connection: 'hubspot' }))).toBe('1 activity would be deleted at HubSpot');
  expect(reason(hold())).toBe('1,300 changes of this kind came close together; up to 50 pass by themselves.');
});

test('both ways out are told before they are taken', () => {
  expect(released(hold())).toBe('The new values of 1,200 records are written to Zendesk.');
  expect(released(hold({ kind: 'delete', records: 1 }))).toBe('1 row is deleted at Zendesk.');
  expect(droppedWords(hold({ kind: 'delete' }))).toMatch(/^Nothing is deleted at Zendesk/);
  expect(droppedWords(hold())).toMatch(/^Nothing is written to Zendesk/);
});

test('closed ones stand together, the latest decision first', () => {
  const old = hold({ id: '1', state: 'released', closed_at: '2026-01-15T15:00:00Z' });
  const late = hold({ id: '2', state: 'dropped', closed_at: '2026-01-16T09:00:00Z' });
  const never = hold({ id: '3', state: 'dropped', since: '2026-01-14T09:00:00Z', closed_at: null });
  expect(closed([old], [never, late]).map(({ id }) => id)).toEqual(['2', '1', '3']);
});
