//! Redirecting references: when a record ends as merged, those that point to it point to the one that stays.

use entente_model::actor::Actor;
use entente_model::clock::Timestamp;
use entente_model::id::RecordId;
use entente_model::object::FieldType;
use entente_model::value::{Fields, Value};
use entente_store::{PAGE_ROWS_MAX, RecordQuery, StoreError, Tx, Viewer};

use super::edit::{self, Edit};
use super::task::LANE_UPDATE;
use crate::catalog::Catalog;

/// Who redirects, and why; as the ledger tells it of every record that pointed to the absorbed one.
pub(crate) struct Author<'a> {
    /// Kind of the actor.
    pub(crate) actor: Actor,
    /// Its name.
    pub(crate) name: &'a str,
    /// The entry's cause.
    pub(crate) cause: &'a str,
    /// Why the two are one.
    pub(crate) why: &'a str,
}

/// Records that point to `absorbed`, of an object, point to `survivor` afterwards, and so does what is known of their counterparts: at the
/// platforms the same row is meant as before, so nothing is to be written there for it.
///
/// # Errors
/// As for any write.
pub(crate) fn redirect(
    tx: &mut Tx<'_>,
    catalog: &Catalog,
    object: &str,
    absorbed: &RecordId,
    survivor: &RecordId,
    author: &Author<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let (old, new) = (Value::Ref(absorbed.clone()), Value::Ref(survivor.clone()));
    for (object, field) in references(catalog, object) {
        loop {
            let query = RecordQuery { object: Some(object.clone()), equal: vec![(field.clone(), old.clone())], ..RecordQuery::default() };
            let page = tx.list_records(&Viewer::system(), &query, PAGE_ROWS_MAX)?.records;
            if page.is_empty() {
                break;
            }
            let ids: Vec<RecordId> = page.iter().map(|record| record.id.clone()).collect();
            let mut links = tx.links_of(&ids)?;
            for link in &mut links {
                point(&mut link.base, &field, &old, &new);
                for apart in [&mut link.seen, &mut link.taken, &mut link.pending].into_iter().flatten() {
                    point(apart, &field, &old, &new);
                }
            }
            tx.put_links(&links)?;
            for record in ids {
                let edit = Edit {
                    record,
                    fields: Fields::from([(field.clone(), new.clone())]),
                    actor: author.actor,
                    actor_name: author.name.to_owned(),
                    cause: author.cause.to_owned(),
                    detail: format!("{absorbed} was merged into {survivor} ({})", author.why),
                    lane: LANE_UPDATE,
                    window_ms: 0,
                };
                edit::apply(tx, catalog, &edit, now)?;
            }
        }
    }
    Ok(())
}

/// Fields that refer to records of an object: (object, field).
pub(crate) fn references(catalog: &Catalog, to: &str) -> Vec<(String, String)> {
    let fields = catalog.objects().flat_map(|object| object.fields.iter().map(move |field| (object, field)));
    fields
        .filter(|(_, field)| matches!(&field.kind, FieldType::Reference { object } if object == to))
        .map(|(object, field)| (object.key.clone(), field.key.clone()))
        .collect()
}

fn point(fields: &mut Fields, field: &str, old: &Value, new: &Value) {
    if let Some(value) = fields.get_mut(field).filter(|value| *value == old) {
        value.clone_from(new);
    }
}
