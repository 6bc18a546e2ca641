//! Running a bound query: filtering, sorting, and turning rows into JSON.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::cell::Val;
use super::fail::{Fail, Outcome};
use super::id::SfId;
use super::org::Org;
use super::schema::FieldType;
use super::soql::{Expr, Item, Op, Select, parse};
use super::soql_plan::{Filter, Key, Path, Set};
use super::table::{Row, Table};

/// One output column.
#[derive(Debug, Clone)]
pub(crate) enum Column {
    /// A field; `dotted` as the client wrote it.
    Field {
        path: Path,
        dotted: String,
    },
    Children {
        name: String,
        table: usize,
        slot: u16,
        inner: Arc<Bound>,
        limit: Option<usize>,
        order: Vec<(Path, bool, bool)>,
    },
}

/// A query bound to its object.
#[derive(Debug)]
pub(crate) struct Bound {
    pub table: usize,
    pub columns: Vec<Column>,
    pub filter: Option<Filter>,
}

/// What a query gave.
pub(crate) enum Found {
    Count(usize),
    Aggregates(Vec<Value>),
    Rows(Arc<Bound>, Arc<Vec<u32>>),
}

impl Org {
    /// Runs a query text for a user; `all` includes deleted rows.
    pub fn query(&mut self, text: &str, user: SfId, all: bool) -> Outcome<Found> {
        let select = parse(text)?;
        let table = self.reachable(&select.from).ok_or_else(|| Fail::invalid_type(&select.from))?;
        let hidden = self.hidden(user, table);
        let filter = select.filter.as_ref().map(|expr| self.bind(table, expr, &hidden)).transpose()?;
        let stamp_first = select.order.first().is_some_and(|o| !o.descending && o.field.eq_ignore_ascii_case("SystemModstamp"));
        let (candidates, by_stamp) = self.candidates(table, filter.as_ref(), stamp_first);
        let aggregate = select.items.iter().any(|item| matches!(item, Item::Aggregate { function, .. } if function != "FIELDS"));
        let early = !aggregate && Self::sorted_by_source(&select, by_stamp);
        let stop = match select.limit {
            Some(limit) if early => limit.saturating_add(select.offset),
            _ => usize::MAX,
        };
        let t = &self.tables[table];
        let mut ords = Vec::new();
        for ord in candidates {
            if ords.len() >= stop {
                break;
            }
            if let Some(row) = t.row(ord)
                && self.shows(row, all)
                && (all || !t.is_archived(row))
                && filter.as_ref().is_none_or(|f| self.matches(row, f))
            {
                ords.push(ord);
            }
        }
        if aggregate || !select.group.is_empty() {
            return self.aggregate(table, &select, &ords, &hidden);
        }
        if !early && !select.order.is_empty() {
            let order = self.bind_order(table, &select, &hidden)?;
            self.sort(table, &mut ords, &order);
        }
        ords.drain(..select.offset.min(ords.len()));
        ords.truncate(select.limit.unwrap_or(usize::MAX));
        let columns = self.columns(table, &select, user, &hidden)?;
        Ok(Found::Rows(Arc::new(Bound { table, columns, filter: None }), Arc::new(ords)))
    }

    fn bind_order(&self, table: usize, select: &Select, hidden: &[u16]) -> Outcome<Vec<(Path, bool, bool)>> {
        select.order.iter().map(|o| Ok((self.path(table, &o.field, hidden)?, o.descending, o.nulls_last))).collect()
    }

    fn sort(&self, table: usize, ords: &mut [u32], order: &[(Path, bool, bool)]) {
        let t = &self.tables[table];
        ords.sort_by(|a, b| {
            let (Some(a_row), Some(b_row)) = (t.row(*a), t.row(*b)) else { return Ordering::Equal };
            for (path, descending, nulls_last) in order {
                let (x, y) = (self.read(a_row, path), self.read(b_row, path));
                let found = match (x.is_null(), y.is_null()) {
                    (true, true) => Ordering::Equal,
                    (true, false) => {
                        if *nulls_last {
                            Ordering::Greater
                        } else {
                            Ordering::Less
                        }
                    }
                    (false, true) => {
                        if *nulls_last {
                            Ordering::Less
                        } else {
                            Ordering::Greater
                        }
                    }
                    (false, false) if *descending => compare(x, y).reverse(),
                    (false, false) => compare(x, y),
                };
                if found != Ordering::Equal {
                    return found;
                }
            }
            a.cmp(b)
        });
    }

