-- When and by whom single values of a row were changed, where more is known of them than of their row, which each change of another value
-- moves on: what waits to be taken in, by name of the remote field, and what waits for a person, by name of our field.
alter table looks add column marks JSONB not null default '{}';
-- Whether everything of the row was known when it had the version that is kept; messages may show a version and not all that it changed.
alter table links add column is_whole SMALLINT not null default 0;
alter table links add column waiting JSONB not null default '{}';
