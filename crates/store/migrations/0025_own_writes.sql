-- Fields that the last write to a counterpart carried, as a list: only of those may its platform have made another value of ours.
alter table links add column written JSONB not null default '[]';

-- How often somebody else was faster at the platform: no failure, and looked at again within seconds.
alter table hints add column races BIGINT not null default 0;
