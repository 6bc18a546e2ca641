//! Finding rows without knowing their ids: a filter of many questions in one call. Text filters know no case, like the answers here.

use serde_json::Value;

use super::Dynamics;
use super::kind::{Kind, Object};
use super::refusal::of_no_row;
use super::wire::{ANNOTATIONS, PAGE_ROWS, ROOT, quoted};
use crate::connector::Priority;
use crate::error::VendorError;
use crate::look::{Existence, Find, Look, ReadSpec};
use crate::phone;
use crate::transport::call::Call;

/// Questions of one call: with a few conditions each, well below what an address may be long.
const QUESTIONS_MAX: usize = 25;
/// Digits of a number without its country code, in most numbering plans.
const NATIONAL_DIGITS: usize = 9;

/// The columns that a question is about.
fn columns(kind: Kind, question: &Find, key_field: &str) -> Vec<String> {
    let names: &[&str] = match (kind, question) {
        (_, Find::Key(_)) => return vec![key_field.to_owned()],
        (Kind::Account, Find::Email(_)) => &["emailaddress1"],
        (Kind::Contact, Find::Email(_)) => &["emailaddress1", "emailaddress2"],
        (Kind::Lead, Find::Email(_)) => &["emailaddress1"],
        (Kind::Account, Find::Phone(_)) => &["telephone1"],
        (Kind::Contact | Kind::Lead, Find::Phone(_)) => &["telephone1", "mobilephone"],
        (Kind::Account | Kind::Opportunity | Kind::Campaign, Find::Name(_)) => &["name"],
        (Kind::Contact, Find::Name(_)) => &["fullname"],
        (Kind::Lead, Find::Name(_)) => &["fullname", "companyname"],
        (Kind::Incident, Find::Name(_)) => &["title"],
        _ => &[],
    };
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn wanted(question: &Find) -> &str {
    match question {
        Find::Email(text) | Find::Phone(text) | Find::Name(text) | Find::Key(text) => text.trim(),
    }
}

/// One question as a condition. Numbers are written in many ways: those that hold the same last digits in a row are looked at.
fn condition(columns: &[String], question: &Find) -> Option<String> {
    let text = wanted(question);
    let each = columns.iter().map(|column| match question {
        Find::Phone(number) => {
            let digits = phone::digits(number);
            let tail = &digits[digits.len().saturating_sub(NATIONAL_DIGITS)..];
            format!("{column} eq {} or contains({column},{})", quoted(text), quoted(tail))
        }
        _ => format!("{column} eq {}", quoted(text)),
    });
    let all: Vec<String> = each.collect();
    (!all.is_empty() && !text.is_empty()).then(|| all.join(" or "))
}

fn answers(row: &Value, columns: &[String], question: &Find) -> bool {
    let held = columns.iter().filter_map(|column| row[column].as_str());
    let asked = wanted(question).to_lowercase();
    held.into_iter().any(|held| match question {
        Find::Phone(number) => phone::same(held, number),
        _ => held.trim().to_lowercase() == asked,
    })
}

impl Dynamics {
    /// See [`Connector::find`](crate::connector::Connector::find).
    pub(super) async fn find_rows(
        &self,
        spec: &ReadSpec,
        questions: &[Find],
        key_field: &str,
        priority: Priority,
    ) -> Result<Vec<Vec<Look>>, VendorError> {
        let object = Object::named(&spec.object)?;
        let Object::Table(kind) = object else { return Ok(vec![Vec::new(); questions.len()]) };
        let seeing = self.seeing(object, kind, &spec.fields, priority).await?;
        let mut found = Vec::with_capacity(questions.len());
        for chunk in questions.chunks(QUESTIONS_MAX) {
            let asked: Vec<(Vec<String>, &Find)> = chunk.iter().map(|question| (columns(kind, question, key_field), question)).collect();
            let conditions: Vec<String> = asked.iter().filter_map(|(columns, question)| condition(columns, question)).collect();
            let mut rows = Vec::new();
            if !conditions.is_empty() {
                let mut select = seeing.schema.selection(&spec.fields);
                for column in asked.iter().flat_map(|(columns, _)| columns) {
                    if !select.contains(column) {
                        select.push(column.clone());
                    }
                }
                let call = Call::get(format!("{ROOT}/{}", kind.set()))
                    .query("$select", select.join(","))
                    .query("$filter", conditions.join(" or "));
                rows =
                    self.all_of("find", priority, call.header("prefer", format!("{PAGE_ROWS},{ANNOTATIONS}"))).await.map_err(of_no_row)?;
            }
            for (columns, question) in &asked {
                let fitting = rows.iter().filter(|row| answers(row, columns, question)).filter_map(|row| seeing.look(row, &spec.fields));
                found.push(fitting.filter(|look| look.existence == Existence::Present).collect());
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_a_condition_and_its_answer_is_looked_at() {
        let email = Find::Email("O'Neil@X.example".to_owned());
        let asked = columns(Kind::Contact, &email, "entente_id");
        assert_eq!(
            condition(&asked, &email).as_deref(),
            Some("emailaddress1 eq 'O''Neil@X.example' or emailaddress2 eq 'O''Neil@X.example'")
        );
        assert!(answers(&serde_json::json!({"emailaddress2": "o'neil@x.example"}), &asked, &email));
        let phone = Find::Phone("+46812345678".to_owned());
        let asked = columns(Kind::Account, &phone, "entente_id");
        assert_eq!(condition(&asked, &phone).as_deref(), Some("telephone1 eq '+46812345678' or contains(telephone1,'812345678')"));
        assert!(columns(Kind::Task, &email, "entente_id").is_empty());
    }
}
