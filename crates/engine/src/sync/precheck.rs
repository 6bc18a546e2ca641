//! Checks before anything is sent: the rules of a mapping, and what a platform refuses a new row without. What fails them costs no call, and is
//! a dead letter that names the rule or the field.

use entente_connect::error::{Class, VendorError};
use entente_model::clock::Timestamp;
use entente_model::mapping::remote::Row;

use super::decide::Decision;
use crate::catalog::Mapped;

/// Whether the record as it will be breaks a rule of the mapping: then nothing of it is written there, and the rules are its failure.
pub(crate) fn breaks_rules(decision: &mut Decision, mapped: &Mapped, connection: &str, now: Timestamp) -> bool {
    let broken = mapped.lens.broken_rules(&decision.after, now);
    if broken.is_empty() {
        return false;
    }
    let advice = "Correct the record so that it meets the rule, or change the rule in the mapping.";
    let error = VendorError::new(Class::Data, "validation_rule", format!("{connection}: {}", broken.join("; ")), advice);
    decision.task.failure.get_or_insert_with(|| (connection.to_owned(), error));
    true
}

/// Whether a new row lacks a field that the platform, as it was last described, refuses it without: then it is not sent.
pub(crate) fn lacks_required(decision: &mut Decision, mapped: &Mapped, connection: &str, row: &Row) -> bool {
    let is_blank = |name: &&String| row.get(*name).is_none_or(|value| value.is_null() || value == "");
    let Some(missing) = mapped.required.iter().find(is_blank) else { return false };
    let ours = mapped.mapping().fields.iter().find(|line| line.remote == *missing).map(|line| line.field.clone());
    let (what, advice) = match &ours {
        Some(field) => (format!("`{field}` is blank"), "Give the record a value there, then retry."),
        None => ("no line of the mapping writes it".to_owned(), "Map a field to it, or give it a default at the platform."),
    };
    let message = format!("{connection}: a new {} needs `{missing}`, and {what}", mapped.mapping().remote);
    let error = VendorError::new(Class::Data, "required_field", message, advice).about(ours.unwrap_or_else(|| missing.clone()));
    decision.task.failure.get_or_insert_with(|| (connection.to_owned(), error));
    true
}
