import { expect, test } from 'vitest';
import { commonness, shownFields, signed } from './shown';

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

test('bits bear their sign, and nothing is neither more nor less', () => {
  expect([signed(11.53), signed(-4.58), signed(-0.01), signed(0)]).toEqual(['+11.5', '−4.6', '0.0', '0.0']);
});

test('a value is called common or rare where that tells something', () => {
  expect([commonness(-4.5), commonness(0.2), commonness(2)]).toEqual([', a common value', '', ', a rare value']);
});
