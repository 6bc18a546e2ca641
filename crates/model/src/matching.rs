//! Recognising the same customer on two sides, in the order of certainty: e-mail, phone, company, person.
//!
//! [`keys`] gives the exact keys under which candidates are looked up; [`counterpart`] weighs candidates against a row, by the weights of
//! [`linkage`]. From a threshold on ([`AUTO_LINK`] unless it is set otherwise) a link is made without asking; below, a person decides. One
//! weak key alone (a role address, a phone, a name) never reaches it, and neither do names that contradict each other.

mod company;
pub mod counterpart;
pub mod linkage;
mod mailbox;
mod nickname;
mod person;

pub use company::{fold_company, web_domain};

use crate::normalise::fold;
use crate::value::{self, Fields, Value};

/// From this score on, two records are linked without asking a person.
pub const AUTO_LINK: f64 = 0.95;

/// What a match key is made of, in the order of certainty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyKind {
    /// E-mail address.
    Email,
    /// Web domain of an account, without `www` and the like.
    Domain,
    /// Phone number in E.164.
    Phone,
    /// A person's name at a company, both folded.
    NameAtCompany,
    /// A company's folded name without its legal form.
    Company,
}

/// A key that equal customers share; candidates are the records that share one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MatchKey {
    /// What it is made of.
    pub kind: KeyKind,
    /// The key, normalised.
    pub value: String,
}

/// One side of a comparison.
#[derive(Debug, Clone, Copy)]
pub struct Profile<'a> {
    /// The record's values, normalised.
    pub fields: &'a Fields,
    /// Name of the company that the person belongs to, where the record only refers to it.
    pub company: Option<&'a str>,
}

impl<'a> From<&'a Fields> for Profile<'a> {
    fn from(fields: &'a Fields) -> Self {
        Self { fields, company: None }
    }
}

/// Fields that hold e-mail addresses, phone numbers and company names on the objects Entente ships, and as admins name them.
const EMAIL_FIELDS: &[&str] = &["email", "secondary_email", "work_email"];
const PHONE_FIELDS: &[&str] = &["phone", "mobile_phone", "mobile"];
const COMPANY_FIELDS: &[&str] = &["company", "company_name", "account_name"];
const DOMAIN_FIELDS: &[&str] = &["domain", "website"];

fn texts<'a>(fields: &'a Fields, names: &'a [&str]) -> impl Iterator<Item = &'a str> {
    names.iter().filter_map(|name| value::get(fields, name).as_text()).map(str::trim).filter(|text| !text.is_empty())
}

fn emails(fields: &Fields) -> Vec<String> {
    texts(fields, EMAIL_FIELDS).filter(|text| text.contains('@')).map(str::to_lowercase).collect()
}

/// Only numbers that could be read: a half number is shared by strangers.
fn phones(fields: &Fields) -> Vec<String> {
    texts(fields, PHONE_FIELDS).filter(|text| text.starts_with('+')).map(str::to_owned).collect()
}

fn company(profile: &Profile<'_>) -> Option<String> {
    let own = texts(profile.fields, COMPANY_FIELDS).next();
    profile.company.or(own).map(fold_company).filter(|name| !name.is_empty())
}

fn domain(fields: &Fields) -> Option<String> {
    texts(fields, DOMAIN_FIELDS).find_map(web_domain)
}

/// Whether an object is matched as a person.
fn is_person(object: &str) -> bool {
    matches!(object, "contact" | "lead" | "user")
}

/// The keys under which a record's counterparts are looked up, most certain first.
/// Objects other than people and accounts have none: they are linked by id only.
#[must_use]
pub fn keys(object: &str, fields: &Fields) -> Vec<MatchKey> {
    let mut keys = Vec::new();
    if is_person(object) {
        keys.extend(emails(fields).into_iter().map(|value| MatchKey { kind: KeyKind::Email, value }));
        keys.extend(phones(fields).into_iter().map(|value| MatchKey { kind: KeyKind::Phone, value }));
        // The account's record where there is one: it stays the same when the company is renamed.
        let company = match value::get(fields, "account") {
            Value::Ref(account) => Some(account.to_string()),
            _ => company(&fields.into()),
        };
        if let (Some(name), Some(company)) = (person::Name::of(fields), company) {
            keys.push(MatchKey { kind: KeyKind::NameAtCompany, value: format!("{}|{company}", name.folded()) });
        }
    } else if object == "account" {
        keys.extend(domain(fields).map(|value| MatchKey { kind: KeyKind::Domain, value }));
        keys.extend(phones(fields).into_iter().map(|value| MatchKey { kind: KeyKind::Phone, value }));
        let name = value::get(fields, "name").as_text().map(fold_company).filter(|name| !name.is_empty());
        keys.extend(name.map(|value| MatchKey { kind: KeyKind::Company, value }));
    }
    keys.sort();
    keys.dedup();
    keys
}

/// The words of a name, folded; `None` without any.
fn folded_words(value: &Value) -> Option<String> {
    value.as_text().map(fold).filter(|text| !text.is_empty())
}
