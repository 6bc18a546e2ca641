/** Something happened to a record, as the event stream tells it. */
export interface Happening {
  id: string;
  record: string;
  object: string;
  at: string;
  cause: string;
  title: string;
  /** The connection it came from or went to. */
  connection: string | null;
  /** Fields that changed. */
  fields: readonly string[];
}

/** Whether events come in: `connecting` at first, `live` then, `lost` while the browser tries again. */
export type Pulse = 'connecting' | 'live' | 'lost';

/** Headline numbers, as each tick tells them. */
export interface Headline {
  waiting_conflicts: number;
  waiting_reviews: number;
  dead_letters: number;
}

export interface LiveState {
  pulse: Pulse;
  headline: Headline | undefined;
  /** Newest first. */
  latest: readonly Happening[];
}

/** What this needs of an `EventSource`, so that a test can play one. */
export interface Source {
  onopen: ((event: Event) => unknown) | null;
  onerror: ((event: Event) => unknown) | null;
  addEventListener(name: string, listener: (event: MessageEvent<string>) => void): void;
  close(): void;
}

const KEPT = 40; // more than any screen shows

/**
 * The event stream as a store for React. Events are hints: they say that something may have changed, never what; whoever listens
 * asks the API again. So a lost event costs freshness until the next one, nothing else.
 */
export class LiveFeed {
  #state: LiveState = { pulse: 'connecting', headline: undefined, latest: [] };
  readonly #listeners = new Set<() => void>();
  readonly #onHint: (happenings: readonly Happening[]) => void;
  readonly #pause: number;
  #pending: Happening[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #source: Source | undefined;

  /** `onHint` hears of changes at most once per `pause` milliseconds, so that a burst costs one refresh and not hundreds. */
  constructor(onHint: (happenings: readonly Happening[]) => void, pause = 600) {
    this.#onHint = onHint;
    this.#pause = pause;
  }

  start(open: () => Source): void {
    const source = open();
    this.#source = source;
    source.onopen = () => this.#set({ ...this.#state, pulse: 'live' });
    source.onerror = () => this.#set({ ...this.#state, pulse: 'lost' });
    source.addEventListener('entry', (event) => this.#take(event.data));
    source.addEventListener('tick', (event) => this.#count(event.data));
  }

  stop(): void {
    this.#source?.close();
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly state = (): LiveState => this.#state;

  #take(data: string): void {
    const happening = read(data);
    if (!happening) return;
    this.#set({ ...this.#state, pulse: 'live', latest: [happening, ...this.#state.latest].slice(0, KEPT) });
    this.#pending.push(happening);
    this.#hint();
  }

  #count(data: string): void {
    const headline = parsed<Headline>(data);
    if (!headline) return;
    const counted = { waiting_conflicts: 0, waiting_reviews: 0, dead_letters: 0, ...headline };
    const before = this.#state.headline;
    this.#set({ ...this.#state, pulse: 'live', headline: counted });
    // A failure leaves no entry: that something waits for a person which did not, or no longer, is all that tells of it.
    const differs = before && (Object.keys(counted) as (keyof Headline)[]).some((name) => counted[name] !== before[name]);
    if (differs) this.#hint();
  }

  #hint(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      const pending = this.#pending;
      this.#pending = [];
      this.#onHint(pending);
    }, this.#pause);
  }

  #set(state: LiveState): void {
    this.#state = state;
    for (const listener of this.#listeners) listener();
  }
}

function read(data: string): Happening | undefined {
  const told = parsed<Happening>(data);
  if (typeof told?.id !== 'string' || typeof told.record !== 'string') return undefined;
  return { object: '', at: '', cause: '', title: told.record, connection: null, fields: [], ...told, id: told.id, record: told.record };
}

function parsed<T>(data: string): Partial<T> | undefined {
  try {
    const value: unknown = JSON.parse(data);
    return typeof value === 'object' && value !== null ? (value as Partial<T>) : undefined;
  } catch {
    return undefined;
  }
}
