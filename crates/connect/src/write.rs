//! Writes: what should become of one remote row.

use entente_model::mapping::remote::Row;
use serde_json::Value;

use crate::error::{Class, VendorError};
use crate::look::{Find, Look};
use crate::spec::Spec;

/// What kind of write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WriteKind {
    /// Create the row, keyed by Entente's record id, so that a repeat finds the first one instead of making a twin.
    Create,
    /// Change fields of a row that is linked.
    Update,
    /// Delete it.
    Delete,
}

/// One write to one row.
#[derive(Debug, Clone, PartialEq)]
pub struct Write {
    /// What kind.
    pub kind: WriteKind,
    /// Entente's record id, as it goes into the key field.
    pub key: String,
    /// External id; `None` for creations.
    pub id: Option<String>,
    /// Flattened values to set; JSON null clears.
    pub row: Row,
    /// The version the decision was made on; the platform refuses the write if the row has moved on, where it can.
    pub expect: Option<String>,
}

/// What a batch of writes goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteTarget {
    /// The platform's name of the object.
    pub object: String,
    /// The remote field that carries Entente's record id.
    pub key_field: String,
}

/// A write that landed.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// External id.
    pub id: String,
    /// Whether the row is new. `Some(false)` for a creation means that an existing row was found and changed instead.
    pub created: Option<bool>,
    /// The version after the write, if the vendor says.
    pub version: Option<String>,
    /// The whole row after the write, if the vendor returns it.
    pub look: Option<Look>,
}

/// Outcome of one write of a batch; positions match the writes.
pub type WriteOutcome = Result<Written, VendorError>;

/// Refuses writes that lean on a version where the platform has nothing that would mind it.
pub(crate) fn refuse_preconditions(spec: &Spec, target: &WriteTarget, writes: &[Write]) -> Result<(), VendorError> {
    let minded = spec.capabilities(&target.object).is_some_and(|known| known.concurrency.is_some());
    if minded || writes.iter().all(|write| write.expect.is_none()) {
        return Ok(());
    }
    Err(VendorError::new(
        Class::Configuration,
        "no_precondition",
        format!("{} cannot refuse an update of {} whose row has moved on", spec.label, target.object),
        "write without an expected version; a change that crosses is seen by the next look",
    ))
}

/// Characters of a value from which on it is looked for in sentences: shorter ones are in too many words.
const TELLING_CHARS: usize = 3;

/// Characters by which a value is recognised that a platform cuts short.
const HEAD_CHARS: usize = 12;

/// Takes the rows' own values out of what a platform says of them: its sentences travel into logs. Its very words stay in
/// [`VendorError::answer`], for people who look into a failure.
pub(crate) fn discreet(writes: &[Write], outcomes: Result<Vec<WriteOutcome>, VendorError>) -> Result<Vec<WriteOutcome>, VendorError> {
    match outcomes {
        Ok(outcomes) => {
            let told = outcomes.into_iter().zip(writes);
            Ok(told.map(|(outcome, write)| outcome.map_err(|error| without(error, std::slice::from_ref(write)))).collect())
        }
        Err(error) => Err(without(error, writes)),
    }
}

/// The same, of what a search asked for.
pub(crate) fn discreet_find<T>(questions: &[Find], found: Result<T, VendorError>) -> Result<T, VendorError> {
    found.map_err(|error| hide(error, questions.iter().map(Find::text)))
}

fn without(error: VendorError, writes: &[Write]) -> VendorError {
    hide(error, writes.iter().flat_map(|write| write.row.values()).filter_map(Value::as_str))
}

fn hide<'a>(mut error: VendorError, values: impl Iterator<Item = &'a str>) -> VendorError {
    let message = values.fold(error.message.clone(), |message, value| hidden(&message, value));
    if message != error.message {
        let said = std::mem::replace(&mut error.message, message);
        error.answer.get_or_insert(said);
    }
    error
}

/// A sentence without a value, whole or cut short.
fn hidden(sentence: &str, value: &str) -> String {
    let value: Vec<char> = value.trim().chars().collect();
    if value.len() < TELLING_CHARS {
        return sentence.to_owned();
    }
    let letters: Vec<char> = sentence.chars().collect();
    let mut shown = String::with_capacity(sentence.len());
    let mut at = 0;
    while at < letters.len() {
        let alike = letters[at..].iter().zip(&value).take_while(|(letter, other)| letter.eq_ignore_ascii_case(other)).count();
        if alike >= value.len().min(HEAD_CHARS) {
            shown.push('…');
            at += alike;
        } else {
            shown.push(letters[at]);
            at += 1;
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_hidden_whole_cut_short_and_in_other_case() {
        assert_eq!(hidden("Email: ada@x.example is bad", "Ada@X.example"), "Email: … is bad");
        assert_eq!(hidden("too large: 漢漢漢漢漢漢漢漢漢漢漢漢漢… (max 13)", &"漢".repeat(40)), "too large: …… (max 13)");
        assert_eq!(hidden("No such column", "No"), "No such column", "two letters tell nothing");
    }
}
