//! A query bound to the org: names become places, literals become typed, and the cheapest source of rows is chosen.

use std::collections::HashSet;

use super::cell::Val;
use super::fail::{Fail, Outcome};
use super::id::SfId;
use super::org::{BIN_DAYS, DAY_MS, Org};
use super::schema::FieldType;
use super::soql::{Expr, Literal, Op, Select};
use super::table::{Row, Table};

/// A field, perhaps of a parent.
#[derive(Debug, Clone)]
pub(crate) struct Path {
    /// Reference fields to follow, by slot, with the table each starts from.
    pub steps: Vec<(usize, u16)>,
    pub table: usize,
    pub slot: u16,
    /// Name of the last field, for parents of other objects than the first one.
    pub name: String,
    pub kind: FieldType,
    /// `Who.Type`: the name of the parent's object.
    pub asks_type: bool,
}

#[derive(Debug, Clone)]
pub(crate) enum Filter {
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    Compare(Path, Op, Key),
    Among(Path, Set, bool),
    Like(Path, Vec<char>),
    /// Multi-select: any of the combinations, each with all of its values.
    Includes(Path, Vec<Vec<String>>, bool),
}

#[derive(Debug, Clone)]
pub(crate) enum Key {
    Null,
    Bool(bool),
    Num(f64),
    Ms(i64),
    Id(SfId),
    /// Lower case.
    Text(String),
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Set {
    pub null: bool,
    pub ids: HashSet<SfId>,
    pub texts: HashSet<String>,
    pub others: Vec<Key>,
}

/// Instants or ids between which all matching rows lie, both inclusive.
type Bounds = (i64, i64);

impl Org {
    /// Resolves `Account.Owner.Name` from `table`.
    pub fn path(&self, table: usize, dotted: &str, hidden: &[u16]) -> Outcome<Path> {
        let mut parts: Vec<&str> = dotted.split('.').collect();
        if parts.len() > 1 && parts[0].eq_ignore_ascii_case(&self.tables[table].name) && self.tables[table].relationship(parts[0]).is_none()
        {
            parts.remove(0);
        }
        let last = parts.pop().unwrap_or_default();
        let mut here = table;
        let mut steps = Vec::new();
        let mut polymorphic: Vec<usize> = Vec::new();
        for part in parts {
            let t = &self.tables[here];
            let Some((slot, field)) = t.relationship(part) else {
                let message = format!(
                    "Didn't understand relationship '{part}' in field path. If you are attempting to use a custom relationship, be sure to append the '__r' after the custom relationship name. Please reference your WSDL or the describe call for the appropriate names."
                );
                return Err(Fail::bad("INVALID_FIELD", message));
            };
            steps.push((here, slot));
            polymorphic = field.spec.reference_to.iter().filter_map(|to| self.table(to)).collect();
            here = *polymorphic.first().ok_or_else(|| self.no_column(here, part))?;
        }
        if last.eq_ignore_ascii_case("Type") && polymorphic.len() > 1 {
            let kind = FieldType::String;
            return Ok(Path { steps, table: here, slot: 0, name: "Type".to_owned(), kind, asks_type: true });
        }
        let candidates = if steps.is_empty() { vec![here] } else { polymorphic };
        for at in candidates {
            if let Some((slot, field)) = self.tables[at].named(last)
                && (at != table || !hidden.contains(&slot))
            {
                let (name, kind) = (field.spec.name.clone(), field.spec.kind);
                return Ok(Path { steps, table: at, slot, name, kind, asks_type: false });
            }
        }
        Err(self.no_column(here, last))
    }

    fn no_column(&self, table: usize, name: &str) -> Fail {
        let message = format!(
            "No such column '{name}' on entity '{}'. If you are attempting to use a custom field, be sure to append the '__c' after the custom field name. Please reference your WSDL or the describe call for the appropriate names.",
            self.tables[table].name
        );
        Fail::bad("INVALID_FIELD", message)
    }

    /// Walks a path from a row to the row that holds the value.
    pub fn walk<'a>(&'a self, row: &'a Row, path: &Path) -> Option<(&'a Table, &'a Row)> {
        let mut here: (Option<usize>, &Row) = (None, row);
        for (table, slot) in &path.steps {
            let t = &self.tables[here.0.unwrap_or(*table)];
            let slot = if here.0.is_none_or(|at| at == *table) { *slot } else { t.slot(&self.tables[*table].field(*slot)?.spec.name)? };
            let id = t.value(here.1, slot).id()?;
            let (at, ord) = self.locate(id)?;
            here = (Some(at), self.tables[at].row(ord)?);
        }
        Some((&self.tables[here.0.unwrap_or(path.table)], here.1))
    }

    pub fn read<'a>(&'a self, row: &'a Row, path: &Path) -> Val<'a> {
        let Some((t, row)) = self.walk(row, path) else { return Val::Null };
        if path.asks_type {
            return Val::Text(&t.name);
        }
        if t.name == self.tables[path.table].name {
            return t.value(row, path.slot);
        }
        t.slot(&path.name).map_or(Val::Null, |slot| t.value(row, slot))
    }

