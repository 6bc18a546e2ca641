//! What has changed between two descriptions of a remote object.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::remote::{RemoteField, RemoteObject};

/// How a remote field has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It is gone, and a new one holds its values.
    Renamed,
    /// It is of another type, shorter, or can no longer be written.
    Retyped,
    /// Its list has other values, or refuses others than it did.
    Values,
    /// Rows cannot be created without it any more.
    Required,
}

impl ChangeKind {
    /// Name for people and programs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Renamed => "renamed",
            Self::Retyped => "retyped",
            Self::Values => "values",
            Self::Required => "required",
        }
    }
}

/// One change of one remote field. A field may have several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Name of the field, as it was before.
    pub field: String,
    /// What has changed.
    pub kind: ChangeKind,
    /// The field as it was; none when it is new.
    pub before: Option<RemoteField>,
    /// The field as it is; none when it is gone.
    pub after: Option<RemoteField>,
}

impl Difference {
    /// Values that the list no longer has.
    #[must_use]
    pub fn values_gone(&self) -> Vec<String> {
        only_in(values(self.before.as_ref()), values(self.after.as_ref()))
    }

    /// Values that are new in the list.
    #[must_use]
    pub fn values_new(&self) -> Vec<String> {
        only_in(values(self.after.as_ref()), values(self.before.as_ref()))
    }

    /// Whether the list refuses other values, which it did not before.
    #[must_use]
    pub fn closes(&self) -> bool {
        self.after.as_ref().is_some_and(|after| after.restricted) && !self.before.as_ref().is_some_and(|before| before.restricted)
    }
}

fn values(field: Option<&RemoteField>) -> &[String] {
    field.map_or(&[], |field| field.values.as_slice())
}

fn only_in(these: &[String], those: &[String]) -> Vec<String> {
    let known: BTreeSet<&String> = those.iter().collect();
    these.iter().filter(|value| !known.contains(value)).cloned().collect()
}

/// Everything that has changed, by field. Labels are no change: nobody reads rows by them.
#[must_use]
pub fn differences(before: &RemoteObject, after: &RemoteObject) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut note = |kind, old: Option<&RemoteField>, new: Option<&RemoteField>| {
        let Some(field) = old.or(new) else { return };
        found.push(Difference { field: field.name.clone(), kind, before: old.cloned(), after: new.cloned() });
    };
    for old in &before.fields {
        let Some(new) = after.field(&old.name) else {
            note(ChangeKind::Removed, Some(old), None);
            continue;
        };
        let shorter = new.length.is_some_and(|length| old.length.is_none_or(|known| length < known));
        let coarser = new.scale.zip(old.scale).is_some_and(|(scale, known)| scale < known);
        if new.kind != old.kind || shorter || coarser || (old.writable && !new.writable) {
            note(ChangeKind::Retyped, Some(old), Some(new));
        }
        let listed = |field: &RemoteField| field.values.iter().cloned().collect::<BTreeSet<_>>();
        if listed(old) != listed(new) || old.restricted != new.restricted {
            note(ChangeKind::Values, Some(old), Some(new));
        }
        if new.required && !old.required {
            note(ChangeKind::Required, Some(old), Some(new));
        }
    }
    for new in after.fields.iter().filter(|new| before.field(&new.name).is_none()) {
        note(ChangeKind::Added, None, Some(new));
        if new.required {
            note(ChangeKind::Required, None, Some(new));
        }
    }
    found.sort_by(|one, other| (&one.field, one.kind).cmp(&(&other.field, other.kind)));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::remote::RemoteKind;

    fn field(name: &str) -> RemoteField {
        RemoteField { writable: true, length: Some(80), ..RemoteField::new(name, name, RemoteKind::Text) }
    }

    fn object(fields: &[RemoteField]) -> RemoteObject {
        RemoteObject { name: "Account".to_owned(), fields: fields.to_vec(), lists: Vec::new() }
    }

    fn told(before: &[RemoteField], after: &[RemoteField]) -> Vec<(String, &'static str)> {
        differences(&object(before), &object(after)).into_iter().map(|change| (change.field, change.kind.name())).collect()
    }

    #[test]
    fn what_came_went_and_changed_is_told_by_field() {
        let number = RemoteField { kind: RemoteKind::Number, length: None, scale: Some(2), ..field("b") };
        let told_of = told(&[field("a"), field("b"), field("c")], &[field("c"), number, field("d")]);
        assert_eq!(told_of, [("a".into(), "removed"), ("b".into(), "retyped"), ("d".into(), "added")]);
        assert_eq!(told(&[field("a")], &[RemoteField { label: "Another".into(), ..field("a") }]), []);
    }

    #[test]
    fn what_can_no_longer_be_written_or_holds_less_is_another_type() {
        for worse in [RemoteField { writable: false, ..field("a") }, RemoteField { length: Some(40), ..field("a") }] {
            assert_eq!(told(&[field("a")], std::slice::from_ref(&worse)), [("a".into(), "retyped")]);
            assert_eq!(told(&[worse], &[field("a")]), [], "what gets better breaks nothing");
        }
        assert_eq!(told(&[field("a")], &[RemoteField { required: true, ..field("a") }]), [("a".into(), "required")]);
    }

    #[test]
    fn values_that_left_and_came_are_named_and_their_order_is_no_change() {
        let list = |values: &[&str], restricted| RemoteField {
            values: values.iter().map(|value| (*value).to_owned()).collect(),
            restricted,
            ..field("status")
        };
        let found = differences(&object(&[list(&["Active", "Churned"], false)]), &object(&[list(&["Churned", "Lost"], true)]));
        assert_eq!((found[0].values_gone(), found[0].values_new(), found[0].closes()), (vec!["Active".into()], vec!["Lost".into()], true));
        assert_eq!(told(&[list(&["a", "b"], true)], &[list(&["b", "a"], true)]), []);
    }
}
