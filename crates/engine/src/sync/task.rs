//! One record in the hands of a worker, with everything that planning it needs.

use std::collections::{BTreeMap, BTreeSet};

use entente_connect::connector::Priority;
use entente_connect::error::VendorError;
use entente_connect::look::{Existence, Look};
use entente_model::actor::{Actor, ChangeMark};
use entente_model::clock::Timestamp;
use entente_model::id::RecordId;
use entente_model::mapping::convert::Lens;
use entente_model::plan::{Plan, Side};
use entente_model::value::{FieldKey, Fields, Value, get};
use entente_store::{FieldMarks, Hint, Lane, Link, LinkState, Record, RemoteKey, Rewrite};

use super::hands::{Told, Unheard};
use super::rewrite;
use crate::catalog::Catalog;
use crate::engine::Engine;
use crate::privacy::blocked::Blocked;
use crate::privacy::met::{Met, turns};

/// Lane of hints that a person waits for, or that make a new customer.
pub const LANE_URGENT: Lane = 0;
/// Lane of changes of linked records.
pub const LANE_UPDATE: Lane = 1;
/// Lane of activities and context.
pub const LANE_ACTIVITY: Lane = 2;
/// Lane of first syncs, polls without news of their own, reconciliation.
pub const LANE_BACKFILL: Lane = 3;

/// Priority of the vendor calls made for hints of a lane.
#[must_use]
pub fn priority(lane: Lane) -> Priority {
    match lane {
        LANE_URGENT => Priority::Urgent,
        LANE_UPDATE => Priority::Update,
        LANE_ACTIVITY => Priority::Activity,
        _ => Priority::Backfill,
    }
}

/// A look that the task goes by, and where it came from.
#[derive(Clone)]
pub(crate) struct Seen {
    /// The look.
    pub(crate) look: Look,
    /// When and by whom values were changed that were there before the row's last change.
    pub(crate) marks: FieldMarks,
    /// Its stamp in the table of looks, to be consumed with the decision; `None` when it was fetched just now.
    pub(crate) stamp: Option<i64>,
    /// Whether the row was asked for after our own last write of it had been answered.
    pub(crate) is_later: bool,
}

impl Seen {
    /// When and by whom the value of a remote field was changed, as far as it is known.
    fn mark_of(&self, remote: &str) -> ChangeMark {
        self.marks.get(remote).copied().unwrap_or(self.look.mark)
    }
}

/// One record being converged.
#[derive(Clone)]
pub(crate) struct Task {
    pub(crate) hint: Hint,
    pub(crate) record: Record,
    pub(crate) links: Vec<Link>,
    /// Newest look per connection.
    pub(crate) seen: BTreeMap<String, Seen>,
    /// Looks that newer ones took the place of, by connection: what they show may be gone from the platform by now.
    pub(crate) noticed: Vec<(String, Look)>,
    /// Fields with a waiting conflict.
    pub(crate) frozen: BTreeSet<String>,
    /// Whether a match review of this record waits for a person: then no counterpart is created.
    pub(crate) in_review: bool,
    /// Records that a person has found to be somebody else.
    pub(crate) apart: Vec<RecordId>,
    /// Connections at which a creation of somebody else's has written over its row, with that one's values.
    pub(crate) astray: BTreeMap<String, Fields>,
    /// Connections at which its row carries another record's id (true), or another's row carries its id (false).
    pub(crate) misnamed: Vec<(String, bool)>,
    /// Values that platforms have rewritten when we wrote them.
    pub(crate) rewritten: Vec<Rewrite>,
    /// Connections at which its row was merged into one of somebody who was erased, as a look at that one shows.
    pub(crate) into_erased: BTreeMap<String, Met>,
    /// When and by whom single values were changed, as platforms told that were asked for it.
    pub(crate) told: Told,
    /// Contested fields that cannot be judged for the moment: nothing is decided about them, and nothing of them is written.
    pub(crate) unheard: Unheard,
    /// The first failure on the way, which decides what becomes of the hint.
    pub(crate) failure: Option<(String, VendorError)>,
}