    fn columns(&mut self, table: usize, select: &Select, user: SfId, hidden: &[u16]) -> Outcome<Vec<Column>> {
        let mut columns = Vec::new();
        for item in &select.items {
            match item {
                Item::Field(dotted) => {
                    let path = self.path(table, dotted, hidden)?;
                    columns.push(Column::Field { path, dotted: dotted.clone() });
                }
                Item::Aggregate { field, .. } => {
                    if select.limit.is_none_or(|limit| limit > 200) {
                        let message = "The SOQL FIELDS function must have a LIMIT of at most 200";
                        return Err(Fail::bad("MALFORMED_QUERY", message));
                    }
                    let which = field.as_deref().unwrap_or("ALL").to_ascii_uppercase();
                    let names: Vec<String> = self.tables[table]
                        .fields()
                        .filter(|(slot, f)| !hidden.contains(slot) && (which == "ALL" || (which == "CUSTOM") == f.spec.is_custom()))
                        .map(|(_, f)| f.spec.name.clone())
                        .collect();
                    for dotted in names {
                        columns.push(Column::Field { path: self.path(table, &dotted, hidden)?, dotted });
                    }
                }
                Item::Children(inner) => columns.push(self.child_column(table, inner, user)?),
            }
        }
        Ok(columns)
    }

    fn child_column(&mut self, table: usize, inner: &Select, user: SfId) -> Outcome<Column> {
        let parent = self.tables[table].name.clone();
        let found = self.tables.iter().zip(0..).find_map(|(t, at)| {
            let (slot, _) = t.fields().find(|(_, f)| {
                f.spec.child_relationship.as_deref().is_some_and(|c| c.eq_ignore_ascii_case(&inner.from))
                    && f.spec.reference_to.contains(&parent)
            })?;
            Some((at, slot))
        });
        let Some((child, slot)) = found else {
            let message = format!(
                "Didn't understand relationship '{}' in FROM part of query call. If you are attempting to use a custom relationship, be sure to append the '__r' after the custom relationship name. Please reference your WSDL or the describe call for the appropriate names.",
                inner.from
            );
            return Err(Fail::bad("INVALID_TYPE", message));
        };
        let hidden = self.hidden(user, child);
        let filter = inner.filter.as_ref().map(|expr: &Expr| self.bind(child, expr, &hidden)).transpose()?;
        let order = self.bind_order(child, inner, &hidden)?;
        let columns = self.columns(child, inner, user, &hidden)?;
        let bound = Arc::new(Bound { table: child, columns, filter });
        Ok(Column::Children { name: inner.from.clone(), table: child, slot, inner: bound, limit: inner.limit, order })
    }

    pub fn matches(&self, row: &Row, filter: &Filter) -> bool {
        match filter {
            Filter::And(list) => list.iter().all(|f| self.matches(row, f)),
            Filter::Or(list) => list.iter().any(|f| self.matches(row, f)),
            Filter::Not(inner) => !self.matches(row, inner),
            Filter::Compare(path, op, key) => holds(self.read(row, path), *op, key),
            Filter::Among(path, set, negated) => among(self.read(row, path), set) != *negated,
            Filter::Like(path, pattern) => match self.read(row, path) {
                Val::Text(text) => like(pattern, &text.to_lowercase().chars().collect::<Vec<char>>()),
                _ => false,
            },
            Filter::Includes(path, sets, negated) => {
                let Val::Text(text) = self.read(row, path) else { return *negated };
                let held: BTreeSet<String> = text.split(';').map(str::to_lowercase).collect();
                sets.iter().any(|set| set.iter().all(|v| held.contains(v))) != *negated
            }
        }
    }

    /// One row as REST shows it.
    pub fn project(&self, bound: &Bound, row: &Row, version: &str) -> Value {
        let t = &self.tables[bound.table];
        let mut record = Map::with_capacity(bound.columns.len() + 1);
        record.insert("attributes".to_owned(), attributes(t, row, version));
        for column in &bound.columns {
            match column {
                Column::Field { path, .. } if path.steps.is_empty() => {
                    record.insert(path.name.clone(), self.field_json(t, row, path.slot, path.kind));
                }
                Column::Field { path, .. } => self.nest(&mut record, row, path, version),
                Column::Children { name, table, slot, inner, limit, order } => {
                    let mut ords = self.children(*table, *slot, row.id);
                    ords.retain(|ord| {
                        self.tables[*table].row(*ord).is_some_and(|r| inner.filter.as_ref().is_none_or(|f| self.matches(r, f)))
                    });
                    if !order.is_empty() {
                        self.sort(*table, &mut ords, order);
                    }
                    ords.truncate(limit.unwrap_or(usize::MAX));
                    let rows: Vec<Value> =
                        ords.iter().filter_map(|ord| Some(self.project(inner, self.tables[*table].row(*ord)?, version))).collect();
                    let value = if rows.is_empty() { Value::Null } else { json!({"totalSize": rows.len(), "done": true, "records": rows}) };
                    record.insert(name.clone(), value);
                }
            }
        }
        Value::Object(record)
    }

