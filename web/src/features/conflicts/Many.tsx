import { useMutation, useQueryClient } from '@tanstack/react-query';
import { answer, api } from '../../api/client';
import type { Conflict } from '../../api/queries';
import { counted } from '../../format/number';
import { platform } from '../../format/words';
import { Button } from '../../ui/Button';
import { Trouble } from '../../ui/Confirm';
import styles from './ConflictList.module.css';

/** Decides the conflicts that are ticked for one side, each as a decision of its own. */
export function Many({ conflicts, chosen, onChoose }: { conflicts: readonly Conflict[]; chosen: ReadonlySet<string>; onChoose: (ids: string[]) => void }) {
  const client = useQueryClient();
  const ticked = conflicts.filter(({ id }) => chosen.has(id));
  const sides = [...new Set(ticked.flatMap((one) => one.sides.map(({ side }) => side)))];
  const { mutate, isPending, data, error } = useMutation({
    mutationFn: (side: string) => answer(api.POST('/api/v1/conflicts/resolve', { body: { conflicts: ticked.map(({ id }) => id), all: false, field: null, side } })),
    onSuccess: () => {
      onChoose([]);
      return client.invalidateQueries();
    },
  });
  const everything = ticked.length === conflicts.length;
  return (
    <div className={styles['many']} role="group" aria-label="Decide several at once">
      <label className={styles['tick']}>
        <input
          type="checkbox"
          checked={everything}
          ref={(box) => {
            if (box) box.indeterminate = ticked.length > 0 && !everything;
          }}
          onChange={() => onChoose(everything ? [] : conflicts.map(({ id }) => id))}
        />
        {ticked.length === 0 ? 'Decide several at once' : `${counted(ticked.length, 'conflict')} ticked`}
      </label>
      {sides.map((side) => (
        <Button key={side} disabled={isPending} onClick={() => mutate(side)}>
          Keep what {platform(side)} says
        </Button>
      ))}
      <span role="status" className="muted">
        {data && ticked.length === 0 && `${counted(data.decided, 'conflict')} decided.`}
      </span>
      {data?.left.map((one) => (
        <p key={one.id} className={styles['left']}>
          Not decided: {one.reason}
        </p>
      ))}
      {error && <Trouble error={error} />}
    </div>
  );
}
