import createClient from 'openapi-fetch';
import { Refusal } from './refusal';
import type { components, paths } from './schema';

/** The public HTTP API, typed from its own description. */
export const api = createClient<paths>({ baseUrl: '/' });

export type Schemas = components['schemas'];

/** Waits for an answer that has no content, or throws what the server said. */
export async function done(call: Promise<{ error?: unknown; response: Response }>): Promise<void> {
  const { error, response } = await call.catch((cause: unknown) => {
    throw Refusal.unreachable(cause);
  });
  if (!response.ok) throw Refusal.from(error, response.status);
}

/** Takes the data out of an answer, or throws what the server said. */
export async function answer<T>(call: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await call.catch((cause: unknown) => {
    throw Refusal.unreachable(cause);
  });
  if (error !== undefined || data === undefined) throw Refusal.from(error, response.status);
  return data;
}
