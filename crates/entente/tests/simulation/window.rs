//! A random history, undone, equals the state before, but for later edits. When a seeded world has come to rest, what records and rows hold is
//! kept; people go on editing while everything goes wrong; then that stretch of time is undone, and everything is compared field by field.
//! Excused is what people edited later, by the platforms' own journals (at the second desk by the ledger), what flows made of that, and what the
//! undo said that it leaves or cannot take back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use entente_engine::records::undo::{UndoReport, UndoRequest, undo};
use entente_model::clock::Timestamp;
use entente_model::id::RecordId;
use entente_model::mapping::FieldMap;
use entente_model::value::get;
use entente_store::{Changes, EntryFilter, Link, LinkState, Record, RecordQuery, RecordState, Viewer};
use rand::Rng;
use serde_json::{Map, Value};

use crate::hub::{SALESFORCE, ZENDESK};
use crate::second_desk::SECOND;
use crate::world::World;

/// Edits within the window, and after it.
const EDITS: usize = 10;
const LATER: usize = 2;
/// Milliseconds between two of them at most.
const PAUSE_MS: i64 = 90_000;
/// What a desk measures of a ticket by itself, and nobody can take back.
const MEASURED: &[&str] = &["solved_at", "resolution_minutes", "first_response_minutes"];
/// Records looked at.
const PAGE: usize = 1_000;

/// A row at a platform: connection, object, id.
type Place = (String, String, String);

/// What everything holds at one moment.
struct State {
    records: BTreeMap<RecordId, Record>,
    /// By row, the record and the values of the mapped fields.
    rows: BTreeMap<Place, (RecordId, BTreeMap<String, Value>)>,
}

/// Fields of records.
type Edited = BTreeSet<(RecordId, String)>;

/// What people wrote: place and the platform's field.
type Journal = Arc<Mutex<BTreeSet<(Place, String)>>>;

impl World {
    /// Lives through a window, takes it back, and judges what is there then.
    pub async fn judge_a_window_undone(&mut self) -> Vec<String> {
        let before = self.state().await;
        let since = self.hub.now() + 1;
        self.go_wrong();
        for _ in 0..EDITS {
            self.edit_and_go_on(PAUSE_MS).await;
        }
        self.come_to_rest().await;
        let until = self.hub.now();
        self.hub.run_for(1).await;
        let journal = self.keep_journal();
        for _ in 0..LATER {
            self.edit_and_go_on(1).await;
        }
        self.hub.run_for(45).await;
        let at = |ms| Timestamp::from_millisecond(ms).ok();
        let request = UndoRequest { since: at(since), until: at(until), ..UndoRequest::default() };
        let report = undo(&self.hub.engine, &Viewer::new("olga", "admin"), &request, true, &|_| {}).await;
        let report = match report {
            Ok(report) => report,
            // Nothing of the window has reached the ledger.
            Err(error) if error.to_string().contains("nothing") => return Vec::new(),
            Err(error) => return vec![format!("window: it could not be undone: {error}")],
        };
        let undone_at = self.hub.now();
        self.come_to_rest().await;
        let after = self.state().await;
        let mut broken = Vec::new();
        self.judge_quiet(&mut broken).await;
        let mut later = self.edited_later(&before, &after, &journal.lock().unwrap());
        later.extend(self.came_later(until).await);
        let compared = self.compare(&before, &after, &report, &later, &mut broken);
        if compared == 0 {
            broken.push("window: nothing was compared".to_owned());
        }
        if !broken.is_empty() {
            broken.push(format!("window: from {since} to {until}, undone at {undone_at}; {} fields put back", report.restored));
            if std::env::var_os("ENTENTE_SIM_TRACE").is_some() {
                self.hub.ledger_lines().await.iter().for_each(|line| println!("{line}"));
                println!("{report:#?}");
            }
        }
        broken
    }

    async fn edit_and_go_on(&mut self, pause_ms: i64) {
        self.draw_mail_of_edit();
        self.edit();
        self.draw_mail_of_hub();
        let until = self.hub.now() + self.dice.random_range(0..=pause_ms);
        self.hub.run_until(until).await;
    }

