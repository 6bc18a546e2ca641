//! From a request to the window of the ledger that it means.

use std::collections::BTreeSet;

use entente_model::id::RecordId;
use entente_model::object::Object;
use entente_model::value::FieldKey;
use entente_store::{Changes, Entry, EntryId, PAGE_ROWS_MAX, Tx, Viewer, Window};
use jiff::Timestamp;

use super::UndoRequest;
use super::carry::is_undo;
use super::reigned::{Reigned, reigned};
use crate::engine::Engine;
use crate::error::{EngineError, Result};
use crate::records::history::CAUSES;
use crate::records::{find, no_object, no_record};
use crate::words;

/// A pause that ends a run, in milliseconds: longer than what batching and a page of a poll take, shorter than a person's next idea.
const PAUSE_MS: i64 = 60_000;

/// Entries of a record read at a time in search of its latest change.
const PAGE: usize = 100;

/// A window, the fields that it is narrowed to, and what it is in words.
pub(super) struct Chosen {
    pub(super) window: Window,
    /// The version of a mapping whose doing it is, if it is one's.
    pub(super) reigned: Option<Reigned>,
    pub(super) fields: BTreeSet<FieldKey>,
    pub(super) words: String,
}

impl Chosen {
    pub(super) fn new(window: Window, words: String) -> Self {
        Self { window, reigned: None, fields: BTreeSet::new(), words }
    }
}

pub(super) fn invalid(field: &str, reason: impl Into<String>, remedy: impl Into<String>) -> EngineError {
    EngineError::Invalid { field: field.to_owned(), reason: reason.into(), remedy: remedy.into() }
}

fn number(field: &str, text: &str) -> Result<EntryId> {
    text.trim()
        .parse()
        .map_err(|_| invalid(field, format!("`{text}` is not the number of an entry"), "take it from the history of a record"))
}

/// The window that a request means.
pub(super) async fn select(engine: &Engine, viewer: &Viewer, request: &UndoRequest) -> Result<Chosen> {
    let ways = [request.entry.is_some(), request.run.is_some(), request.since.is_some(), request.mapping.is_some()];
    let ways = ways.into_iter().filter(|given| *given).count();
    if ways > 1 {
        return Err(invalid("entry", "an entry, a run, a time and a mapping exclude each other", "give one of them"));
    }
    if request.version.is_some() && request.mapping.is_none() {
        return Err(invalid("version", "a version is that of a mapping", "give `mapping` as well, as CONNECTION/OBJECT"));
    }
    if request.mapping.is_some() && (request.connection.is_some() || request.object.is_some()) {
        return Err(invalid("mapping", "it names a connection and an object itself", "leave out `connection` and `object`"));
    }
    if request.again && (ways > 0 || request.record.is_none()) {
        return Err(invalid(
            "again",
            "an entry, a run, a time and a mapping are taken back whatever they did",
            "give it with a record alone",
        ));
    }
    if request.until.is_some() && request.since.is_none() {
        return Err(invalid("until", "an end needs a beginning", "give `since` as well"));
    }
    if let (Some(since), Some(until)) = (request.since, request.until)
        && until < since
    {
        return Err(invalid("until", "it lies before `since`", "swap the two"));
    }
    if request.since.is_some_and(|since| since > engine.now()) {
        return Err(invalid("since", "it lies in the future, where nothing has happened yet", "give a time that is over, or how long ago"));
    }
    if let Some(connection) = &request.connection {
        engine.connection(connection)?;
    }
    if let Some(object) = &request.object
        && engine.catalog().object(object).is_none()
    {
        return Err(no_object(&engine.catalog(), object));
    }
    if let Some(cause) = &request.cause {
        words::one_of("cause", "cause of an entry", cause, CAUSES)?;
    }
    let record = match &request.record {
        Some(text) => Some(find(engine, viewer, text).await?),
        None => None,
    };
    let fields = fields(engine, viewer, request, record.as_ref()).await?;
    let mut chosen = if let Some(text) = &request.entry {
        let entry = entry(engine, viewer, number("entry", text)?).await?;
        Chosen::new(Window::between(entry.id, entry.id), words_of(&entry))
    } else if let Some(text) = &request.run {
        run(engine, viewer, number("run", text)?).await?
    } else if let Some(since) = request.since {
        let (first, last) = engine.store().read(move |tx| Ok((tx.entry_before(since)? + 1, tx.last_entry()?))).await?;
        let said = |at: Timestamp| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
        let until = request.until.map_or_else(|| "now".to_owned(), said);
        let window = Window { since: Some(since), until: request.until, ..Window::between(first, last) };
        Chosen::new(window, format!("what happened from {} to {until}", said(since)))
    } else if let Some(mapping) = &request.mapping {
        reigned(engine, mapping, request.version).await?
    } else if let Some(record) = &record {
        latest(engine, viewer, record, &fields, request.again).await?
    } else {
        let remedy = "give a record, an entry, a run, the time since when, or a version of a mapping";
        return Err(invalid("record", "nothing is named that could be undone", remedy));
    };
    let narrowed = [
        (&request.connection, &mut chosen.window.connection, "from or to"),
        (&request.object, &mut chosen.window.object, "of object"),
        (&request.cause, &mut chosen.window.cause, "by cause"),
        (&request.by, &mut chosen.window.actor_name, "by"),
    ];
    for (wanted, place, word) in narrowed {
        if let Some(wanted) = wanted {
            chosen.words.push_str(&format!(", {word} {wanted}"));
            *place = Some(wanted.clone());
        }
    }
    if let Some(record) = record {
        chosen.window.record = Some(record);
    }
    if !request.fields.is_empty() {
        chosen.words.push_str(&format!(", only {}", request.fields.join(", ")));
    }
    Ok(Chosen { fields, ..chosen })
}

