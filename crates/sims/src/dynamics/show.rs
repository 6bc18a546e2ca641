//! Rows as answers show them: selected columns, lookups, expansions, annotations.

use serde_json::{Map, Value, json};

use super::call::Call;
use super::moment::iso;
use super::refusal::Refusal;
use super::schema::{Column, Table, Ty};
use super::state::{Record, State};

const FORMATTED: &str = "OData.Community.Display.V1.FormattedValue";
const LOGICAL: &str = "Microsoft.Dynamics.CRM.lookuplogicalname";
const NAVIGATION: &str = "Microsoft.Dynamics.CRM.associatednavigationproperty";

/// What is asked for of each row.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shape {
    /// Names as they are read; every column without any.
    pub(crate) select: Vec<String>,
    expand: Vec<(String, Shape)>,
    /// Annotations that are wanted, with wildcards.
    annotations: Option<String>,
}

impl Shape {
    fn wants(&self, annotation: &str) -> bool {
        let patterns = self.annotations.as_deref().unwrap_or_default();
        patterns.split(',').map(str::trim).any(|pattern| match pattern.strip_suffix('*') {
            Some(beginning) => annotation.starts_with(beginning),
            None => pattern == annotation,
        })
    }

    pub(crate) fn wants_all(&self) -> bool {
        self.annotations.as_deref() == Some("*")
    }
}

