import { api, done } from '../api/client';

// The session itself is in a cookie that no script can read; this only remembers that there is one to end.
const KEY = 'entente.signed-in';

export async function signIn(token: string): Promise<void> {
  await done(api.POST('/api/v1/session', { body: { token } }));
  remember('yes');
}

export async function signOut(): Promise<void> {
  await done(api.DELETE('/api/v1/session'));
  remember(null);
}

export function signedIn(): boolean {
  try {
    return localStorage.getItem(KEY) !== null;
  } catch {
    return false;
  }
}

function remember(value: string | null): void {
  // Storage can be closed (private windows, policies); then there is no button to sign out, and the cookie ends by itself.
  try {
    if (value === null) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, value);
  } catch {
    return;
  }
}
