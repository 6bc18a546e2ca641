//! Platforms that rewrite what we write: they trim it, change its case, cut it off, or put another value of a list in its place. Each of our
//! writes would come back as a change, be put right, and come back again. After the second time in a row the value that the platform shows is
//! taken for what we wrote, for this field of this record; everything else goes on, and a patch to the mapping is proposed.
//!
//! People who change a value back and forth are no rewriting: the platform's own mark, or the version that our write made, must say that
//! nobody else was there. A person whom it names was, also where both changes share a version: many are times in whole seconds. Where it names
//! nobody, and the version is another, only a value that is ours in another form, at the time of our write, counts; and what an automation left
//! counts for a while after our write, or if it is ours in another form. And the mark is one of the row: of what our last
//! write did not carry it says nothing, for somebody may have entered that just before.

use std::collections::BTreeMap;

use entente_connect::look::Look;
use entente_model::actor::{Actor, ChangeMark};
use entente_model::clock::Timestamp;
use entente_model::value::{FieldKey, Fields, Value};
use entente_store::{Link, Rewrite, StoreError, Tx};

use super::decide::Decision;
use super::task::Task;
use crate::catalog::Catalog;
use crate::schema::propose_equivalence;

/// Times in a row that a platform may rewrite one value before it is left as it shows it.
pub const STOP_AT: u64 = 2;

/// Milliseconds around our write within which a change by nobody known is taken for its consequence: a trigger runs within the call, and
/// both clocks are measured in whole seconds.
const CONSEQUENCE_MS: i64 = 10_000;

/// The same for a change by an automation: a workflow begins within moments of what set it off, and may wait for its turn.
const AUTOMATION_MS: i64 = 120_000;

/// What a side shows is what the platform made of our own write: (what was written, what is shown), by field. `marks` say of whose hand single
/// values are. While it is not known whether a write has landed, nothing is known of whose the row's mark is.
pub(super) fn seen(link: &Link, look: &Look, values: &Fields, marks: &BTreeMap<FieldKey, ChangeMark>) -> Vec<(String, Value, Value)> {
    if link.changed_by != Actor::Us || link.pending.is_some() {
        return Vec::new();
    }
    let ours_alone = look.version.is_some() && look.version == link.version;
    let is_named = |field: &str| marks.get(field).is_some_and(|mark| names_person(mark.by));
    let made = |written: &Value, shown: &Value| match look.mark.by {
        Actor::Us => true,
        // Later, it may have changed something else in the row, and what it shows is somebody's.
        Actor::Automation => apart_from_our_write(link, look) <= AUTOMATION_MS || is_same_in_another_form(written, shown),
        Actor::Unknown => ours_alone || (apart_from_our_write(link, look) <= CONSEQUENCE_MS && is_same_in_another_form(written, shown)),
        Actor::Customer | Actor::Sales | Actor::Support | Actor::Person => false,
    };
    let weighed = |field: &str, shown: &Value| link.taken.as_ref().and_then(|taken| taken.get(field)).is_some_and(|one| one.agrees(shown));
    // It was there before our write, which was one of other fields: a value that waits for a person is somebody's.
    let waits = |field: &str, shown: &Value| link.seen.as_ref().and_then(|seen| seen.get(field)).is_some_and(|one| one.agrees(shown));
    let rewritten = values.iter().filter_map(|(field, shown)| {
        let written = link.base.get(field).filter(|written| !written.is_blank() && !written.agrees(shown))?;
        let known = weighed(field, shown) || waits(field, shown);
        let may_be = link.written.contains(field) && !known && !is_named(field);
        (may_be && made(written, shown)).then(|| (field.clone(), written.clone(), shown.clone()))
    });
    rewritten.collect()
}

fn names_person(by: Actor) -> bool {
    matches!(by, Actor::Customer | Actor::Sales | Actor::Support | Actor::Person)
}

/// Milliseconds between our write and the row's last change; very many where either is not known.
fn apart_from_our_write(link: &Link, look: &Look) -> i64 {
    let apart = link.changed_at.zip(look.mark.at).map(|(ours, theirs)| (ours.as_millisecond() - theirs.as_millisecond()).abs());
    apart.unwrap_or(i64::MAX)
}

/// Whether two values have the same letters and digits, or one is the beginning of the other.
fn is_same_in_another_form(one: &Value, other: &Value) -> bool {
    let plain =
        |value: &Value| -> String { value.display().chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect() };
    let (one, other) = (plain(one), plain(other));
    !other.is_empty() && (one == other || one.starts_with(&other))
}

/// Puts our values in the place of what platforms have made of them. `known` are the rewritten values of the record, `now` those that this
/// look shows.
pub(super) fn taken_for_ours(known: &[Rewrite], link: &Link, now: &[(String, Value, Value)], values: &mut Fields) {
    for one in known.iter().filter(|one| one.connection == link.connection) {
        let again =
            now.iter().any(|(field, written, shown)| *field == one.field && written.agrees(&one.written) && shown.agrees(&one.shown));
        let is_over = one.times + u64::from(again) >= STOP_AT;
        let stands = link.base.get(&one.field).is_some_and(|base| base.agrees(&one.written));
        if is_over && stands && values.get(&one.field).is_some_and(|shown| shown.agrees(&one.shown)) {
            values.insert(one.field.clone(), one.written.clone());
        }
    }
}

