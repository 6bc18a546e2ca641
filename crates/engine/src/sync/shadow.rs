//! In the shadow: a version of a mapping decides along with the one in force, on the same looks, and nothing of it is written. What differs
//! is kept for people. Without such a version it costs nothing.

use std::collections::BTreeMap;

use entente_model::id::RecordId;
use entente_model::plan::NATIVE;
use entente_store::StoreError;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::converge::decide_all;
use super::decide::Decision;
use super::task::Task;
use crate::catalog::Catalog;
use crate::engine::Engine;
use crate::error::Result;

/// A field that two versions of a mapping decide differently.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = VersionDifference)]
pub struct Difference {
    /// Where it is written: a connection, or `entente` for the record itself.
    pub place: String,
    /// Field: by the platform's name at a connection, by ours in the record; none when a row is deleted.
    pub field: String,
    /// What the version in force writes; none when it writes nothing.
    pub now: Option<String>,
    /// What the other version would write; none when it would write nothing.
    pub then: Option<String>,
}

/// What a decision writes, by place and field.
fn written(decision: &Decision) -> BTreeMap<(String, String), String> {
    let mut written = BTreeMap::new();
    for (field, change) in decision.changes.iter().filter(|(_, change)| !change.before.agrees(&change.after)) {
        written.insert((NATIVE.to_owned(), field.clone()), change.after.display());
    }
    for planned in &decision.writes {
        let place = |name: &str| (planned.connection.clone(), name.to_owned());
        if planned.write.row.is_empty() {
            written.insert(place(""), format!("{:?}", planned.write.kind).to_lowercase());
        }
        for (name, value) in &planned.write.row {
            written.insert(place(name), value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        }
    }
    written
}

/// Where two decisions about one record differ.
pub(crate) fn differences(now: &Decision, then: &Decision) -> Vec<Difference> {
    let (now, mut then) = (written(now), written(then));
    let mut found = Vec::new();
    for ((place, field), value) in now {
        let other = then.remove(&(place.clone(), field.clone()));
        if other.as_ref() != Some(&value) {
            found.push(Difference { place, field, now: Some(value), then: other });
        }
    }
    found.extend(then.into_iter().map(|((place, field), value)| Difference { place, field, now: None, then: Some(value) }));
    found
}

/// Lets versions in the shadow decide the records that were just decided, and keeps where they differ.
pub(crate) async fn compare(engine: &Engine, catalog: &Catalog, decisions: &[Decision]) -> Result<()> {
    for (object, alternate) in catalog.shadows() {
        let of_object: Vec<&Decision> = decisions.iter().filter(|decision| decision.task.record.object == *object).collect();
        if of_object.is_empty() {
            continue;
        }
        let tasks = of_object.iter().map(|decision| Task { failure: None, ..decision.task.clone() }).collect();
        let theirs = decide_all(engine, &alternate.catalog, tasks).await?;
        let compared: Vec<RecordId> = of_object.iter().map(|decision| decision.task.record.id.clone()).collect();
        let mut differing = Vec::new();
        for (now, then) in of_object.iter().zip(&theirs) {
            let found = differences(now, then);
            if !found.is_empty() {
                let detail = serde_json::to_value(&found).map_err(|error| StoreError::Invalid(error.to_string()))?;
                differing.push((now.task.record.id.clone(), detail));
            }
        }
        let (connection, object, at) = (alternate.connection.clone(), object.clone(), engine.now());
        engine.store().write(move |tx| tx.note_shadow(&connection, &object, &compared, &differing, at)).await?;
    }
    Ok(())
}
