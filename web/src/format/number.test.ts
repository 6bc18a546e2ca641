import { describe, expect, it } from 'vitest';
import { count, counted, listed, percent, share } from './number';

describe('percent', () => {
  it('never hides the last failure', () => {
    expect(percent(99_999, 100_000)).toBe('99.9 %');
    expect(percent(100_000, 100_000)).toBe('100 %');
  });
  it('never hides the first success', () => {
    expect(percent(1, 100_000)).toBe('0.1 %');
  });
  it('rounds down, so that a promise of 99.5 % is not met by rounding', () => {
    expect(percent(99_499, 100_000)).toBe('99.4 %');
  });
  it('says nothing about nothing', () => {
    expect(percent(0, 0)).toBe('–');
  });
});

describe('counts', () => {
  it('are grouped and agree with their noun', () => {
    expect(count(14230)).toBe('14,230');
    expect(counted(1, 'record')).toBe('1 record');
    expect(counted(2, 'reply', 'replies')).toBe('2 replies');
  });
});

describe('a list', () => {
  it('is counted, and where it goes on it says so', () => {
    expect(listed({ items: [1], next: null }, 'conflict')).toBe('1 conflict');
    expect(listed({ items: [1, 2], next: '7' }, 'conflict')).toBe('2+ conflicts');
  });
});

describe('share', () => {
  it('stays between nothing and all', () => {
    expect(share(5, 0)).toBe(0);
    expect(share(7, 5)).toBe(1);
    expect(share(1, 4)).toBe(0.25);
  });
});
