//! Rows by Entente's record id. Pipedrive has no unique fields: before a row is created, it must be known that none carries the key.
//!
//! Search could find one, at the price of twenty tokens a key, and is seconds behind. Lists are neither: whatever carries a key was changed
//! after the record was made, and a record id tells when that was. So the rows changed since then are listed once, five hundred for ten
//! tokens, and after that only what is new. What is remembered are the ids of rows with a key; each is looked at again before it is used. Those who ask
//! side by side share a listing that began after they asked.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use entente_model::clock::Timestamp;
use entente_model::id::RecordId;
use serde_json::Value;
use tokio::sync::Mutex;

use super::attributes::KEY_LINE;
use super::cursor::Place;
use super::kind::Kind;
use super::lists::List;
use super::map::is_gone;
use super::refusal::misfit;
use super::wire::id_text;
use super::{Pipedrive, SPEC, marker};
use crate::connector::Priority;
use crate::error::VendorError;

/// How much earlier than its record a row may seem to have been made: clocks differ.
const CLOCKS: Duration = Duration::from_secs(600);
/// Bits of a record id behind its milliseconds (RFC 9562 §5.7).
const RANDOM_BITS: u32 = 80;

/// What is known of the keys of one object.
#[derive(Debug, Default)]
struct Index {
    /// Ids of rows by key.
    ids: HashMap<String, String>,
    /// From when on changed rows were listed; none for all of them.
    from: Option<Timestamp>,
    /// Up to when, by the vendor's clock; none before the first time.
    to: Option<Timestamp>,
    /// Which of all listings it was last learnt from.
    listing: u64,
}

/// What is known of the keys of all objects.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    held: Mutex<BTreeMap<Kind, Index>>,
    /// Listings that have begun.
    begun: AtomicU64,
}

impl Index {
    /// Whether rows that changed since an instant were listed; since ever, without one.
    fn covers(&self, wanted: Option<Timestamp>) -> bool {
        self.to.is_some() && self.from.is_none_or(|from| wanted.is_some_and(|wanted| wanted >= from))
    }
}

/// When a record was made, as its id tells.
fn born(key: &str) -> Option<Timestamp> {
    let id: RecordId = key.parse().ok()?;
    let body = id.as_str().split_once('_')?.1;
    let digit = |letter: u8| b"0123456789abcdefghjkmnpqrstvwxyz".iter().position(|known| *known == letter);
    let bits = body.bytes().try_fold(0_u128, |bits, letter| Some((bits << 5) | digit(letter)? as u128))?;
    Timestamp::from_millisecond(i64::try_from(bits >> RANDOM_BITS).ok()?).ok()
}

/// From when on rows must be listed so that none of these keys is missed; none for all there are.
pub(crate) fn earliest(keys: &[&str]) -> Option<Timestamp> {
    let all: Option<Vec<Timestamp>> = keys.iter().map(|key| born(key)).collect();
    all?.into_iter().min()?.checked_sub(CLOCKS).ok()
}

impl Pipedrive {
    /// The code of the custom field that carries the key; nothing for those whose text does.
    async fn key_code(&self, kind: Kind, key_field: &str, priority: Priority) -> Result<Option<String>, VendorError> {
        if kind.definitions().is_none() {
            if key_field == KEY_LINE {
                return Ok(None);
            }
            return Err(misfit(
                "key_field",
                format!("`{key_field}` cannot carry Entente's record id at Pipedrive's {}", kind.plural()),
                "set the mapping's key to entente_id, the line at the end of the text",
            )
            .about(key_field));
        }
        let fields = self.fields(kind, &[key_field.to_owned()], priority).await?;
        match fields.named(key_field)? {
            Some(named) if matches!(named.definition.ty.as_str(), "varchar" | "text" | "varchar_auto") => {
                Ok(Some(named.definition.code.clone()))
            }
            _ => Err(misfit(
                "key_field",
                format!("`{key_field}` cannot carry Entente's record id at Pipedrive"),
                "set the mapping's key to a custom field of type text: entente_id, which `entente provision` makes",
            )
            .about(key_field)),
        }
    }

