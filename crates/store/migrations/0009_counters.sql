-- Sums per hour; `hour` is hours since 1970, `connection` is empty where none is meant.
create table counters (
    hour BIGINT not null,
    name TEXT not null,
    connection TEXT not null,
    value BIGINT not null,
    primary key (name, hour, connection)
);

-- Latencies per hour as a histogram; see src/latency.rs for the buckets.
create table latencies (
    hour BIGINT not null,
    name TEXT not null,
    bucket SMALLINT not null,
    many BIGINT not null,
    primary key (name, hour, bucket)
);
