create table objects (
    key TEXT primary key,
    definition JSONB not null
);

create table mappings (
    connection TEXT not null,
    object TEXT not null,
    version BIGINT not null,
    definition JSONB not null,
    active SMALLINT not null,
    saved_at BIGINT not null,
    saved_by TEXT not null,
    note TEXT not null,
    primary key (connection, object, version)
);
create unique index mappings_active on mappings (connection, object) where active = 1;

create table settings (
    key TEXT primary key,
    value JSONB not null
);

create table secrets (
    name TEXT primary key,
    ciphertext BYTEA not null,
    key_id TEXT not null
);
