-- The latest activities of an account, of which sales context shows a few: they are read from the newest on, however many there are.
create index records_activities on records ((data->'account'), (coalesce(data->'done_on'->>'date', '')), updated_at, id)
    where object = 'activity' and state = 'active' and data->'account' is not null;
