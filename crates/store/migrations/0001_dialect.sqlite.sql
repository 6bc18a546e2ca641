-- SQLite has json_patch and unhex built in.
select 1;
