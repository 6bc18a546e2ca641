import { useQuery } from '@tanstack/react-query';
import { useLive } from '../api/LiveProvider';
import { dashboard } from '../api/queries';
import { type Tone, plain, tone } from '../format/words';
import { Badge } from '../ui/Badge';

/** Whether this page is live, and how the sync as a whole is doing. */
export function Pulse() {
  const { pulse } = useLive();
  const { data } = useQuery(dashboard);
  const [colour, text, title]: [Tone, string, string] =
    pulse === 'lost'
      ? ['bad', 'Reconnecting', 'The live connection to Entente is lost. The browser keeps trying; what you see may be old.']
      : pulse === 'connecting' || !data
        ? ['quiet', 'Connecting', 'Waiting for Entente.']
        : [tone(data.health.overall), plain(data.health.overall), 'Live: changes appear here as they happen.'];
  return (
    <span role="status">
      <Badge tone={colour} dot title={title}>
        {text}
      </Badge>
    </span>
  );
}
