/** A sentence of the API; what it has between backticks is a command or a name, and looks like one. */
export function Words({ of }: { of: string }) {
  return of.split('`').map((part, at) => (at % 2 === 1 ? <code key={at}>{part}</code> : part));
}
