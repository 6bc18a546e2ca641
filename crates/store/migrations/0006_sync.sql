-- "Look at this." Keyed by the record's id, or by connection/object/external id for a row that is not linked yet.
create table hints (
    subject TEXT primary key,
    object TEXT not null,
    lane SMALLINT not null,
    -- When waiting for more hints of the same subject ends.
    due_at BIGINT not null,
    -- Earliest next attempt after a failure; 0 when there was none.
    not_before BIGINT not null,
    -- When the hint can be claimed at the earliest: the latest of due_at, not_before and the end of the lease.
    ready_at BIGINT not null,
    first_at BIGINT not null,
    hinted_at BIGINT not null,
    -- When the change happened that is waited for, for the latency counters.
    origin_at BIGINT,
    cause TEXT not null,
    -- Connections to fetch afresh, as the keys of an object; `to_fetch_next` collects them while a worker holds the hint.
    to_fetch JSONB not null,
    to_fetch_next JSONB not null,
    attempts BIGINT not null,
    last_error TEXT,
    generation BIGINT not null,
    lease_until BIGINT,
    lease_owner TEXT
);
create index hints_ready on hints (ready_at);
create index hints_by_lane on hints (lane, ready_at);

-- Remote rows that were seen and wait to be converged.
create table looks (
    connection TEXT not null,
    remote_object TEXT not null,
    external_id TEXT not null,
    fields JSONB not null,
    complete SMALLINT not null,
    existence TEXT not null,
    version TEXT,
    changed_at BIGINT,
    changed_by TEXT not null,
    seen_at BIGINT not null,
    -- Counts up with every newer look, so that a look is consumed only as it was read.
    stamp BIGINT not null,
    primary key (connection, remote_object, external_id)
);

-- Webhook deliveries as they arrived.
create table inbox (
    id BIGSERIAL PRIMARY KEY,
    connection TEXT not null,
    delivery_id TEXT not null,
    received_at BIGINT not null,
    body BYTEA not null,
    headers JSONB not null,
    state TEXT not null,
    error TEXT
);
create unique index inbox_by_delivery on inbox (connection, delivery_id);
create index inbox_by_state on inbox (state, id);
create index inbox_by_age on inbox (received_at);

-- Where polls, feeds and other readers stand.
create table cursors (
    name TEXT primary key,
    value JSONB not null,
    at BIGINT not null
);

-- Records that wait for a counterpart of another one at a connection.
create table waits (
    record TEXT not null,
    target TEXT not null,
    connection TEXT not null,
    since BIGINT not null,
    primary key (record, target, connection)
);
create index waits_by_target on waits (target, connection);

-- Workers that are, or were lately, at work.
create table workers (
    name TEXT primary key,
    started_at BIGINT not null,
    seen_at BIGINT not null
);
