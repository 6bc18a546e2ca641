//! What a version of a mapping did: what it took from the rows of its connection by lines that the version before did not have, or had otherwise,
//! in the entries that were made while it decided their records.

use std::collections::BTreeSet;

use entente_model::id::RecordId;
use entente_model::mapping::Mapping;
use entente_model::value::{FieldKey, Value};
use entente_store::{Change, Entry, EntryId, Reign, Window};

use super::select::{Chosen, invalid};
use crate::catalog::share_of;
use crate::engine::Engine;
use crate::error::{EngineError, Result};
use crate::metadata::mappings::version_of;

/// Share of the version in force, in percent.
const IN_FORCE: u64 = 100;

/// A version, and when which versions of its mapping decided records.
pub(super) struct Reigned {
    connection: String,
    version: i64,
    reigns: Vec<Reign>,
    /// Fields whose lines are new in it, or others than before: what came by the rest would have come all the same.
    lines: BTreeSet<FieldKey>,
}

impl Reigned {
    /// Whether it decided the record of an entry when that was made.
    pub(super) fn decided(&self, entry: &Entry) -> bool {
        self.rules(&entry.record, entry.id)
    }

    /// The same, of an entry's record and number: as the version in force, or for the share that the record is in.
    pub(super) fn rules(&self, record: &RecordId, entry: EntryId) -> bool {
        let share = share_of(record.as_str());
        let ruled = |reign: &&Reign| reign.holds(entry) && share < reign.percent;
        // Of a share and the version in force, the share's decides.
        let ruling = self.reigns.iter().filter(ruled).min_by_key(|reign| reign.percent);
        ruling.is_some_and(|reign| reign.version == self.version)
    }

    /// Whether a change came from the rows that it reads, by a line of its own.
    pub(super) fn took(&self, field: &str, change: &Change) -> bool {
        change.from.as_deref() == Some(self.connection.as_str()) && self.lines.contains(field)
    }

    /// What a change put in place of at its connection, by a line of its own.
    pub(super) fn wrote_over<'a>(&self, field: &str, change: &'a Change) -> Option<&'a Value> {
        let lost = change.lost.iter().find(|lost| lost.side == self.connection && !lost.value.is_blank());
        lost.filter(|_| self.lines.contains(field)).map(|lost| &lost.value)
    }

    /// Its connection.
    pub(super) fn connection(&self) -> &str {
        &self.connection
    }
}

/// The window of what a version did.
///
/// # Errors
/// When there is no such mapping or version, when it is not known to have decided anything, or the store fails.
pub(super) async fn reigned(engine: &Engine, mapping: &str, version: Option<i64>) -> Result<Chosen> {
    let Some((connection, object)) = mapping.split_once('/').filter(|(connection, object)| !connection.is_empty() && !object.is_empty())
    else {
        return Err(invalid("mapping", format!("`{mapping}` names no mapping"), "give it as CONNECTION/OBJECT, such as zendesk/contact"));
    };
    let Some(version) = version else {
        let remedy = format!("name it; `entente mapping versions --connection {connection} --object {object}` shows them");
        return Err(invalid("version", "a mapping has many versions, and one is to be undone", remedy));
    };
    let chosen = version_of(engine, connection, object, version).await?;
    let stretch = format!("--since, --until, --connection {connection}, --object {object}");
    let (name, of) = (connection.to_owned(), object.to_owned());
    let (reigns, last) = engine.store().read(move |tx| Ok((tx.reigns(&name, &of)?, tx.last_entry()?))).await?;
    let its = || reigns.iter().filter(move |reign| reign.version == version);
    let Some(first) = its().map(|reign| reign.after + 1).min() else {
        return Err(EngineError::Missing {
            what: format!("time in which version {version} of the mapping of {object} at {connection} is known to have been in force"),
            remedy: format!("where it was, undo that stretch of time: {stretch}"),
        });
    };
    let end: EntryId = its().map(|reign| reign.last.unwrap_or(last)).max().unwrap_or(last);
    let mut lines: BTreeSet<FieldKey> = chosen.mapping.fields.iter().map(|line| line.field.clone()).collect();
    if let Some(before) = replaced(&reigns, version) {
        let before = version_of(engine, connection, object, before).await?;
        lines.retain(|field| !same_line(&chosen.mapping, &before.mapping, field));
        if lines.is_empty() {
            let reason = format!("it has no line that version {} did not have, so nothing came of it alone", before.version);
            return Err(invalid("version", reason, format!("undo a stretch of time: {stretch}")));
        }
    }
    let window = Window { object: Some(object.to_owned()), ..Window::between(first, end) };
    let names = lines.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let words = format!("what version {version} of the mapping of {object} at {connection} did by the lines that are its own ({names})");
    let reigned = Reigned { connection: connection.to_owned(), version, reigns, lines };
    Ok(Chosen { reigned: Some(reigned), ..Chosen::new(window, words) })
}

/// The version that was in force before a version first decided anything.
fn replaced(reigns: &[Reign], version: i64) -> Option<i64> {
    let first = reigns.iter().position(|reign| reign.version == version)?;
    reigns[..first].iter().rev().find(|reign| reign.percent == IN_FORCE).map(|reign| reign.version)
}

/// Whether two versions take a field by the same line.
fn same_line(one: &Mapping, other: &Mapping, field: &FieldKey) -> bool {
    let line = |mapping: &Mapping| mapping.fields.iter().find(|line| line.field == *field).cloned();
    line(one) == line(other)
}
