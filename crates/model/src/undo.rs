//! Undoing and looking back: both walk a record's entries back from the present. Pure.
//!
//! What is to be undone is merged with what happened since, per field: the undone entries are one side, the later ones the other. A field
//! that nobody touched since goes back to what it was before the first undone entry of its latest run; a field that somebody else changed
//! since stays. Sets are merged item by item.

use std::collections::{BTreeMap, BTreeSet};

use crate::value::{FieldKey, Fields, Value, get};

/// What an entry gave one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// The value before.
    pub before: Value,
    /// The value after.
    pub after: Value,
}

/// One entry of a record's history.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Step {
    /// Number of the entry.
    pub entry: i64,
    /// Whether it is to be undone.
    pub undone: bool,
    /// The fields that it gave a value. Those whose value stayed count as untouched.
    pub turns: BTreeMap<FieldKey, Turn>,
}

impl Step {
    fn turn(&self, field: &str) -> Option<&Turn> {
        self.turns.get(field).filter(|turn| !turn.before.agrees(&turn.after))
    }
}

/// What undoing comes to for one field.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inverse {
    /// The present value.
    pub now: Value,
    /// The value it gets; the present one when it stays.
    pub then: Value,
    /// The undone entries that this takes back.
    pub takes_back: BTreeSet<i64>,
    /// Later entries that touched it and that are not undone: because of them all of it stays, or some items of a set.
    pub edited_by: BTreeSet<i64>,
    /// Whether all of it, or some items of a set, stay because they were changed since.
    pub stays: bool,
}

impl Inverse {
    /// Whether the field gets another value.
    #[must_use]
    pub fn changes(&self) -> bool {
        !self.now.agrees(&self.then)
    }
}

/// The inverse of the steps that are to be undone, for every field that they touched. `steps` are the record's entries from the first
/// undone one on, oldest first, none left out; `now` are the present values.
#[must_use]
pub fn inverse(now: &Fields, steps: &[Step]) -> BTreeMap<FieldKey, Inverse> {
    let touched: BTreeSet<&FieldKey> = steps.iter().filter(|step| step.undone).flat_map(|step| step.turns.keys()).collect();
    let mut inverses = BTreeMap::new();
    for field in touched {
        let turns: Vec<(&Step, &Turn)> = steps.iter().filter_map(|step| Some((step, step.turn(field)?))).collect();
        if !turns.iter().any(|(step, _)| step.undone) {
            continue;
        }
        let now = get(now, field);
        let is_set = turns.iter().flat_map(|(_, turn)| [&turn.before, &turn.after]).chain([now]).all(is_set_or_blank);
        inverses.insert(field.clone(), if is_set { of_set(now, &turns) } else { of_scalar(now, &turns) });
    }
    inverses
}

fn is_set_or_blank(value: &Value) -> bool {
    matches!(value, Value::Set(_)) || value.is_blank()
}

fn of_scalar(now: &Value, turns: &[(&Step, &Turn)]) -> Inverse {
    let undone: Vec<bool> = turns.iter().map(|(step, _)| step.undone).collect();
    let Some(run) = Run::last(&undone) else { return Inverse { now: now.clone(), then: now.clone(), ..Inverse::default() } };
    let takes_back = turns[run.first..run.end].iter().map(|(step, _)| step.entry).collect();
    let before = &turns[run.first].1.before;
    let mut edited_by: BTreeSet<i64> = turns[run.end..].iter().map(|(step, _)| step.entry).collect();
    if now.agrees(before) {
        // Somebody has put it back already, by whatever way.
        edited_by.clear();
        return Inverse { now: now.clone(), then: now.clone(), takes_back, edited_by, stays: false };
    }
    // A value that no entry tells of is somebody's all the same.
    let told = turns.last().is_some_and(|(_, turn)| turn.after.agrees(now));
    let stays = !edited_by.is_empty() || !told;
    Inverse { now: now.clone(), then: if stays { now.clone() } else { before.clone() }, takes_back, edited_by, stays }
}

/// A run of steps to be undone that follow one another: from `first` to before `end`.
struct Run {
    first: usize,
    end: usize,
}

impl Run {
    /// The latest one.
    fn last(undone: &[bool]) -> Option<Self> {
        let end = undone.iter().rposition(|undone| *undone)? + 1;
        let first = undone[..end].iter().rposition(|undone| !undone).map_or(0, |other| other + 1);
        Some(Self { first, end })
    }
}

fn items(value: &Value) -> BTreeSet<&str> {
    if let Value::Set(items) = value { items.iter().map(String::as_str).collect() } else { BTreeSet::new() }
}

