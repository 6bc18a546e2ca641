-- Fields that the last write to a counterpart carried, as a list: only of those may its platform have made another value of ours.
alter table links add column written JSONB not null default '[]';

-- The latest time of change that was told of a row without telling anything new: what comes later and is older than that may be gone from it.
alter table links add column told_at BIGINT;

-- How often somebody else was faster at the platform: no failure, and looked at again within seconds.
alter table hints add column races BIGINT not null default 0;
