-- Remote objects as their platforms last described them.
create table remote_schemas (
    connection TEXT not null,
    remote_object TEXT not null,
    definition JSONB not null,
    seen_at BIGINT not null,
    primary key (connection, remote_object)
);

-- The journal of what changed in them. An open change keeps the lines that it breaks from being used.
create table schema_changes (
    id BIGSERIAL PRIMARY KEY,
    at BIGINT not null,
    connection TEXT not null,
    remote_object TEXT not null,
    field TEXT not null,
    kind TEXT not null,
    state TEXT not null,
    detail JSONB not null,
    changed_at BIGINT not null,
    outcome TEXT,
    by_whom TEXT
);
create unique index schema_changes_once on schema_changes (connection, remote_object, field, kind) where state in ('open', 'returning');
create index schema_changes_by_state on schema_changes (state, id);
