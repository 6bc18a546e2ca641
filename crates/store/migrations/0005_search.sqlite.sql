-- Words are cut in the program, the same way for both databases; see src/search.rs.
create table search (
    seq INTEGER primary key,
    id TEXT not null unique,
    words TEXT not null
);
create virtual table search_index using fts5 (words, content = 'search', content_rowid = 'seq', prefix = '2 3', tokenize = 'unicode61 remove_diacritics 0');
create trigger search_insert after insert on search begin
    insert into search_index (rowid, words) values (new.seq, new.words);
end;
create trigger search_delete after delete on search begin
    insert into search_index (search_index, rowid, words) values ('delete', old.seq, old.words);
end;
create trigger search_update after update on search begin
    insert into search_index (search_index, rowid, words) values ('delete', old.seq, old.words);
    insert into search_index (rowid, words) values (new.seq, new.words);
end;
