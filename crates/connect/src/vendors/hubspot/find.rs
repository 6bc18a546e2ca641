//! Finding rows without knowing their ids. Keys and addresses go by unique properties, which are never behind; names and phone numbers
//! go through search, which is a few seconds.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::kind::{Kind, kind};
use super::read::{SEARCH_CHARS_MAX, properties};
use super::wire::Record;
use super::{HubSpot, SPEC};
use crate::connector::Priority;
use crate::error::VendorError;
use crate::look::{Find, Look, ReadSpec};
use crate::phone;

/// Filter groups of one search, and filters in all of them.
const GROUPS_MAX: usize = 5;
/// Characters of a search's body beside its properties and values.
const FRAME_CHARS: usize = 400;
/// Digits of a country code at most.
const COUNTRY_DIGITS: usize = 3;
/// Secondary addresses of a contact, joined by `;`.
const FURTHER_EMAILS: &str = "hs_additional_emails";
/// The digits of a phone number, as search knows them.
const SEARCHABLE_PHONE: &str = "hs_searchable_calculated_phone_number";

/// The spellings of a number that search may know: with or without country code, with or without a trunk zero.
fn spellings(number: &str) -> Vec<String> {
    let digits = phone::digits(number);
    let mut all = BTreeSet::new();
    for cut in 0..=COUNTRY_DIGITS {
        if let Some(rest) = digits.get(cut..).filter(|rest| rest.len() >= phone::ENOUGH) {
            all.insert(rest.to_owned());
            if cut > 0 {
                all.insert(format!("0{rest}"));
            }
        }
    }
    all.into_iter().collect()
}

fn same_text(held: &str, asked: &str) -> bool {
    held.trim().to_lowercase() == asked.trim().to_lowercase()
}

/// Whether a record answers a question.
fn answers(record: &Record, question: &Find, kind: Option<&Kind>, key_field: &str) -> bool {
    match question {
        Find::Key(key) => record.text(key_field) == Some(key),
        Find::Email(email) => {
            let further = record.text(FURTHER_EMAILS).unwrap_or_default().split(';');
            record.text("email").into_iter().chain(further).any(|held| !held.is_empty() && same_text(held, email))
        }
        Find::Phone(number) => {
            kind.is_some_and(|kind| kind.phones.iter().filter_map(|name| record.text(name)).any(|held| phone::same(held, number)))
        }
        Find::Name(name) => kind.is_some_and(|kind| {
            let whole: Vec<&str> = kind.names.iter().filter_map(|part| record.text(part)).collect();
            !whole.is_empty() && same_text(&whole.join(" "), name)
        }),
    }
}

impl HubSpot {
    /// See [`Connector::find`](crate::connector::Connector::find).
    pub(super) async fn find_rows(
        &self,
        read: &ReadSpec,
        questions: &[Find],
        key_field: &str,
        priority: Priority,
    ) -> Result<Vec<Vec<Look>>, VendorError> {
        self.schema(&read.object, &read.fields, priority).await?;
        let kind = kind(&read.object);
        // What decides must be read, whether the mapping has it or not.
        let mut fields = read.fields.clone();
        fields.push(key_field.to_owned());
        if read.object == "contacts" {
            fields.extend(["email", FURTHER_EMAILS].map(str::to_owned));
        }
        for names in kind.iter().flat_map(|kind| [kind.names, kind.phones]) {
            fields.extend(names.iter().map(|name| (*name).to_owned()));
        }
        let wide = ReadSpec { object: read.object.clone(), fields };
        let mut records: BTreeMap<String, Record> = BTreeMap::new();
        let of = |pick: fn(&Find) -> Option<&str>| -> Vec<&str> {
            questions.iter().filter_map(pick).map(str::trim).filter(|text| !text.is_empty()).collect::<BTreeSet<_>>().into_iter().collect()
        };
        let keys = of(|question| if let Find::Key(key) = question { Some(key) } else { None });
        let emails = of(|question| if let Find::Email(email) = question { Some(email) } else { None });
        let phones = of(|question| if let Find::Phone(number) = question { Some(number) } else { None });
        let names = of(|question| if let Find::Name(name) = question { Some(name) } else { None });
        let mut found = self.by_unique(&wide, &keys, key_field, priority).await?;
        if read.object == "contacts" {
            found.extend(self.by_unique(&wide, &emails, "email", priority).await?);
        }
        if let Some(kind) = kind {
            for groups in phone_groups(kind, &phones, &wide).into_iter().chain(name_groups(kind, &names, &wide)) {
                found.extend(self.search(&wide, groups, priority).await?.0.results);
            }
        }
        records.extend(found.into_iter().map(|record| (record.id.clone(), record)));
        let records: Vec<Record> = records.into_values().collect();
        let looks = self.rows(read, &records, false, priority).await?;
        let answer = |question: &Find| -> Vec<Look> {
            let fits = records.iter().zip(&looks).filter(|(record, _)| answers(record, question, kind, key_field));
            fits.map(|(_, look)| look.clone()).collect()
        };
        Ok(questions.iter().map(answer).collect())
    }

