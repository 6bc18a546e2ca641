import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { Button } from '../ui/Button';
import { signOut, signedIn } from './session';

/** Only for those who signed in: on one's own machine, without tokens, there is nothing to end. */
export function SignOut() {
  const [shown] = useState(signedIn);
  const { mutate, isPending } = useMutation({ mutationFn: signOut, onSuccess: () => location.reload() });
  if (!shown) return null;
  return (
    <Button kind="quiet" onClick={() => mutate()} disabled={isPending}>
      Sign out
    </Button>
  );
}
