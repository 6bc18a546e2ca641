import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { Button } from '../ui/Button';
import { Mark } from './Mark';
import styles from './SignIn.module.css';
import { signIn } from './session';

/** What stands before everything else when the server wants to know who asks. */
export function SignIn() {
  const [token, setToken] = useState('');
  // A fresh page: the event stream, too, has to begin again with the new session.
  const { mutate, isPending, error } = useMutation({ mutationFn: () => signIn(token.trim()), onSuccess: () => location.reload() });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    mutate();
  };
  return (
    <main className={styles['page']}>
      <form className={styles['card']} onSubmit={submit}>
        <h1 className={styles['brand']}>
          <Mark size={32} />
          Sign in to Entente
        </h1>
        <label className={styles['label']}>
          API token
          <input type="password" autoComplete="current-password" required autoFocus value={token} onChange={(event) => setToken(event.target.value)} />
        </label>
        <p role="alert" className={styles['error']}>
          {error?.message}
        </p>
        <Button type="submit" kind="primary" disabled={isPending || token.trim() === ''}>
          {isPending ? 'Signing in…' : 'Sign in'}
        </Button>
        <p className="muted">
          Make a token on the server with <code className="mono">entente token create NAME</code>.
        </p>
      </form>
    </main>
  );
}
