import { expect, test } from 'vitest';
import { shownFields } from './shown';

const field = (name: string, first: string | null, second: string | null) => ({ name, first, second, same: first === second });

test('what differs comes first, what only one record knows comes last', () => {
  const fields = [field('title', 'CTO', null), field('email', 'ada@x.example', 'ada@x.example'), field('phone', '+1', '+2')];
  expect(shownFields(fields, false).map((each) => each.name)).toEqual(['phone', 'email', 'title']);
});

test('a long record is cut to a glance until all of it is asked for', () => {
  const fields = Array.from({ length: 20 }, (_, at) => field(`f${at}`, 'a', 'a'));
  expect(shownFields(fields, false)).toHaveLength(8);
  expect(shownFields(fields, true)).toHaveLength(20);
});
