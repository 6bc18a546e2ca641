import { expect, it } from 'vitest';
import { actor, objects, plain, platform, tone } from './words';

it('known words read as people know them', () => {
  expect([objects('opportunity'), platform('hubspot'), actor('us'), tone('paused')]).toEqual(['Opportunities', 'HubSpot', 'Entente', 'bad']);
});

it('a word of tomorrow is shown, not hidden', () => {
  expect(objects('warranty_claim')).toBe('Warranty claim');
  expect(tone('warranty_claim')).toBe('quiet');
  expect(plain('crm_to_support')).toBe('CRM to support');
  expect(plain('csm_name')).toBe('CSM name');
});
