//! People by name.

use super::{folded_words, nickname};
use crate::formula::person_name;
use crate::value::{self, Fields, Value};

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

    /// Given and family name.
    pub(super) fn into_parts(self) -> (String, String) {
        (self.given, self.family)
    }

    /// All words in one order, short forms in full, so that `Lovelace Bob` is `Robert Lovelace`.
    pub(super) fn folded(&self) -> String {
        let words = self.given.split(' ').chain(self.family.split(' ')).filter(|word| !word.is_empty());
        let mut words: Vec<&str> = words.map(nickname::full_form).collect();
        words.sort_unstable();
        words.join(" ")
    }
}