/// What the sides of a task are, once looks were turned into values.
pub(crate) struct Sides {
    /// The counterparts that exist.
    pub(crate) present: Vec<Side>,
    /// Connections whose row is gone: deleted (`None`) or merged into another row.
    pub(crate) gone: Vec<(String, Option<String>)>,
    /// References to rows that no record stands for yet: (connection, remote object, external id).
    pub(crate) waiting_rows: Vec<(String, String, String)>,
    /// Values that could not be read: (connection, field, why).
    pub(crate) faults: Vec<(String, String, String)>,
    /// Values that platforms made of what we wrote.
    pub(crate) rewrites: Vec<Rewrite>,
    /// Connections whose row has come to show somebody who was erased: it counts as unchanged.
    pub(crate) met: BTreeMap<String, Met>,
}

/// Finds records by (connection, remote object, external id).
pub(crate) type RowIndex = BTreeMap<(String, String, String), RecordId>;

impl Task {
    /// The refusal that it failed by, with the connection and the remote object that it is about.
    pub(crate) fn refusal(&mut self) -> Option<(&str, &str, &mut VendorError)> {
        let (connection, error) = self.failure.as_mut()?;
        let link = self.links.iter().find(|link| link.connection == *connection)?;
        Some((connection, &link.remote_object, error))
    }

    /// The link at a connection.
    pub(crate) fn link(&self, connection: &str) -> Option<&Link> {
        self.links.iter().find(|link| link.connection == connection)
    }

    /// Whether a field stands still: it waits for a person, or for a platform to tell whose hand it was.
    pub(crate) fn stands_still(&self, field: &str) -> bool {
        self.frozen.contains(field) || self.unheard.contains_key(field)
    }

    /// When the row at a connection was last changed, as far as it is known.
    pub(crate) fn changed_at(&self, connection: &str) -> Option<Timestamp> {
        let seen = self.seen.get(connection).and_then(|seen| seen.look.mark.at);
        seen.or_else(|| self.link(connection).and_then(|link| link.changed_at))
    }

    /// The values last known of a link: what was agreed, overlaid with what was seen since.
    pub(crate) fn believed(link: &Link) -> Fields {
        let mut fields = link.base.clone();
        if let Some(seen) = &link.seen {
            fields.extend(seen.iter().map(|(key, value)| (key.clone(), value.clone())));
        }
        fields
    }

