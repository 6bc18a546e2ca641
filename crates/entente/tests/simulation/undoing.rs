//! In seeded worlds people also take things back: the latest change of a record or of a field, a run, a stretch of time; and sales takes values
//! away that the desk cannot be without. These moments have dice of their own, so that everything else happens as it did without them.

use entente_engine::records::undo::{UndoReport, UndoRequest, undo};
use entente_model::clock::Timestamp;
use entente_model::value::get;
use entente_store::{Changes, EntryFilter, EntryId, Record, RecordQuery, RecordState, Viewer};
use rand::Rng;
use serde_json::json;

use crate::hub::{SALESFORCE, ZENDESK, fields};
use crate::world::{World, text};

/// Of how many edits one comes with somebody who takes something back, and with somebody who clears a time zone.
const UNDOES_EVERY: u32 = 5;
const CLEARS_EVERY: u32 = 12;
/// Milliseconds that a stretch of time goes back at most.
const STRETCH_MS: i64 = 30 * 60 * 1000;
/// Records and entries looked at.
const PAGE: usize = 1_000;
/// Our fields that stand in a column of the CRM as they are.
const COLUMNS: &[(&str, &str, &str)] = &[
    ("contact", "last_name", "LastName"),
    ("contact", "first_name", "FirstName"),
    ("contact", "job_title", "Title"),
    ("account", "name", "Name"),
    ("account", "plan", "Plan__c"),
    ("account", "status", "Status__c"),
    ("account", "csm_name", "CSM_Name__c"),
];

/// A field that was put back.
pub struct Undone {
    record: String,
    field: String,
    /// The value that was taken back.
    from: Option<String>,
    /// The entry that did it.
    entry: EntryId,
    at: i64,
}

impl World {
    /// Somebody may take something back, or away.
    pub async fn undo_something(&mut self) {
        if self.undoing.random_range(0..CLEARS_EVERY) == 0 && !self.contacts.is_empty() {
            let at = self.undoing.random_range(0..self.contacts.len());
            let nothing = fields(json!({ "Time_Zone__c": null }));
            let contact = self.contacts[at].clone();
            // An admin may have restricted the field meanwhile.
            let _refused = self.hub.salesforce.update("Contact", &contact, &nothing, &self.hub.rep());
        }
        if self.undoing.random_range(0..UNDOES_EVERY) != 0 {
            return;
        }
        let Some(request) = self.something().await else { return };
        let (engine, viewer, at) = (self.hub.engine.clone(), Viewer::new("olga", "admin"), self.hub.now());
        // There may be nothing that could be taken back; and what was begun when the process dies is done in part.
        let done = self.unless_it_dies(async move { undo(&engine, &viewer, &request, true, &|_| {}).await.ok() });
        if let Some(report) = done.await.flatten() {
            self.note_undone(&report, at);
        }
    }

    /// What somebody wants to be undone.
    async fn something(&mut self) -> Option<UndoRequest> {
        let query = RecordQuery { state: Some(RecordState::Active), ..RecordQuery::default() };
        let page = self.hub.store.read(move |tx| tx.list_records(&Viewer::system(), &query, PAGE)).await.ok()?;
        let roll = self.undoing.random_range(0..1_000_000_usize);
        let record = page.records.get(roll % page.records.len().max(1))?;
        let asked = UndoRequest::default();
        Some(match self.undoing.random_range(0..5) {
            0 => UndoRequest { record: Some(record.id.to_string()), again: self.undoing.random_range(0..2) == 0, ..asked },
            1..=2 => {
                let known: Vec<&String> = record.data.keys().collect();
                let field = (*known.get(self.undoing.random_range(0..known.len().max(1)))?).clone();
                UndoRequest { record: Some(record.id.to_string()), fields: vec![field], again: true, ..asked }
            }
            3 => {
                let last = self.hub.store.read(|tx| tx.last_entry()).await.ok()?;
                UndoRequest { run: Some(self.undoing.random_range(1..=last.max(1)).to_string()), ..asked }
            }
            _ => {
                let since = self.hub.now() - self.undoing.random_range(0..STRETCH_MS);
                let sides = [None, Some(SALESFORCE.to_owned()), Some(ZENDESK.to_owned())];
                let connection = sides[self.undoing.random_range(0..sides.len())].clone();
                UndoRequest { since: Timestamp::from_millisecond(since).ok(), connection, ..asked }
            }
        })
    }

