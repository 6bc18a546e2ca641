//! Rows as bulk jobs carry them: CSV with a header of API names, everything quoted as needed, lines ended by LF.
//!
//! Of what goes in, an empty cell is left as it is and `#N/A` empties the field. Of what comes out, an empty cell is null.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use entente_model::mapping::remote::RemoteKind;
use serde_json::{Map, Number, Value};

use super::super::describe::Described;
use super::super::wire::Record;
use crate::error::{Class, VendorError};

/// What empties a field.
const EMPTY: &str = "#N/A";

/// Characters of one field that a job takes; documented.
const CELL_CHARS_MAX: usize = 32_000;

fn unreadable(error: impl std::fmt::Display) -> VendorError {
    VendorError::new(
        Class::Retry,
        "unreadable",
        format!("the results of a bulk job are not readable: {error}"),
        "nothing to do: the rows are looked at again before anything is repeated",
    )
}

/// Rows of a result, each as its columns say.
pub(super) fn read(text: &[u8]) -> Result<Vec<BTreeMap<String, String>>, VendorError> {
    let mut reader = csv::ReaderBuilder::new().from_reader(text);
    let header: Vec<String> = reader.headers().map_err(unreadable)?.iter().map(str::to_owned).collect();
    let mut rows = Vec::new();
    for line in reader.records() {
        let line = line.map_err(unreadable)?;
        rows.push(header.iter().cloned().zip(line.iter().map(str::to_owned)).collect());
    }
    Ok(rows)
}

/// The lines of a query's result. They are kept while their records are handed out, and take a fraction of what these would.
#[derive(Debug)]
pub(super) struct Lines {
    header: csv::StringRecord,
    lines: Vec<csv::StringRecord>,
}

impl Lines {
    pub(super) fn read(text: &[u8]) -> Result<Self, VendorError> {
        let mut reader = csv::ReaderBuilder::new().from_reader(text);
        let header = reader.headers().map_err(unreadable)?.clone();
        Ok(Self { header, lines: reader.records().collect::<Result<_, _>>().map_err(unreadable)? })
    }

    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    /// The records of some lines, as the REST API would have given them.
    pub(super) fn records(&self, range: Range<usize>, described: &Described) -> Vec<Record> {
        let kinds: Vec<Option<RemoteKind>> = self.header.iter().map(|name| described.kind(name)).collect();
        let record = |line: &csv::StringRecord| {
            let mut record = Map::new();
            for ((name, kind), cell) in self.header.iter().zip(&kinds).zip(line) {
                put(&mut record, name, value(cell, *kind));
            }
            record
        };
        self.lines.get(range).unwrap_or_default().iter().map(record).collect()
    }
}

/// Sets a field, or one of a parent. A parent of which nothing is known is null.
fn put(record: &mut Record, name: &str, value: Value) {
    match name.split_once('.') {
        None => {
            record.insert(name.to_owned(), value);
        }
        Some((parent, rest)) => {
            let held = record.entry(parent).or_insert(Value::Null);
            if !value.is_null() && held.is_null() {
                *held = Value::Object(Map::new());
            }
            if let Some(nested) = held.as_object_mut() {
                put(nested, rest, value);
            }
        }
    }
}

fn value(cell: &str, kind: Option<RemoteKind>) -> Value {
    match kind {
        _ if cell.is_empty() => Value::Null,
        Some(RemoteKind::Boolean) => Value::from(cell == "true" || cell == "1"),
        Some(RemoteKind::Number) => serde_json::from_str::<Number>(cell).map_or_else(|_| Value::from(cell), Value::Number),
        _ => Value::from(cell),
    }
}

/// A record to load, by column; `None` when a job cannot carry one of its values.
pub(super) fn cells(record: &Record) -> Option<BTreeMap<String, String>> {
    let mut cells = BTreeMap::new();
    for (name, value) in record {
        match value {
            // A parent by one of its own fields.
            Value::Object(parent) => {
                for (field, value) in parent {
                    cells.insert(format!("{name}.{field}"), cell(value)?);
                }
            }
            value => {
                cells.insert(name.clone(), cell(value)?);
            }
        }
    }
    Some(cells)
}

