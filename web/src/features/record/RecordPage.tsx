import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from 'react-router';
import { type RecordDetail, record } from '../../api/queries';
import { objects, plain, platform, tone } from '../../format/words';
import { Ago } from '../../ui/Ago';
import { Badge } from '../../ui/Badge';
import { Failed, Loading } from '../../ui/Notice';
import { Page } from '../../ui/Page';
import { Panel } from '../../ui/Panel';
import { ConflictList } from '../conflicts/ConflictList';
import { Resync } from '../resync/Resync';
import { Fields } from './Fields';
import { History } from './History';
import styles from './RecordPage.module.css';
import { Unmerge } from './Unmerge';

/** One record: what it holds, whose each value is and where it came from, its counterparts and everything that ever happened to it. */
export function RecordPage() {
  const { id = '' } = useParams();
  const { data, error, refetch } = useQuery(record(id));
  if (!data) {
    return (
      <Page title="Record" lead={<span className="mono">{id}</span>}>
        <Panel title="Values">{error ? <Failed error={error} retry={() => void refetch()} /> : <Loading rows={10} />}</Panel>
      </Page>
    );
  }
  const lead = (
    <>
      <Link to={`/records?object=${data.object}`}>{objects(data.object)}</Link>
      <Badge tone={tone(data.state)} dot>
        {plain(data.state)}
      </Badge>
      {data.in_flight && (
        <Badge tone="info" dot>
          In flight
        </Badge>
      )}
      {data.merged_into != null && <Link to={`/records/${data.merged_into}`}>into this record</Link>}
      {data.reviews.length > 0 && (
        <Link to="/reviews">
          <Badge tone="warn" dot>
            May be the same as another record
          </Badge>
        </Link>
      )}
      <span className="mono">{data.id}</span>
      {data.object === 'contact' && data.state === 'active' && <Link to={`/privacy?who=${data.id}`}>Export or erase</Link>}
    </>
  );
  return (
    <Page title={data.title} lead={lead} actions={<Resync scope={{ record: data.id }} label="Look again" />}>
      <Links links={data.links} />
      {data.conflicts.length > 0 && (
        <Panel title="Waiting for a person" note="frozen on every side until decided" flush>
          <ConflictList conflicts={data.conflicts} />
        </Panel>
      )}
      {data.state === 'merged' && <Unmerge record={data.id} />}
      <div className={styles['columns']}>
        <Fields fields={data.fields} />
        <History id={data.id} />
      </div>
    </Page>
  );
}

function Links({ links }: { links: RecordDetail['links'] }) {
  return (
    <ul className={styles['links']} aria-label="Counterparts">
      {links.length === 0 && <li className={`${styles['link']} muted`}>Not linked at any connection yet.</li>}
      {links.map((link) => (
        <li key={`${link.connection} ${link.external_id}`} className={styles['link']}>
          <span className={styles['where']}>
            {platform(link.connection)} <span className="muted">{link.remote_object}</span>
          </span>
          <span className="mono">{link.external_id}</span>
          <span className={styles['seen']}>
            <Badge tone={tone(link.state)} dot>
              {plain(link.state)}
            </Badge>
            {link.seen_at != null && (
              <span className="muted">
                seen <Ago at={link.seen_at} />
              </span>
            )}
          </span>
        </li>
      ))}
    </ul>
  );
}
