import { expect, it } from 'vitest';
import { actor, objects, plain, platform, rule, source, state, tone } from './words';

it('known words read as people know them', () => {
  expect([objects('opportunity'), platform('hubspot'), actor('us'), tone('paused')]).toEqual(['Opportunities', 'HubSpot', 'Entente', 'bad']);
});

it('a word of tomorrow is shown, not hidden', () => {
  expect(objects('warranty_claim')).toBe('Warranty claim');
  expect(tone('warranty_claim')).toBe('quiet');
  expect(plain('crm_to_support')).toBe('CRM to support');
  expect(plain('csm_name')).toBe('CSM name');
});

it('a rule is told in words, and one that is not known is readable all the same', () => {
  expect(rule('only_change')).toBe('Only side that changed');
  expect(rule('new_rule')).toBe('New rule');
});

it('a request says where it came from and where it stands', () => {
  expect([source('cli'), source('api'), source('zendesk'), state('people'), state('done')]).toEqual(['Command line', 'Web app or API', 'Zendesk', 'Waits for people', 'Done']);
  expect([tone('working'), tone('people'), tone('done')]).toEqual(['info', 'warn', 'good']);
});
