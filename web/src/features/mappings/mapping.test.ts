import { expect, test } from 'vitest';
import { type Line, type Mapping, decidedBy, edits, keyOf, likelyDirection, likelyOwner, newField, tidy, withLine, withoutEdit } from './mapping';

const line = (field: string, more: Partial<Line> = {}): Line => ({ field, remote: field, owner: 'crm', ...more });
const mapping: Mapping = { object: 'account', remote: 'organization', key: 'external_id', on_delete: 'unlink', fields: [line('name'), line('industry', { values: [['Bank', 'Finance']] })] };
const theirs = { name: 'x', label: 'X', type: 'text', writable: true, required: false, scale: null, values: [] };

test('a line takes the place of its field, and everything else of the mapping stays', () => {
  const edited = withLine(mapping, line('industry', { owner: 'shared' }));
  expect(edited).toEqual({ ...mapping, fields: [line('name'), line('industry', { owner: 'shared' })] });
  expect(withLine(mapping, line('kind')).fields.map((each) => each.field)).toEqual(['name', 'industry', 'kind']);
});

test('edits are told by what they come to, and what a file may leave out is none', () => {
  const edited = [line('kind'), line('name', { archived: true }), line('industry', { owner: 'shared', values: [['Bank', 'Finance']] })].reduce(withLine, mapping);
  expect(edits(edited, mapping).map(({ line: { field }, kind }) => [field, kind])).toEqual([
    ['name', 'archived'],
    ['industry', 'changed'],
    ['kind', 'new'],
  ]);
  expect(edits(withLine(mapping, line('name', { direction: 'both', required: false, archived: false })), mapping)).toEqual([]);
  const archived = withLine(mapping, line('name', { archived: true }));
  expect(edits(mapping, archived).map(({ kind }) => kind)).toEqual(['taken up again']);
});

test('an edit is taken back to what is in force', () => {
  const edited = withLine(withLine(mapping, line('kind')), line('name', { archived: true }));
  expect(withoutEdit(withoutEdit(edited, mapping, 'kind'), mapping, 'name')).toEqual(mapping);
});

test('a line says only what it has to', () => {
  expect(tidy(line('name', { get: ' ', put: ' UPPER(name) ', required: false, archived: true }))).toEqual(line('name', { put: 'UPPER(name)', archived: true }));
});

test('a new field gets a name that files can hold, and a type that takes what the platform has', () => {
  expect(['Renewal Date', 'Höhe (cm)', '2nd contact', '…'].map(keyOf)).toEqual(['renewal_date', 'hohe_cm', 'nd_contact', '']);
  expect(newField(' Renewal date ', { ...theirs, type: 'date' })).toEqual({ key: 'renewal_date', label: 'Renewal date', type: 'date', custom: true });
  expect(newField('Seats', { ...theirs, type: 'number', scale: 0 })).toMatchObject({ type: 'number', scale: 0 });
  expect(newField('Tier', { ...theirs, type: 'picklist', values: ['A'] })).toMatchObject({ type: 'picklist', values: [] });
  expect(newField('Owner', { ...theirs, type: 'reference' })).toMatchObject({ type: 'text' });
});

test('what is likely is filled in: the owner that is known, and the way that follows from it', () => {
  const ours = { key: 'plan', label: 'Plan', type: 'text', custom: false, owners: { salesforce: 'crm' } };
  expect(likelyOwner(ours, 'support')).toBe('crm');
  expect(likelyOwner(undefined, 'support')).toBe('support');
  expect(likelyDirection('crm', 'support', true)).toBe('out');
  expect(likelyDirection('crm', 'crm', true)).toBe('in');
  expect(likelyDirection('shared', 'crm', true)).toBe('both');
  expect(likelyDirection('shared', 'crm', false)).toBe('in');
});

test('how conflicts are decided is told where it is not as usual, and a line that says it otherwise is edited', () => {
  expect(decidedBy()).toEqual([]);
  expect(decidedBy({ rules: [] })).toEqual(['Conflicts: always a person']);
  expect(decidedBy({ rules: ['self_service', 'latest'], window: '1min', kind: 'contact', without: ['sales_contact'] })).toEqual([
    'Conflicts: self service, latest',
    'simultaneous within 1min',
    'counts as contact',
    'not here: sales contact',
  ]);
  expect(edits(withLine(mapping, line('name', { conflicts: { rules: [] } })), mapping).map(({ kind }) => kind)).toEqual(['changed']);
});
