import { useMutation, useQueryClient } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { answer, api } from '../../api/client';
import type { Conflict } from '../../api/queries';
import { platform } from '../../format/words';
import { Ago } from '../../ui/Ago';
import { Value } from '../record/Value';
import styles from './ConflictList.module.css';
import { hand } from './hand';

/** What is decided for a conflict: one side's value, or another one. */
export function useDecision({ id }: Conflict) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (decision: { side: string } | { side: null; value: string }) => answer(api.POST('/api/v1/conflicts/{id}/resolve', { params: { path: { id } }, body: decision })),
    onSuccess: () => client.invalidateQueries(),
  });
}

/** What one side of a conflict says, by whom and since when, with what can be done about it. */
export function Said({ side, badges, children }: { side: Conflict['sides'][number]; badges: ReactNode; children: ReactNode }) {
  return (
    <li className={styles['side']}>
      <span className={styles['where']}>
        {platform(side.side)}
        {badges}
      </span>
      <span className={styles['value']}>
        <Value value={side.value ?? null} />
      </span>
      <span className="muted">
        {hand(side)}
        {side.at != null && (
          <>
            {', '}
            <Ago at={side.at} />
          </>
        )}
      </span>
      {children}
    </li>
  );
}
