-- What one process at a time does for all of them, and who does it.
create table leaders (
    name TEXT primary key,
    holder TEXT not null,
    -- The holder's right ends here unless it is prolonged.
    until BIGINT not null,
    -- Counts up with every change of hands.
    term BIGINT not null
);

-- Where a process runs, in words for people.
alter table workers add column place TEXT not null default '';

-- Every failed attempt at a hint, with its time and error.
alter table hints add column failures JSONB not null default '[]';

-- What a delivery says, as it was read when it was verified; the body is kept for people only.
alter table inbox add column events JSONB not null default '[]';

-- Cursors of polls tell since now whether a complete read is under way: the next poll of each object is one.
delete from cursors where name like 'poll/%';
