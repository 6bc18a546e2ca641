//! The score of one candidate. The table stands in the module above.

use rapidfuzz::distance::jaro_winkler;

use super::mailbox::is_role;
use super::person::Name;
use super::{
    AUTO_LINK, Comparison, EXTRA_EVIDENCE, Evidence, Match, Profile, SCORE_MAX, company, domain, emails, fold_company, is_person, phones,
};
use crate::value;

/// Jaro-Winkler similarity from which two company names are similar.
const COMPANY_SIMILAR: f64 = 0.93;

/// How certain it is that two records of an object are the same customer. Values must be normalised. Objects other than people and
/// accounts score 0.
#[must_use]
pub fn score(object: &str, one: Profile<'_>, two: Profile<'_>) -> Match {
    if is_person(object) {
        person(&one, &two)
    } else if object == "account" {
        account(&one, &two)
    } else {
        Match { score: 0.0, evidence: Vec::new() }
    }
}

/// Compares two lists of which any pair may agree.
fn lists(one: &[String], two: &[String]) -> Comparison {
    if one.is_empty() || two.is_empty() {
        Comparison::Missing
    } else if one.iter().any(|value| two.contains(value)) {
        Comparison::Same
    } else {
        Comparison::Different
    }
}

fn optional(one: Option<&String>, two: Option<&String>) -> Comparison {
    match (one, two) {
        (Some(one), Some(two)) if one == two => Comparison::Same,
        (Some(one), Some(two)) if jaro_winkler::similarity(one.chars(), two.chars()) >= COMPANY_SIMILAR => Comparison::Compatible,
        (Some(_), Some(_)) => Comparison::Different,
        _ => Comparison::Missing,
    }
}

fn person(one: &Profile<'_>, two: &Profile<'_>) -> Match {
    let (emails_one, emails_two) = (emails(one.fields), emails(two.fields));
    let email = match lists(&emails_one, &emails_two) {
        Comparison::Same if emails_one.iter().filter(|email| emails_two.contains(email)).all(|email| is_role(email)) => Comparison::Shared,
        other => other,
    };
    let phone = lists(&phones(one.fields), &phones(two.fields));
    let name = match (Name::of(one.fields), Name::of(two.fields)) {
        (Some(one), Some(two)) => one.compare(&two),
        _ => Comparison::Missing,
    };
    let company = optional(company(one).as_ref(), company(two).as_ref());
    let compatible = matches!(name, Comparison::Same | Comparison::Compatible);

    let by_email = match (email, name) {
        (Comparison::Same, _) if compatible => 0.98,
        (Comparison::Same, Comparison::Missing) => 0.95,
        (Comparison::Same, Comparison::Partial) => 0.93,
        (Comparison::Same, _) => 0.90,
        (Comparison::Shared, _) if compatible => 0.92,
        (Comparison::Shared, _) => 0.60,
        _ => 0.0,
    };
    let by_phone = match (phone, name) {
        (Comparison::Same, _) if compatible => 0.96,
        (Comparison::Same, Comparison::Partial) => 0.80,
        (Comparison::Same, Comparison::Missing) => 0.70,
        (Comparison::Same, _) => 0.50,
        _ => 0.0,
    };
    let by_name = match (compatible, company) {
        (true, Comparison::Same | Comparison::Compatible) => 0.90,
        (true, _) => 0.50,
        _ => 0.0,
    };
    let evidence = vec![
        weigh("email", email, if email == Comparison::Shared { 0.3 } else { 0.9 }),
        weigh("phone", phone, 0.7),
        weigh("name", name, 0.5),
        weigh("company", company, 0.4),
    ];
    finish(f64::max(by_email, f64::max(by_phone, by_name)), evidence)
}

fn account(one: &Profile<'_>, two: &Profile<'_>) -> Match {
    let web = match (domain(one.fields), domain(two.fields)) {
        (Some(one), Some(two)) if one == two => Comparison::Same,
        (Some(_), Some(_)) => Comparison::Different,
        _ => Comparison::Missing,
    };
    let folded = |profile: &Profile<'_>| value::get(profile.fields, "name").as_text().map(fold_company).filter(|name| !name.is_empty());
    let name = optional(folded(one).as_ref(), folded(two).as_ref());
    let phone = lists(&phones(one.fields), &phones(two.fields));
    let score = match (web, name, phone) {
        (Comparison::Same, Comparison::Same | Comparison::Compatible, _) => 0.98,
        (Comparison::Same, Comparison::Missing, _) => 0.92,
        (Comparison::Same, _, _) => 0.85,
        (Comparison::Different, Comparison::Same, _) => 0.70,
        (_, Comparison::Same, Comparison::Same) => 0.96,
        (_, Comparison::Same, _) => 0.90,
        (_, Comparison::Compatible, _) => 0.60,
        (_, _, Comparison::Same) => 0.50,
        _ => 0.0,
    };
    finish(score, vec![weigh("domain", web, 0.9), weigh("name", name, 0.6), weigh("phone", phone, 0.4)])
}

fn weigh(field: &str, comparison: Comparison, full: f64) -> Evidence {
    let share = match comparison {
        Comparison::Same | Comparison::Shared => 1.0,
        Comparison::Compatible => 0.8,
        Comparison::Partial => 0.3,
        Comparison::Missing => 0.0,
        Comparison::Different => -0.5,
    };
    Evidence { field: field.to_owned(), comparison, weight: full * share }
}

/// Adds the further evidence, without letting it carry a doubtful match over the threshold.
fn finish(base: f64, evidence: Vec<Evidence>) -> Match {
    let agreeing = evidence.iter().filter(|piece| piece.comparison == Comparison::Same).count();
    let raised = base + EXTRA_EVIDENCE * agreeing.saturating_sub(2) as f64;
    let ceiling = if base >= AUTO_LINK { SCORE_MAX } else { AUTO_LINK - EXTRA_EVIDENCE };
    let score = if base == 0.0 { 0.0 } else { raised.min(ceiling).max(base) };
    Match { score, evidence }
}
