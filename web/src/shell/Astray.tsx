import { Link, useRouteError } from 'react-router';
import { Empty, Failed } from '../ui/Notice';
import { Page } from '../ui/Page';
import { Panel } from '../ui/Panel';

/** An address that leads nowhere. */
export function Lost() {
  return (
    <Page title="Not here">
      <Panel title="There is no page at this address">
        <Empty title="It may have been moved, or the link is cut short.">
          <Link to="/">Go to the dashboard</Link> or <Link to="/records">search the records</Link>.
        </Empty>
      </Panel>
    </Page>
  );
}

/** A page that broke while it was drawn. */
export function Broken() {
  const error = useRouteError();
  return (
    <Page title="This page broke">
      <Panel title="Nothing is lost: the sync runs without this page">
        <Failed error={error instanceof Error ? error : new Error(String(error))} retry={() => location.reload()} />
      </Panel>
    </Page>
  );
}
