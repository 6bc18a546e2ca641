//! Recognising the same customer on two sides: e-mail first, then phone, then name and company.
//!
//! [`keys`] gives the exact keys under which candidates are looked up; [`score`] weighs one candidate against the record. From
//! [`AUTO_LINK`] on, a link is made without asking; below, a person decides.
//!
//! The numbers are judgements until they are learned from people's decisions. What holds them together: one weak key alone (a role
//! address, a phone, a name) never reaches the threshold, and names that contradict each other always stay below it.
//!
//! | contacts | score |
//! |---|---|
//! | same personal e-mail, same or compatible name | 0.98 |
//! | same personal e-mail, one side without a name | 0.95 |
//! | same personal e-mail, given or family name the same | 0.93 |
//! | same personal e-mail, different names (a shared mailbox) | 0.90 |
//! | same role address (info@, support@), compatible name | 0.92 |
//! | same role address otherwise | 0.60 |
//! | same phone, compatible name | 0.96 |
//! | same phone, given or family name the same | 0.80 |
//! | same phone, one side without a name | 0.70 |
//! | same phone, different names (a switchboard, a family) | 0.50 |
//! | compatible name, same company | 0.90 |
//! | compatible name, different or unknown company | 0.50 |
//!
//! | accounts | score |
//! |---|---|
//! | same web domain, same or similar name | 0.98 |
//! | same web domain, one side without a name | 0.92 |
//! | same web domain, different names (a subsidiary) | 0.85 |
//! | same name, same phone | 0.96 |
//! | same name | 0.90 |
//! | same name, different web domains | 0.70 |
//! | similar name | 0.60 |
//!
//! Further agreeing evidence adds [`EXTRA_EVIDENCE`] each, up to [`SCORE_MAX`], and never carries a score over the threshold.

mod company;
pub mod linkage;
mod mailbox;
mod nickname;
mod person;
mod score;

pub use company::{fold_company, web_domain};
pub use score::score;

use crate::normalise::fold;
use crate::value::{self, FieldKey, Fields, Value};

/// From this score on, two records are linked without asking a person.
pub const AUTO_LINK: f64 = 0.95;

/// Highest score: certainty is left to people.
pub const SCORE_MAX: f64 = 0.99;

/// What each further agreeing piece of evidence adds.
pub const EXTRA_EVIDENCE: f64 = 0.01;

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

/// How two values compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// Equal after folding.
    Same,
    /// Not equal, and one may well be a form of the other (`Bob Smith`, `Robert Smith`).
    Compatible,
    /// One part agrees.
    Partial,
    /// Contradicting.
    Different,
    /// One side has no value.
    Missing,
    /// Equal, but shared by many by its nature (`info@`).
    Shared,
}

/// One piece of evidence for or against.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// What was compared: `email`, `phone`, `name`, `company`, `domain`.
    pub field: FieldKey,
    /// How it compares.
    pub comparison: Comparison,
    /// How much it counts, -1 to 1; the score is not their sum.
    pub weight: f64,
}

/// How certain it is that two records are the same customer.
#[derive(Debug, Clone, PartialEq)]
pub struct Match {
    /// 0 to [`SCORE_MAX`].
    pub score: f64,
    /// Why.
    pub evidence: Vec<Evidence>,
}

impl Match {
    /// Whether the link may be made without asking.
    #[must_use]
    pub fn is_certain(&self) -> bool {
        self.score >= AUTO_LINK
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
pub fn keys(object: &str, fields: &Fields, company_name: Option<&str>) -> Vec<MatchKey> {
    let profile = Profile { fields, company: company_name };
    let mut keys = Vec::new();
    if is_person(object) {
        keys.extend(emails(fields).into_iter().map(|value| MatchKey { kind: KeyKind::Email, value }));
        keys.extend(phones(fields).into_iter().map(|value| MatchKey { kind: KeyKind::Phone, value }));
        if let (Some(name), Some(company)) = (person::Name::of(fields), company(&profile)) {
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
