-- Of conflicts that the latest change decided, the older value is flagged for people: who has looked at it and when, and the entry of the ledger
-- where somebody took it after all.
alter table conflicts add column reviewed_at BIGINT;
alter table conflicts add column reviewed_by TEXT;
alter table conflicts add column reviewed_entry BIGINT;
create index conflicts_flagged on conflicts (id) where resolved_by = 'rule latest' and reviewed_at is null;
