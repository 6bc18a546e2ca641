import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { type Schemas, answer, api } from './client';

export type Dashboard = Schemas['Dashboard'];
export type RecordItem = Schemas['RecordItem'];
export type RecordDetail = Schemas['RecordDetail'];
export type RecordField = Schemas['RecordField'];
export type HistoryEntry = Schemas['HistoryEntry'];
export type Conflict = Schemas['Conflict'];
export type Proposal = Schemas['ProposedRule'];
export type ConflictRule = Schemas['ConflictRule'];
export type DeadLetter = Schemas['DeadLetter'];
export type Review = Schemas['Review'];
export type RecordPlan = Schemas['RecordPreview'];
export type MonthlyReport = Schemas['MonthlyReport'];
export type Hold = Schemas['Hold'];
export type HeldRecord = Schemas['HeldRecord'];
export type Erasure = Schemas['ErasureItem'];
export type ErasureDetail = Schemas['ErasureDetail'];
export type PersonExport = Schemas['PersonExport'];
export type FieldBound = Schemas['FieldBound'];
export type Platform = Schemas['PlatformDescribed'];
export type Reconciliation = Schemas['ReconciliationStatus'];
export type ReconciliationReport = NonNullable<Reconciliation['last']>;
export type MappingVersion = Schemas['MappingVersion'];
export type Mappable = Schemas['MappableFields'];
export type OurField = Schemas['OurField'];
export type TheirField = Schemas['TheirField'];
export type Judgement = Schemas['Judgement'];
export type MappingTrial = Schemas['MappingTrial'];
export type Rollout = Schemas['RolloutState'];
export type SchemaChange = Schemas['SchemaChange'];

const PAGE = 50; // rows per request of a list: two screens

export const dashboard = queryOptions({
  queryKey: ['dashboard'],
  queryFn: () => answer(api.GET('/api/v1/dashboard')),
  // Rates and latencies age even while nothing happens.
  refetchInterval: 10_000,
});

export const records = (object: string, search: string) =>
  infiniteQueryOptions({
    queryKey: ['records', object, search],
    queryFn: ({ pageParam }) =>
      answer(
        api.GET('/api/v1/records', {
          params: { query: { limit: PAGE, ...(object && { object }), ...(search && { q: search }), ...(pageParam && { after: pageParam }) } },
        }),
      ),
    initialPageParam: '',
    getNextPageParam: (page) => page.next ?? undefined,
  });

export const record = (id: string) =>
  queryOptions({
    queryKey: ['record', id],
    queryFn: () => answer(api.GET('/api/v1/records/{id}', { params: { path: { id } } })),
  });

export const history = (id: string) =>
  infiniteQueryOptions({
    queryKey: ['record', id, 'history'],
    queryFn: ({ pageParam }) =>
      answer(api.GET('/api/v1/records/{id}/history', { params: { path: { id }, query: { ...(pageParam && { before: pageParam }) } } })),
    initialPageParam: '',
    getNextPageParam: (page) => page.next ?? undefined,
  });

/** Conflicts, reviews and dead letters on one page: more than a person decides in a sitting. */
const WAITING = 500;

export const conflicts = queryOptions({
  queryKey: ['conflicts'],
  queryFn: () => answer(api.GET('/api/v1/conflicts', { params: { query: { limit: WAITING } } })),
});

/** What the latest change passed over and nobody has looked at yet. */
export const flaggedConflicts = queryOptions({
  queryKey: ['conflicts', 'flagged'],
  queryFn: () => answer(api.GET('/api/v1/conflicts', { params: { query: { state: 'flagged', limit: WAITING } } })),
});

export const proposedRules = queryOptions({
  queryKey: ['conflicts', 'proposals'],
  queryFn: () => answer(api.GET('/api/v1/conflicts/proposals')),
});

export const conflictRules = queryOptions({
  queryKey: ['conflicts', 'rules'],
  queryFn: () => answer(api.GET('/api/v1/conflicts/rules')),
});

export const conflictStatistics = queryOptions({
  queryKey: ['conflicts', 'statistics'],
  queryFn: () => answer(api.GET('/api/v1/conflicts/statistics')),
});

export const reviews = queryOptions({
  queryKey: ['reviews'],
  queryFn: () => answer(api.GET('/api/v1/reviews', { params: { query: { limit: WAITING } } })),
});

/** The plan of the records that changed last; `fresh` reads every side from the platforms first, which costs calls. */
export const plan = (fresh: boolean) =>
  queryOptions({
    queryKey: ['plan', fresh],
    queryFn: () => answer(api.GET('/api/v1/plan', { params: { query: { fresh } } })),
    staleTime: 0,
  });

export const deadLetters = queryOptions({
  queryKey: ['dead-letters'],
  queryFn: () => answer(api.GET('/api/v1/dead-letters', { params: { query: { limit: WAITING } } })),
});

