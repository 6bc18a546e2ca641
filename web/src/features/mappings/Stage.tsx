import type { Rollout } from '../../api/queries';
import { Badge } from '../../ui/Badge';

/** How far a version has come. */
export function Stage({ rollout: { stage, version, percent } }: { rollout: Rollout }) {
  if (stage === 'shadow') return <Badge tone="info" dot>{`version ${version} in the shadow`}</Badge>;
  if (stage === 'share') return <Badge tone="info" dot>{`version ${version} for ${percent} %`}</Badge>;
  return (
    <Badge tone="warn" dot>
      not verified yet
    </Badge>
  );
}