/// Splits at a sign that stands in no parentheses.
fn split_outside(text: &str, sign: char) -> Vec<String> {
    let (mut parts, mut depth) = (vec![String::new()], 0_i32);
    for letter in text.chars() {
        depth += i32::from(letter == '(') - i32::from(letter == ')');
        match parts.last_mut() {
            _ if letter == sign && depth == 0 => parts.push(String::new()),
            Some(last) => last.push(letter),
            None => {}
        }
    }
    parts.into_iter().map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

impl State {
    /// Reads `$select` and `$expand`.
    ///
    /// # Errors
    /// When a name is no property of the table.
    pub(crate) fn shape(&self, table: &Table, call: &Call) -> Result<Shape, Refusal> {
        let annotations = call.preference("odata.include-annotations").map(str::to_owned);
        self.shape_of(table, call.query("$select"), call.query("$expand"), annotations)
    }

    fn shape_of(&self, table: &Table, select: Option<&str>, expand: Option<&str>, annotations: Option<String>) -> Result<Shape, Refusal> {
        let mut shape = Shape { annotations: annotations.clone(), ..Shape::default() };
        for name in select.unwrap_or_default().split(',').map(str::trim).filter(|name| !name.is_empty()) {
            if table.readable(name).is_none() {
                return Err(Refusal::no_property(name, &table.name));
            }
            shape.select.push(name.to_owned());
        }
        for part in split_outside(expand.unwrap_or_default(), ',') {
            let (property, options) = part.split_once('(').map_or((part.as_str(), ""), |(name, rest)| (name, rest.trim_end_matches(')')));
            let (_, target) = table.bound(property).ok_or_else(|| Refusal::no_property(property, &table.name))?;
            let inner = split_outside(options, ';').into_iter().find_map(|option| option.strip_prefix("$select=").map(str::to_owned));
            let target = self.table(target)?;
            shape.expand.push((property.to_owned(), self.shape_of(target, inner.as_deref(), None, annotations.clone())?));
        }
        Ok(shape)
    }

    /// A column's value in the form that answers have.
    pub(crate) fn value(&self, record: &Record, column: &Column) -> Value {
        match column.name.as_str() {
            _ if column.ty == Ty::Key => json!(record.id),
            _ if column.secret => Value::Null,
            "createdon" => json!(iso(record.created_ms)),
            "modifiedon" => json!(iso(record.modified_ms)),
            "versionnumber" => json!(record.version),
            "createdby" => json!(record.created_by),
            "modifiedby" => json!(record.modified_by),
            name if column.is_lookup() => record.link(name).map_or(Value::Null, |(_, id)| json!(id)),
            name => record.get(name).clone(),
        }
    }

    /// A value by the name of a filter: a column, or one behind a lookup (`primarycontactid/fullname`).
    pub(crate) fn value_by_name(&self, table: &Table, record: &Record, name: &str) -> Value {
        if let Some((property, rest)) = name.split_once('/') {
            let Some((column, target)) = table.bound(property) else { return Value::Null };
            let found = self.target(record, column).filter(|(held, _)| *held == target);
            let Some((target, row)) = found.and_then(|(target, id)| Some((self.table(target).ok()?, self.row(target, id)?))) else {
                return Value::Null;
            };
            return self.value_by_name(target, row, rest);
        }
        table.readable(name).map_or(Value::Null, |column| self.value(record, column))
    }

    /// Whether a filter or an order may use a name.
    pub(crate) fn is_name(&self, table: &Table, name: &str) -> bool {
        match name.split_once('/') {
            Some((property, rest)) => {
                table.bound(property).and_then(|(_, target)| self.table(target).ok()).is_some_and(|target| self.is_name(target, rest))
            }
            None => table.readable(name).is_some(),
        }
    }

    /// Table and id that a lookup leads to.
    fn target<'a>(&'a self, record: &'a Record, column: &Column) -> Option<(&'a str, &'a str)> {
        match column.name.as_str() {
            "createdby" => Some(("systemuser", record.created_by.as_str())),
            "modifiedby" => Some(("systemuser", record.modified_by.as_str())),
            name => record.link(name),
        }
    }

    fn formatted(&self, record: &Record, column: &Column, value: &Value) -> Option<Value> {
        let label = |wanted: i64| column.choices().iter().find(|choice| choice.value == wanted).map(|choice| choice.label.clone());
        match &column.ty {
            _ if value.is_null() => None,
            Ty::Choice(_) | Ty::State(_) | Ty::Status(_) => label(value.as_i64()?).map(Value::from),
            Ty::Choices(_) => {
                let parts = value.as_str()?.split(',').filter_map(|part| label(part.trim().parse().ok()?));
                Some(Value::from(parts.collect::<Vec<_>>().join("; ")))
            }
            Ty::YesNo => Some(json!(if value == &json!(true) { "Yes" } else { "No" })),
            Ty::Money => Some(json!(format!("${:.2}", value.as_f64()?))),
            Ty::Lookup(_) => {
                let (table, id) = self.target(record, column)?;
                let title = &self.table(table).ok()?.title;
                Some(self.row(table, id)?.get(title).clone()).filter(|title| !title.is_null())
            }
            _ => None,
        }
    }

    /// A row as it was asked for. Its key comes along whether or not it was.
    pub(crate) fn shown(&self, table: &Table, record: &Record, shape: &Shape) -> Map<String, Value> {
        let mut row = Map::new();
        row.insert("@odata.etag".to_owned(), json!(format!("W/\"{}\"", record.version)));
        let chosen = |column: &&Column| shape.select.is_empty() || column.ty == Ty::Key || shape.select.contains(&column.read_name());
        let mut columns: Vec<&Column> = table.columns.iter().filter(chosen).collect();
        // Money brings its currency.
        if columns.iter().any(|column| column.ty == Ty::Money)
            && !columns.iter().any(|column| column.name == "transactioncurrencyid")
            && let Some(currency) = table.column("transactioncurrencyid")
        {
            columns.push(currency);
        }
        for column in columns {
            let (name, value) = (column.read_name(), self.value(record, column));
            if shape.annotations.is_some() {
                if shape.wants(FORMATTED)
                    && let Some(text) = self.formatted(record, column, &value)
                {
                    row.insert(format!("{name}@{FORMATTED}"), text);
                }
                if let Some((target, _)) = self.target(record, column).filter(|_| column.is_lookup()) {
                    if shape.wants(LOGICAL) {
                        row.insert(format!("{name}@{LOGICAL}"), json!(target));
                    }
                    let property = column.navigation(&table.name).into_iter().find(|(_, held)| *held == target);
                    if let Some((property, _)) = property.filter(|_| shape.wants(NAVIGATION)) {
                        row.insert(format!("{name}@{NAVIGATION}"), json!(property));
                    }
                }
            }
            row.insert(name, value);
        }
        for (property, inner) in &shape.expand {
            let target = table.bound(property).and_then(|(column, wanted)| self.target(record, column).filter(|(held, _)| *held == wanted));
            let found = target.and_then(|(target, id)| Some((self.table(target).ok()?, self.row(target, id)?)));
            row.insert(property.clone(), found.map_or(Value::Null, |(target, row)| Value::Object(self.shown(target, row, inner))));
        }
        row
    }
}
