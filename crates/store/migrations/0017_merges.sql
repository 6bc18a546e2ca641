-- Records that became one, so that they can become two again at any time. Values are in the records and in the ledger, none is here.
create table merges (
    id BIGSERIAL PRIMARY KEY,
    object TEXT not null,
    -- The record that stayed, and the one that ended in it.
    survivor TEXT not null,
    absorbed TEXT not null,
    -- How it came: decided by a person, followed from a platform, or found when both turned out to stand for one row.
    way TEXT not null,
    -- The connection that merged them, or at which the row is.
    connection TEXT,
    at BIGINT not null,
    by_whom TEXT not null,
    -- Entries of the ledger after this one may be its doing.
    after BIGINT not null,
    -- What went over: counterparts, and reviews that were closed or opened for it.
    moved JSONB not null,
    undone_at BIGINT,
    undone_by TEXT
);
create unique index merges_standing on merges (absorbed) where undone_at is null;
create index merges_by_absorbed on merges (absorbed);
create index merges_by_survivor on merges (survivor);

-- Rows that carry the id of another record than theirs since two were parted. Until they carry their own, the other one gets no row there:
-- a creation would find this one by that id.
create table misnamed_rows (
    connection TEXT not null,
    remote_object TEXT not null,
    external_id TEXT not null,
    record TEXT not null,
    other TEXT not null,
    primary key (connection, remote_object, external_id)
);
create index misnamed_rows_by_record on misnamed_rows (record);
create index misnamed_rows_by_other on misnamed_rows (other);
