//! Statements over many rows on SQLite: run once per row with bound values, instead of having the database take a JSON array apart.
//!
//! SQLite parses and prints the text of a row anew for every value taken from it, and keeps a journal of its own for each statement that
//! touches several rows. A prepared statement per row does neither.

use rusqlite::types::{ToSqlOutput, Value as Bound};
use serde_json::Value as Json;

use super::{Dialect, Val, translate};

/// A statement without rows, or one to run for each of them.
pub(super) enum Plan {
    /// As translated.
    Once(String),
    /// Per row.
    Each(Each),
}

/// A statement that runs once per row.
pub(super) struct Each {
    pub(super) sql: String,
    /// Parameter (from 0) that holds the rows; the statement itself uses it no more.
    rows: usize,
    /// What the parameters after the outer ones take from the row.
    taken: Vec<Taken>,
}

/// One value of a row: `x.value->>'name'` as text or number, `x.value->'name'` as a JSON document.
#[derive(Debug, PartialEq, Eq)]
struct Taken {
    name: String,
    document: bool,
}

impl Plan {
    /// Plans a statement. `outer` is how many parameters it is called with.
    pub(super) fn new(sql: &str, outer: usize) -> Self {
        Self::each(sql, outer).unwrap_or_else(|| Self::Once(translate(sql, Dialect::Sqlite)))
    }

    /// Inserts and updates whose rows are the source itself; a list within a condition stays one statement.
    fn each(sql: &str, outer: usize) -> Option<Self> {
        let verb = sql.trim_start();
        if !verb.starts_with("insert") && !verb.starts_with("update") {
            return None;
        }
        let (before, after) = sql.split_once("from EACH($")?;
        let (number, after) = after.split_once(')')?;
        let rows = number.parse::<usize>().ok()?.checked_sub(1)?;
        if before.matches('(').count() != before.matches(')').count() || after.contains("EACH(") {
            return None;
        }
        let mut taken: Vec<Taken> = Vec::new();
        let mut text = String::with_capacity(sql.len());
        let whole = format!("{before}{after}");
        let mut rest = whole.as_str();
        while let Some((head, tail)) = rest.split_once("x.value->") {
            let (document, tail) = tail.strip_prefix('>').map_or((true, tail), |tail| (false, tail));
            let (name, tail) = tail.strip_prefix('\'')?.split_once('\'')?;
            let one = Taken { name: name.to_owned(), document };
            let at = taken.iter().position(|known| *known == one).unwrap_or_else(|| {
                taken.push(one);
                taken.len() - 1
            });
            text.push_str(head);
            text.push_str(&format!("${}", outer + at + 1));
            rest = tail;
        }
        text.push_str(rest);
        Some(Self::Each(Each { sql: translate(&text, Dialect::Sqlite), rows, taken }))
    }
}

impl Each {
    /// The rows among the parameters of a call.
    pub(super) fn rows<'a>(&self, params: &'a [Val]) -> &'a [Json] {
        match params.get(self.rows) {
            Some(Val::Json(Json::Array(rows))) => rows,
            _ => &[],
        }
    }

    /// Parameters of one row, by number from 1: the outer ones without the rows themselves, then what is taken from the row.
    pub(super) fn bind<'a>(&'a self, params: &'a [Val], row: &'a Json) -> impl Iterator<Item = (usize, Slot<'a>)> {
        let outer = params.iter().enumerate().filter(|(at, _)| *at != self.rows).map(|(at, value)| (at + 1, Slot::Outer(value)));
        let inner = self.taken.iter().enumerate().map(move |(at, taken)| {
            let value = row.get(&taken.name);
            (params.len() + at + 1, if taken.document { Slot::Document(value) } else { Slot::Scalar(value) })
        });
        outer.chain(inner)
    }
}

/// One parameter of a row's statement.
pub(super) enum Slot<'a> {
    Outer(&'a Val),
    Scalar(Option<&'a Json>),
    Document(Option<&'a Json>),
}

impl rusqlite::types::ToSql for Slot<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Outer(value) => return value.to_sql(),
            Self::Document(None) | Self::Scalar(None | Some(Json::Null)) => ToSqlOutput::Owned(Bound::Null),
            Self::Document(Some(document)) => ToSqlOutput::Owned(Bound::Text(document.to_string())),
            Self::Scalar(Some(Json::String(text))) => ToSqlOutput::Borrowed(text.as_str().into()),
            Self::Scalar(Some(Json::Bool(flag))) => ToSqlOutput::Owned(Bound::Integer(i64::from(*flag))),
            Self::Scalar(Some(Json::Number(number))) => ToSqlOutput::Owned(match number.as_i64() {
                Some(whole) => Bound::Integer(whole),
                None => Bound::Real(number.as_f64().unwrap_or(f64::NAN)),
            }),
            Self::Scalar(Some(document)) => ToSqlOutput::Owned(Bound::Text(document.to_string())),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn each(sql: &str, outer: usize) -> Each {
        match Plan::new(sql, outer) {
            Plan::Each(each) => each,
            Plan::Once(sql) => panic!("one statement: {sql}"),
        }
    }

    #[test]
    fn an_insert_over_rows_runs_per_row() {
        let plan =
            each("insert into t (a, b, c) select $2, x.value->>'b', x.value->'c' from EACH($1) where true on conflict do nothing", 2);
        assert_eq!(plan.sql, "insert into t (a, b, c) select ?2, ?3, ?4  where true on conflict do nothing");
        assert_eq!(plan.rows, 0);
    }

    #[test]
    fn a_value_used_twice_is_bound_once() {
        let plan = each("update t set a = cast(x.value->>'n' as bigint) from EACH($1) where t.b = x.value->>'n'", 1);
        assert_eq!(plan.sql, "update t set a = cast(?2 as bigint)  where t.b = ?2");
    }

    #[test]
    fn a_list_in_a_condition_stays_one_statement() {
        let delete = "delete from t where (a) in (select x.value->>'a' from EACH($1))";
        let update = "update t set a = $2 where b in (select x.value->>'b' from EACH($1))";
        assert!(matches!(Plan::new(delete, 1), Plan::Once(_)));
        assert!(matches!(Plan::new(update, 2), Plan::Once(_)));
    }
}
