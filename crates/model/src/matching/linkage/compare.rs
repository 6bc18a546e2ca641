//! Comparing two different values of a field.

mod contact;
mod date;
mod name;
mod text;

pub(super) use contact::{is_named_after, mailbox_key, tail};
pub(super) use name::one_name;

use rapidfuzz::distance::{jaro_winkler, osa};

use super::field::Kind;
use super::level::Level;
use super::term::Term;

/// How two values that are not equal compare.
pub(super) fn level(kind: Kind, one: &Term, two: &Term) -> Level {
    match kind {
        Kind::GivenName => name::given(one, two),
        Kind::FamilyName => name::family(one, two),
        Kind::Email => contact::email(one, two),
        Kind::Phone => contact::phone(&one.text, &two.text),
        Kind::Date => date::date(one.group, two.group),
        Kind::Number => text::number(&one.text, &two.text),
        Kind::Company => text::company(&one.text, &two.text),
        Kind::Text => text::words(&one.text, &two.text),
        Kind::Domain => {
            if slips(&one.text, &two.text) <= 1 {
                Level::Near
            } else {
                Level::Different
            }
        }
        Kind::Postcode => text::postcode(&one.text, &two.text),
        Kind::Place => text::place(&one.text, &two.text),
        Kind::Category => Level::Different,
    }
}

/// Similarity of two short texts, 0 to 1: Jaro's share of common characters in about the same order, raised for a common beginning
/// (Winkler 1990). Slips are rarer at the beginning of a name than behind it.
fn alike(one: &str, two: &str) -> f64 {
    // Which common characters are found first depends on the order of the texts.
    let (one, two) = if one <= two { (one, two) } else { (two, one) };
    if one.is_ascii() && two.is_ascii() {
        jaro_winkler::similarity(one.bytes(), two.bytes())
    } else {
        jaro_winkler::similarity(one.chars(), two.chars())
    }
}

/// Slips of a finger between two texts: letters left out, doubled, mistaken or in each other's place (optimal string alignment).
fn slips(one: &str, two: &str) -> usize {
    if one.is_ascii() && two.is_ascii() { osa::distance(one.bytes(), two.bytes()) } else { osa::distance(one.chars(), two.chars()) }
}
