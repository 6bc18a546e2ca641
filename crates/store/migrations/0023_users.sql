-- The user who last changed a row that waits to be taken in, by the id that its platform has for them.
alter table looks add column changed_who TEXT;
