import type { Conflict } from '../../api/queries';

/** The values of a flagged conflict: the one that won, and those that it passed over, as each side shows it now. */
export function parts({ sides, resolved }: Conflict): { won: Conflict['sides'][number] | undefined; passed: Conflict['sides'] } {
  const present = sides.filter((side, at) => sides.findIndex((one) => one.side === side.side) === at);
  const won = present.find((side) => side.side === resolved?.side);
  return { won, passed: present.filter((side) => side !== won && side.value !== won?.value) };
}
