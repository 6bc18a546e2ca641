import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Link } from 'react-router';
import { answer, api } from '../../api/client';
import type { Review } from '../../api/queries';
import { counted } from '../../format/number';
import { plain, platform } from '../../format/words';
import { Ago } from '../../ui/Ago';
import { Badge } from '../../ui/Badge';
import { Button } from '../../ui/Button';
import { Columns } from '../../ui/Columns';
import { Trouble } from '../../ui/Confirm';
import { Value } from '../record/Value';
import item from '../../ui/Item.module.css';
import styles from './ReviewCard.module.css';
import { commonness, shownFields, signed, TELLING_BITS } from './shown';

/** Two records side by side, what speaks for one customer, and the two decisions there are. */
export function ReviewCard({ review }: { review: Review }) {
  const client = useQueryClient();
  const [all, setAll] = useState(false);
  const { mutate, isPending, error } = useMutation({
    mutationFn: (decision: 'accept' | 'reject') => {
      const params = { path: { id: review.id } };
      return decision === 'accept' ? answer(api.POST('/api/v1/reviews/{id}/accept', { params })) : answer(api.POST('/api/v1/reviews/{id}/reject', { params }));
    },
    onSuccess: () => client.invalidateQueries(),
  });
  const fields = shownFields(review.fields, all);
  const hidden = review.fields.length - fields.length;
  const pair = `${review.first.title} and ${review.second.title}`;
  return (
    <li className={item['item']}>
      <div className={item['head']}>
        <Badge tone="plum">{Math.round(review.score * 100)} % likely the same</Badge>
        <span className="muted">
          {plain(review.object)}
          {review.kind === 'duplicate' && ', twice at one platform'}
        </span>
        <span className={styles['evidence']}>{review.evidence}</span>
        <span className={item['since']}>
          since <Ago at={review.since} />
        </span>
      </div>
      <div className={`${item['scroll']} ${styles['rows']}`} tabIndex={0} role="group" aria-label={`${pair}, field by field`}>
        <table>
          <thead>
            <tr>
              <th>
                <span className="hidden-text">Field</span>
              </th>
              <Side side={review.first} role="Known longer" />
              <Side side={review.second} role="Came later" />
            </tr>
          </thead>
          <tbody>
            {fields.map((field) => (
              <tr key={field.field} className={field.same ? styles['same'] : undefined}>
                <th scope="row">{field.label}</th>
                <td>
                  <Value value={field.first ?? null} />
                </td>
                <td>
                  <Value value={field.second ?? null} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {review.waterfall != null && <Waterfall waterfall={review.waterfall} />}
      <div className={item['actions']}>
        <Button kind={review.obstacle == null ? 'primary' : 'plain'} disabled={isPending || review.obstacle != null} onClick={() => mutate('accept')} aria-label={`One customer: ${pair}`}>
          One customer
        </Button>
        <Button disabled={isPending} onClick={() => mutate('reject')} aria-label={`Two customers: ${pair}`}>
          Two customers
        </Button>
        {(hidden > 0 || all) && (
          <Button kind="quiet" onClick={() => setAll(!all)} aria-expanded={all}>
            {all ? 'Only what differs' : `Show ${counted(hidden, 'more field')}`}
          </Button>
        )}
        {review.held_up != null && <p className={styles['obstacle']}>{review.held_up.charAt(0).toUpperCase() + review.held_up.slice(1)}.</p>}
        {review.obstacle != null && <p className={styles['obstacle']}>{review.obstacle.charAt(0).toUpperCase() + review.obstacle.slice(1)}.</p>}
        {error && <Trouble error={error} />}
      </div>
    </li>
  );
}

/** Every step from any two records to the verdict on these: plus one doubles the odds that they are one customer. */
function Waterfall({ waterfall }: { waterfall: NonNullable<Review['waterfall']> }) {
  return (
    <details className={styles['waterfall']}>
      <summary>How {Math.round(waterfall.probability * 100)} % came about</summary>
      <table>
        <Columns of={['What was compared', 'Bits']} />
        <tbody>
          <Bits label="Any two records" bits={waterfall.start} />
          {waterfall.steps.map((step) => (
            <Bits key={step.field} label={`${step.label}: ${step.words}${commonness(step.frequency)}`} bits={step.weight} />
          ))}
          {waterfall.crowds <= TELLING_BITS && <Bits label="As much is shared by relatives, colleagues or neighbours" bits={waterfall.crowds} />}
          <Bits label="Sum" bits={waterfall.weight} />
        </tbody>
      </table>
      {waterfall.doubt != null && <p>{waterfall.doubt}</p>}
    </details>
  );
}

function Bits({ label, bits }: { label: string; bits: number }) {
  return (
    <tr>
      <th scope="row">{label}</th>
      <td>{signed(bits)}</td>
    </tr>
  );
}

function Side({ side, role }: { side: Review['first']; role: string }) {
  return (
    <th scope="col" className={styles['side']}>
      <Link to={`/records/${side.record}`} className={styles['title'] ?? ''}>
        {side.title}
      </Link>
      <span className={styles['where']}>
        {role}
        {side.links.map((link) => (
          <Badge key={`${link.connection} ${link.external_id}`} tone="quiet" title={link.external_id}>
            {platform(link.connection)}
          </Badge>
        ))}
      </span>
    </th>
  );
}