    /// Turns looks into sides. `rows` resolves references; what it lacks is listed as waiting.
    pub(crate) fn sides(&self, engine: &Engine, catalog: &Catalog, rows: &RowIndex, blocked: &Blocked) -> Sides {
        let mut sides = Sides {
            present: Vec::new(),
            gone: Vec::new(),
            waiting_rows: Vec::new(),
            faults: Vec::new(),
            rewrites: Vec::new(),
            met: BTreeMap::new(),
        };
        let mut filled_in = Vec::new();
        for link in self.links.iter().filter(|link| link.state == LinkState::Present) {
            let (Ok(connection), Some(mapped)) =
                (engine.connection(&link.connection), catalog.mapped(&link.connection, &self.record.object))
            else {
                continue;
            };
            let mut values = Self::believed(link);
            let mut mark = ChangeMark { at: link.changed_at, by: link.changed_by, who: None };
            let mut marks = link.waiting.clone();
            if let Some(seen) = self.seen.get(&link.connection) {
                match &seen.look.existence {
                    Existence::Deleted | Existence::Erased => {
                        sides.gone.push((link.connection.clone(), None));
                        continue;
                    }
                    Existence::MergedInto(winner) => {
                        sides.gone.push((link.connection.clone(), Some(winner.clone())));
                        continue;
                    }
                    Existence::Present => {}
                }
                let resolve = |object: &str, id: &str| {
                    let remote = &catalog.mapped(&link.connection, object)?.mapping().remote;
                    rows.get(&(link.connection.clone(), remote.clone(), id.to_owned())).cloned()
                };
                let got = mapped.lens.get(&seen.look.row, &self.record.data, &resolve, engine.now());
                if let Some(met) = turns(blocked, &self.record.object, link, &self.record.data, &got.fields) {
                    sides.met.insert(link.connection.clone(), met);
                } else {
                    marks.extend(news_marks(&mapped.lens, &got.fields, &values, seen));
                    values.extend(got.fields);
                    let rewritten = rewrite::seen(link, &seen.look, &values, &marks);
                    rewrite::taken_for_ours(&self.rewritten, link, &rewritten, &mut values);
                    sides.rewrites.extend(rewrite::of_task(self, link, rewritten));
                    mark = seen.look.mark;
                    for (_, object, id) in got.unresolved {
                        if let Some(target) = catalog.mapped(&link.connection, &object) {
                            sides.waiting_rows.push((link.connection.clone(), target.mapping().remote.clone(), id));
                        }
                    }
                    sides.faults.extend(got.faults.into_iter().map(|(field, why)| (link.connection.clone(), field, why)));
                }
            }
            let told = self.told.get(&link.connection).into_iter().flatten();
            marks.extend(told.map(|(field, mark)| (field.clone(), nobody_s_for_us(*mark))));
            let mut taken = link.taken.clone().unwrap_or_default();
            let is_blank = |field: &&String| values.get(*field).is_some_and(Value::is_blank);
            for field in mapped.still.restored.iter().filter(is_blank) {
                // The field was gone and is back without its value: nobody cleared it, so what is known of it is put back.
                if link.base.get(field).is_some_and(|base| !base.is_blank()) {
                    taken.entry(field.clone()).or_insert(Value::Null);
                }
            }
            for (field, written) in link.pending.iter().flatten() {
                // A write that nobody answered for has landed: it is no edit of anybody's, whatever the record has come to hold since.
                if values.get(field).is_some_and(|shown| shown.agrees(written)) && !get(&link.base, field).agrees(written) {
                    taken.insert(field.clone(), written.clone());
                }
            }
            if let Some(theirs) = self.astray.get(&link.connection) {
                // Nobody has entered that here: it is our own, and gives way to what the record holds.
                let ours = |field: &String, value: &Value| value.agrees(get(theirs, field)) && !value.agrees(get(&link.base, field));
                taken
                    .extend(values.iter().filter(|(field, value)| ours(field, value)).map(|(field, value)| (field.clone(), value.clone())));
            }
            let untouched = self.seen.get(&link.connection).map_or(is_just_made(link), |seen| is_as_we_made_it(link, &seen.look));
            let ours = |field: &&String| link.base.get(*field).is_some_and(Value::is_blank) && !get(&values, field).is_blank();
            filled_in.push(if untouched { values.keys().filter(ours).cloned().collect() } else { BTreeSet::new() });
            sides.present.push(Side {
                name: link.connection.clone(),
                role: connection.role,
                values,
                base: link.base.clone(),
                taken,
                writable: mapped.writable.clone(),
                never_blank: mapped.never_blank.clone(),
                mark,
                marks,
            });
        }
        give_way(&self.record.data, &mut sides.present, &filled_in);
        sides
    }

