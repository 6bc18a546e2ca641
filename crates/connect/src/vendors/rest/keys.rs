//! Rows by Entente's record id, where the platform has no unique fields: before a row is created, it must be known that none carries the
//! key.
//!
//! Whatever carries a key was changed after the record was made, and a record id tells when that was. So the rows changed since then are
//! listed once, and after that only what is new. What is remembered are ids of rows with a key; each is looked at again before it is used.
//! A search by key, where one is described, spares all that.

use std::collections::{BTreeMap, HashMap};

use entente_model::clock::Timestamp;
use futures::stream::{self, StreamExt, TryStreamExt};
use serde_json::Value;
use tokio::sync::Mutex;

use super::Rest;
use super::ask::{Gaps, Place, stamp};
use super::known::Known;
use super::refusal::misfit;
use crate::connector::Priority;
use crate::error::VendorError;
use crate::vendors::pipedrive::earliest;

/// What is known of the keys of one object.
#[derive(Debug, Default)]
struct Index {
    /// Ids of rows by key.
    ids: HashMap<String, String>,
    /// From when on changed rows were listed; none for all of them.
    from: Option<Timestamp>,
    /// Up to when, by the platform's clock; none before the first time.
    to: Option<Timestamp>,
}

/// What is known of the keys of all objects.
#[derive(Debug, Default)]
pub(crate) struct Keys(Mutex<BTreeMap<String, Index>>);

/// Whether a field can carry a key.
///
/// # Errors
/// `key_field` when it cannot.
pub(crate) fn carries_keys(known: &Known, name: &str) -> Result<(), VendorError> {
    use super::description::fields::Kind;
    if matches!(known.field.kind, Kind::Text | Kind::LongText) && known.is_writable() {
        return Ok(());
    }
    Err(misfit(
        "key_field",
        format!("`{name}` cannot carry Entente's record id"),
        "set the mapping's key to a field of type text that writes may carry",
    )
    .about(name))
}

impl Rest {
    /// Ids of rows by key, each looked at just now.
    pub(super) async fn ids_by_key(
        &self,
        object: &str,
        keys: &[&str],
        key_field: &str,
        priority: Priority,
    ) -> Result<BTreeMap<String, String>, VendorError> {
        if keys.is_empty() {
            return Ok(BTreeMap::new());
        }
        let part = self.object(object)?;
        let fields = self.fields(object, &[key_field.to_owned()], priority).await?;
        carries_keys(fields.named(object, key_field)?, key_field)?;
        let candidates: BTreeMap<String, Vec<String>> = match &part.find.key {
            Some(find) => {
                let owned: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
                stream::iter(owned)
                    .map(|key| async move {
                        let ids = self.search(object, find, &key, key_field, priority).await?;
                        Ok::<_, VendorError>((key, ids))
                    })
                    .buffered(self.spec.concurrency)
                    .try_collect()
                    .await?
            }
            None => {
                // Held over the calls, so that one caller lists for all.
                let mut held = self.keys.0.lock().await;
                let index = held.entry(object.to_owned()).or_default();
                self.learn_keys(object, index, earliest(keys), key_field, priority).await?;
                keys.iter().filter_map(|key| Some(((*key).to_owned(), vec![index.ids.get(*key)?.clone()]))).collect()
            }
        };
        let ids: Vec<String> = candidates.values().flatten().cloned().collect();
        let rows = self.rows_by_id(object, &ids, priority).await?;
        let seeing = self.seeing(object, &[], &[], priority).await?;
        let stands = |key: &str, id: &String| {
            rows.get(id).is_some_and(|row| !seeing.is_gone(row) && seeing.value(row, key_field).as_str().map(str::trim) == Some(key))
        };
        Ok(candidates.into_iter().filter_map(|(key, ids)| Some((key.clone(), ids.into_iter().find(|id| stands(&key, id))?))).collect())
    }

    /// Remembers a row that was just made.
    pub(super) async fn remember_key(&self, object: &str, key: &str, id: &str) {
        let mut held = self.keys.0.lock().await;
        held.entry(object.to_owned()).or_default().ids.insert(key.to_owned(), id.to_owned());
    }

    async fn learn_keys(
        &self,
        object: &str,
        index: &mut Index,
        wanted: Option<Timestamp>,
        key_field: &str,
        priority: Priority,
    ) -> Result<(), VendorError> {
        let part = self.object(object)?;
        let covered = index.to.is_some() && index.from.is_none_or(|from| wanted.is_some_and(|wanted| wanted >= from));
        let overlap = part.changes.as_ref().map_or(0, |changes| changes.overlap_seconds);
        let since = match index.to {
            Some(to) if covered => to.checked_sub(std::time::Duration::from_secs(overlap)).ok(),
            _ => wanted,
        };
        let begun = self.theirs();
        let first = match (&part.changes, since) {
            (Some(changes), Some(since)) => (&changes.call, Gaps::from([("since", stamp(since, changes.time))])),
            _ => (&part.list, Gaps::new()),
        };
        let further = part.also.iter().map(|call| (call, Gaps::new()));
        let seeing = self.seeing(object, &[], &[], priority).await?;
        for (call, gaps) in std::iter::once(first).chain(further) {
            let mut place = Place::default();
            loop {
                let page = self.list_page("list", call, &gaps, &place, priority).await?;
                for row in &page.rows {
                    if let (Value::String(key), Some(id)) = (seeing.value(row, key_field), seeing.id(row)) {
                        index.ids.insert(key.trim().to_owned(), id);
                    }
                }
                match page.next {
                    Some(next) => place = next,
                    None => break,
                }
            }
        }
        if !covered {
            index.from = wanted;
        }
        index.to = Some(begun.min(self.theirs()));
        Ok(())
    }
}
