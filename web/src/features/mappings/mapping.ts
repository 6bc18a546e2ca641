import type { MappingVersion, OurField, TheirField } from '../../api/queries';
import { plain } from '../../format/words';

export type Direction = 'both' | 'in' | 'out';
export type Owner = 'crm' | 'support' | 'shared' | 'native';

/** How conflicts are decided, as mapping files have it. */
export interface Conflicts {
  rules?: string[];
  window?: string;
  kind?: string;
  without?: string[];
}

/** A line of a mapping, as mapping files have it. */
export interface Line {
  field: string;
  remote: string;
  owner: Owner;
  direction?: Direction;
  get?: string;
  put?: string;
  values?: [theirs: string, ours: string][];
  currency?: string;
  required?: boolean;
  conflicts?: Conflicts;
  archived?: boolean;
}

/** A mapping, as mapping files have it. Parts that this page does not change go back as they came. */
export interface Mapping {
  object: string;
  remote: string;
  key: string;
  conflicts?: Conflicts;
  fields: Line[];
  [part: string]: unknown;
}

/** A custom field that our object gets with the mapping. */
export interface NewField {
  key: string;
  label: string;
  type: string;
  custom: true;
  scale?: number;
  values?: string[];
}

export const mappingOf = (version: MappingVersion): Mapping => version.mapping as unknown as Mapping;

/** Which way values flow, between our field on the left and the platform's on the right. */
export const ARROWS: Record<Direction, [sign: string, words: string]> = {
  both: ['↔', 'read and written'],
  in: ['←', 'only read'],
  out: ['→', 'only written'],
};

export const direction = (line: Line): Direction => line.direction ?? 'both';

/** The mapping with a line in place of the one of its field, or at the end. */
export function withLine(mapping: Mapping, line: Line): Mapping {
  const known = mapping.fields.some((each) => each.field === line.field);
  return { ...mapping, fields: known ? mapping.fields.map((each) => (each.field === line.field ? line : each)) : [...mapping.fields, line] };
}

/** The mapping with the line of a field as it is in force; without it, where it is not. */
export function withoutEdit(mapping: Mapping, inForce: Mapping, field: string): Mapping {
  const before = inForce.fields.find((line) => line.field === field);
  return before ? withLine(mapping, before) : { ...mapping, fields: mapping.fields.filter((line) => line.field !== field) };
}

export interface Edit {
  line: Line;
  kind: 'new' | 'changed' | 'archived' | 'taken up again';
}

/** Lines that are not as they are in force. */
export function edits(mapping: Mapping, inForce: Mapping): Edit[] {
  return mapping.fields.flatMap((line): Edit[] => {
    const before = inForce.fields.find((each) => each.field === line.field);
    if (!before) return [{ line, kind: 'new' }];
    if (sameLine(before, line)) return [];
    const archived = line.archived ?? false;
    if (archived !== (before.archived ?? false)) return [{ line, kind: archived ? 'archived' : 'taken up again' }];
    return [{ line, kind: 'changed' }];
  });
}

/** What a file leaves out is the same as what it says in its default. */
function sameLine(one: Line, other: Line): boolean {
  return JSON.stringify(whole(one)) === JSON.stringify(whole(other));
}

function whole(line: Line): unknown[] {
  return [line.field, line.remote, line.owner, direction(line), line.get ?? '', line.put ?? '', line.values ?? [], line.currency ?? '', line.required ?? false, line.conflicts ?? {}, line.archived ?? false];
}

/** How conflicts are decided, in words; nothing where it is as usual. */
export function decidedBy({ rules, window, kind, without }: Conflicts = {}): string[] {
  const named = (list: string[]) => list.map((rule) => plain(rule).toLowerCase()).join(', ');
  return [
    ...(rules ? [rules.length === 0 ? 'Conflicts: always a person' : `Conflicts: ${named(rules)}`] : []),
    ...(window ? [`simultaneous within ${window}`] : []),
    ...(kind ? [`counts as ${kind}`] : []),
    ...(without && without.length > 0 ? [`not here: ${named(without)}`] : []),
  ];
}

/** A line as a file would have it: without what says nothing. */
export function tidy(line: Line): Line {
  const { get = '', put = '', required = false, archived = false, ...rest } = line;
  return {
    ...rest,
    ...(get.trim() !== '' && { get: get.trim() }),
    ...(put.trim() !== '' && { put: put.trim() }),
    ...(required && { required }),
    ...(archived && { archived }),
  };
}

/** Name of a field from what people call it: Höhe (cm) is hohe_cm. */
export function keyOf(label: string): string {
  const plain = label.normalize('NFKD').replace(/[\u0300-\u036f]/g, '').toLowerCase();
  return plain
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^[^a-z]+/, '')
    .replace(/_+$/, '');
}

/** A custom field of ours that holds what a field of the platform holds. */
export function newField(label: string, theirs: TheirField): NewField {
  const field = { key: keyOf(label), label: label.trim(), custom: true as const };
  switch (theirs.type) {
    case 'number':
      return { ...field, type: 'number', scale: theirs.scale ?? 2 };
    // The platform's own values may change: ours takes any.
    case 'picklist':
    case 'multi_picklist':
      return { ...field, type: theirs.type, values: [] };
    case 'reference':
    case 'json':
      return { ...field, type: 'text' };
    default:
      return { ...field, type: theirs.type };
  }
}

/** The side that is likely a field's source of truth: as the other connections have it, else the side of this connection. */
export function likelyOwner(ours: OurField | undefined, role: string): Owner {
  const known = Object.values(ours?.owners ?? {})[0];
  return (known ?? (role === 'crm' ? 'crm' : 'support')) as Owner;
}

/** Whose value may flow: a side that owns a field is read, the others are written where that can be. */
export function likelyDirection(owner: Owner, role: string, writable: boolean): Direction {
  return owner === role || !writable ? 'in' : owner === 'shared' ? 'both' : 'out';
}
