-- When versions of mappings decided records: all of them, or the share that a version on its way had. So much of the ledger is their doing.
create table mapping_reigns (
    connection TEXT not null,
    object TEXT not null,
    version BIGINT not null,
    -- Share of the records that it decided, in percent; 100 for the version in force.
    percent BIGINT not null,
    since_at BIGINT not null,
    -- The last entry of the ledger before it began.
    after_entry BIGINT not null,
    -- The last entry before it ended; null while it lasts.
    last_entry BIGINT,
    primary key (connection, object, version, percent, after_entry, since_at)
);
create index mapping_reigns_that_last on mapping_reigns (connection, object) where last_entry is null;

-- Of those in force to which no later one ever gave way it is known since when: the shipped ones from the beginning, others since they were
-- saved. Of everything else it was not kept.
insert into mapping_reigns (connection, object, version, percent, since_at, after_entry)
select connection, object, version, 100, saved_at,
    case when version = 1 then 0 else coalesce((select max(id) from entries where at < m.saved_at), 0) end
from mappings m
where active = 1 and not exists (
    select 1 from mappings later where later.connection = m.connection and later.object = m.object and later.version > m.version
);
