-- What operators are told of: one row from the moment something began until it is over.
create table alerts (
    id BIGSERIAL PRIMARY KEY,
    kind TEXT not null,
    -- What it is about within its kind: a connection, an object, a hold.
    subject TEXT not null,
    severity TEXT not null,
    title TEXT not null,
    body TEXT not null,
    since BIGINT not null,
    -- When it was last found to be so.
    seen_at BIGINT not null,
    ended_at BIGINT
);
create unique index alerts_open on alerts (kind, subject) where ended_at is null;
create index alerts_by_end on alerts (ended_at);
create index alerts_by_start on alerts (since);

-- The alert that a notice tells the beginning or the end of.
alter table notices add column alert BIGINT;
create index notices_by_alert on notices (alert) where alert is not null;

-- Syncs by minute since 1970, kept for days: what burn rates are taken from. `connection` is empty for latencies.
create table sync_minutes (
    minute BIGINT not null,
    connection TEXT not null,
    landed BIGINT not null,
    failed BIGINT not null,
    -- Live changes whose time to land is known, and how many of them took longer than the promise.
    timed BIGINT not null,
    slow BIGINT not null,
    primary key (minute, connection)
);

-- Levels by hour since 1970 (records in agreement, drift, queues): the last one seen, and the highest.
create table levels (
    hour BIGINT not null,
    name TEXT not null,
    last BIGINT not null,
    peak BIGINT not null,
    primary key (name, hour)
);

-- Failures are counted by the hour they came up in, with what became of them; those of before are counted now.
insert into counters (hour, name, connection, value)
select at / 3600000, 'failed', coalesce(connection, ''), count(*) from sync_events group by 1, 3;
insert into counters (hour, name, connection, value)
select at / 3600000, 'failed_recovered', coalesce(connection, ''), count(*) from sync_events where status = 'recovered' group by 1, 3;
insert into counters (hour, name, connection, value)
select at / 3600000, 'failed_fixed', coalesce(connection, ''), count(*) from sync_events where status = 'fixed' group by 1, 3;

-- Alerts that were on were kept in a setting before.
delete from settings where key = 'alerts';
