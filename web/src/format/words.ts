/** The words of the API as people read them. A word that is not known here is shown as it is, with spaces. */

export type Tone = 'good' | 'warn' | 'bad' | 'info' | 'plum' | 'quiet';

const OBJECTS: Record<string, string> = {
  account: 'Accounts',
  contact: 'Contacts',
  lead: 'Leads',
  opportunity: 'Opportunities',
  case: 'Cases',
  activity: 'Activities',
  campaign: 'Campaigns',
  campaign_member: 'Campaign members',
  user: 'Users',
};

const PLATFORMS: Record<string, string> = {
  salesforce: 'Salesforce',
  hubspot: 'HubSpot',
  dynamics: 'Dynamics 365',
  pipedrive: 'Pipedrive',
  zendesk: 'Zendesk',
  freshdesk: 'Freshdesk',
  intercom: 'Intercom',
  native: 'Entente',
};

const OWNERS: Record<string, string> = { crm: 'CRM', support: 'Support', shared: 'Shared', native: 'Entente' };

const ACTORS: Record<string, string> = {
  customer: 'Customer',
  sales: 'Sales',
  support: 'Support',
  automation: 'Automation',
  us: 'Entente',
  person: 'Person in Entente',
  unknown: 'Unknown',
};

const RULES: Record<string, string> = {
  owner: 'Source of truth',
  only_change: 'Only side that changed',
  same_change: 'Both sides agree',
  set_merge: 'Sets were merged',
  self_service: 'Customer self-service goes first',
  sales_contact: 'Sales goes first for contact data',
  support_status: 'Support goes first for status',
  latest: 'Latest change',
  adopted: 'A rule that people adopted',
  linked: 'Counterpart linked',
  merged: 'Two records became one',
  superseded: 'Replaced before it was taken',
  user: 'Entered by a person',
  flow: 'Set by a flow',
};

const SOURCES: Record<string, string> = { api: 'Web app or API', cli: 'Command line' };

const STATES: Record<string, string> = { working: 'Under way', people: 'Waits for people' };

const TONES: Record<string, Tone> = {
  operational: 'good',
  ok: 'good',
  linked: 'good',
  present: 'good',
  in_agreement: 'good',
  agreed: 'good',
  active: 'good',
  recovered: 'good',
  fixed: 'good',
  done: 'good',
  released: 'good',
  degraded: 'warn',
  limited: 'warn',
  warning: 'warn',
  in_flight: 'info',
  retrying: 'info',
  starting: 'info',
  working: 'info',
  unchecked: 'quiet',
  waiting: 'warn',
  conflict: 'warn',
  manual: 'warn',
  review: 'warn',
  people: 'warn',
  refused: 'warn',
  broken: 'bad',
  down: 'bad',
  paused: 'bad',
  critical: 'bad',
  dead: 'bad',
  dead_letter: 'bad',
  deleted: 'quiet',
  discarded: 'quiet',
  dropped: 'quiet',
  erased: 'quiet',
  crm: 'info',
  support: 'plum',
  shared: 'quiet',
};

const LETTERS = new Set(['ae', 'api', 'arr', 'crm', 'csat', 'csm', 'id', 'mrr', 'sla', 'url', 'vip']);

export function plain(word: string): string {
  const spaced = word
    .split(/[_ ]/)
    .map((part) => (LETTERS.has(part) ? part.toUpperCase() : part))
    .join(' ');
  return spaced.charAt(0).toUpperCase() + spaced.slice(1);
}

export const objects = (word: string): string => OBJECTS[word] ?? plain(word);
export const platform = (word: string): string => PLATFORMS[word] ?? plain(word);
export const owner = (word: string): string => OWNERS[word] ?? plain(word);
export const rule = (word: string): string => RULES[word] ?? plain(word);
export const actor = (word: string): string => ACTORS[word] ?? plain(word);
export const state = (word: string): string => STATES[word] ?? plain(word);
/** Where a request came from: a way in, or the platform at which somebody asked. */
export const source = (word: string): string => SOURCES[word] ?? platform(word);
export const tone = (word: string): Tone => TONES[word] ?? 'quiet';