fn of_set(now: &Value, turns: &[(&Step, &Turn)]) -> Inverse {
    let present = items(now);
    let mut then = present.clone();
    let mut inverse = Inverse { now: now.clone(), ..Inverse::default() };
    let mut touched: BTreeSet<&str> = BTreeSet::new();
    for (_, turn) in turns.iter().filter(|(step, _)| step.undone) {
        let (before, after) = (items(&turn.before), items(&turn.after));
        touched.extend(before.symmetric_difference(&after));
    }
    for item in touched {
        let toggles: Vec<(&Step, bool)> = turns
            .iter()
            .map(|(step, turn)| (*step, items(&turn.before).contains(item), items(&turn.after).contains(item)))
            .filter(|(_, before, after)| before != after)
            .map(|(step, before, _)| (step, before))
            .collect();
        let undone: Vec<bool> = toggles.iter().map(|(step, _)| step.undone).collect();
        let Some(run) = Run::last(&undone) else { continue };
        let was_in = toggles[run.first].1;
        inverse.takes_back.extend(toggles[run.first..run.end].iter().map(|(step, _)| step.entry));
        if present.contains(item) == was_in {
            continue;
        }
        if run.end < toggles.len() {
            inverse.edited_by.extend(toggles[run.end..].iter().map(|(step, _)| step.entry));
        } else if was_in {
            then.insert(item);
        } else {
            then.remove(item);
        }
    }
    inverse.stays = !inverse.edited_by.is_empty();
    inverse.then = if then == present { now.clone() } else { Value::Set(then.into_iter().map(str::to_owned).collect()) };
    inverse
}

/// The values as they were before `later`: entries newest first, from the latest one on, none left out.
#[must_use]
pub fn as_of<'a>(now: &Fields, later: impl Iterator<Item = &'a Step>) -> Fields {
    let mut fields = now.clone();
    for step in later {
        fields.extend(step.turns.iter().map(|(field, turn)| (field.clone(), turn.before.clone())));
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        if text.is_empty() { Value::Null } else { Value::text(text) }
    }

    fn step(entry: i64, undone: bool, before: Value, after: Value) -> Step {
        Step { entry, undone, turns: BTreeMap::from([("plan".to_owned(), Turn { before, after })]) }
    }

    fn undo(now: Value, steps: &[Step]) -> Inverse {
        inverse(&Fields::from([("plan".to_owned(), now)]), steps).remove("plan").unwrap()
    }

    #[test]
    fn what_nobody_touched_since_goes_back() {
        let steps = [step(1, true, text("Basic"), text("Pro")), step(2, true, text("Pro"), text("Max"))];
        let inverse = undo(text("Max"), &steps);
        assert_eq!((inverse.then, inverse.takes_back), (text("Basic"), BTreeSet::from([1, 2])));
    }

    #[test]
    fn what_somebody_changed_since_stays_and_is_named() {
        let steps = [step(1, true, text("Basic"), text("Pro")), step(2, false, text("Pro"), text("Max"))];
        let inverse = undo(text("Max"), &steps);
        assert!(!inverse.changes());
        assert_eq!(inverse.edited_by, BTreeSet::from([2]));
    }

    #[test]
    fn an_edit_between_two_undone_ones_is_what_it_goes_back_to() {
        let steps =
            [step(1, true, text("Basic"), text("Pro")), step(2, false, text("Pro"), text("Max")), step(3, true, text("Max"), text(""))];
        let inverse = undo(text(""), &steps);
        assert_eq!((inverse.then, inverse.takes_back), (text("Max"), BTreeSet::from([3])));
    }

    #[test]
    fn what_somebody_set_again_to_the_same_stays_theirs() {
        let steps =
            [step(1, true, text("Basic"), text("Pro")), step(2, false, text("Pro"), text("Max")), step(3, false, text("Max"), text("Pro"))];
        assert!(!undo(text("Pro"), &steps).changes());
    }

    #[test]
    fn what_is_back_already_is_no_edit() {
        let steps = [step(1, true, text("Basic"), text("Pro")), step(2, false, text("Pro"), text("Basic"))];
        let inverse = undo(text("Basic"), &steps);
        assert!(!inverse.changes() && !inverse.stays && inverse.edited_by.is_empty());
    }

    #[test]
    fn a_value_that_no_entry_tells_of_stays() {
        let inverse = undo(text("Mystery"), &[step(1, true, text("Basic"), text("Pro"))]);
        assert!(!inverse.changes() && inverse.stays);
    }

    #[test]
    fn of_a_set_the_items_that_were_touched_since_stay() {
        let set = |items: &[&str]| Value::Set(items.iter().map(|item| (*item).to_owned()).collect());
        let steps = [
            step(1, true, set(&["vip"]), set(&["late", "risk"])),
            step(2, false, set(&["late", "risk"]), set(&["late", "blue"])),
            step(3, false, set(&["late", "blue"]), set(&["late", "blue", "risk"])),
        ];
        let inverse = undo(set(&["late", "blue", "risk"]), &steps);
        assert_eq!(inverse.then, set(&["vip", "blue", "risk"]), "`late` goes, `vip` comes back, `blue` and `risk` are later edits");
        assert_eq!(inverse.edited_by, BTreeSet::from([2, 3]));
    }
}
