create sequence entry_ids minvalue 0 start 0;
select nextval('entry_ids');

-- Takes ids for entries. The transaction shows with a shared advisory lock (69 = 'E' in the top byte) above which id its entries
-- will lie, so that readers in order of id stop before entries that are not committed yet.
create function take_entry_ids(many bigint) returns setof bigint language plpgsql as $$
begin
    perform pg_advisory_xact_lock_shared((69::bigint << 56) | (select last_value from entry_ids));
    return query select nextval('entry_ids') from generate_series(1, many);
end
$$;

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'the ledger is append-only';
end
$$;
create trigger entries_append_only before update or delete on entries for each statement execute function refuse_change();
create trigger blocks_append_only before update or delete on blocks for each statement execute function refuse_change();
