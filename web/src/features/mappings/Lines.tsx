import type { ReactNode } from 'react';
import type { Mappable } from '../../api/queries';
import { counted } from '../../format/number';
import { owner, tone } from '../../format/words';
import { Badge } from '../../ui/Badge';
import { Button } from '../../ui/Button';
import { Columns } from '../../ui/Columns';
import { Panel } from '../../ui/Panel';
import styles from './Mappings.module.css';
import { ARROWS, type Line, type Mapping, decidedBy, direction, edits } from './mapping';

interface Props {
  mapping: Mapping;
  inForce: Mapping;
  /** What either side has; not there while the platform is asked. */
  fields: Mappable | undefined;
  /** What people call a field. */
  label: (field: string) => string;
  onEdit: (field: string) => void;
  onTake: (line: Line) => void;
  children: ReactNode;
}

/** The lines of a mapping as they will be, each with what is to become of it. */
export function Lines({ mapping, inForce, fields, label, onEdit, onTake, children }: Props) {
  const kinds = new Map(edits(mapping, inForce).map(({ line, kind }) => [line.field, kind]));
  const theirs = (name: string) => fields?.theirs.find((field) => field.name === name)?.label;
  const paused = new Set(fields?.paused);
  return (
    <Panel
      title="Fields"
      note={
        <span className={styles['look']}>
          {counted(mapping.fields.length, 'line')}
          <Button kind="primary" onClick={() => onEdit('')} disabled={!fields}>
            Map a field…
          </Button>
        </span>
      }
      flush
    >
      {children}
      <table className={styles['lines']}>
        <Columns of={['Field here', { heard: 'Way' }, 'Field there', 'Source of truth', 'Formulas and lists', 'State', { heard: 'What to do' }]} />
        <tbody>
          {mapping.fields.map((line) => {
            const [sign, words] = ARROWS[direction(line)];
            const name = label(line.field);
            return (
              <tr key={line.field} className={line.archived ? (styles['archived'] ?? '') : ''}>
                <th scope="row">
                  {name}
                  {line.required && <span className="muted"> required</span>}
                </th>
                <td title={words}>
                  <span aria-hidden="true">{sign}</span>
                  <span className="hidden-text">{words}</span>
                </td>
                <td>
                  {theirs(line.remote) ?? line.remote}
                  {theirs(line.remote) !== undefined && theirs(line.remote) !== line.remote && <p className="mono muted">{line.remote}</p>}
                </td>
                <td>
                  <Badge tone={tone(line.owner)}>{owner(line.owner)}</Badge>
                  {decidedBy(line.conflicts).map((words) => (
                    <p key={words} className="muted">
                      {words}
                    </p>
                  ))}
                </td>
                <td className={styles['formula']}>
                  <Formulas line={line} />
                </td>
                <td>
                  <State line={line} kind={kinds.get(line.field)} paused={paused.has(line.field)} />
                </td>
                <td>
                  <span className={styles['row']}>
                    <Button kind="quiet" onClick={() => onEdit(line.field)} disabled={!fields} aria-label={`Edit ${name}`}>
                      Edit…
                    </Button>
                    <Button kind="quiet" onClick={() => onTake({ ...line, archived: !line.archived })} aria-label={`${line.archived ? 'Take up' : 'Archive'} ${name}`}>
                      {line.archived ? 'Take up' : 'Archive'}
                    </Button>
                  </span>
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </Panel>
  );
}

function State({ line, kind, paused }: { line: Line; kind: string | undefined; paused: boolean }) {
  if (kind !== undefined) return <Badge tone="info">{kind}</Badge>;
  if (line.archived) return <Badge tone="quiet">archived</Badge>;
  if (paused) {
    return (
      <Badge tone="warn" dot title="The platform's schema has changed: nothing of it is read or written until that is put right.">
        Stands still
      </Badge>
    );
  }
  return <span className="muted">in force</span>;
}

function Formulas({ line }: { line: Line }) {
  return (
    <>
      {line.get !== undefined && (
        <p>
          <span className="muted">reads</span> <span className="mono">{line.get}</span>
        </p>
      )}
      {line.put !== undefined && (
        <p>
          <span className="muted">writes</span> <span className="mono">{line.put}</span>
        </p>
      )}
      {line.currency !== undefined && (
        <p>
          <span className="muted">currency</span> <span className="mono">{line.currency}</span>
        </p>
      )}
      {(line.values?.length ?? 0) > 0 && (
        <details>
          <summary>{counted(line.values?.length ?? 0, 'list value')}</summary>
          {line.values?.map(([theirs, ours]) => (
            <p key={theirs}>
              {theirs} <span className="muted">is</span> {ours}
            </p>
          ))}
        </details>
      )}
    </>
  );
}