/// The fields that a request names: of its record, else of its object, else of any.
async fn fields(engine: &Engine, viewer: &Viewer, request: &UndoRequest, record: Option<&RecordId>) -> Result<BTreeSet<FieldKey>> {
    if request.fields.is_empty() {
        return Ok(BTreeSet::new());
    }
    let (seer, wanted, catalog) = (viewer.clone(), record.cloned(), engine.catalog());
    let of_record = match wanted {
        Some(id) => {
            let found = engine.store().read(move |tx| tx.record(&seer, &id)).await?;
            Some(found.ok_or_else(|| record.map_or_else(|| invalid("record", "it is not there", "name another"), no_record))?.object)
        }
        None => None,
    };
    let of = of_record.as_ref().or(request.object.as_ref());
    let objects: Vec<&Object> = catalog.objects().filter(|object| of.is_none_or(|of| *of == object.key)).collect();
    words::fields(&objects, "fields", &request.fields)
}

/// An entry in words; of an undo, that it is one.
fn words_of(entry: &Entry) -> String {
    if is_undo(entry) { format!("entry {}, itself an {}", entry.id, undo_in_words(entry)) } else { format!("entry {}", entry.id) }
}

/// What an undo did, as its entry has it.
fn undo_in_words(entry: &Entry) -> String {
    if entry.detail.starts_with("undo") { entry.detail.clone() } else { format!("undo ({})", entry.detail) }
}

async fn entry(engine: &Engine, viewer: &Viewer, number: EntryId) -> Result<Entry> {
    let seer = viewer.clone();
    engine.store().read(move |tx| tx.entry(&seer, number)).await?.ok_or_else(|| EngineError::Unknown {
        what: "entry",
        name: number.to_string(),
        remedy: "take its number from the history of a record".to_owned(),
    })
}

/// The run of an entry, widened both ways until a pause.
async fn run(engine: &Engine, viewer: &Viewer, number: EntryId) -> Result<Chosen> {
    let of = entry(engine, viewer, number).await?;
    let seer = viewer.clone();
    let (cause, by) = (of.cause.clone(), of.actor_name.clone());
    let window = engine.store().read(move |tx| {
        let everything = Window {
            cause: Some(of.cause.clone()),
            actor_name: Some(of.actor_name.clone()),
            connection: of.connection.clone(),
            ..Window::between(1, tx.last_entry()?)
        };
        let first = edge(tx, &seer, &everything, &of, false)?;
        let last = edge(tx, &seer, &everything, &of, true)?;
        Ok(Window { first, last, ..everything })
    });
    let window = window.await?;
    let words = format!("the run of entry {number} ({cause} by {by}, entries {} to {})", window.first, window.last);
    Ok(Chosen::new(window, words))
}

/// The last entry of a run in one direction.
fn edge(tx: &mut Tx<'_>, viewer: &Viewer, all: &Window, of: &Entry, upwards: bool) -> entente_store::Result<EntryId> {
    let (mut at, mut edge) = (of.at.as_millisecond(), of.id);
    loop {
        let page = tx.touches(viewer, all, edge, upwards, PAGE_ROWS_MAX)?;
        for touch in &page {
            if (touch.at.as_millisecond() - at).abs() > PAUSE_MS {
                return Ok(edge);
            }
            (at, edge) = (touch.at.as_millisecond(), touch.entry);
        }
        if page.len() < PAGE_ROWS_MAX {
            return Ok(edge);
        }
    }
}

/// The latest entry that gave a record, or one of the fields, another value. An undo is taken back only where that is asked for: whoever undoes
/// twice may as well mean the change before.
async fn latest(engine: &Engine, viewer: &Viewer, record: &RecordId, fields: &BTreeSet<FieldKey>, again: bool) -> Result<Chosen> {
    let (seer, id, wanted) = (viewer.clone(), record.clone(), fields.clone());
    let found = engine.store().read(move |tx| {
        if tx.record(&seer, &id)?.is_none() {
            return Ok(None);
        }
        let mut before = None;
        loop {
            let mut page = tx.history(&seer, &id, PAGE, before)?;
            before = page.last().map(|entry| entry.id);
            let is_last = page.len() < PAGE;
            if let Some(at) = page.iter().position(|entry| turns(entry, &wanted)) {
                return Ok(Some(Some(page.swap_remove(at))));
            }
            if is_last {
                return Ok(Some(None));
            }
        }
    });
    match found.await? {
        None => Err(no_record(record)),
        Some(Some(entry)) if is_undo(&entry) && !again => {
            let reason = format!("its latest change is an undo itself: entry {}, {}", entry.id, undo_in_words(&entry));
            let remedy = format!(
                "to take that undo back, say so (--again, `again`) or name the entry; `entente history {record}` has the numbers of earlier ones"
            );
            Err(invalid("record", reason, remedy))
        }
        Some(Some(entry)) => Ok(Chosen::new(Window::between(entry.id, entry.id), words_of(&entry))),
        Some(None) => {
            let what = if fields.is_empty() {
                "no value".to_owned()
            } else {
                format!("no value of {}", fields.iter().map(String::as_str).collect::<Vec<_>>().join(", "))
            };
            let remedy = format!("see `entente history {record}`");
            Err(invalid("record", format!("the ledger tells of {what} of it that ever changed"), remedy))
        }
    }
}

/// Whether an entry gave one of the fields, or any field, another value; or did so before its values were erased.
fn turns(entry: &Entry, fields: &BTreeSet<FieldKey>) -> bool {
    match &entry.changes {
        Changes::Open(changes) => changes
            .iter()
            .filter(|(field, _)| fields.is_empty() || fields.contains(field.as_str()))
            .any(|(_, change)| !change.before.agrees(&change.after)),
        _ => true,
    }
}
