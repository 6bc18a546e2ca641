import { useQueryClient } from '@tanstack/react-query';
import { type ReactNode, createContext, use, useEffect, useState, useSyncExternalStore } from 'react';
import { LiveFeed, type LiveState } from './live';

const Feed = createContext<LiveFeed | null>(null);

/** Listens to the event stream for as long as the app is open, and marks what it shows as outdated. */
export function LiveProvider({ children }: { children: ReactNode }) {
  const client = useQueryClient();
  const [feed] = useState(
    () =>
      new LiveFeed((happenings) => {
        for (const queryKey of [['dashboard'], ['records'], ['conflicts'], ['reviews'], ['dead-letters'], ['holds']]) void client.invalidateQueries({ queryKey });
        for (const id of new Set(happenings.map((happening) => happening.record))) void client.invalidateQueries({ queryKey: ['record', id] });
      }, 1000),
  );
  useEffect(() => {
    feed.start(() => new EventSource('/api/v1/events'));
    return () => feed.stop();
  }, [feed]);
  return <Feed value={feed}>{children}</Feed>;
}

/** What happened last, and whether events come in. */
export function useLive(): LiveState {
  const feed = use(Feed);
  if (!feed) throw new Error('useLive needs a LiveProvider above it');
  return useSyncExternalStore(feed.subscribe, feed.state);
}