    pub fn bind(&self, table: usize, expr: &Expr, hidden: &[u16]) -> Outcome<Filter> {
        let all = |list: &[Expr]| list.iter().map(|e| self.bind(table, e, hidden)).collect::<Outcome<Vec<Filter>>>();
        match expr {
            Expr::And(list) => all(list).map(Filter::And),
            Expr::Or(list) => all(list).map(Filter::Or),
            Expr::Not(inner) => Ok(Filter::Not(Box::new(self.bind(table, inner, hidden)?))),
            Expr::Test { field, op, values } => self.bind_test(table, field, *op, values, hidden),
        }
    }

    fn bind_test(&self, table: usize, name: &str, op: Op, values: &[Literal], hidden: &[u16]) -> Outcome<Filter> {
        let path = self.path(table, name, hidden)?;
        let filterable = path.asks_type || self.tables[path.table].field(path.slot).is_some_and(|f| f.spec.filterable());
        if !filterable {
            return Err(Fail::bad("INVALID_FIELD", format!("field '{}' can not be filtered in a query call", path.name)));
        }
        match op {
            Op::Like => match values.first() {
                Some(Literal::Text(pattern)) if path.kind.is_text() => Ok(Filter::Like(path, pattern.to_lowercase().chars().collect())),
                _ => Err(Fail::bad("INVALID_QUERY_FILTER_OPERATOR", format!("invalid operator on {} field", path.kind.name()))),
            },
            Op::Includes | Op::Excludes => {
                if path.kind != FieldType::MultiPicklist {
                    return Err(Fail::bad(
                        "INVALID_QUERY_FILTER_OPERATOR",
                        format!("includes operator is not valid on {} field", path.kind.name()),
                    ));
                }
                let sets = values.iter().filter_map(|v| if let Literal::Text(t) = v { Some(t) } else { None });
                let sets = sets.map(|t| t.split(';').map(|v| v.trim().to_lowercase()).collect()).collect();
                Ok(Filter::Includes(path, sets, op == Op::Excludes))
            }
            Op::In | Op::NotIn => {
                let mut set = Set::default();
                for value in values {
                    match key(&path, value)? {
                        Key::Null => set.null = true,
                        Key::Id(id) => _ = set.ids.insert(id),
                        Key::Text(text) => _ = set.texts.insert(text),
                        other => set.others.push(other),
                    }
                }
                Ok(Filter::Among(path, set, op == Op::NotIn))
            }
            _ => {
                let value = values.first().unwrap_or(&Literal::Null);
                let key = key(&path, value)?;
                Ok(Filter::Compare(path, op, key))
            }
        }
    }