    /// The key that a row carries.
    fn key_of(kind: Kind, row: &Value, code: Option<&str>) -> Option<String> {
        let text = match (kind, code) {
            (Kind::Note, _) => return marker::split(row["content"].as_str()?).1,
            (Kind::Activity, _) => return marker::split(row["note"].as_str()?).1,
            (Kind::Lead, Some(code)) => row[code].as_str(),
            (_, Some(code)) => row["custom_fields"][code].as_str().or_else(|| row["custom_fields"][code]["value"].as_str()),
            (_, None) => None,
        };
        text.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    /// Ids of rows by key, each looked at just now.
    pub(super) async fn ids_by_key(
        &self,
        kind: Kind,
        keys: &[&str],
        key_field: &str,
        priority: Priority,
    ) -> Result<BTreeMap<String, String>, VendorError> {
        if keys.is_empty() {
            return Ok(BTreeMap::new());
        }
        let code = self.key_code(kind, key_field, priority).await?;
        let begun = self.keys.begun.load(Ordering::Relaxed);
        let candidates: BTreeMap<String, String> = {
            // Held over the calls, so that one caller lists for all.
            let mut held = self.keys.held.lock().await;
            let index = held.entry(kind).or_default();
            let wanted = earliest(keys);
            // Whatever others made before we were asked, a listing shows that has begun since.
            if !(index.listing > begun && index.covers(wanted)) {
                self.learn_keys(kind, index, wanted, code.as_deref(), priority).await?;
            }
            keys.iter().filter_map(|key| Some(((*key).to_owned(), index.ids.get(*key)?.clone()))).collect()
        };
        let ids: Vec<String> = candidates.values().cloned().collect();
        let rows = self.rows_by_id(kind, &ids, priority).await?;
        let stands = |key: &String, id: &String| {
            rows.get(id).is_some_and(|row| !is_gone(row) && Self::key_of(kind, row, code.as_deref()).as_ref() == Some(key))
        };
        Ok(candidates.into_iter().filter(|(key, id)| stands(key, id)).collect())
    }

    /// Remembers a row that was just made.
    pub(super) async fn remember_key(&self, kind: Kind, key: &str, id: &str) {
        let mut held = self.keys.held.lock().await;
        held.entry(kind).or_default().ids.insert(key.to_owned(), id.to_owned());
    }

    async fn learn_keys(
        &self,
        kind: Kind,
        index: &mut Index,
        wanted: Option<Timestamp>,
        code: Option<&str>,
        priority: Priority,
    ) -> Result<(), VendorError> {
        let listing = self.keys.begun.fetch_add(1, Ordering::Relaxed) + 1;
        let covered = index.covers(wanted);
        let since = match index.to {
            Some(to) if covered => to.checked_sub(SPEC.overlap).ok(),
            _ => wanted,
        };
        let mut begun = None;
        for list in [List::Present, List::Archived] {
            if list == List::Archived && !matches!(kind, Kind::Deal | Kind::Lead) {
                continue;
            }
            let mut place = Place::default();
            loop {
                let page = self.list_page(kind, list, since, &place, code.filter(|_| !kind.is_old()), priority).await?;
                begun = begun.or(page.theirs).or_else(|| Some(self.theirs()));
                for row in &page.rows {
                    if let (Some(key), Some(id)) = (Self::key_of(kind, row, code), id_text(&row["id"])) {
                        index.ids.insert(key, id);
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
        index.to = begun;
        index.listing = listing;
        Ok(())
    }

    /// Adds the key to the body of a creation.
    pub(super) async fn put_key(
        &self,
        kind: Kind,
        key: &str,
        key_field: &str,
        body: &mut serde_json::Map<String, Value>,
        priority: Priority,
    ) -> Result<(), VendorError> {
        match self.key_code(kind, key_field, priority).await? {
            None => {
                let place = if kind == Kind::Note { "content" } else { "note" };
                if !body.contains_key(place) {
                    body.insert(place.to_owned(), Value::String(marker::join("", key)));
                }
            }
            Some(code) if kind == Kind::Lead => drop(body.insert(code, Value::from(key))),
            Some(code) => {
                let custom = body.entry("custom_fields").or_insert_with(|| serde_json::json!({}));
                custom[&code] = Value::from(key);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use entente_model::id::uuid_v7;

    use super::*;

    #[test]
    fn a_record_id_tells_when_the_record_was_made() {
        let id = RecordId::new("con", uuid_v7(1_767_607_200_123, 42));
        assert_eq!(born(id.as_str()).map(|at| at.as_millisecond()), Some(1_767_607_200_123));
        assert_eq!(born("con_1"), None);
        let keys = [id.as_str(), id.as_str()];
        assert_eq!(earliest(&keys).map(|at| at.as_millisecond()), Some(1_767_607_200_123 - 600_000));
        assert_eq!(earliest(&[id.as_str(), "con_1"]), None, "one that tells nothing may be of any age");
    }
}
