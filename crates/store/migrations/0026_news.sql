-- Until when a hint rests since it has failed, and not since it is not its turn; 0 where it does not.
alter table hints add column failed_until BIGINT not null default 0;

-- How many failed attempts news has given back: without an end to that, what always fails and is often touched would be tried for ever.
alter table hints add column forgiven BIGINT not null default 0;