    /// What has to be looked up before looks can be turned into sides.
    pub(crate) fn points_to(&self, engine: &Engine, catalog: &Catalog) -> Pointers {
        let (mut rows, mut winners) = (BTreeSet::new(), Vec::new());
        let mut records: BTreeSet<RecordId> = self.record.data.values().filter_map(referred).collect();
        for link in self.links.iter().filter(|link| link.state == LinkState::Present) {
            let Some(mapped) = catalog.mapped(&link.connection, &self.record.object) else { continue };
            let known = link.base.values().chain(link.seen.iter().flat_map(Fields::values));
            records.extend(known.filter_map(referred));
            let Some(seen) = self.seen.get(&link.connection) else { continue };
            match &seen.look.existence {
                Existence::Present => {
                    let got = mapped.lens.references(&seen.look.row, &self.record.data, engine.now());
                    records.extend(got.fields.values().filter_map(referred));
                    for (_, object, id) in got.unresolved {
                        if let Some(target) = catalog.mapped(&link.connection, &object) {
                            rows.insert(RemoteKey::new(&link.connection, &target.mapping().remote, id));
                        }
                    }
                }
                Existence::MergedInto(winner) => winners.push(RemoteKey::new(&link.connection, &link.remote_object, winner)),
                Existence::Deleted | Existence::Erased => {}
            }
        }
        Pointers { rows, winners, records }
    }
}

/// When and by whom the values were changed that a look shows otherwise than they were believed to be. Nobody enters anything by our hand: a
/// change in a row that we were the last to write is somebody else's, no later than our write.
fn news_marks(lens: &Lens, shown: &Fields, believed: &Fields, seen: &Seen) -> BTreeMap<FieldKey, ChangeMark> {
    let news = shown.iter().filter(|(field, value)| believed.get(*field).is_none_or(|known| !known.agrees(value)));
    let marks = news.map(|(field, _)| {
        let latest = lens.inputs(field).map(|remote| seen.mark_of(remote)).max_by_key(|mark| mark.at).unwrap_or(seen.look.mark);
        (field.clone(), nobody_s_for_us(latest))
    });
    marks.collect()
}

/// A mark as one of somebody who entered a value: that is never us.
fn nobody_s_for_us(mark: ChangeMark) -> ChangeMark {
    if mark.by == Actor::Us { ChangeMark { at: mark.at, ..ChangeMark::default() } } else { mark }
}

/// What a task refers to.
pub(crate) struct Pointers {
    /// Rows that looks refer to.
    pub(crate) rows: BTreeSet<RemoteKey>,
    /// Rows that its own were merged into.
    pub(crate) winners: Vec<RemoteKey>,
    /// Records, by what it holds and what its rows are believed to hold.
    pub(crate) records: BTreeSet<RecordId>,
}

fn referred(value: &Value) -> Option<RecordId> {
    if let Value::Ref(id) = value { Some(id.clone()) } else { None }
}

/// Whether a row that we made has not been changed by anybody since: what it shows beside what we wrote, its platform filled in.
fn is_as_we_made_it(link: &Link, look: &Look) -> bool {
    look.existence == Existence::Present && look.mark.at.is_some_and(|at| at <= link.created_at)
}

/// Whether nothing is known of a row that we made but what the answer to its creation showed.
fn is_just_made(link: &Link) -> bool {
    link.changed_by == Actor::Us && link.changed_at == Some(link.created_at)
}

/// What a platform fills in by itself for a row that we made (a time zone, a language) is nobody's entry: where somebody knows better it gives
/// way, and of two platforms that fill in different things the first is believed. Otherwise every new customer would be a conflict.
fn give_way(held: &Fields, sides: &mut [Side], filled_in: &[BTreeSet<String>]) {
    for at in 0..sides.len() {
        for field in &filled_in[at] {
            let value = get(&sides[at].values, field).clone();
            let known = get(held, field);
            let told_elsewhere = sides.iter().enumerate().any(|(other, side)| {
                let theirs = get(&side.values, field);
                let believed = !filled_in[other].contains(field) || other < at;
                other != at && believed && !theirs.is_blank() && !theirs.agrees(get(&side.base, field))
            });
            if told_elsewhere || !known.is_blank() && !known.agrees(&value) {
                sides[at].taken.insert(field.clone(), value);
            }
        }
    }
}

/// The values of the record once a plan is carried out.
pub(crate) fn merged(record: &Record, plan: &Plan) -> Fields {
    let mut fields = record.data.clone();
    for change in &plan.changes {
        fields.insert(change.field.clone(), change.after.clone());
    }
    fields
}
