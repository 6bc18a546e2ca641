-- Rules that were proposed from what people decided again and again, and what became of them.
create table conflict_rules (
    id TEXT primary key,
    object TEXT not null,
    field TEXT not null,
    -- Who changed the field on each side, and the side that wins.
    sides JSONB not null,
    winner TEXT not null,
    state TEXT not null,
    -- What spoke for it when it was decided about.
    evidence JSONB not null,
    at BIGINT not null,
    by_whom TEXT not null,
    reason TEXT
);
create index conflict_rules_by_state on conflict_rules (state);

-- Values that a platform itself rewrites when we write them.
create table rewrites (
    record TEXT not null,
    connection TEXT not null,
    object TEXT not null,
    field TEXT not null,
    -- What we wrote, and what the platform made of it.
    written JSONB not null,
    shown JSONB not null,
    -- How often in a row it did so.
    times BIGINT not null,
    since BIGINT not null,
    at BIGINT not null,
    primary key (record, connection, field)
);
create index rewrites_by_field on rewrites (connection, object, field, times);
