//! The records: from files, or made up.

use std::collections::HashMap;
use std::path::Path;

use entente_model::formula::person_name;
use entente_model::matching::linkage::{Field, Kind, Side, Table, TableBuilder};

use super::columns::{self, Use};
use super::people::{self, People};
use super::truth::Truth;
use crate::fault::{Fault, Result};

/// Records ready to be compared.
pub struct Input {
    pub table: Table,
    /// By record: the customer it is of, where that is known.
    pub truth: Option<Truth>,
    /// By record: what it is called in the file.
    pub ids: Vec<String>,
}

fn refused(error: entente_model::matching::linkage::TableError) -> Fault {
    Fault::of(&error)
}

/// A CSV file in memory.
struct File {
    head: Vec<String>,
    rows: Vec<csv::StringRecord>,
}

fn read(path: &Path) -> Result<File> {
    let unreadable =
        |error: csv::Error| Fault::new(format!("{} cannot be read: {error}", path.display()), "give a CSV file with a header line");
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).flexible(true).from_path(path).map_err(unreadable)?;
    let head = reader.headers().map_err(unreadable)?.iter().map(str::to_owned).collect();
    let rows = reader.records().collect::<Result<_, _>>().map_err(unreadable)?;
    Ok(File { head, rows })
}

/// Reads a file, and perhaps a second one that it is compared with; both have the same columns.
pub fn from_files(data: &Path, against: Option<&Path>) -> Result<Input> {
    let left = read(data)?;
    let right = against.map(read).transpose()?;
    if let Some(right) = &right
        && right.head != left.head
    {
        return Err(Fault::new("the two files do not have the same columns", "give both the same header line"));
    }
    let all = || {
        left.rows.iter().map(|row| (Side::Left, row)).chain(right.iter().flat_map(|file| file.rows.iter().map(|row| (Side::Right, row))))
    };
    let uses = columns::uses(&left.head, |column| all().map(move |(_, row)| row.get(column).unwrap_or_default()));
    let fields = columns::fields(&left.head, &uses);
    if fields.is_empty() {
        return Err(Fault::new("no column can be compared", "name the columns, as in first_name, last_name, email, phone"));
    }
    let mut builder = TableBuilder::new(fields).map_err(refused)?;
    let (id, truth) = (uses.iter().position(|purpose| *purpose == Use::Id), uses.iter().position(|purpose| *purpose == Use::Truth));
    let (mut ids, mut labels) = (Vec::new(), Vec::new());
    for (number, (side, row)) in all().enumerate() {
        add(&mut builder, side, row, &uses)?;
        let name = id.and_then(|column| row.get(column)).map_or_else(|| number.to_string(), str::to_owned);
        labels.push(truth.and_then(|column| row.get(column)).map(str::to_owned).or_else(|| febrl_entity(&name)));
        ids.push(name);
    }
    let truth = labels.iter().all(Option::is_some).then(|| Truth::of_labels(labels.iter().flatten().map(String::as_str)));
    Ok(Input { table: builder.finish(), truth, ids })
}

fn add(builder: &mut TableBuilder, side: Side, row: &csv::StringRecord, uses: &[Use]) -> Result<()> {
    let mut values: Vec<String> = Vec::with_capacity(uses.len() + 1);
    for (column, purpose) in uses.iter().enumerate() {
        let value = row.get(column).unwrap_or_default();
        match purpose {
            Use::Compare(_) => values.push(value.to_owned()),
            Use::FullName => {
                let (given, family) = person_name::split(value, "", "");
                values.extend([given, family]);
            }
            Use::Id | Use::Truth | Use::Leave => {}
        }
    }
    builder.add(side, values.iter().map(String::as_str)).map(drop).map_err(refused)
}

/// The customer in an id of the FEBRL generator: `rec-12-org` and `rec-12-dup-0` are one.
fn febrl_entity(id: &str) -> Option<String> {
    let (entity, kind) = id.strip_prefix("rec-")?.split_once('-')?;
    (kind == "org" || kind.starts_with("dup-")).then(|| entity.to_owned())
}

/// Makes records up, and writes them to a file if one is named.
pub fn made_up(records: usize, seed: u64, save: Option<&Path>) -> Result<Input> {
    let kinds =
        [Kind::GivenName, Kind::FamilyName, Kind::Date, Kind::Email, Kind::Phone, Kind::Company, Kind::Text, Kind::Postcode, Kind::Place];
    let fields = people::FIELDS.iter().zip(kinds).map(|(name, kind)| Field::new(*name, kind)).collect();
    let unwritable =
        |error: csv::Error| Fault::new(format!("the records cannot be saved: {error}"), "name a file that this user may write");
    let mut file = save.map(csv::Writer::from_path).transpose().map_err(unwritable)?;
    if let Some(file) = &mut file {
        file.write_record(["unique_id"].iter().chain(&people::FIELDS).chain(&["cluster"])).map_err(unwritable)?;
    }
    let mut builder = TableBuilder::new(fields).map_err(refused)?;
    let mut customers = Vec::with_capacity(records);
    for (number, record) in People::new(records, seed).enumerate() {
        builder.add(Side::Left, record.values.iter().map(String::as_str)).map_err(refused)?;
        if let Some(file) = &mut file {
            let (number, person) = (number.to_string(), record.person.to_string());
            let line = std::iter::once(&number).chain(&record.values).chain(std::iter::once(&person));
            file.write_record(line).map_err(unwritable)?;
        }
        customers.push(record.person);
    }
    if let Some(file) = &mut file {
        file.flush()?;
    }
    Ok(Input { table: builder.finish(), truth: Some(Truth::of_customers(customers)), ids: Vec::new() })
}

/// Replaces the truth by that of a labels file: pairs of ids with a score, or ids with a customer.
pub fn label(input: &mut Input, path: &Path) -> Result<()> {
    let file = read(path)?;
    let column = |ends: &[&str]| file.head.iter().position(|name| ends.iter().any(|end| name == end || name.ends_with(end)));
    let rows: HashMap<&str, u32> = input.ids.iter().map(String::as_str).zip(0..).collect();
    let (Some(left), Some(right)) = (column(&["id_l", "_l"]), column(&["id_r", "_r"])) else {
        return Err(Fault::new(
            format!("{} has no pairs", path.display()),
            "give the columns id_l and id_r, and score where some pairs are no match; a customer of each record goes into a column `cluster` of the data",
        ));
    };
    let score = column(&["score", "match", "label"]);
    let mut pairs = Vec::new();
    for row in &file.rows {
        let of = |column: usize| row.get(column).and_then(|id| rows.get(id).copied());
        let (Some(one), Some(two)) = (of(left), of(right)) else {
            return Err(Fault::new(
                format!("{} names a record that the data does not have", path.display()),
                "give the labels of this file",
            ));
        };
        let matches = score.and_then(|column| row.get(column)).is_none_or(|score| score.parse::<f64>().is_ok_and(|score| score >= 0.5));
        pairs.push((one, two, matches));
    }
    input.truth = Some(Truth::of_pairs(pairs));
    Ok(())
}
