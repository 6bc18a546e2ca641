-- What waits for a person.
create table dead_letters (
    id BIGSERIAL PRIMARY KEY,
    subject TEXT not null,
    record TEXT,
    connection TEXT,
    object TEXT not null,
    error_class TEXT not null,
    error_code TEXT not null,
    message TEXT not null,
    vendor_answer TEXT not null,
    attempts JSONB not null,
    advice TEXT not null,
    first_at BIGINT not null,
    died_at BIGINT not null,
    state TEXT not null,
    reason TEXT,
    closed_at BIGINT
);
create index dead_letters_by_state on dead_letters (state, id);
create index dead_letters_by_subject on dead_letters (subject);

create table conflicts (
    id BIGSERIAL PRIMARY KEY,
    record TEXT not null,
    object TEXT not null,
    field TEXT not null,
    base JSONB not null,
    sides JSONB not null,
    suggested JSONB,
    state TEXT not null,
    opened_at BIGINT not null,
    resolved_at BIGINT,
    resolution JSONB,
    resolved_by TEXT,
    entry BIGINT
);
create unique index conflicts_waiting on conflicts (record, field) where state = 'waiting';
create index conflicts_by_state on conflicts (state, id);

create table reviews (
    id BIGSERIAL PRIMARY KEY,
    kind TEXT not null,
    record TEXT not null,
    other TEXT not null,
    object TEXT not null,
    score DOUBLE PRECISION not null,
    evidence JSONB not null,
    state TEXT not null,
    opened_at BIGINT not null,
    decided_at BIGINT,
    decided_by TEXT
);
create unique index reviews_once on reviews (kind, record, other);
create index reviews_by_state on reviews (state, id);

create table notices (
    id BIGSERIAL PRIMARY KEY,
    at BIGINT not null,
    kind TEXT not null,
    recipient TEXT not null,
    title TEXT not null,
    body TEXT not null,
    record TEXT,
    state TEXT not null,
    attempts BIGINT not null,
    error TEXT,
    not_before BIGINT not null
);
create index notices_by_state on notices (state, not_before);

-- Failures for the dashboard, with what became of them.
create table sync_events (
    id BIGSERIAL PRIMARY KEY,
    at BIGINT not null,
    direction TEXT not null,
    subject TEXT not null,
    record TEXT,
    object TEXT not null,
    connection TEXT,
    external_id TEXT,
    error TEXT not null,
    status TEXT not null,
    updated_at BIGINT not null
);
create index sync_events_by_time on sync_events (at);
create index sync_events_open on sync_events (subject, status);
