//! People by name.

use rapidfuzz::distance::jaro_winkler;

use super::{Comparison, folded_words, nickname};
use crate::formula::person_name;
use crate::value::{self, Fields, Value};

/// Jaro-Winkler similarity from which two name parts are taken for one, misspelt.
const SPELLING: f64 = 0.92;
/// Letters from which a part may be the short form of a longer one (`Alex`, `Alexander`).
const SHORT_FORM_CHARS: usize = 3;

/// A person's name in two folded parts; either may be empty, not both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    given: String,
    family: String,
}

impl Name {
    /// The name from its parts, or from a full name.
    pub(super) fn of(fields: &Fields) -> Option<Self> {
        let part = |name| folded_words(value::get(fields, name)).unwrap_or_default();
        let (given, family) = (part("first_name"), part("last_name"));
        if !given.is_empty() || !family.is_empty() {
            return Some(Self { given, family });
        }
        let full = value::get(fields, "name").as_text().filter(|name| !name.trim().is_empty())?;
        let (given, family) = person_name::split(full, "", "");
        let fold = |part: String| folded_words(&Value::Text(part)).unwrap_or_default();
        let name = Self { given: fold(given), family: fold(family) };
        (!name.given.is_empty() || !name.family.is_empty()).then_some(name)
    }

    /// All words in one order, so that `Lovelace Ada` is `Ada Lovelace`.
    pub(super) fn folded(&self) -> String {
        let mut words: Vec<&str> = self.given.split(' ').chain(self.family.split(' ')).filter(|word| !word.is_empty()).collect();
        words.sort_unstable();
        words.join(" ")
    }

    pub(super) fn compare(&self, other: &Self) -> Comparison {
        if self.folded() == other.folded() {
            return Comparison::Same;
        }
        let straight = (part_alike(&self.given, &other.given), part_alike(&self.family, &other.family));
        let crossed = (part_alike(&self.given, &other.family), part_alike(&self.family, &other.given));
        let half = self.given.is_empty() || self.family.is_empty() || other.given.is_empty() || other.family.is_empty();
        match (straight, crossed) {
            ((true, true), _) | (_, (true, true)) if !half => Comparison::Compatible,
            // One side knows half of the name, and that half agrees.
            ((true, _), _) | ((_, true), _) | (_, (true, _)) | (_, (_, true)) => Comparison::Partial,
            _ => Comparison::Different,
        }
    }
}

/// Whether two parts may be the same: equal, an initial, a short form, a nickname or a misspelling.
fn part_alike(one: &str, two: &str) -> bool {
    if one.is_empty() || two.is_empty() {
        return false;
    }
    let (short, long) = if one.len() <= two.len() { (one, two) } else { (two, one) };
    let initial = short.chars().count() == 1 && long.starts_with(short);
    let short_form = short.chars().count() >= SHORT_FORM_CHARS && long.starts_with(short);
    let nickname = nickname::alike(first_word(short), first_word(long));
    one == two || initial || short_form || nickname || jaro_winkler::similarity(one.chars(), two.chars()) >= SPELLING
}

fn first_word(text: &str) -> &str {
    text.split(' ').next().unwrap_or_default()
}
