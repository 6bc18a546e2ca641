import { plain } from '../format/words';

/** `account.renewal_date` as Account · Renewal date. */
export function FieldName({ path }: { path: string }) {
  const [object = '', ...field] = path.split('.');
  if (field.length === 0) return <>{plain(object)}</>;
  return (
    <>
      <span className="muted">{plain(object)} · </span>
      {plain(field.join(' '))}
    </>
  );
}
