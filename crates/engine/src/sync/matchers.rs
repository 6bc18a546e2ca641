//! The matchers in force: by weights that the leader learned from the store's own records, or built in until then.

use std::collections::BTreeMap;
use std::sync::Arc;

use entente_model::clock::Timestamp;
use entente_model::matching::counterpart::{Learned, Matcher};
use serde::{Deserialize, Serialize};

use super::adopt::has_match_keys;
use crate::engine::Engine;
use crate::error::Result;

/// Settings under this prefix hold what was learned of an object (`matching/contact`).
pub(crate) const LEARNED: &str = "matching/";

/// How long what was read of the store stays in force, in milliseconds: weights change once a day.
const KEPT_MS: i64 = 60_000;

/// Objects that are recognised by what they hold.
pub(crate) const OBJECTS: &[&str] = &["account", "contact"];

/// What was learned of an object, as the store keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Lesson {
    /// When.
    pub(crate) at: Timestamp,
    /// Records that it was learned from.
    pub(crate) records: usize,
    /// What.
    pub(crate) learned: Option<Learned>,
}

/// Matchers by object.
#[derive(Debug, Clone, Default)]
pub(crate) struct Matchers {
    by_object: BTreeMap<&'static str, Matcher>,
    /// When the store was asked.
    read_at: Option<Timestamp>,
}

impl Matchers {
    /// With the built-in weights.
    pub(crate) fn built_in(threshold: f64) -> Self {
        let by_object = OBJECTS.iter().map(|object| (*object, Matcher::new(object, None, threshold))).collect();
        Self { by_object, read_at: None }
    }

    /// The matcher of an object; none for those that are linked by id alone.
    pub(crate) fn of(&self, object: &str) -> Option<&Matcher> {
        self.by_object.get(object).filter(|_| has_match_keys(object))
    }
}

/// The matchers in force now.
///
/// # Errors
/// When the store fails.
pub(crate) async fn current(engine: &Engine) -> Result<Arc<Matchers>> {
    let (known, now) = (engine.matchers(), engine.now());
    if known.read_at.is_some_and(|at| (0..KEPT_MS).contains(&(now.as_millisecond() - at.as_millisecond()))) {
        return Ok(known);
    }
    let threshold = engine.options().auto_link();
    let mut read = Matchers { read_at: Some(now), ..Matchers::built_in(threshold) };
    for object in OBJECTS {
        let key = format!("{LEARNED}{object}");
        let lesson = engine.store().read(move |tx| tx.setting::<Lesson>(&key)).await?;
        if let Some(learned) = lesson.and_then(|lesson| lesson.learned) {
            read.by_object.insert(object, Matcher::new(object, Some(learned), threshold));
        }
    }
    let read = Arc::new(read);
    engine.put_matchers(Arc::clone(&read));
    Ok(read)
}
