//! Activities: tasks and events as one object, since a mapping of activities names one. `Activity` is Salesforce's own name for what both have in
//! common: custom fields of activities are defined there, and show at both. Rows keep the ids that they have; their first characters say which of
//! the two they are. They are read here; whoever writes one names its own object.
//!
//! Not every event is a meeting of its own: each invitee who is a user has a copy of it, a series has a row that holds its pattern, and what is
//! private is nobody's account's. Those are left out, as if they were not there.
//!
//! Sources: Object Reference, `Event` and `Task`; Change Data Capture Developer Guide, "Event Invitees", which also shows that an event of an hour
//! has its day in `ActivityDate`; the Metadata API defines custom fields of both at `Activity`, and their permissions at each.

mod halves;
mod reading;
mod told;

use std::collections::BTreeSet;

use entente_model::mapping::remote::{RemoteKind, Row};
use serde_json::Value;

pub(super) use halves::Halves;
pub(super) use reading::from_present;
pub(super) use told::tellers;

use super::describe::Described;
use super::ids;
use crate::error::{Class, VendorError};
use crate::look::{Existence, Look, ReadSpec};

/// Name of the object in mappings, and of the place where custom fields of both are defined.
pub(super) const ACTIVITY: &str = "Activity";

/// Which of them a row is, as people read it.
const KIND: &str = "Kind";

/// What a task is: `Task`, `Call`, `Email` and whatever else the org has.
const TASK_SUBTYPE: &str = "TaskSubtype";

/// What an event is called, whatever its subtype: orgs have none but `Event` of their own.
const MEETING: &str = "Meeting";

/// The value of `GroupEventType` of a row that holds the pattern of a series.
const SERIES_PATTERN: &str = "3";

/// One of the two.
#[derive(Debug)]
pub(super) struct Half {
    /// Its own object.
    pub object: &'static str,
    /// First characters of its rows' ids.
    prefix: &'static str,
    /// Standard fields that the other one does not have.
    alone: &'static [&'static str],
    /// Fields that tell which of its rows count.
    marks: &'static [&'static str],
}

/// In the order in which they are read. Positions of polls go by place.
pub(super) static HALVES: [Half; 2] = [
    Half {
        object: "Task",
        prefix: "00T",
        alone: &[
            "CallDisposition",
            "CallDurationInSeconds",
            "CallObject",
            "CallType",
            "CompletedDateTime",
            "IsClosed",
            "IsHighPriority",
            "Priority",
            "Status",
            TASK_SUBTYPE,
        ],
        marks: &[],
    },
    Half {
        object: "Event",
        prefix: "00U",
        alone: &[
            "ActivityDateTime",
            "DurationInMinutes",
            "EndDate",
            "EndDateTime",
            "EventSubtype",
            "GroupEventType",
            "IsAllDayEvent",
            "IsChild",
            "IsGroupEvent",
            "IsPrivate",
            "Location",
            "ShowAs",
            "StartDateTime",
        ],
        marks: &["IsChild", "IsPrivate", "IsRecurrence", "GroupEventType"],
    },
];

impl Half {
    /// The half that an object is.
    pub fn of(object: &str) -> Option<&'static Self> {
        HALVES.iter().find(|half| half.object == object)
    }

    /// The half that the row of an id is of.
    fn of_id(id: &str) -> Option<&'static Self> {
        HALVES.iter().find(|half| id.starts_with(half.prefix))
    }

    fn other(&self) -> &'static Self {
        if self.object == HALVES[0].object { &HALVES[1] } else { &HALVES[0] }
    }

    /// Whether its object has a field, or refers to the row that the field is of.
    fn has(field: &str, described: &Described) -> bool {
        match field.split_once('.') {
            Some((parent, _)) => described.reference(parent).is_some(),
            None => described.knows(field),
        }
    }

    /// Its own field behind one of an activity's, as far as is known: none where its rows have nothing of the sort.
    fn source<'a>(&self, field: &'a str, described: Option<&Described>) -> Option<&'a str> {
        if field == KIND {
            return (self.object == HALVES[0].object).then_some(TASK_SUBTYPE);
        }
        let is_not_its = self.other().alone.contains(&field) || described.is_some_and(|described| !Self::has(field, described));
        (!is_not_its).then_some(field)
    }

    /// What is read of it where these fields of activities are, with what tells which of its rows count.
    pub fn fields(&self, fields: &[String], described: Option<&Described>) -> Vec<String> {
        let marks = self.marks.iter().copied().filter(|mark| described.is_none_or(|described| described.knows(mark)));
        let own: BTreeSet<&str> = fields.iter().filter_map(|field| self.source(field, described)).chain(marks).collect();
        own.into_iter().map(str::to_owned).collect()
    }

    /// Whether a row is none of the activities that people see: somebody's copy of a meeting, the pattern of a series, or private.
    fn leaves_out(&self, row: &Row) -> bool {
        let is = |mark: &str| row.get(mark).and_then(Value::as_bool) == Some(true);
        let is_pattern = row.get("GroupEventType").and_then(Value::as_str) == Some(SERIES_PATTERN);
        !self.marks.is_empty() && (is("IsChild") || is("IsPrivate") || is("IsRecurrence") || is_pattern)
    }

    /// A look at one of its rows as one at an activity. What is left out is as good as gone.
    fn look(&self, look: Look, fields: &[String]) -> Look {
        let activity = Look { object: ACTIVITY.to_owned(), row: Row::new(), ..look.clone() };
        if look.existence != Existence::Present {
            return activity;
        }
        if self.leaves_out(&look.row) {
            return Look { existence: Existence::Deleted, complete: true, ..activity };
        }
        let mut row = Row::new();
        for field in fields {
            let value = match field.as_str() {
                KIND if self.object == HALVES[0].object => look.row.get(TASK_SUBTYPE).cloned(),
                KIND => Some(Value::from(MEETING)),
                name => look.row.get(name).cloned(),
            };
            if let Some(value) = value.or_else(|| look.complete.then_some(Value::Null)) {
                row.insert(field.clone(), value);
            }
        }
        Look { row, ..activity }
    }
}

