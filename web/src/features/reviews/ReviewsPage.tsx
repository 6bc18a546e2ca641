import { useQuery } from '@tanstack/react-query';
import { reviews } from '../../api/queries';
import { listed } from '../../format/number';
import { Empty, Failed, Loading } from '../../ui/Notice';
import { Page } from '../../ui/Page';
import { Panel } from '../../ui/Panel';
import { ReviewCard } from './ReviewCard';

export function ReviewsPage() {
  const { data, error, isPending, refetch } = useQuery(reviews);
  return (
    <Page title="Reviews" lead="Pairs of records that may be one customer, though not surely enough to link them without a person. One of them that lacks a counterpart gets none until somebody decides.">
      <Panel title="Waiting for a person" note={data && listed(data, 'pair')} flush>
        {error ? (
          <Failed error={error} retry={() => void refetch()} />
        ) : isPending ? (
          <Loading />
        ) : data.items.length === 0 ? (
          <Empty title="No pair waits">Matches above 95 % are linked by themselves; the reason is in the record's history.</Empty>
        ) : (
          <ul>
            {data.items.map((review) => (
              <ReviewCard key={review.id} review={review} />
            ))}
          </ul>
        )}
      </Panel>
    </Page>
  );
}
