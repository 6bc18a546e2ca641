import { useSyncExternalStore } from 'react';
import { ago, instant, waiting } from '../format/time';

const listeners = new Set<() => void>();
let now = Date.now();
let ticking: ReturnType<typeof setInterval> | undefined;

// One clock for all of them: a list of a hundred instants is one timer.
function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  ticking ??= setInterval(() => {
    now = Date.now();
    for (const each of listeners) each();
  }, 1000);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      clearInterval(ticking);
      ticking = undefined;
    }
  };
}

/** How long ago an instant was; the instant itself on hover. */
export function Ago({ at }: { at: string }) {
  const text = useSyncExternalStore(subscribe, () => ago(at, now));
  return (
    <time dateTime={at} title={instant(at)}>
      {text}
    </time>
  );
}

/** How long something waits against the time that is promised for it; when it began on hover. `late` is how it looks once that time is over. */
export function Waiting({ since, due, late }: { since: string; due: string | null | undefined; late: string }) {
  const text = useSyncExternalStore(subscribe, () => waiting(since, due, now).text);
  return (
    <time dateTime={since} title={`since ${instant(since)}`} className={waiting(since, due, now).overdue ? late : undefined}>
      {text}
    </time>
  );
}
