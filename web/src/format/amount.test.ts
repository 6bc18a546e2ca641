import { expect, it } from 'vitest';
import { amount } from './amount';

it.each([
  ['1026000 USD', '1,026,000 USD'],
  ['-1234567.89 EUR', '-1,234,567.89 EUR'],
  ['999 USD', '999 USD'],
  ['100000000000000000.01 JPY', '100,000,000,000,000,000.01 JPY'],
])('%s reads as %s', (text, read) => {
  expect(amount(text)).toBe(read);
});

it.each(['1026000', '+442079460958', '1026000 usd', 'about 1026000 USD', ''])('what is no amount stays as it is: “%s”', (text) => {
  expect(amount(text)).toBe(text);
});
