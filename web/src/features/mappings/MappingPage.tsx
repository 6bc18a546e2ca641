import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Link, useParams } from 'react-router';
import { dashboard, mappableFields, mappingVersions, rollouts } from '../../api/queries';
import { objects, plain, platform } from '../../format/words';
import { Failed, Loading } from '../../ui/Notice';
import { Page } from '../../ui/Page';
import { Panel } from '../../ui/Panel';
import { Changes } from './Changes';
import { LineForm } from './LineForm';
import { Lines } from './Lines';
import { OnTheWay } from './OnTheWay';
import { Stage } from './Stage';
import { Versions } from './Versions';
import { type Line, type Mapping, type NewField, edits, mappingOf, withLine, withoutEdit } from './mapping';

/** One mapping: its lines, edited here and judged before anything is saved, and its versions. */
export function MappingPage() {
  const { connection = '', object = '' } = useParams();
  const title = `${objects(object)} at ${platform(connection)}`;
  const versions = useQuery(mappingVersions(connection, object));
  const inForce = versions.data?.find((version) => version.active);
  if (!versions.data || !inForce) {
    return (
      <Page title={title} lead={<Link to="/mappings">← All mappings</Link>}>
        <Panel title="Fields">{versions.error ? <Failed error={versions.error} retry={() => void versions.refetch()} /> : <Loading rows={10} />}</Panel>
      </Page>
    );
  }
  // A version that was put in force meanwhile begins the editing anew.
  return <Editor key={`${connection} ${object} ${inForce.version}`} connection={connection} object={object} title={title} version={inForce.version} inForce={mappingOf(inForce)} />;
}

interface Props {
  connection: string;
  object: string;
  title: string;
  version: number;
  inForce: Mapping;
}

function Editor({ connection, object, title, version, inForce }: Props) {
  const fields = useQuery(mappableFields(connection, object));
  const role = useQuery(dashboard).data?.connections.find((one) => one.name === connection)?.role ?? 'crm';
  const onTheWay = useQuery(rollouts).data?.find((one) => one.connection === connection && one.object === object);
  const [mapping, setMapping] = useState(inForce);
  const [newFields, setNewFields] = useState<NewField[]>([]);
  /** The field whose line is being edited; `''` is a line that is yet to come. */
  const [asked, setAsked] = useState<string>();
  const take = (line: Line, made?: NewField) => {
    setMapping(withLine(mapping, line));
    if (made) setNewFields([...newFields, made]);
    setAsked(undefined);
  };
  const drop = (field: string) => {
    setMapping(withoutEdit(mapping, inForce, field));
    setNewFields(newFields.filter(({ key }) => key !== field));
  };
  const start = () => {
    setMapping(inForce);
    setNewFields([]);
  };
  const labels = new Map([...(fields.data?.ours ?? []), ...newFields].map((field) => [field.key, field.label]));
  const label = (field: string) => labels.get(field) ?? plain(field);
  const changed = edits(mapping, inForce);
  const lead = (
    <>
      <Link to="/mappings">← All mappings</Link>
      <span>
        version {version}, {mapping.remote} there, told apart by <span className="mono">{mapping.key}</span>
      </span>
      {onTheWay && <Stage rollout={onTheWay} />}
    </>
  );
  return (
    <Page title={title} lead={lead}>
      {onTheWay && <OnTheWay rollout={onTheWay} />}
      <Lines mapping={mapping} inForce={inForce} fields={fields.data} label={label} onEdit={setAsked} onTake={take}>
        {asked !== undefined && fields.data && (
          <LineForm key={asked} mapping={mapping} field={asked} fields={fields.data} label={label} newFields={newFields} role={role} onTake={take} onCancel={() => setAsked(undefined)} />
        )}
        {fields.error && <Failed error={fields.error} retry={() => void fields.refetch()} />}
      </Lines>
      {changed.length > 0 && <Changes connection={connection} mapping={mapping} newFields={newFields} edits={changed} label={label} onDrop={drop} onDone={start} />}
      <Versions connection={connection} object={object} />
    </Page>
  );
}