/// As rewritten values of a task's record.
pub(super) fn of_task(task: &Task, link: &Link, seen: Vec<(String, Value, Value)>) -> Vec<Rewrite> {
    let rewrites = seen.into_iter().map(|(field, written, shown)| Rewrite {
        record: task.record.id.clone(),
        connection: link.connection.clone(),
        object: task.record.object.clone(),
        field,
        written,
        shown,
        times: 0,
    });
    rewrites.collect()
}

/// Keeps what decisions saw. Where a value has been rewritten for the last time, the equivalence is proposed as a patch to the mapping.
pub(super) fn keep(tx: &mut Tx<'_>, catalog: &Catalog, decisions: &[&Decision], now: Timestamp) -> Result<(), StoreError> {
    for rewrite in decisions.iter().flat_map(|decision| &decision.rewrites) {
        if tx.note_rewrite(rewrite, now)? == STOP_AT {
            propose_equivalence(tx, catalog, &rewrite.connection, &rewrite.object, &rewrite.field, now)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use entente_connect::look::Existence;
    use entente_model::id::RecordId;
    use entente_model::mapping::remote::Row;
    use entente_store::LinkState;

    use super::*;

    /// Our own write of the field gave the row this version, and a change within the same second left it at that.
    fn of_one_second(by: Actor) -> (Link, Look) {
        let now = Timestamp::UNIX_EPOCH;
        let version = Some("1970-01-01T00:00:00Z".to_owned());
        let link = Link {
            record: RecordId::new("acc", 1),
            connection: "crm".to_owned(),
            remote_object: "Account".to_owned(),
            external_id: "1".to_owned(),
            base: Fields::from([("tier".to_owned(), Value::text("Pro"))]),
            seen: None,
            taken: None,
            written: BTreeSet::from(["tier".to_owned()]),
            pending: None,
            is_whole: false,
            version: version.clone(),
            seen_at: Some(now),
            changed_at: Some(now),
            changed_by: Actor::Us,
            told_at: None,
            waiting: BTreeMap::new(),
            state: LinkState::Present,
            created_at: now,
        };
        let look = Look {
            object: "Account".to_owned(),
            id: "1".to_owned(),
            existence: Existence::Present,
            row: Row::new(),
            complete: true,
            version,
            mark: ChangeMark { at: Some(now), by, who: None },
            seen_at: now,
        };
        (link, look)
    }

    fn counted(link: &Link, look: &Look) -> usize {
        seen(link, look, &Fields::from([("tier".to_owned(), Value::text("Enterprise"))]), &BTreeMap::new()).len()
    }

    #[test]
    fn a_person_who_is_named_is_no_rewriting_although_the_version_is_that_of_our_write() {
        let (link, look) = of_one_second(Actor::Sales);
        assert_eq!(counted(&link, &look), 0);
        let (link, look) = of_one_second(Actor::Unknown);
        assert_eq!(counted(&link, &look), 1, "nobody else was there");
        let shown = Fields::from([("tier".to_owned(), Value::text("Enterprise"))]);
        let mark = ChangeMark { at: None, by: Actor::Support, who: None };
        assert!(seen(&link, &look, &shown, &BTreeMap::from([("tier".to_owned(), mark)])).is_empty(), "a message has told who it was");
    }

    #[test]
    fn a_value_that_waited_for_a_person_before_our_write_is_no_rewriting() {
        let (mut link, look) = of_one_second(Actor::Us);
        assert_eq!(counted(&link, &look), 1, "the row was last changed by us");
        link.seen = Some(Fields::from([("tier".to_owned(), Value::text("Enterprise"))]));
        assert_eq!(counted(&link, &look), 0);
    }

    #[test]
    fn an_automation_rewrites_soon_after_our_write_or_it_has_touched_something_else() {
        let (link, mut look) = of_one_second(Actor::Automation);
        look.version = None;
        assert_eq!(counted(&link, &look), 1);
        look.mark.at = Timestamp::from_second(3_600).ok();
        assert_eq!(counted(&link, &look), 0, "a person may have entered it since");
        let cut = Fields::from([("tier".to_owned(), Value::text("P"))]);
        assert_eq!(seen(&link, &look, &cut, &BTreeMap::new()).len(), 1, "ours, cut off");
    }

    #[test]
    fn what_our_last_write_did_not_carry_may_have_been_entered_just_before_it() {
        let (mut link, look) = of_one_second(Actor::Us);
        link.written = BTreeSet::from(["plan".to_owned()]);
        assert_eq!(counted(&link, &look), 0);
    }

    #[test]
    fn while_it_is_not_known_whether_a_later_write_has_landed_the_row_s_mark_may_be_that_one_s() {
        let (mut link, look) = of_one_second(Actor::Us);
        link.pending = Some(Fields::from([("plan".to_owned(), Value::text("Annual"))]));
        assert_eq!(counted(&link, &look), 0);
    }
}
