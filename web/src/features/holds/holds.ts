import type { Hold } from '../../api/queries';
import { count, counted } from '../../format/number';
import { objects, plain, platform } from '../../format/words';

/** 12 contacts would lose values at Zendesk */
export function headline({ records, object, what, connection }: Hold): string {
  return `${counted(records, plain(object).toLowerCase(), objects(object).toLowerCase())} ${what} at ${platform(connection)}`;
}

/** Why it was held: what came, against what may pass. */
export function reason({ many, allowed }: Hold): string {
  return `${counted(many, 'change')} of this kind came close together; up to ${count(allowed)} pass by themselves.`;
}

/** What letting it go does. */
export function released({ kind, records, connection }: Hold): string {
  const where = platform(connection);
  if (kind === 'delete') return `${counted(records, 'row')} ${records === 1 ? 'is' : 'are'} deleted at ${where}.`;
  return `The new values of ${counted(records, 'record')} are written to ${where}.`;
}

/** What deciding against it does. */
export function droppedWords({ kind, connection }: Hold): string {
  if (kind === 'delete') return `Nothing is deleted at ${platform(connection)}: the rows stay there, although they are gone where the change came from.`;
  return `Nothing is written to ${platform(connection)}: the values from before are put back where the change came from.`;
}

/** Released and dropped ones as one list, the latest decision first. */
export function closed(...lists: readonly (readonly Hold[])[]): Hold[] {
  const when = (hold: Hold) => Date.parse(hold.closed_at ?? hold.since);
  return lists.flat().sort((a, b) => when(b) - when(a));
}
