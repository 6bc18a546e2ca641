//! Statements over many rows on SQLite: run once per row with bound values, instead of having the database take a JSON array apart.
//!
//! SQLite parses and prints the text of a row anew for every value taken from it, and keeps a journal of its own for each statement that
//! touches several rows. A prepared statement per row does neither.

use super::rows::Rows;
use super::{Dialect, Val, translate};
use crate::error::{Result, StoreError};

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
    /// Names of the cells that the parameters after the outer ones take from the row: `x.value->>'name'`, or `x.value->'name'` of a document.
    taken: Vec<String>,
}

impl Plan {
    /// Plans a statement. `outer` is how many parameters it is called with.
    pub(super) fn new(sql: &str, outer: usize) -> Self {
        Self::each(sql, outer).unwrap_or_else(|| Self::Once(translate(sql, Dialect::Sqlite)))
    }

    /// Statements whose rows are the source itself; a list within a condition stays one statement.
    fn each(sql: &str, outer: usize) -> Option<Self> {
        let (before, after) = match sql.trim_start() {
            verb if verb.starts_with("insert") || verb.starts_with("update") => sql.split_once("from EACH($")?,
            verb if verb.starts_with("delete") => sql.split_once("using EACH($")?,
            _ => return None,
        };
        let (number, after) = after.split_once(')')?;
        let rows = number.parse::<usize>().ok()?.checked_sub(1)?;
        if before.matches('(').count() != before.matches(')').count() || after.contains("EACH(") {
            return None;
        }
        let mut taken: Vec<String> = Vec::new();
        let mut text = String::with_capacity(sql.len());
        let whole = format!("{before}{after}");
        let mut rest = whole.as_str();
        while let Some((head, tail)) = rest.split_once("x.value->") {
            let (name, mut tail) = tail.strip_prefix('>').unwrap_or(tail).strip_prefix('\'')?.split_once('\'')?;
            let at = taken.iter().position(|known| known == name).unwrap_or_else(|| {
                taken.push(name.to_owned());
                taken.len() - 1
            });
            // Bytes are bound as they are.
            let bytes = head.strip_suffix("unhex(");
            if bytes.is_some() {
                tail = tail.strip_prefix(')')?;
            }
            text.push_str(bytes.unwrap_or(head));
            text.push_str(&format!("${}", outer + at + 1));
            rest = tail;
        }
        text.push_str(rest);
        Some(Self::Each(Each { sql: translate(&text, Dialect::Sqlite), rows, taken }))
    }
}

impl Each {
    /// The parameter (from 0) that holds the rows.
    pub(super) fn rows_at(&self) -> usize {
        self.rows
    }

    /// The rows among the parameters of a call.
    pub(super) fn rows<'a>(&self, params: &'a [Val]) -> Result<&'a Rows> {
        match params.get(self.rows) {
            Some(Val::Rows(rows)) => Ok(rows),
            _ => Err(StoreError::Invalid(format!("no rows for `{}`", self.sql))),
        }
    }

    /// Where each row has what the parameters after the outer ones take from it.
    pub(super) fn places(&self, params: &[Val]) -> Result<Vec<usize>> {
        let rows = self.rows(params)?;
        let lacking = |name: &str| StoreError::Invalid(format!("rows without `{name}` for `{}`", self.sql));
        self.taken.iter().map(|name| rows.place(name).ok_or_else(|| lacking(name))).collect()
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
    fn bytes_are_bound_as_they_are_and_a_delete_runs_per_row_too() {
        let plan = each("insert into t (a, b) select x.value->>'a', unhex(x.value->>'b') from EACH($1) where true", 1);
        assert_eq!(
            (plan.sql.as_str(), plan.taken),
            ("insert into t (a, b) select ?2, ?3  where true", vec!["a".to_owned(), "b".to_owned()])
        );
        let plan = each("delete from t using EACH($1) where t.a = x.value->>'a' and t.b = $2 returning t.a", 2);
        assert_eq!(plan.sql, "delete from t  where t.a = ?3 and t.b = ?2 returning t.a");
    }

    #[test]
    fn rows_that_lack_what_a_statement_takes_are_refused() {
        let plan = each("insert into t (a) select x.value->>'a' from EACH($1) where true", 1);
        assert!(plan.places(&[Val::rows(&["b"], vec![[Val::Null]])]).is_err());
        assert_eq!(plan.places(&[Val::rows(&["b", "a"], vec![[Val::Null, Val::Null]])]).unwrap(), [1]);
    }

    #[test]
    fn a_list_in_a_condition_stays_one_statement() {
        let delete = "delete from t where (a) in (select x.value->>'a' from EACH($1))";
        let update = "update t set a = $2 where b in (select x.value->>'b' from EACH($1))";
        assert!(matches!(Plan::new(delete, 1), Plan::Once(_)));
        assert!(matches!(Plan::new(update, 2), Plan::Once(_)));
    }
}
