/** A column's name; of a column of numbers or times, which stand to the right; or of one that needs no name to be seen, only to be heard. */
export type Column = string | { right: string; className?: string | undefined } | { heard: string };

/** The head of a table. */
export function Columns({ of }: { of: readonly Column[] }) {
  return (
    <thead>
      <tr>{of.map(head)}</tr>
    </thead>
  );
}

function head(column: Column) {
  if (typeof column === 'string') {
    return (
      <th key={column} scope="col">
        {column}
      </th>
    );
  }
  if ('heard' in column) {
    return (
      <th key={column.heard} scope="col">
        <span className="hidden-text">{column.heard}</span>
      </th>
    );
  }
  return (
    <th key={column.right} scope="col" className={column.className === undefined ? 'number' : `number ${column.className}`}>
      {column.right}
    </th>
  );
}
