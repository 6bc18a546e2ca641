import { useQuery } from '@tanstack/react-query';
import { plain } from '../format/words';
import { type FieldBound, staleness } from './queries';

/** What people call our fields, from the list of all that are mapped, by our name of the object or a platform's; one that is not is told by its key. */
export function labelsOf(bounds: readonly FieldBound[]): (object: string, field: string) => string {
  const named = (name: 'object' | 'remote_object') => bounds.map((bound) => [`${bound[name]}.${bound.field}`, bound.label] as const);
  const known = new Map([...named('remote_object'), ...named('object')]);
  return (object, field) => known.get(`${object}.${field}`) ?? plain(field);
}

export function useLabels(): (object: string, field: string) => string {
  return labelsOf(useQuery(staleness).data ?? []);
}