fn cell(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some(EMPTY.to_owned()),
        // An empty text is null to the vendor; an empty cell would leave the field as it is.
        Value::String(text) if text.is_empty() => Some(EMPTY.to_owned()),
        // What a person wrote is not ours to take for a sign.
        Value::String(text) if text == EMPTY || text.chars().count() > CELL_CHARS_MAX => None,
        // The job is said to end its lines by LF; CR LF within a cell makes the vendor refuse the whole file.
        Value::String(text) => Some(text.replace("\r\n", "\n")),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

/// The file of a job.
pub(super) fn write(rows: &[BTreeMap<String, String>]) -> Result<String, VendorError> {
    let columns: BTreeSet<&String> = rows.iter().flat_map(BTreeMap::keys).collect();
    let failed = |error: String| VendorError::new(Class::Data, "csv", error, "report this: the rows cannot be written as CSV");
    let mut out = csv::WriterBuilder::new().terminator(csv::Terminator::Any(b'\n')).from_writer(Vec::new());
    out.write_record(&columns).map_err(|error| failed(error.to_string()))?;
    for row in rows {
        out.write_record(columns.iter().map(|column| row.get(*column).map_or("", String::as_str)))
            .map_err(|error| failed(error.to_string()))?;
    }
    let bytes = out.into_inner().map_err(|error| failed(error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| failed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::vendors::salesforce::wire::DescribeAnswer;

    fn record(value: Value) -> Record {
        value.as_object().cloned().expect("object")
    }

    #[test]
    fn a_line_is_the_record_that_a_page_would_show() {
        let answer: DescribeAnswer = serde_json::from_value(json!({"name": "Account", "fields": [
            {"name": "Id", "type": "id"}, {"name": "IsDeleted", "type": "boolean"}, {"name": "AnnualRevenue", "type": "currency"},
            {"name": "Description", "type": "textarea"}
        ]}))
        .expect("describe");
        let text = "\"Id\",\"IsDeleted\",\"AnnualRevenue\",\"Description\",\"Owner.Name\",\"Parent.Name\"\n\"001\",\"false\",\"12.5\",\"one, \"\"two\"\"\nthree\",\"Rita\",\"\"\n";
        let lines = Lines::read(text.as_bytes()).expect("lines");
        let records = lines.records(0..lines.len(), &Described::new(answer));
        assert_eq!(
            Value::Object(records[0].clone()),
            json!({"Id": "001", "IsDeleted": false, "AnnualRevenue": 12.5, "Description": "one, \"two\"\nthree",
                   "Owner": {"Name": "Rita"}, "Parent": null})
        );
    }

    #[test]
    fn a_field_is_emptied_set_or_left_alone() {
        let rows: Vec<_> = [
            json!({"Entente_Id__c": "con_1", "Phone": null, "Title": "CEO", "Account": {"Entente_Id__c": "acc_1"}}),
            json!({"Entente_Id__c": "con_2", "Note__c": "a\r\nb \"c\"", "DoNotCall": false, "Score__c": 12.5, "Title": ""}),
        ]
        .into_iter()
        .map(|row| cells(&record(row)).expect("cells"))
        .collect();
        assert_eq!(
            write(&rows).expect("file"),
            "Account.Entente_Id__c,DoNotCall,Entente_Id__c,Note__c,Phone,Score__c,Title\n\
             acc_1,,con_1,,#N/A,,CEO\n\
             ,false,con_2,\"a\nb \"\"c\"\"\",,12.5,#N/A\n"
        );
    }

    #[test]
    fn what_a_job_would_misread_is_not_given_to_it() {
        assert_eq!(cells(&record(json!({"Title": "#N/A"}))), None);
        assert_eq!(cells(&record(json!({"Description": "x".repeat(CELL_CHARS_MAX + 1)}))), None);
    }
}
