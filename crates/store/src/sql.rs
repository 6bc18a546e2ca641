//! The seam between the two databases, private to this crate: one SQL text, two dialects.
//!
//! SQL is written once, in PostgreSQL's words with `$N` parameters. SQLite gets a translation, because `$1` is a *named* parameter
//! there, bound by first occurrence. A few capital words stand for what is really different:
//!
//! | word | PostgreSQL | SQLite |
//! |---|---|---|
//! | `EACH($1)` | `jsonb_array_elements($1::jsonb) as x(value)` | `json_each(?1) as x` |
//! | (an insert or update `from EACH($1)`, a delete `using EACH($1)` | | one run per row, see [`each`]) |
//! | `IN_LIST($1)` | `= any($1)` | `in (select value from json_each(?1))` |
//! | `LEAST(`, `GREATEST(` | the same | `min(`, `max(` (arguments must not be null) |
//! | `JSON_UNION(a, b)` | a function of the first migration, `a \|\| b` | `json_patch(a, b)` |
//! | `FOR_UPDATE`, `FOR_SHARE`, `SKIP_LOCKED` | `for update`, ... | nothing: there is one writer |

mod each;
pub(crate) mod postgres;
pub(crate) mod row;
mod rows;
pub(crate) mod sqlite;
pub(crate) mod val;

use crate::error::Result;

pub(crate) use row::Row;
pub(crate) use val::{Val, cells, vals};

/// Which database is behind a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

/// A connection within a transaction. Synchronous on purpose: a closure is written once and runs on both.
pub(crate) trait Conn {
    /// Runs a statement and collects its rows. `table` names what is read, for errors about damaged data.
    fn query(&mut self, table: &'static str, sql: &str, params: &[Val]) -> Result<Vec<Row>>;
    /// Runs a statement and counts the rows it touched.
    fn exec(&mut self, sql: &str, params: &[Val]) -> Result<u64>;
    /// Runs several statements without parameters.
    fn batch(&mut self, sql: &str) -> Result<()>;
    /// Which database this is.
    fn dialect(&self) -> Dialect;
}

/// Turns the common text into the dialect's.
pub(crate) fn translate(sql: &str, dialect: Dialect) -> String {
    match dialect {
        Dialect::Postgres => rewrite(
            sql,
            &[
                ("EACH(", "jsonb_array_elements(", "::jsonb) as x(value)"),
                ("IN_LIST(", "= any(", ")"),
                ("FOR_UPDATE", "for update", ""),
                ("FOR_SHARE", "for share", ""),
                ("SKIP_LOCKED", "for update skip locked", ""),
            ],
        ),
        Dialect::Sqlite => rewrite(
            sql,
            &[
                ("EACH(", "json_each(", ") as x"),
                ("IN_LIST(", "in (select value from json_each(", "))"),
                ("FOR_UPDATE", "", ""),
                ("FOR_SHARE", "", ""),
                ("SKIP_LOCKED", "", ""),
                ("LEAST(", "min(", ""),
                ("GREATEST(", "max(", ""),
                ("JSON_UNION(", "json_patch(", ""),
            ],
        )
        .replace('$', "?"),
    }
}

/// Replaces words; a word that ends in `(` and has a closing text swallows the next `)`, which must follow a plain parameter.
fn rewrite(sql: &str, words: &[(&str, &str, &str)]) -> String {
    let mut out = String::with_capacity(sql.len() + 64);
    let mut rest = sql;
    'scan: while !rest.is_empty() {
        if rest.as_bytes()[0].is_ascii_uppercase() {
            for (word, opened, closed) in words {
                let Some(after) = rest.strip_prefix(word) else { continue };
                out.push_str(opened);
                rest = after;
                if word.ends_with('(')
                    && !closed.is_empty()
                    && let Some((argument, tail)) = after.split_once(')')
                {
                    out.push_str(argument);
                    out.push_str(closed);
                    rest = tail;
                }
                continue 'scan;
            }
        }
        let step = rest.char_indices().skip(1).find(|(_, c)| c.is_ascii_uppercase()).map_or(rest.len(), |(at, _)| at);
        out.push_str(&rest[..step]);
        rest = &rest[step..];
    }
    out
}

/// Turns a migration, written in PostgreSQL's types, into SQLite's.
pub(crate) fn translate_schema(sql: &str, dialect: Dialect) -> String {
    match dialect {
        Dialect::Postgres => sql.to_owned(),
        Dialect::Sqlite => sql
            .replace("BIGSERIAL PRIMARY KEY", "INTEGER PRIMARY KEY AUTOINCREMENT")
            .replace("BIGINT PRIMARY KEY", "INTEGER PRIMARY KEY")
            .replace("JSONB", "TEXT")
            .replace("BYTEA", "BLOB"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_dialect_gets_its_own_words() {
        let sql = "select x.value from EACH($2) where id IN_LIST($1) order by GREATEST(a, $3) SKIP_LOCKED";
        assert_eq!(
            translate(sql, Dialect::Postgres),
            "select x.value from jsonb_array_elements($2::jsonb) as x(value) where id = any($1) order by GREATEST(a, $3) for update skip locked"
        );
        assert_eq!(
            translate(sql, Dialect::Sqlite),
            "select x.value from json_each(?2) as x where id in (select value from json_each(?1)) order by max(a, ?3) "
        );
    }
}
