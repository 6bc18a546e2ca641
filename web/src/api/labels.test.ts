import { expect, it } from 'vitest';
import { labelsOf } from './labels';

const bound = { connection: 'zendesk', object: 'account', remote_object: 'organization', field: 'employees', label: 'Company size', remote_field: 'size', seen_by: 'poll' };

it('a mapped field is called as people call it, another by its key, and one of another object is another field', () => {
  const label = labelsOf([bound]);
  expect([label('account', 'employees'), label('organization', 'employees')]).toEqual(['Company size', 'Company size']);
  expect([label('account', 'csm_name'), label('lead', 'employees')]).toEqual(['CSM name', 'Employees']);
});

it('our own name of an object goes before a platform that calls another one so', () => {
  const label = labelsOf([bound, { ...bound, object: 'contact', remote_object: 'account', label: 'Colleagues' }]);
  expect([label('account', 'employees'), label('contact', 'employees')]).toEqual(['Company size', 'Colleagues']);
});
