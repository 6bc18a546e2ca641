-- Unusual mass changes that wait for a person: one hold for each kind of change of an object at a connection.
create table holds (
    id BIGSERIAL PRIMARY KEY,
    connection TEXT not null,
    object TEXT not null,
    kind TEXT not null,
    -- Changes within the window when it was opened, and how many of them would have passed.
    many BIGINT not null,
    allowed BIGINT not null,
    state TEXT not null,
    opened_at BIGINT not null,
    closed_at BIGINT,
    closed_by TEXT
);
create unique index holds_open on holds (connection, object, kind) where state = 'open';
create index holds_by_state on holds (state, id);

-- Records that are not converged before a person has decided about their hold, with what would be written.
create table held_records (
    record TEXT not null,
    hold BIGINT not null,
    preview JSONB not null,
    since BIGINT not null,
    primary key (record, hold)
);
create index held_records_by_hold on held_records (hold, record);

-- Changes that passed, by minute since 1970: what the guard counts within its window.
create table mass_changes (
    connection TEXT not null,
    object TEXT not null,
    kind TEXT not null,
    minute BIGINT not null,
    many BIGINT not null,
    primary key (connection, object, kind, minute)
);