/// Whether a refusal is about one of the two objects as a whole, so that the other may well be read. A field that is missing is none.
fn shuts(error: &VendorError) -> bool {
    let is_of_field = error.field.is_some() || error.code.starts_with("INVALID_FIELD");
    error.class == Class::Configuration && !is_of_field && (error.is_of_object() || error.code == "NOT_FOUND")
}

/// The id of the row in the long form, and the half that it is of.
fn placed(id: &str) -> (String, Option<&'static Half>) {
    let id = ids::to_18(id);
    let half = Half::of_id(&id);
    (id, half)
}

/// The same row at another object: an activity is the task or the event of the same id.
pub(super) fn same_row(from: &str, to: &str, id: &str) -> Option<String> {
    let half = Half::of_id(id)?.object;
    let is_either = |object: &str| object == ACTIVITY || object == half;
    (from != to && is_either(from) && is_either(to)).then(|| id.to_owned())
}

/// What is said to whoever would write an activity.
pub(super) fn only_read() -> VendorError {
    VendorError::new(
        Class::Configuration,
        "read_only",
        "`Activity` shows Salesforce's tasks and events together, and is only read",
        "map `Task` or `Event` by itself to write them",
    )
}

/// What is said of a field that neither of them has.
fn unknown_field(field: &str) -> VendorError {
    VendorError::new(
        Class::Configuration,
        "INVALID_FIELD",
        format!("neither Salesforce's tasks nor its events have a field `{field}` that our user may see"),
        "take it out of the mapping, or let our user see it; `entente provision --apply` makes fields whose names end with `__c`",
    )
    .about(field)
}

/// A read of activities as one of a half.
fn own_read(half: &Half, read: &ReadSpec, described: &Described) -> ReadSpec {
    ReadSpec { object: half.object.to_owned(), fields: half.fields(&read.fields, Some(described)) }
}

/// The kind that the field which tells what a row is has in descriptions.
const KIND_KIND: RemoteKind = RemoteKind::Text;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_row_is_the_same_at_both_objects_that_show_it() {
        let (task, event) = ("00T000000000001AAA", "00U000000000001AAA");
        assert_eq!(same_row("Task", ACTIVITY, task).as_deref(), Some(task));
        assert_eq!(same_row(ACTIVITY, "Event", event).as_deref(), Some(event));
        for (from, to, id) in [("Task", ACTIVITY, event), (ACTIVITY, "Task", event), ("Task", "Event", task), ("Contact", ACTIVITY, "003")]
        {
            assert_eq!(same_row(from, to, id), None, "{from} {to} {id}");
        }
    }

    #[test]
    fn what_only_one_of_them_has_is_asked_of_no_other() {
        let fields = ["Kind", "Status", "Location", "Owner.Name"].map(str::to_owned);
        assert_eq!(HALVES[0].fields(&fields, None), ["Owner.Name", "Status", "TaskSubtype"]);
        assert_eq!(HALVES[1].fields(&fields, None), ["GroupEventType", "IsChild", "IsPrivate", "IsRecurrence", "Location", "Owner.Name"]);
    }

    #[test]
    fn copies_patterns_and_what_is_private_are_left_out() {
        for mark in [json!({"IsChild": true}), json!({"IsPrivate": true}), json!({"IsRecurrence": true}), json!({"GroupEventType": "3"})] {
            assert!(HALVES[1].leaves_out(mark.as_object().unwrap()), "{mark}");
        }
        let meeting = json!({"IsChild": false, "IsPrivate": false, "IsRecurrence": false, "GroupEventType": "1"});
        assert!(!HALVES[1].leaves_out(meeting.as_object().unwrap()), "one with invitees is a meeting");
        assert!(!HALVES[0].leaves_out(json!({"IsRecurrence": true}).as_object().unwrap()));
    }
}