    /// Puts a parent's field into nested objects, each with its attributes.
    fn nest(&self, record: &mut Map<String, Value>, row: &Row, path: &Path, version: &str) {
        let mut here = record;
        for depth in 1..=path.steps.len() {
            let (table, slot) = path.steps[depth - 1];
            let name = self.tables[table].field(slot).and_then(|f| f.spec.relationship.clone()).unwrap_or_default();
            let upto = Path { steps: path.steps[..depth].to_vec(), ..path.clone() };
            let parent = self.walk(row, &upto);
            let entry = here.entry(name).or_insert_with(|| match parent {
                Some((t, row)) => json!({"attributes": attributes(t, row, version)}),
                None => Value::Null,
            });
            let Value::Object(inner) = entry else { return };
            here = inner;
        }
        let value = match self.walk(row, path) {
            Some((t, row)) if !path.asks_type && t.name == self.tables[path.table].name => self.field_json(t, row, path.slot, path.kind),
            _ => self.read(row, path).json(path.kind),
        };
        here.insert(path.name.clone(), value);
    }

    /// A field as REST shows it; compound addresses are put together here.
    pub fn field_json(&self, t: &Table, row: &Row, slot: u16, kind: FieldType) -> Value {
        if kind != FieldType::Address {
            return t.value(row, slot).json(kind);
        }
        let stem = t.field(slot).map(|f| f.spec.name.trim_end_matches("Address").to_owned()).unwrap_or_default();
        let part = |name: &str| t.slot(&format!("{stem}{name}")).map_or(Value::Null, |s| row.cell(s).json(FieldType::String));
        let parts = [
            ("city", part("City")),
            ("country", part("Country")),
            ("postalCode", part("PostalCode")),
            ("state", part("State")),
            ("street", part("Street")),
        ];
        if parts.iter().all(|(_, value)| value.is_null()) {
            return Value::Null;
        }
        let mut map: Map<String, Value> = parts.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
        map.insert("geocodeAccuracy".to_owned(), Value::Null);
        map.insert("latitude".to_owned(), Value::Null);
        map.insert("longitude".to_owned(), Value::Null);
        Value::Object(map)
    }

    fn aggregate(&mut self, table: usize, select: &Select, ords: &[u32], hidden: &[u16]) -> Outcome<Found> {
        if let [Item::Aggregate { function, field: None, .. }] = select.items.as_slice()
            && function == "COUNT"
            && select.group.is_empty()
        {
            return Ok(Found::Count(ords.len().min(select.limit.unwrap_or(usize::MAX))));
        }
        let group: Vec<Path> = select.group.iter().map(|name| self.path(table, name, hidden)).collect::<Outcome<_>>()?;
        let mut buckets: BTreeMap<Vec<String>, Vec<u32>> = BTreeMap::new();
        if group.is_empty() {
            buckets.insert(Vec::new(), ords.to_vec());
        }
        let t = &self.tables[table];
        for ord in ords.iter().filter(|_| !group.is_empty()) {
            if let Some(row) = t.row(*ord) {
                let key = group.iter().map(|path| self.read(row, path).plain(path.kind)).collect();
                buckets.entry(key).or_default().push(*ord);
            }
        }
        let mut results = Vec::new();
        for members in buckets.values() {
            let mut record = Map::new();
            record.insert("attributes".to_owned(), json!({"type": "AggregateResult"}));
            let mut unnamed = 0;
            for item in &select.items {
                match item {
                    Item::Field(name) => {
                        let path = self.path(table, name, hidden)?;
                        if !select.group.iter().any(|g| g.eq_ignore_ascii_case(name)) {
                            return Err(Fail::bad("MALFORMED_QUERY", format!("Field must be grouped or aggregated: {name}")));
                        }
                        let first = members.first().and_then(|ord| t.row(*ord));
                        record.insert(path.name.clone(), first.map_or(Value::Null, |row| self.read(row, &path).json(path.kind)));
                    }
                    Item::Aggregate { function, field, alias } => {
                        let name = alias.clone().unwrap_or_else(|| {
                            unnamed += 1;
                            format!("expr{}", unnamed - 1)
                        });
                        let path = field.as_ref().map(|f| self.path(table, f, hidden)).transpose()?;
                        record.insert(name, self.fold(table, members, function, path.as_ref()));
                    }
                    Item::Children(_) => return Err(Fail::bad("MALFORMED_QUERY", "sub-queries cannot be grouped")),
                }
            }
            results.push(Value::Object(record));
        }
        results.truncate(select.limit.unwrap_or(2000));
        Ok(Found::Aggregates(results))
    }

