import { expect, it } from 'vitest';
import { actor, objects, plain, platform, rule, tone } from './words';

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
