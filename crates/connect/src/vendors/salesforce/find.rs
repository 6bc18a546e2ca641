//! Finding rows without knowing their ids: many questions in one query, sorted out on our side.

use std::collections::BTreeMap;

use super::describe::Described;
use super::read::select;
use super::wire::{QueryKind, Record, text};
use super::{Salesforce, soql};
use crate::connector::Priority;
use crate::error::VendorError;
use crate::look::{Find, Look, ReadSpec};
use crate::phone;

/// Fields by what a question asks for.
struct Places {
    emails: Vec<String>,
    phones: Vec<String>,
    names: Vec<String>,
    keys: Vec<String>,
}

impl Places {
    fn new(described: &Described, key_field: &str) -> Self {
        Self {
            emails: described.emails.clone(),
            phones: described.phones.clone(),
            names: described.name_field.iter().cloned().collect(),
            keys: vec![key_field.to_owned()],
        }
    }

    fn of(&self, question: &Find) -> &[String] {
        match question {
            Find::Email(_) => &self.emails,
            Find::Phone(_) => &self.phones,
            Find::Name(_) => &self.names,
            Find::Key(_) => &self.keys,
        }
    }
}

impl Salesforce {
    /// See [`Connector::find`](crate::connector::Connector::find).
    pub(super) async fn find_rows(
        &self,
        read: &ReadSpec,
        questions: &[Find],
        key_field: &str,
        priority: Priority,
    ) -> Result<Vec<Vec<Look>>, VendorError> {
        self.identity(priority).await?;
        let described = self.described(&read.object, &read.fields, priority).await?;
        let places = Places::new(&described, key_field);
        let mut further: Vec<String> = Vec::new();
        for question in questions {
            further.extend(places.of(question).iter().filter(|field| !further.contains(field)).cloned().collect::<Vec<_>>());
        }
        let select = select(read, &described, &further)?;
        let mut records: BTreeMap<String, Record> = BTreeMap::new();
        for condition in conditions(questions, &places, &select)? {
            let query = format!("SELECT {select} FROM {} WHERE {condition}", soql::name(&read.object)?);
            for record in self.query(QueryKind::Live, &query, priority).await? {
                if let Some(id) = text(&record, "Id") {
                    records.insert(id, record);
                }
            }
        }
        let hands = self.strangers(records.values().filter_map(|record| text(record, "LastModifiedById")));
        self.meet(hands, priority).await;
        self.seeing(&read.object, &described, priority, |seeing| {
            questions
                .iter()
                .map(|question| {
                    records
                        .values()
                        .filter(|record| places.of(question).iter().any(|field| answers(question, text(record, field))))
                        .filter_map(|record| seeing.look(record, &read.fields))
                        .collect()
                })
                .collect()
        })
        .await
    }
}

/// The conditions to query, each short enough for a URL. Equal values are asked for once per field; phones by pattern.
fn conditions(questions: &[Find], places: &Places, select: &str) -> Result<Vec<String>, VendorError> {
    let mut atoms: Vec<(String, Option<String>)> = Vec::new();
    for question in questions {
        for field in places.of(question) {
            let field = soql::name(field)?;
            match question {
                Find::Phone(number) => {
                    if let Some(pattern) = phone_pattern(number) {
                        atoms.push((format!("{field} LIKE {pattern}"), None));
                    }
                }
                Find::Email(value) | Find::Name(value) | Find::Key(value) if !value.trim().is_empty() => {
                    atoms.push((field.to_owned(), Some(soql::literal(value.trim()))));
                }
                Find::Email(_) | Find::Name(_) | Find::Key(_) => {}
            }
        }
    }
    let room = soql::QUERY_MAX.saturating_sub(soql::encoded_len(select) + 200);
    let mut conditions = Vec::new();
    let mut batch: Vec<(String, Option<String>)> = Vec::new();
    let mut used = 0;
    for atom in atoms {
        // As long as it could get: a list of its own, joined by OR.
        let size = soql::encoded_len(&atom.0) + atom.1.as_deref().map_or(0, soql::encoded_len) + 30;
        if used + size > room && !batch.is_empty() {
            conditions.push(join(std::mem::take(&mut batch)));
            used = 0;
        }
        used += size;
        batch.push(atom);
    }
    if !batch.is_empty() {
        conditions.push(join(batch));
    }
    Ok(conditions)
}

/// Joins atoms by OR, values of one field into one list.
fn join(atoms: Vec<(String, Option<String>)>) -> String {
    let mut lists: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut parts = Vec::new();
    for (left, literal) in atoms {
        match literal {
            Some(literal) => {
                let list = lists.entry(left).or_default();
                if !list.contains(&literal) {
                    list.push(literal);
                }
            }
            None if parts.contains(&left) => {}
            None => parts.push(left),
        }
    }
    let mut all: Vec<String> = lists.into_iter().map(|(field, literals)| format!("{field} IN ({})", literals.join(","))).collect();
    all.append(&mut parts);
    all.join(" OR ")
}

/// A pattern that the last digits of a number match however they are grouped.
fn phone_pattern(number: &str) -> Option<String> {
    let digits = phone::digits(number);
    let tail = digits.get(digits.len().checked_sub(phone::ENOUGH)?..)?;
    let mut pattern = String::from("'");
    for digit in tail.chars() {
        pattern.push('%');
        pattern.push(digit);
    }
    pattern.push_str("%'");
    Some(pattern)
}

/// Whether a field's value answers a question. The vendor compares texts without case.
fn answers(question: &Find, value: Option<String>) -> bool {
    let Some(value) = value else { return false };
    match question {
        Find::Phone(number) => phone::same(&value, number),
        Find::Key(key) => value == *key,
        Find::Email(asked) | Find::Name(asked) => value.trim().to_lowercase() == asked.trim().to_lowercase() && !asked.trim().is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places() -> Places {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<String>>();
        Places {
            emails: names(&["Email", "Private__c"]),
            phones: names(&["Phone"]),
            names: names(&["Name"]),
            keys: names(&["Entente_Id__c"]),
        }
    }

    #[test]
    fn many_questions_make_one_query() {
        let questions = [
            Find::Email("ada@example.com".to_owned()),
            Find::Email("o'hara@example.com".to_owned()),
            Find::Phone("+15551234567".to_owned()),
            Find::Key("con_1".to_owned()),
        ];
        let conditions = conditions(&questions, &places(), "Id").expect("conditions");
        assert_eq!(
            conditions,
            [
                r"Email IN ('ada@example.com','o\'hara@example.com') OR Entente_Id__c IN ('con_1') OR Private__c IN ('ada@example.com','o\'hara@example.com') OR Phone LIKE '%1%2%3%4%5%6%7%'"
            ]
        );
    }

    #[test]
    fn questions_that_do_not_fit_a_url_are_split() {
        let questions: Vec<Find> = (0..100).map(|at| Find::Name(format!("{at} {}", "ü".repeat(100)))).collect();
        let conditions = conditions(&questions, &places(), "Id").expect("conditions");
        assert!(conditions.len() > 1);
        assert!(conditions.iter().all(|condition| soql::encoded_len(condition) < soql::QUERY_MAX));
    }

    #[test]
    fn answers_are_told_apart_by_question() {
        let value = Some("Ada@Example.com".to_owned());
        assert!(answers(&Find::Email("ada@example.com".to_owned()), value.clone()));
        assert!(!answers(&Find::Email("eve@example.com".to_owned()), value));
        assert!(!answers(&Find::Name(String::new()), Some(String::new())));
    }
}
