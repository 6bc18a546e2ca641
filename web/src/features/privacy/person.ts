import type { Erasure, PersonExport } from '../../api/queries';
import { counted } from '../../format/number';
import { objects, plain, platform } from '../../format/words';

/** Whether a text is an e-mail address or a phone number: somebody whom a platform may know even if nothing is held about them here. */
export function isAddress(text: string): boolean {
  const who = text.trim();
  return /^[^\s/@]+@[^\s/@]+\.[^\s/@]+$/.test(who) || (/^\+?[\d\s()-]+$/.test(who) && who.replace(/\D/g, '').length >= 7);
}

/** 1 contact, 2 cases and 1 activity, in the order in which they come. */
export function recordWords(records: readonly { object: string }[]): string {
  const by = tally(records.map((record) => record.object));
  return listed([...by].map(([object, many]) => counted(many, plain(object).toLowerCase(), objects(object).toLowerCase())));
}

/** 2 rows at Salesforce and 1 row at Zendesk, without those that are another one's by now; nothing when there is none. */
export function rowWords(records: PersonExport['records']): string {
  const rows = records.flatMap((record) => record.counterparts).filter((row) => row.state !== 'merged');
  return listed([...tally(rows.map((row) => row.connection))].map(([connection, many]) => `${counted(many, 'row')} at ${platform(connection)}`));
}

export type Check = { word: 'checked' | 'due' | 'overdue'; at: string };

/** How the check a month later stands, or undefined while none is due. */
export function check({ recheck_at: due, rechecked_at: done }: Pick<Erasure, 'recheck_at' | 'rechecked_at'>, now: number): Check | undefined {
  if (done != null) return { word: 'checked', at: done };
  if (due == null) return undefined;
  return { word: Date.parse(due) < now ? 'overdue' : 'due', at: due };
}

/** The name of a file: what it holds, of what, without letters that a file system may refuse. */
export function fileName(what: string, of: string): string {
  return `entente-${what}-${of.replace(/[^A-Za-z0-9_-]+/g, '-')}.json`;
}

function tally(words: readonly string[]): Map<string, number> {
  const by = new Map<string, number>();
  for (const word of words) by.set(word, (by.get(word) ?? 0) + 1);
  return by;
}

function listed(parts: readonly string[]): string {
  return parts.length < 2 ? (parts[0] ?? '') : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`;
}
