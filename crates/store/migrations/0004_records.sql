create table records (
    id TEXT primary key,
    object TEXT not null,
    subject TEXT not null,
    data JSONB not null,
    -- For each field, the ledger entry that set it.
    provenance JSONB not null,
    created_at BIGINT not null,
    updated_at BIGINT not null,
    version BIGINT not null,
    state TEXT not null,
    merged_into TEXT
);
create index records_by_update on records (object, state, updated_at, id);
create index records_by_subject on records (subject);

-- A record's counterpart at a connection.
create table links (
    record TEXT not null,
    connection TEXT not null,
    remote_object TEXT not null,
    external_id TEXT not null,
    base JSONB not null,
    -- The values last seen, where they differ from the base.
    seen JSONB,
    -- The values that are being written there now.
    pending JSONB,
    version TEXT,
    seen_at BIGINT,
    changed_at BIGINT,
    changed_by TEXT not null,
    state TEXT not null,
    created_at BIGINT not null,
    primary key (record, connection)
);
create unique index links_by_external_id on links (connection, remote_object, external_id);

-- Normalised values by which records are recognised: e-mail, phone, company name, domain.
create table match_keys (
    kind TEXT not null,
    value TEXT not null,
    object TEXT not null,
    record TEXT not null,
    primary key (record, kind, value)
);
create index match_keys_by_value on match_keys (kind, value, object);
