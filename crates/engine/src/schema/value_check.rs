//! Values that a list at the platform came to refuse are not sent. Everything else of the row is.

use std::collections::BTreeSet;

use entente_model::mapping::remote::Row;
use entente_model::value::FieldKey;
use serde_json::Value as Json;

use crate::catalog::Mapped;

/// Takes values out of a row that the platform refuses since its schema has changed. Answers our fields that are left out with them: they
/// stay different until the list takes them again or the mapping translates them.
pub(crate) fn leave_out_refused(mapped: &Mapped, row: &mut Row) -> BTreeSet<FieldKey> {
    let mut left_out = BTreeSet::new();
    for (remote, allowed) in &mapped.still.allowed {
        let takes = |value: &Json| value.as_str().is_none_or(|text| text.is_empty() || allowed.contains(text));
        let refused = match row.get(remote) {
            Some(Json::Array(items)) => !items.iter().all(takes),
            Some(value) => !takes(value),
            None => false,
        };
        if refused {
            row.remove(remote);
            left_out.extend(mapped.mapping().fields.iter().filter(|line| line.remote == *remote).map(|line| line.field.clone()));
        }
    }
    left_out
}
