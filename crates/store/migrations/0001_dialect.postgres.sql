-- What SQLite has built in under these names, so that statements are written once.
create function json_union(a jsonb, b jsonb) returns jsonb language sql immutable as 'select a || b';
create function unhex(digits text) returns bytea language sql immutable strict as $$ select decode(digits, 'hex') $$;