    fn fold(&self, table: usize, members: &[u32], function: &str, path: Option<&Path>) -> Value {
        let Some(path) = path else { return json!(members.len()) };
        let t = &self.tables[table];
        let values: Vec<Val<'_>> = members.iter().filter_map(|ord| Some(self.read(t.row(*ord)?, path))).filter(|v| !v.is_null()).collect();
        let numbers = || values.iter().filter_map(|v| if let Val::Num(n) = v { Some(*n) } else { None });
        match function {
            "COUNT" => json!(values.len()),
            "COUNT_DISTINCT" => json!(values.iter().map(|v| v.plain(path.kind)).collect::<BTreeSet<String>>().len()),
            "MIN" => values.into_iter().min_by(|a, b| compare(*a, *b)).unwrap_or(Val::Null).json(path.kind),
            "MAX" => values.into_iter().max_by(|a, b| compare(*a, *b)).unwrap_or(Val::Null).json(path.kind),
            "SUM" => json!(numbers().sum::<f64>()),
            _ if values.is_empty() => Value::Null,
            _ => json!(numbers().sum::<f64>() / values.len() as f64),
        }
    }
}

/// The `attributes` member of a record.
pub(crate) fn attributes(t: &Table, row: &Row, version: &str) -> Value {
    json!({"type": t.name, "url": format!("/services/data/v{version}/sobjects/{}/{}", t.name, row.id)})
}

fn compare(a: Val<'_>, b: Val<'_>) -> Ordering {
    match (a, b) {
        (Val::Text(a), Val::Text(b)) => a.to_lowercase().cmp(&b.to_lowercase()),
        (Val::Num(a), Val::Num(b)) => a.total_cmp(&b),
        (Val::Ms(a), Val::Ms(b)) => a.cmp(&b),
        (Val::Id(a), Val::Id(b)) => a.cmp(&b),
        (Val::Bool(a), Val::Bool(b)) => a.cmp(&b),
        _ => Ordering::Equal,
    }
}

fn same_text(value: &str, lower: &str) -> bool {
    if value.is_ascii() { value.eq_ignore_ascii_case(lower) } else { value.to_lowercase() == lower }
}

fn holds(value: Val<'_>, op: Op, key: &Key) -> bool {
    let order = match (value, key) {
        (Val::Null, Key::Null) => return matches!(op, Op::Eq | Op::Le | Op::Ge),
        // A null differs from every value, and is neither less nor more.
        (Val::Null, _) | (_, Key::Null) => return op == Op::Ne,
        (Val::Text(a), Key::Text(b)) if matches!(op, Op::Eq | Op::Ne) => return same_text(a, b) == (op == Op::Eq),
        (Val::Text(a), Key::Text(b)) => a.to_lowercase().as_str().cmp(b.as_str()),
        (Val::Num(a), Key::Num(b)) => a.total_cmp(b),
        (Val::Ms(a), Key::Ms(b)) => a.cmp(b),
        (Val::Id(a), Key::Id(b)) => a.cmp(b),
        (Val::Bool(a), Key::Bool(b)) => a.cmp(b),
        _ => return false,
    };
    match op {
        Op::Eq => order.is_eq(),
        Op::Ne => order.is_ne(),
        Op::Lt => order.is_lt(),
        Op::Gt => order.is_gt(),
        Op::Le => order.is_le(),
        Op::Ge => order.is_ge(),
        _ => false,
    }
}

fn among(value: Val<'_>, set: &Set) -> bool {
    match value {
        Val::Null => set.null,
        Val::Id(id) => set.ids.contains(&id),
        Val::Text(text) => set.texts.contains(&text.to_lowercase()),
        other => set.others.iter().any(|key| holds(other, Op::Eq, key)),
    }
}

/// `%` any run, `_` any one character, a backslash before either takes it literally.
fn like(pattern: &[char], text: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['%', rest @ ..] => (0..=text.len()).any(|from| like(rest, &text[from..])),
        ['\\', c, rest @ ..] => text.first() == Some(c) && like(rest, &text[1..]),
        ['_', rest @ ..] => !text.is_empty() && like(rest, &text[1..]),
        [c, rest @ ..] => text.first() == Some(c) && like(rest, &text[1..]),
    }
}
