import { describe, expect, it } from 'vitest';
import { ago, duration, instant, time, waiting } from './time';

const now = Date.parse('2026-01-15T14:47:23Z');

describe('ago', () => {
  it.each([
    ['2026-01-15T14:47:22Z', 'just now'],
    ['2026-01-15T14:46:41Z', '42 s ago'],
    ['2026-01-15T14:42:00Z', '5 min ago'],
    ['2026-01-15T11:00:00Z', '3 h ago'],
    ['2026-01-13T14:47:23Z', '2 d ago'],
    ['2026-01-08T14:47:24Z', '6 d ago'],
    ['2026-01-08T14:47:23Z', '8 Jan'],
    ['2025-12-20T00:00:00Z', '20 Dec'],
    ['2026-01-15T14:52:30Z', 'in 5 min'],
  ])('%s reads as %s', (at, text) => {
    expect(ago(at, now)).toBe(text);
  });
  it('shows what it cannot read as it is', () => {
    expect(ago('soon', now)).toBe('soon');
  });
});

describe('duration', () => {
  it.each([
    [230, '230 ms'],
    [4_700, '4.7 s'],
    [252_000, '4.2 min'],
    [15_120_000, '4.2 h'],
  ])('%d ms reads as %s', (ms, text) => {
    expect(duration(ms)).toBe(text);
  });
});

describe('waiting against a promise', () => {
  it.each([
    ['2026-01-15T14:47:03Z', '0 min, 23 h left', false],
    ['2026-01-15T14:07:23Z', '40 min, 23 h left', false],
    ['2026-01-15T09:47:23Z', '5 h, 19 h left', false],
    ['2026-01-14T15:00:00Z', '23 h, 12 min left', false],
    ['2026-01-14T12:47:23Z', '26 h, 2 h overdue', true],
    ['2026-01-11T14:47:23Z', '4 d, 3 d overdue', true],
  ])('since %s reads as %s', (since, text, overdue) => {
    const due = new Date(Date.parse(since) + 24 * 3_600_000).toISOString();
    expect(waiting(since, due, now)).toEqual({ text, overdue });
  });
  it('is its age where nothing is promised', () => {
    expect(waiting('2026-01-15T09:47:23Z', null, now)).toEqual({ text: '5 h', overdue: false });
  });
});

describe('instants', () => {
  it('are in UTC wherever the reader sits', () => {
    expect(time('2026-01-15T23:30:00+02:00')).toBe('21:30:00');
    expect(instant('2026-01-15T14:47:23Z')).toBe('15 Jan 2026, 14:47:23 UTC');
  });
});
