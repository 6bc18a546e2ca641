//! Three-way merge of sets.

use std::collections::BTreeSet;

use crate::value::Value;

fn items(value: Option<&Value>) -> BTreeSet<String> {
    match value {
        Some(Value::Set(items)) => items.clone(),
        Some(Value::Text(text)) if !text.is_empty() => BTreeSet::from([text.clone()]),
        _ => BTreeSet::new(),
    }
}

/// Merges the changes of sides, given as (base, now), into the held set. Adding wins over removing.
pub(super) fn merge<'a>(held: &Value, sides: impl Iterator<Item = (Option<&'a Value>, &'a Value)>) -> Value {
    let held = items(Some(held));
    let mut removed = BTreeSet::new();
    let mut added = BTreeSet::new();
    for (base, now) in sides {
        let base = items(base);
        let now = items(Some(now));
        removed.extend(base.difference(&now).cloned());
        // What the record holds already is no news: it may be the echo of our own write.
        added.extend(now.difference(&base).filter(|item| !held.contains(*item)).cloned());
    }
    added.extend(held.difference(&removed).cloned());
    Value::Set(added)
}
