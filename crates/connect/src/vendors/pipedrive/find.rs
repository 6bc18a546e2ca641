//! Finding rows without knowing their ids: keys by what is remembered of them, everything else by search, which costs twenty tokens a
//! question and is a few seconds behind.

use std::collections::BTreeMap;

use futures::stream::{self, StreamExt, TryStreamExt};
use serde_json::Value;

use super::dialect::SEARCH;
use super::kind::Kind;
use super::map::is_gone;
use super::refusal::of_no_row;
use super::wire::id_text;
use super::{Pipedrive, SPEC};
use crate::connector::Priority;
use crate::error::VendorError;
use crate::look::{Find, Look, ReadSpec};
use crate::phone;
use crate::transport::call::Call;

/// Answers of one search: more rows of one address or name than a person could look through.
const HITS_MAX: &str = "100";
/// Characters of the shortest text that search takes where it must match whole.
const TERM_MIN: usize = 1;
/// Digits of a number without its country code, in most numbering plans.
const NATIONAL_DIGITS: usize = 9;

/// The texts that a number is asked for with: as it is, and without what people leave out.
fn phone_terms(number: &str) -> Vec<String> {
    let digits = phone::digits(number);
    let tail = digits.len().checked_sub(NATIONAL_DIGITS).filter(|at| *at > 0).map(|at| digits[at..].to_owned());
    std::iter::once(number.to_owned()).chain(tail).collect()
}

fn same_text(held: &str, asked: &str) -> bool {
    held.trim().to_lowercase() == asked.trim().to_lowercase()
}

/// Whether a row answers a question.
fn answers(kind: Kind, row: &Value, question: &Find) -> bool {
    let listed = |name: &str| row[name].as_array().into_iter().flatten().filter_map(|entry| entry["value"].as_str());
    match question {
        Find::Key(_) => true,
        Find::Email(email) => listed("emails").any(|held| same_text(held, email)),
        Find::Phone(number) => listed("phones").any(|held| phone::same(held, number)),
        Find::Name(name) => {
            let title = if matches!(kind, Kind::Deal | Kind::Lead) { "title" } else { "name" };
            row[title].as_str().is_some_and(|held| same_text(held, name))
        }
    }
}

impl Pipedrive {
    /// See [`Connector::find`](crate::connector::Connector::find).
    pub(super) async fn find_rows(
        &self,
        spec: &ReadSpec,
        questions: &[Find],
        key_field: &str,
        priority: Priority,
    ) -> Result<Vec<Vec<Look>>, VendorError> {
        let kind = Kind::named(&spec.object)?;
        let keys: Vec<&str> =
            questions.iter().filter_map(|question| if let Find::Key(key) = question { Some(key.as_str()) } else { None }).collect();
        let by_key = &self.ids_by_key(kind, &keys, key_field, priority).await?;
        let ids: Vec<Vec<String>> = stream::iter(questions.to_vec())
            .map(|question| async move {
                match &question {
                    Find::Key(key) => Ok(by_key.get(key).cloned().into_iter().collect()),
                    other => self.search(kind, other, priority).await,
                }
            })
            .buffered(SPEC.concurrency)
            .try_collect()
            .await?;
        let all: Vec<String> = ids.iter().flatten().cloned().collect();
        let rows: BTreeMap<String, Value> = self.rows_by_id(kind, &all, priority).await?;
        let mut found = Vec::with_capacity(questions.len());
        for (question, ids) in questions.iter().zip(ids) {
            let fitting = ids.iter().filter_map(|id| rows.get(id)).filter(|row| !is_gone(row) && answers(kind, row, question));
            let fitting: Vec<Value> = fitting.cloned().collect();
            found.push(self.looks(kind, kind, &fitting, &spec.fields, priority).await?);
        }
        Ok(found)
    }

    /// Ids of rows that search finds for a question.
    async fn search(&self, kind: Kind, question: &Find, priority: Priority) -> Result<Vec<String>, VendorError> {
        let (field, terms) = match (kind, question) {
            (Kind::Person, Find::Email(email)) => ("email", vec![email.trim().to_owned()]),
            (Kind::Person, Find::Phone(number)) => ("phone", phone_terms(number)),
            (Kind::Person | Kind::Organization, Find::Name(name)) => ("name", vec![name.trim().to_owned()]),
            (Kind::Deal | Kind::Lead, Find::Name(name)) => ("title", vec![name.trim().to_owned()]),
            // Nothing else is recognised by an address, a number or a name.
            _ => return Ok(Vec::new()),
        };
        let mut ids: Vec<String> = Vec::new();
        for term in terms.iter().filter(|term| term.chars().count() >= TERM_MIN) {
            // A number may stand there with other signs between its digits, so that it need not match whole.
            let exact = if field == "phone" { "false" } else { "true" };
            let call = Call::get(format!("/api/v2/{}/search", kind.plural()))
                .query("term", term)
                .query("fields", field)
                .query("exact_match", exact)
                .query("limit", HITS_MAX)
                .bucket(SEARCH);
            let read = self.send("search", priority, call).await.map_err(of_no_row)?;
            let hits = read.data["items"].as_array().into_iter().flatten().filter_map(|hit| id_text(&hit["item"]["id"]));
            ids.extend(hits);
            if !ids.is_empty() {
                break;
            }
        }
        Ok(ids)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_number_is_asked_for_with_and_without_its_country() {
        assert_eq!(phone_terms("+46812345678"), ["+46812345678", "812345678"]);
        assert_eq!(phone_terms("1234567"), ["1234567"]);
    }

    #[test]
    fn what_search_brings_up_must_be_what_was_asked_for() {
        let row = json!({"name": "Ada Lovelace", "emails": [{"value": "Ada@x.example"}], "phones": [{"value": "(555) 123-4567"}]});
        let fits = |question: Find| answers(Kind::Person, &row, &question);
        assert!(fits(Find::Email("ada@x.example".to_owned())) && fits(Find::Phone("+15551234567".to_owned())));
        assert!(!fits(Find::Name("Ada".to_owned())) && !fits(Find::Phone("+15551234568".to_owned())));
    }
}
