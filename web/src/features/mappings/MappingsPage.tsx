import { useQuery } from '@tanstack/react-query';
import { Link } from 'react-router';
import { type MappingVersion, mappings, rollouts } from '../../api/queries';
import { count, counted } from '../../format/number';
import { objects, platform } from '../../format/words';
import { Ago } from '../../ui/Ago';
import { Columns } from '../../ui/Columns';
import { Empty, Failed, Loading } from '../../ui/Notice';
import { Page } from '../../ui/Page';
import { Panel } from '../../ui/Panel';
import styles from './Mappings.module.css';
import { SchemaChanges } from './SchemaChanges';
import { Stage } from './Stage';
import { mappingOf } from './mapping';

/** Which field is which at each connection, and what has changed at the platforms. */
export function MappingsPage() {
  return (
    <Page title="Mappings" lead="Which field is which at each connection, who is its source of truth, and which way values flow.">
      <SchemaChanges />
      <InForce />
    </Page>
  );
}

function InForce() {
  const { data, error, isPending, refetch } = useQuery(mappings);
  return (
    <Panel title="In force" note={data && counted(data.length, 'mapping')} flush>
      {error ? (
        <Failed error={error} retry={() => void refetch()} />
      ) : isPending ? (
        <Loading />
      ) : data.length === 0 ? (
        <Empty title="No mapping is in force">
          Every connection brings its default ones. Add one to the configuration and check it with <code>entente doctor</code>.
        </Empty>
      ) : (
        <table>
          <Columns of={['Mapping', 'Object there', { right: 'Fields' }, 'Version', 'Saved']} />
          <tbody>
            {data.map((version) => (
              <Row key={`${version.connection} ${version.object}`} version={version} />
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}

function Row({ version }: { version: MappingVersion }) {
  const onTheWay = useQuery(rollouts).data?.find((one) => one.connection === version.connection && one.object === version.object);
  const mapping = mappingOf(version);
  const archived = mapping.fields.filter((line) => line.archived).length;
  return (
    <tr>
      <th scope="row">
        <Link to={`/mappings/${version.connection}/${version.object}`}>
          {objects(version.object)} at {platform(version.connection)}
        </Link>
      </th>
      <td className="mono">{mapping.remote}</td>
      <td className="number">
        {count(mapping.fields.length - archived)}
        {archived > 0 && <span className="muted"> and {count(archived)} archived</span>}
      </td>
      <td className={styles['stage']}>
        {count(version.version)} {onTheWay && <Stage rollout={onTheWay} />}
      </td>
      <td className={`muted ${styles['stage']}`}>
        {version.saved_by === 'shipped' ? 'as shipped' : version.saved_by}, <Ago at={version.saved_at} />
      </td>
    </tr>
  );
}