    /// What records and their rows hold now.
    async fn state(&self) -> State {
        let read = self.hub.store.read(|tx| {
            let query = RecordQuery { state: Some(RecordState::Active), ..RecordQuery::default() };
            let records = tx.list_records(&Viewer::system(), &query, PAGE)?.records;
            let ids: Vec<RecordId> = records.iter().map(|record| record.id.clone()).collect();
            Ok((records, tx.links_of(&ids)?))
        });
        let (records, links) = read.await.unwrap();
        let records: BTreeMap<RecordId, Record> = records.into_iter().map(|record| (record.id.clone(), record)).collect();
        let mut rows = BTreeMap::new();
        for link in links.iter().filter(|link| link.state == LinkState::Present) {
            let Some(row) = self.row_of(link) else { continue };
            let fields = self.lines(&link.connection, &records[&link.record].object).into_iter().map(|line| {
                let value = shown(&row, &line.remote);
                (line.remote, value)
            });
            let place = (link.connection.clone(), link.remote_object.clone(), link.external_id.clone());
            rows.insert(place, (link.record.clone(), fields.collect()));
        }
        State { records, rows }
    }

    /// A row of the first two platforms, as their people see it.
    fn row_of(&self, link: &Link) -> Option<Map<String, Value>> {
        let number = || link.external_id.parse().ok();
        match (link.connection.as_str(), link.remote_object.as_str()) {
            (SALESFORCE, object) => self.hub.salesforce.get(object, &link.external_id),
            (ZENDESK, "user") => self.hub.zendesk.user(number()?),
            (ZENDESK, "organization") => self.hub.zendesk.organization(number()?),
            (ZENDESK, "ticket") => self.hub.zendesk.ticket(number()?),
            _ => None,
        }
    }

    /// The lines of the mapping of an object at a connection.
    fn lines(&self, connection: &str, object: &str) -> Vec<FieldMap> {
        let catalog = self.hub.engine.catalog();
        catalog.mapped(connection, object).map(|mapped| mapped.mapping().fields.clone()).unwrap_or_default()
    }

    /// Keeps what people write from now on.
    fn keep_journal(&self) -> Journal {
        let journal = Journal::default();
        let (crm, us) = (Arc::clone(&journal), self.hub.salesforce.users().integration);
        self.hub.salesforce.on_write(Box::new(move |write| {
            let place = (SALESFORCE.to_owned(), write.object.clone(), write.id.clone());
            let fields = write.changed.iter().filter(|_| write.by != us).map(|(field, _)| (place.clone(), field.clone()));
            crm.lock().unwrap().extend(fields);
        }));
        let desk = Arc::clone(&journal);
        let ours: Vec<u64> = self.hub.zendesk.agents().iter().filter(|agent| agent.role == "admin").map(|agent| agent.id).collect();
        self.hub.zendesk.on_write(Box::new(move |write| {
            let place = (ZENDESK.to_owned(), format!("{:?}", write.kind).to_lowercase(), write.id.to_string());
            let fields = write.changed.keys().filter(|_| !ours.contains(&write.by)).map(|field| (place.clone(), field.clone()));
            desk.lock().unwrap().extend(fields);
        }));
        journal
    }

