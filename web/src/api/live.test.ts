import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type Happening, LiveFeed, type Source } from './live';

class Played implements Source {
  onopen: ((event: Event) => unknown) | null = null;
  onerror: ((event: Event) => unknown) | null = null;
  closed = false;
  readonly #listeners = new Map<string, (event: MessageEvent<string>) => void>();

  addEventListener(name: string, listener: (event: MessageEvent<string>) => void): void {
    this.#listeners.set(name, listener);
  }

  close(): void {
    this.closed = true;
  }

  play(name: string, data: unknown): void {
    const text = typeof data === 'string' ? data : JSON.stringify(data);
    this.#listeners.get(name)?.({ data: text } as MessageEvent<string>);
  }
}

const change = (id: string): Happening => ({ id, record: `con_${id}`, object: 'contact', at: '2026-01-15T14:47:23Z', cause: 'webhook', title: `Contact ${id}`, connection: 'zendesk', fields: ['phone'] });

let source: Played;
let hints: (readonly Happening[])[];
let feed: LiveFeed;

beforeEach(() => {
  vi.useFakeTimers();
  source = new Played();
  hints = [];
  feed = new LiveFeed((happenings) => hints.push(happenings), 500);
  feed.start(() => source);
});

afterEach(() => {
  feed.stop();
  vi.useRealTimers();
});

it('a burst of changes costs one refresh', () => {
  for (let n = 0; n < 100; n += 1) source.play('entry', change(String(n)));
  expect(hints).toHaveLength(0);
  vi.advanceTimersByTime(500);
  expect(hints).toHaveLength(1);
  expect(hints[0]).toHaveLength(100);
});

it('what begins or ceases to wait for a person costs a refresh, though nothing was changed', () => {
  source.play('tick', { waiting_conflicts: 0, waiting_reviews: 0, dead_letters: 0 });
  source.play('tick', { waiting_conflicts: 0, waiting_reviews: 0, dead_letters: 0 });
  vi.advanceTimersByTime(500);
  expect(hints).toHaveLength(0);
  source.play('tick', { waiting_conflicts: 0, waiting_reviews: 0, dead_letters: 1 });
  vi.advanceTimersByTime(500);
  expect(hints).toHaveLength(1);
});

it('a change is told of once, whatever comes after it', () => {
  source.play('entry', change('1'));
  vi.advanceTimersByTime(500);
  source.play('entry', change('2'));
  vi.advanceTimersByTime(500);
  expect(hints.map((happenings) => happenings.map(({ id }) => id))).toEqual([['1'], ['2']]);
});

it('the newest change is on top, and old ones fall off', () => {
  for (let n = 0; n < 100; n += 1) source.play('entry', change(String(n)));
  expect(feed.state().latest[0]?.id).toBe('99');
  expect(feed.state().latest.length).toBeLessThan(100);
});

it('a lost connection is told, and told again when it is back', () => {
  const seen: string[] = [];
  feed.subscribe(() => seen.push(feed.state().pulse));
  source.onopen?.({} as Event);
  source.onerror?.({} as Event);
  source.onopen?.({} as Event);
  expect(seen).toEqual(['live', 'lost', 'live']);
});

it('a tick brings the numbers of the navigation, and no refresh', () => {
  source.play('tick', { records: 24_100, waiting_conflicts: 2, dead_letters: 1, waiting_reviews: 0 });
  vi.advanceTimersByTime(1000);
  expect(feed.state().headline).toMatchObject({ waiting_conflicts: 2, dead_letters: 1 });
  expect(hints).toHaveLength(0);
});

it('an event that cannot be read changes nothing', () => {
  source.play('entry', 'not json');
  source.play('entry', { cause: 'webhook' });
  vi.advanceTimersByTime(1000);
  expect(feed.state().latest).toHaveLength(0);
  expect(hints).toHaveLength(0);
});

it('nothing is heard after the end', () => {
  source.play('entry', change('1'));
  feed.stop();
  vi.advanceTimersByTime(1000);
  expect(hints).toHaveLength(0);
  expect(source.closed).toBe(true);
});
