-- Instants are milliseconds since 1970 everywhere; flags are 0 and 1.

-- The spine: every change of a record, in the order of `id`. Never updated, never deleted.
create table entries (
    id BIGINT PRIMARY KEY,
    record TEXT not null,
    object TEXT not null,
    at BIGINT not null,
    actor TEXT not null,
    actor_name TEXT not null,
    cause TEXT not null,
    detail TEXT not null,
    connection TEXT,
    subject TEXT not null,
    -- Nonce, AES-256-GCM ciphertext and tag of the changes under the subject's key; empty when the entry changes no value.
    changes BYTEA not null,
    -- SHA-256 of the canonical header and the ciphertext.
    hash BYTEA not null
);
create index entries_by_record on entries (record, id);

-- Sealed runs of entries: a block covers the ids after the previous block's `last` up to its own.
create table blocks (
    no BIGINT PRIMARY KEY,
    first BIGINT not null,
    last BIGINT not null,
    count BIGINT not null,
    root BYTEA not null,
    previous BYTEA not null,
    hash BYTEA not null,
    sealed_at BIGINT not null
);

-- One key per data subject, wrapped under the master key. `wrapped` is null once the subject was erased.
create table subject_keys (
    subject TEXT primary key,
    wrapped BYTEA,
    erased_at BIGINT
);

-- Names the master key everything is wrapped under (one row).
create table master_key (
    id BIGINT PRIMARY KEY,
    key_id TEXT not null
);