    fn note_undone(&mut self, report: &UndoReport, at: i64) {
        for item in &report.items {
            let Some(entry) = item.entry.as_ref().and_then(|entry| entry.parse().ok()) else { continue };
            self.undone.extend(item.fields.iter().map(|field| Undone {
                record: item.record.clone(),
                field: field.field.clone(),
                from: field.now.clone(),
                entry,
                at,
            }));
        }
    }

    /// What was undone stays so until somebody enters something else: nothing brings back the value that was taken back, and the CRM shows
    /// what the record holds.
    pub async fn judge_undone(&self, broken: &mut Vec<String>) {
        for undone in &self.undone {
            let Some(record) = self.untouched(&undone.record).await else { continue };
            let (id, filter) = (record.id.clone(), EntryFilter { record: Some(record.id.clone()), ..EntryFilter::default() });
            let entries = self.hub.store.read(move |tx| tx.entries(&Viewer::system(), &filter, PAGE)).await.unwrap();
            let later = entries.iter().rev().filter(|entry| entry.id > undone.entry).filter_map(|entry| {
                let Changes::Open(changes) = &entry.changes else { return None };
                Some((entry, changes.get(&undone.field)?)).filter(|(_, change)| !change.before.agrees(&change.after))
            });
            let first = later.into_iter().next();
            let again = |value: &str| self.entered.iter().any(|one| one.field == undone.field && one.value == value && one.at >= undone.at);
            // Only values that people enter once are nobody's but theirs.
            let theirs = |value: &str| self.entered.iter().any(|one| one.field == undone.field && one.value == value);
            if let (Some((entry, change)), Some(from)) = (&first, &undone.from)
                && entry.cause != "undo"
                && change.after.display() == *from
                && theirs(from)
                && !again(from)
            {
                broken.push(format!("undo: {} of {id} was undone from `{from}`, and entry {} brought that back", undone.field, entry.id));
            }
            if first.is_none() {
                self.judge_column(&record, &undone.field, broken).await;
            }
        }
    }

    /// A record that lives, and that nobody merged or parted: what they had is theirs again then.
    async fn untouched(&self, record: &str) -> Option<Record> {
        let id = record.parse().ok()?;
        let read = self.hub.store.read(move |tx| {
            let history = tx.history(&Viewer::system(), &id, PAGE, None)?;
            let moved = history.iter().any(|entry| ["merged", "parted", "is one with"].iter().any(|word| entry.detail.contains(word)));
            Ok(tx.record(&Viewer::system(), &id)?.filter(|record| record.state == RecordState::Active && !moved))
        });
        read.await.unwrap()
    }

    async fn judge_column(&self, record: &Record, field: &str, broken: &mut Vec<String>) {
        let Some((_, _, column)) = COLUMNS.iter().find(|(object, of, _)| *object == record.object && *of == field) else { return };
        let id = record.id.clone();
        let links = self.hub.store.read(move |tx| tx.links_of(&[id])).await.unwrap();
        let Some(link) = links.into_iter().find(|link| link.connection == SALESFORCE) else { return };
        let Some(row) = self.hub.salesforce.get(&link.remote_object, &link.external_id) else { return };
        let (held, shown) = (get(&record.data, field).display(), text(&row, column));
        if held != shown {
            broken.push(format!("undo: {field} of {} was undone and is `{held}`, and the CRM shows `{shown}`", record.id));
        }
    }
}