export const deadLetter = (id: string) =>
  queryOptions({
    queryKey: ['dead-letters', id],
    queryFn: () => answer(api.GET('/api/v1/dead-letters/{id}', { params: { path: { id } } })),
  });

/** Open holds, or the newest of those that a person has closed. */
export const holds = (state: 'open' | 'released' | 'dropped') =>
  queryOptions({
    queryKey: ['holds', state],
    queryFn: () => answer(api.GET('/api/v1/holds', { params: { query: { state, limit: state === 'open' ? WAITING : PAGE } } })),
    // What is held makes no entry of the ledger.
    refetchInterval: 15_000,
  });

const SAMPLE = 5; // records of a hold that are shown unasked

/** What a hold would change: a sample first, whole pages when somebody wants more. */
export const held = (id: string) =>
  infiniteQueryOptions({
    queryKey: ['holds', 'held', id],
    queryFn: ({ pageParam }) =>
      answer(
        api.GET('/api/v1/holds/{id}', {
          params: { path: { id }, query: { limit: pageParam ? PAGE : SAMPLE, ...(pageParam && { after: pageParam }) } },
        }),
      ),
    initialPageParam: '',
    getNextPageParam: (page) => page.next ?? undefined,
  });

export const erasures = infiniteQueryOptions({
  queryKey: ['erasures'],
  queryFn: ({ pageParam }) => answer(api.GET('/api/v1/privacy/erasures', { params: { query: { limit: PAGE, ...(pageParam && { before: pageParam }) } } })),
  initialPageParam: '',
  getNextPageParam: (page) => page.next ?? undefined,
  refetchInterval: 15_000,
});

export const erasure = (id: string) =>
  queryOptions({
    queryKey: ['erasures', id],
    queryFn: () => answer(api.GET('/api/v1/privacy/erasures/{id}', { params: { path: { id } } })),
    // Systems answer one by one, and none of it is an entry of the ledger.
    refetchInterval: (query) => (query.state.data?.state === 'working' ? 3_000 : 30_000),
  });

export const alerts = queryOptions({
  queryKey: ['alerts'],
  queryFn: () => answer(api.GET('/api/v1/alerts', { params: { query: { state: 'all', limit: WAITING } } })),
  // Alerts come and go without an entry of the ledger.
  refetchInterval: 15_000,
});

export const channels = queryOptions({
  queryKey: ['channels'],
  queryFn: () => answer(api.GET('/api/v1/alerts/channels')),
});

export const report = (month: string) =>
  queryOptions({
    queryKey: ['report', month],
    queryFn: () => answer(api.GET('/api/v1/reports/{month}', { params: { path: { month } } })),
  });

export const quality = queryOptions({
  queryKey: ['quality'],
  queryFn: () => answer(api.GET('/api/v1/quality')),
  refetchInterval: 60_000,
});

export const platforms = queryOptions({
  queryKey: ['platforms'],
  queryFn: () => answer(api.GET('/api/v1/platforms')),
});

export const reconciliation = queryOptions({
  queryKey: ['reconciliation'],
  queryFn: () => answer(api.GET('/api/v1/reconciliation')),
  refetchInterval: (query) => (query.state.data?.running != null ? 2_000 : 10_000),
});

export const mappings = queryOptions({
  queryKey: ['mappings'],
  queryFn: () => answer(api.GET('/api/v1/mappings')),
});

export const mappingVersions = (connection: string, object: string) =>
  queryOptions({
    queryKey: ['mappings', connection, object],
    queryFn: () => answer(api.GET('/api/v1/mappings/{connection}/{object}/versions', { params: { path: { connection, object } } })),
  });

/** The platform is asked, which costs calls: once for a page. */
export const mappableFields = (connection: string, object: string) =>
  queryOptions({
    queryKey: ['mappings', connection, object, 'fields'],
    queryFn: () => answer(api.GET('/api/v1/mappings/{connection}/{object}/fields', { params: { path: { connection, object } } })),
    staleTime: 300_000,
  });

export const rollouts = queryOptions({
  queryKey: ['rollouts'],
  queryFn: () => answer(api.GET('/api/v1/rollouts')),
  // What the shadow finds makes no entry of the ledger.
  refetchInterval: 15_000,
});

export const schemaChanges = queryOptions({
  queryKey: ['schema-changes'],
  // What breaks lines, and what records are catching up with; what breaks nothing is in the journal (`entente schema list`).
  queryFn: async () => {
    const list = (state: string) => answer(api.GET('/api/v1/schema/changes', { params: { query: { state, limit: WAITING } } }));
    const [open, returning] = await Promise.all([list('open'), list('returning')]);
    return [...open.items, ...returning.items];
  },
  refetchInterval: 30_000,
});

export const staleness = queryOptions({
  queryKey: ['staleness'],
  queryFn: () => answer(api.GET('/api/v1/staleness')),
});
