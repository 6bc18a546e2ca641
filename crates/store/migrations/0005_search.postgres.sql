-- Words are cut in the program, the same way for both databases; see src/search.rs.
create table search (
    seq bigint generated always as identity primary key,
    id text not null unique,
    words text not null,
    vector tsvector generated always as (array_to_tsvector(string_to_array(words, ' '))) stored
);
create index search_vector on search using gin (vector);