    /// Rows that may match, in the order of system stamp (when bounded by it, or `by_stamp` asks for it) or of id, and whether
    /// that order is by stamp.
    pub fn candidates<'a>(&'a self, table: usize, filter: Option<&Filter>, by_stamp: bool) -> (Box<dyn Iterator<Item = u32> + 'a>, bool) {
        let t = &self.tables[table];
        if let Some(mut ords) = filter.and_then(|f| self.keyed_rows(table, f)) {
            ords.sort_unstable();
            ords.dedup();
            return (Box::new(ords.into_iter()), false);
        }
        let bounds = filter.and_then(stamp_bounds).or_else(|| by_stamp.then_some((i64::MIN, i64::MAX)));
        match bounds {
            Some((from, to)) if from > to => (Box::new(std::iter::empty()), true),
            Some((from, to)) => (Box::new(t.stamped(from, to)), true),
            None => {
                let first = filter.and_then(|f| self.first_id(table, f)).unwrap_or(0);
                (Box::new(t.rows_from(first).map(|(ord, _)| ord)), false)
            }
        }
    }

    /// Whether rows come sorted by stamp and id, so that a limit may stop the search early.
    pub fn sorted_by_source(select: &Select, by_stamp: bool) -> bool {
        let is = |at: usize, name: &str| select.order.get(at).is_some_and(|o| !o.descending && o.field.eq_ignore_ascii_case(name));
        match select.order.len() {
            0 => true,
            1 => (is(0, "SystemModstamp") && by_stamp) || (is(0, "Id") && !by_stamp),
            2 => is(0, "SystemModstamp") && is(1, "Id") && by_stamp,
            _ => false,
        }
    }

    /// Rows by an index on a key, where some part that must hold names values of one.
    fn keyed_rows(&self, table: usize, filter: &Filter) -> Option<Vec<u32>> {
        let t = &self.tables[table];
        match filter {
            Filter::And(list) => list.iter().find_map(|f| self.keyed_rows(table, f)),
            Filter::Or(list) => {
                let parts: Option<Vec<Vec<u32>>> = list.iter().map(|f| self.keyed_rows(table, f)).collect();
                parts.map(|parts| parts.concat())
            }
            Filter::Compare(path, Op::Eq, key) if path.steps.is_empty() => match key {
                Key::Id(id) if path.name == "Id" => Some(t.find(*id).into_iter().collect()),
                Key::Id(id) if t.is_indexed(path.slot) => Some(t.lookup(path.slot, Val::Id(*id))),
                Key::Text(text) if t.is_indexed(path.slot) => Some(t.lookup(path.slot, Val::Text(text))),
                Key::Num(n) if t.is_indexed(path.slot) => Some(t.lookup(path.slot, Val::Num(*n))),
                _ => None,
            },
            Filter::Among(path, set, false) if path.steps.is_empty() && !set.null && set.others.is_empty() => {
                if path.name == "Id" {
                    return Some(set.ids.iter().filter_map(|id| t.find(*id)).collect());
                }
                let ids = set.ids.iter().map(|id| Val::Id(*id));
                let texts = set.texts.iter().map(|text| Val::Text(text));
                t.is_indexed(path.slot).then(|| ids.chain(texts).flat_map(|value| t.lookup(path.slot, value)).collect())
            }
            _ => None,
        }
    }

    /// The first place where a matching id can be, for `Id > x`.
    fn first_id(&self, table: usize, filter: &Filter) -> Option<u32> {
        match filter {
            Filter::And(list) => list.iter().filter_map(|f| self.first_id(table, f)).max(),
            Filter::Compare(path, Op::Gt | Op::Ge, Key::Id(id)) if path.steps.is_empty() && path.name == "Id" => {
                let own = id.prefix() == self.tables[table].prefix && id.pod() == self.pod;
                own.then(|| u32::try_from(id.serial()).ok()).flatten()
            }
            _ => None,
        }
    }

    /// Whether a row exists for a query: live, or in the bin when the query asks for deleted rows too.
    pub fn shows(&self, row: &Row, all: bool) -> bool {
        row.deleted_ms.is_none_or(|at| all && self.clock.now_ms() - at <= BIN_DAYS * DAY_MS)
    }
}

/// Between which stamps all matching rows lie; `None` when the filter does not bound them.
fn stamp_bounds(filter: &Filter) -> Option<Bounds> {
    match filter {
        Filter::And(list) => list.iter().filter_map(stamp_bounds).reduce(|a, b| (a.0.max(b.0), a.1.min(b.1))),
        Filter::Or(list) => {
            let parts: Option<Vec<Bounds>> = list.iter().map(stamp_bounds).collect();
            parts?.into_iter().reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
        }
        Filter::Compare(path, op, Key::Ms(ms)) if path.steps.is_empty() && path.name == "SystemModstamp" => match op {
            Op::Eq => Some((*ms, *ms)),
            Op::Gt => Some((ms + 1, i64::MAX)),
            Op::Ge => Some((*ms, i64::MAX)),
            Op::Lt => Some((i64::MIN, ms - 1)),
            Op::Le => Some((i64::MIN, *ms)),
            _ => None,
        },
        _ => None,
    }
}

fn key(path: &Path, value: &Literal) -> Outcome<Key> {
    let wrong = |quoted: bool| {
        let advice = if quoted { "should not be enclosed in quotes" } else { "should be enclosed in quotes" };
        let kind = match path.kind {
            FieldType::Datetime => "dateTime",
            kind if kind.is_text() => "string",
            kind => kind.name(),
        };
        Fail::bad("INVALID_FIELD", format!("value of filter criterion for field '{}' must be of type {kind} and {advice}", path.name))
    };
    Ok(match (path.kind, value) {
        (_, Literal::Null) => Key::Null,
        (FieldType::Boolean, Literal::Bool(b)) => Key::Bool(*b),
        (kind, Literal::Number(n)) if kind.is_number() => Key::Num(*n),
        (FieldType::Datetime, Literal::Datetime(ms)) => Key::Ms(*ms),
        (FieldType::Date, Literal::Date(day)) => Key::Text(day.clone()),
        (FieldType::Id | FieldType::Reference, Literal::Text(text)) if text.is_empty() => Key::Null,
        (FieldType::Id | FieldType::Reference, Literal::Text(text)) => {
            let invalid = || Fail::bad("INVALID_QUERY_FILTER_OPERATOR", format!("invalid ID field: {text}"));
            Key::Id(SfId::parse(text).ok_or_else(invalid)?)
        }
        (kind, Literal::Text(text)) if kind.is_text() && text.is_empty() => Key::Null,
        (kind, Literal::Text(text)) if kind.is_text() || kind == FieldType::Time => {
            Key::Text(text.replace("\\%", "%").replace("\\_", "_").to_lowercase())
        }
        (_, Literal::Text(_)) => return Err(wrong(true)),
        _ => return Err(wrong(!path.kind.is_text())),
    })
}