    /// Compares field by field. Answers how many fields that were.
    fn compare(&self, before: &State, after: &State, report: &UndoReport, later: &Edited, broken: &mut Vec<String>) -> usize {
        let mut compared = 0;
        let excused = |id: &RecordId, field: &str| {
            MEASURED.contains(&field) || is_excused(report, id, field) || later.contains(&(id.clone(), field.to_owned()))
        };
        // A record that got a counterpart since has what the platform filled in there, and its id.
        let rows_of = |state: &State, id: &RecordId| state.rows.values().filter(|(of, _)| of == id).count();
        let grown: BTreeSet<&RecordId> = before.records.keys().filter(|id| rows_of(after, id) > rows_of(before, id)).collect();
        // Who has another row since was merged with somebody: an unmerge takes that back, and no undo.
        let moved = |place: &Place, id: &RecordId| after.rows.get(place).is_none_or(|(now, _)| now != id);
        let merged: BTreeSet<&RecordId> = before.rows.iter().filter(|(place, (id, _))| moved(place, id)).map(|(_, (id, _))| id).collect();
        let among = |state: &State, at: &str, value: &Value| {
            let id = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            state.rows.keys().any(|place| place.0 == at && place.2 == id)
        };
        // Whom a platform has no row of any more cannot be named there again: what named them goes over to whom they were merged with. Of a
        // record that is gone altogether nothing can be named anywhere.
        let lost_at = |id: &RecordId, at: &str| {
            before.rows.iter().any(|(place, (of, _))| of == id && place.0 == at && !after.rows.contains_key(place))
        };
        let ended = |holder: &RecordId, field: &str, value: &entente_model::value::Value| {
            let entente_model::value::Value::Ref(id) = value else { return false };
            let object = after.records.get(holder).map(|record| record.object.as_str()).unwrap_or_default();
            let mut rows = after.rows.iter().filter(|(_, (of, _))| of == holder).map(|(place, _)| place.0.as_str());
            let shows = |at: &str| self.lines(at, object).iter().any(|line| line.field == field);
            !after.records.contains_key(id) || rows.any(|at| lost_at(id, at) && shows(at))
        };
        let gone = |at: &str, value: &Value| {
            let id = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let named = before.rows.iter().find(|(place, _)| place.0 == at && place.2 == id);
            named.is_some_and(|(place, (of, _))| !after.rows.contains_key(place) || !after.records.contains_key(of))
        };
        // Somebody who had no row there then could not be named there.
        let newcomer = |at: &str, value: &Value| !among(before, at, value) && among(after, at, value);
        for (id, was) in before.records.iter().filter(|(id, _)| !merged.contains(id)) {
            // Who left in the window or after it is not there to be compared; that they left is judged with the departed.
            let Some(is) = after.records.get(id) else { continue };
            let fields: BTreeSet<&String> = was.data.keys().chain(is.data.keys()).collect();
            for field in fields {
                compared += 1;
                let (old, new) = (get(&was.data, field), get(&is.data, field));
                let filled_in = grown.contains(id) && old.is_blank();
                if !old.agrees(new) && !filled_in && !ended(id, field, old) && !excused(id, field) {
                    broken.push(format!("window: {field} of {id} was `{}` and is `{}`", old.display(), new.display()));
                }
            }
        }
        for (place, (id, was)) in before.rows.iter().filter(|(_, (id, _))| !merged.contains(id)) {
            let Some((_, is)) = after.rows.get(place).filter(|(now, _)| now == id) else { continue };
            let Some(record) = before.records.get(id) else { continue };
            let lines = self.lines(&place.0, &record.object);
            let remotes: BTreeSet<&String> = lines.iter().map(|line| &line.remote).collect();
            for remote in remotes {
                compared += 1;
                let (old, new) = (&was[remote], is.get(remote).unwrap_or(&Value::Null));
                let filled_in = grown.contains(id) && old.is_null();
                // A name may be made of several fields of ours.
                let free = lines.iter().any(|line| line.remote == *remote && excused(id, &line.field));
                // What the record held all along, and the row had not taken yet.
                let held = |state: &State, line: &FieldMap| state.records.get(id).map(|record| get(&record.data, &line.field).clone());
                let mut made_of = lines.iter().filter(|line| line.remote == *remote);
                let caught_up = old.is_null() && made_of.all(|line| held(before, line) == held(after, line));
                if plain(old) != plain(new) && !caught_up && !filled_in && !free && !gone(&place.0, old) && !newcomer(&place.0, new) {
                    broken.push(format!("window: {remote} of {} {} {} was {old} and is {new}", place.0, place.1, place.2));
                }
            }
        }
        compared
    }

