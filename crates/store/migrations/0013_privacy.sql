-- Requests that a person be erased, and what became of each. No value of the person is in them.
create table erasures (
    id BIGSERIAL PRIMARY KEY,
    state TEXT not null,
    -- The person's record, if there was one.
    record TEXT,
    asked_at BIGINT not null,
    asked_by TEXT not null,
    -- Where the request came from.
    source TEXT not null,
    -- What was done and what each system answered.
    work JSONB not null,
    -- What the work still needs to know of the person, under a key of its own; empty once it is over.
    errand BYTEA not null,
    -- When something is to be done next; null when nothing is.
    due_at BIGINT,
    ended_at BIGINT,
    -- When the person's values had left the database's files.
    scrubbed_at BIGINT
);
create index erasures_due on erasures (due_at);
create index erasures_by_record on erasures (record);

-- Keyed hashes of what erased people were known by: whoever has one of them is not taken in.
create table blocked (
    hash BYTEA not null,
    erasure BIGINT not null,
    primary key (hash, erasure)
);
create index blocked_by_erasure on blocked (erasure);
