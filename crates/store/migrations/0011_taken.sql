-- The values that the last decision about the record saw at a counterpart and weighed, where they differ from the base: what a change is
-- measured against. Links of before have none yet, and are measured against their base until the next decision.
alter table links add column taken JSONB;

-- What older looks at the row showed otherwise, and by whom: somebody entered it, and it was replaced before it could be taken in.
alter table looks add column earlier JSONB not null default '[]';