    /// What flows made after the window, and what was edited at the second desk, by the ledger.
    async fn came_later(&self, until: i64) -> Edited {
        let read = self.hub.store.read(move |tx| {
            let mut edited = Edited::new();
            let mut filter = EntryFilter::default();
            loop {
                let entries = tx.entries(&Viewer::system(), &filter, PAGE)?;
                for entry in entries.iter().filter(|entry| entry.at.as_millisecond() > until) {
                    let Changes::Open(changes) = &entry.changes else { continue };
                    let later = changes.iter().filter(|(_, change)| entry.cause == "flow" || change.from.as_deref() == Some(SECOND));
                    edited.extend(later.map(|(field, _)| (entry.record.clone(), field.clone())));
                }
                match entries.last().filter(|oldest| entries.len() == PAGE && oldest.at.as_millisecond() > until) {
                    Some(oldest) => filter.before = Some(oldest.id),
                    None => return Ok(edited),
                }
            }
        });
        read.await.unwrap()
    }

    /// The fields of ours that people edited after the window, by the rows that they edited.
    fn edited_later(&self, before: &State, after: &State, journal: &BTreeSet<(Place, String)>) -> Edited {
        let mut edited = BTreeSet::new();
        for (place, field) in journal {
            let Some((id, _)) = after.rows.get(place).or_else(|| before.rows.get(place)) else { continue };
            let Some(record) = after.records.get(id).or_else(|| before.records.get(id)) else { continue };
            // A person is written by number and read by name: `assignee_id`, `assignee.name`.
            let referred = field.strip_suffix("_id").unwrap_or(field);
            let names = |remote: &str| remote == field || remote.strip_prefix(referred).is_some_and(|rest| rest.starts_with('.'));
            let reads = |line: &FieldMap| names(&line.remote) || line.get.as_ref().is_some_and(|get| get.contains(field.as_str()));
            edited.extend(self.lines(&place.0, &record.object).into_iter().filter(reads).map(|line| (id.clone(), line.field)));
        }
        edited
    }
}

/// Whether the undo said that it leaves a field as it is.
fn is_excused(report: &UndoReport, id: &RecordId, field: &str) -> bool {
    let items = report.items.iter().filter(|item| item.record == id.as_str());
    let mut said = items.map(|item| {
        let kept = item.kept.iter().any(|kept| kept.field == field);
        kept || item.impossible.iter().any(|no| no.field.as_deref() == Some(field))
    });
    said.any(|said| said)
}

/// What a row shows of a field. No value, an empty one and false are one, and lists are sets.
fn shown(row: &Map<String, Value>, remote: &str) -> Value {
    let value = match remote.split_once('.') {
        Some(("custom_fields", id)) => {
            let fields = row.get("custom_fields").and_then(Value::as_array);
            fields
                .into_iter()
                .flatten()
                .find(|field| field["id"].as_u64().is_some_and(|number| Ok(number) == id.parse()))
                .map(|field| field["value"].clone())
        }
        Some((group, field)) if row.get(group).is_some_and(Value::is_object) => row[group].get(field).cloned(),
        _ => row.get(remote).cloned(),
    };
    match value.unwrap_or(Value::Null) {
        Value::Bool(false) => Value::Null,
        Value::String(text) if text.is_empty() => Value::Null,
        Value::Array(items) if items.is_empty() => Value::Null,
        Value::Array(mut items) => {
            items.sort_by_key(ToString::to_string);
            Value::Array(items)
        }
        other => other,
    }
}

/// A value without what a platform or a person may write in their own way: case, spaces, and the signs and country of a phone number.
fn plain(value: &Value) -> String {
    let Some(text) = value.as_str() else { return value.to_string() };
    let letters: String = text.chars().filter(|char| char.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    let is_phone = letters.len() == 11 && letters.chars().all(|char| char.is_ascii_digit());
    letters.strip_prefix('1').filter(|_| is_phone).map_or_else(|| letters.clone(), str::to_owned)
}
