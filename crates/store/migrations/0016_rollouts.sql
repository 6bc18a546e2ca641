-- Versions of mappings on their way into force, and those in force that nobody has verified yet.
create table rollouts (
    connection TEXT not null,
    object TEXT not null,
    version BIGINT not null,
    -- The version that one command goes back to.
    previous BIGINT not null,
    stage TEXT not null,
    -- Share of the records that it decides, in percent.
    percent BIGINT not null,
    at BIGINT not null,
    by_whom TEXT not null,
    -- Decisions compared while it was in the shadow, and those of them that differ.
    compared BIGINT not null,
    differing BIGINT not null,
    primary key (connection, object)
);

-- Records that a version in the shadow decides otherwise than the one in force.
create table shadow_findings (
    connection TEXT not null,
    object TEXT not null,
    record TEXT not null,
    at BIGINT not null,
    detail JSONB not null,
    primary key (connection, object, record)
);
create index shadow_findings_by_time on shadow_findings (connection, object, at);
