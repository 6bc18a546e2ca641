//! Names of people.

use super::super::level::Level;
use super::super::term::Term;
use super::{alike, slips};
use crate::matching::nickname;

/// Jaro-Winkler similarity from which two names are one, misspelt: the upper band of Winkler's tables.
const NEAR: f64 = 0.92;
/// Jaro-Winkler similarity from which two names are alike.
const SIMILAR: f64 = 0.80;
/// Letters from which a single slip leaves a name recognisable.
const SLIP_CHARS_MIN: usize = 4;
/// Letters from which two slips leave a name similar.
const TWO_SLIPS_CHARS_MIN: usize = 5;
/// Letters from which a beginning is a short form (`Alex`, `Alexander`).
const SHORT_FORM_CHARS_MIN: usize = 3;

pub(super) fn given(one: &Term, two: &Term) -> Level {
    if nickname::share(one.forms, two.forms) || short_form(&one.text, &two.text) {
        return Level::Nickname;
    }
    spelling(one, two)
}

pub(super) fn family(one: &Term, two: &Term) -> Level {
    spelling(one, two)
}

/// Whether a given and a family name are one name: the same or misspelt.
pub(in super::super) fn one_name(one: &Term, two: &Term) -> bool {
    one.text == two.text || (one.text.as_bytes().first() == two.text.as_bytes().first() && near(&one.text, &two.text)) || {
        let length = one.text.len().min(two.text.len());
        length >= SLIP_CHARS_MIN && one.text.len().abs_diff(two.text.len()) <= 1 && slips(&one.text, &two.text) <= 1
    }
}

fn spelling(one: &Term, two: &Term) -> Level {
    let similarity = alike(&one.text, &two.text);
    let length = one.text.len().min(two.text.len());
    let apart = if length >= SLIP_CHARS_MIN { slips(&one.text, &two.text) } else { usize::MAX };
    if similarity >= NEAR || apart <= 1 {
        Level::Near
    } else if initial(&one.text, &two.text) || one_of_several(&one.text, &two.text) {
        Level::Part
    } else if one.sound.iter().any(|key| *key != 0 && two.sound.contains(key)) {
        Level::Sound
    } else if similarity >= SIMILAR || (length >= TWO_SLIPS_CHARS_MIN && apart <= 2) {
        Level::Similar
    } else {
        Level::Different
    }
}

fn near(one: &str, two: &str) -> bool {
    alike(one, two) >= NEAR
}

fn short_form(one: &str, two: &str) -> bool {
    let (short, long) = if one.len() <= two.len() { (one, two) } else { (two, one) };
    short.len() >= SHORT_FORM_CHARS_MIN && long.starts_with(short) && !long[short.len()..].starts_with(' ')
}

fn initial(one: &str, two: &str) -> bool {
    let (short, long) = if one.len() <= two.len() { (one, two) } else { (two, one) };
    short.chars().count() == 1 && long.starts_with(short)
}

/// `Ann` and `Mary Ann`, `Smith` and `Smith-Jones`.
fn one_of_several(one: &str, two: &str) -> bool {
    let within = |part: &str, whole: &str| whole.contains(' ') && whole.split(' ').any(|word| word == part);
    within(one, two) || within(two, one)
}

#[cfg(test)]
mod tests {
    use super::super::super::field::Kind;
    use super::super::super::term::phonetic;
    use super::*;

    #[track_caller]
    fn compares(kind: Kind, one: &str, two: &str, expected: Level) {
        let term = |text| Term::new(kind, text, &phonetic());
        assert_eq!(super::super::level(kind, &term(one), &term(two)), expected, "{one} {two}");
        assert_eq!(super::super::level(kind, &term(two), &term(one)), expected, "{two} {one}");
    }

    #[test]
    fn given_names_agree_in_many_ways() {
        compares(Kind::GivenName, "bob", "robert", Level::Nickname);
        compares(Kind::GivenName, "bob", "rob", Level::Nickname);
        compares(Kind::GivenName, "alexa", "alexandra", Level::Nickname);
        compares(Kind::GivenName, "a", "ada", Level::Part);
        compares(Kind::GivenName, "ann", "mary ann", Level::Part);
        compares(Kind::GivenName, "thoas", "thomas", Level::Near);
        compares(Kind::GivenName, "etheodore", "theodore", Level::Near);
        compares(Kind::GivenName, "geoffry", "jeffri", Level::Sound);
        compares(Kind::GivenName, "ada", "grace", Level::Different);
    }

    #[test]
    fn family_names_are_misspelt_by_ear_and_by_finger() {
        compares(Kind::FamilyName, "smith", "simth", Level::Near);
        compares(Kind::FamilyName, "smith", "schmidt", Level::Sound);
        compares(Kind::FamilyName, "smith", "smith jones", Level::Part);
        compares(Kind::FamilyName, "jones", "smith jones", Level::Part);
        compares(Kind::FamilyName, "morris", "mosrri", Level::Similar);
        compares(Kind::FamilyName, "taylor", "hopper", Level::Different);
    }
}
