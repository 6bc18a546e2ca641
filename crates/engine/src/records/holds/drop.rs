//! Putting back what is held: the sides that changed are overruled, so that the record's values are written to them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use entente_model::actor::{Actor, ChangeMark};
use entente_model::id::RecordId;
use entente_model::plan::NATIVE;
use entente_model::plan::cascade::Candidate;
use entente_model::value::get;
use entente_store::{HeldRecord, Hold, Link, LinkState, NewEntry, Record, StoreError, Tx, Viewer};
use jiff::Timestamp;

use super::{BATCH, NotDropped, again, held};
use crate::catalog::Catalog;
use crate::engine::Engine;
use crate::entry::{self, Changes, FieldEntry};
use crate::error::{EngineError, Result};
use crate::records::overrule::refusal;
use crate::sync::guard::Held;

/// Records that an answer lists which could not be put back.
const LISTED: usize = 50;

/// Times that records are tried again which somebody changes at the same moment.
const RACES_MAX: u32 = 8;

/// Puts back every record of a hold that can be, in batches of their own transaction. Answers how many were, and which were not.
pub(super) async fn put_back(engine: &Engine, viewer: &Viewer, hold: &Hold) -> Result<(u64, Vec<NotDropped>)> {
    let (mut records, mut kept, mut races) = (0, Vec::new(), 0);
    let (hold, mut after): (Arc<Hold>, Option<RecordId>) = (Arc::new(hold.clone()), None);
    loop {
        let (engine_, catalog, seer) = (engine.clone(), engine.catalog(), viewer.clone());
        let (of, from, now) = (Arc::clone(&hold), after.clone(), engine.now());
        let batch = engine.store().write(move |tx| {
            let rows = tx.held_by(of.id, from.as_ref(), BATCH)?;
            let dropper = Dropper { engine: &engine_, catalog: &catalog, viewer: &seer, hold: &of, now };
            let mut refused = Vec::new();
            for row in &rows {
                refused.extend(dropper.record(tx, row)?);
            }
            Ok((rows.len(), rows.last().map(|row| row.record.clone()), refused))
        });
        let (many, last, refused) = match batch.await {
            Err(error @ StoreError::Conflict { .. }) if races < RACES_MAX => {
                races += 1;
                tracing::debug!(%error, "a held record changed at the same moment and is read again");
                continue;
            }
            batch => batch.map_err(EngineError::from)?,
        };
        records += (many - refused.len()) as u64;
        kept.extend(refused);
        kept.truncate(LISTED);
        after = last.or(after);
        if many < BATCH {
            return Ok((records, kept));
        }
    }
}

struct Dropper<'a> {
    engine: &'a Engine,
    catalog: &'a Catalog,
    viewer: &'a Viewer,
    hold: &'a Hold,
    now: Timestamp,
}

impl Dropper<'_> {
    /// Puts one record back. Answers why it cannot be, if so.
    fn record(&self, tx: &mut Tx<'_>, row: &HeldRecord) -> entente_store::Result<Option<NotDropped>> {
        let held = held(&row.preview)?;
        let id = std::slice::from_ref(&row.record);
        let Some(record) = tx.record(self.viewer, &row.record)? else {
            tx.end_held(&[(row.record.clone(), row.hold)])?;
            return Ok(None);
        };
        let links = tx.links_of(id)?;
        let refused = held.fields.iter().find_map(|field| refusal(self.engine, self.catalog, &record, &links, &field.field));
        if let Some(refused) = refused {
            let reason = format!("{}; {}", refused.reason, refused.remedy);
            return Ok(Some(NotDropped { record: record.id.to_string(), reason }));
        }
        let (changes, links) = if held.fields.is_empty() {
            (Changes::new(), ended(links, &held))
        } else {
            (self.lost(&record, &links, &held), self.overruled(&record, links, &held))
        };
        tx.put_links(&links)?;
        tx.append(&[self.entry(&record, &changes, &held)])?;
        tx.end_held(&[(row.record.clone(), row.hold)])?;
        let fetch: BTreeSet<String> = self.engine.connections().keys().cloned().collect();
        tx.hint(&[again(&record.id, &record.object, &fetch, self.now)])?;
        Ok(None)
    }

    /// The counterparts that may have changed: all but the one that would be written to.
    fn may_have_changed(&self, record: &Record, link: &Link, field: &str) -> bool {
        let mapped = self.catalog.mapped(&link.connection, &record.object);
        link.connection != self.hold.key.connection
            && link.state == LinkState::Present
            && mapped.is_some_and(|mapped| mapped.mapping().fields.iter().any(|line| line.field == field))
    }

    /// The links with the held values weighed and decided against. A side that shows another value by now has changed again, and speaks.
    fn overruled(&self, record: &Record, mut links: Vec<Link>, held: &Held) -> Vec<Link> {
        for link in &mut links {
            for field in &held.fields {
                if self.may_have_changed(record, link, &field.field) {
                    for apart in [&mut link.seen, &mut link.taken] {
                        apart.get_or_insert_default().insert(field.field.clone(), field.after.clone());
                    }
                }
            }
        }
        links
    }

    /// What the ledger keeps of the values that go.
    fn lost(&self, record: &Record, links: &[Link], held: &Held) -> Changes {
        let mark = ChangeMark { at: Some(self.now), by: Actor::Person, who: None };
        let of = held.fields.iter().map(|field| {
            let present = get(&record.data, &field.field).clone();
            let sides = links.iter().filter(|link| self.may_have_changed(record, link, &field.field));
            let lost = sides.map(|link| Candidate {
                side: link.connection.clone(),
                role: self.engine.connection(&link.connection).ok().map(|connection| connection.role),
                value: field.after.clone(),
                mark: ChangeMark::default(),
            });
            let entry = FieldEntry {
                before: present.clone(),
                after: present,
                reason: "dropped".to_owned(),
                from: NATIVE.to_owned(),
                mark,
                lost: lost.collect(),
            };
            (field.field.clone(), entry)
        });
        of.collect::<BTreeMap<_, _>>()
    }

    fn entry(&self, record: &Record, changes: &Changes, held: &Held) -> NewEntry {
        let what = if held.gone.is_empty() {
            format!("hold {} was dropped by a person", self.hold.id)
        } else {
            let gone = held.gone.join(" and ");
            format!("deleted at {gone}; hold {} was dropped by a person, so it stays elsewhere", self.hold.id)
        };
        NewEntry {
            record: record.id.clone(),
            object: record.object.clone(),
            subject: record.subject.clone(),
            at: self.now,
            actor: Actor::Person,
            actor_name: self.viewer.name.clone(),
            cause: "user".to_owned(),
            detail: what,
            connection: None,
            changes: entry::to_store(changes),
        }
    }
}

/// The links of a record whose deletion is not carried on: where the row is gone, the link ends.
fn ended(links: Vec<Link>, held: &Held) -> Vec<Link> {
    let gone = links.into_iter().filter(|link| held.gone.contains(&link.connection));
    gone.map(|link| Link { state: LinkState::Deleted, ..link }).collect()
}