    /// Records by the values of a unique property.
    async fn by_unique(&self, read: &ReadSpec, values: &[&str], by: &str, priority: Priority) -> Result<Vec<Record>, VendorError> {
        // HubSpot does not mind case, and refuses what it takes for doubles.
        let mut seen = BTreeSet::new();
        let unique: Vec<&str> = values.iter().copied().filter(|value| seen.insert(value.to_lowercase())).collect();
        let mut found = Vec::new();
        for chunk in unique.chunks(SPEC.fetch_max) {
            found.extend(self.batch_read(read, chunk, Some(by), priority).await?.results);
        }
        Ok(found)
    }
}

/// Values in lists, each list short enough for one search.
fn lists(values: Vec<String>, read: &ReadSpec) -> Vec<Vec<String>> {
    let taken: usize = properties(read).iter().map(|name| name.len() + 3).sum();
    let room = SEARCH_CHARS_MAX.saturating_sub(taken + FRAME_CHARS).max(500);
    let mut all: Vec<Vec<String>> = Vec::new();
    let mut used = room;
    for value in values {
        let size = value.chars().count() + 3;
        if used + size > room || all.last().is_some_and(|list| list.len() >= 100) {
            all.push(Vec::new());
            used = 0;
        }
        used += size;
        if let Some(list) = all.last_mut() {
            list.push(value);
        }
    }
    all
}

fn phone_groups(kind: &Kind, phones: &[&str], read: &ReadSpec) -> Vec<Value> {
    if kind.phones.is_empty() {
        return Vec::new();
    }
    let all: BTreeSet<String> = phones.iter().flat_map(|number| spellings(number)).collect();
    let groups = lists(all.into_iter().collect(), read).into_iter();
    groups.map(|values| json!([{"filters": [{"propertyName": SEARCHABLE_PHONE, "operator": "IN", "values": values}]}])).collect()
}

fn name_groups(kind: &Kind, names: &[&str], read: &ReadSpec) -> Vec<Value> {
    match kind.names {
        [] => Vec::new(),
        [one] => {
            // Lists want lower case.
            let all = names.iter().map(|name| name.to_lowercase()).collect();
            let groups = lists(all, read).into_iter();
            groups.map(|values| json!([{"filters": [{"propertyName": one, "operator": "IN", "values": values}]}])).collect()
        }
        [first, .., last] => {
            let groups: Vec<Value> = names
                .iter()
                .map(|name| match name.rsplit_once(' ') {
                    Some((given, family)) => json!({"filters": [
                        {"propertyName": first, "operator": "EQ", "value": given.trim()},
                        {"propertyName": last, "operator": "EQ", "value": family},
                    ]}),
                    None => json!({"filters": [{"propertyName": last, "operator": "EQ", "value": name}]}),
                })
                .collect();
            groups.chunks(GROUPS_MAX).map(|chunk| Value::from(chunk.to_vec())).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_asked_for_in_every_usual_spelling() {
        let all = spellings("+49 30 1234567");
        assert!(["49301234567", "301234567", "0301234567"].iter().all(|known| all.contains(&(*known).to_owned())), "{all:?}");
        assert!(spellings("12345").is_empty());
    }

    #[test]
    fn long_lists_become_several_searches() {
        let read = ReadSpec { object: "companies".to_owned(), fields: vec!["name".to_owned()] };
        let kind = kind("companies").expect("companies");
        let names: Vec<String> = (0..100).map(|at| format!("{at} {}", "x".repeat(60))).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let groups = name_groups(kind, &names, &read);
        assert!(groups.len() > 2);
        assert!(groups.iter().all(|group| group.to_string().len() < SEARCH_CHARS_MAX));
    }
}
