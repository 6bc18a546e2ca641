//! Refusals that smell of a changed schema: the object is described at once, and where a change explains them, nothing has failed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use entente_connect::error::{Class, VendorError};
use jiff::Timestamp;

use super::look::look;
use super::returning;
use crate::catalog::Catalog;
use crate::engine::Engine;
use crate::error::Result;

/// Time between two looks at one object because of refusals, in milliseconds: a refusal comes for each row of a batch and of the next ones,
/// and one look explains them all.
const AGAIN_MS: i64 = 15_000;

/// When each remote object was looked at because of a refusal, or of a blank.
#[derive(Debug, Default)]
pub(crate) struct Suspicions(Mutex<BTreeMap<String, Timestamp>>);

impl Suspicions {
    /// Whether it is time for a look at an object; notes that it is made.
    fn is_due(&self, object: &str, now: Timestamp) -> bool {
        let mut looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let due = looks.get(object).is_none_or(|at| now.as_millisecond() - at.as_millisecond() >= AGAIN_MS);
        if due {
            looks.insert(object.to_owned(), now);
        }
        due
    }

    /// Whether an object was looked at later than at a moment.
    fn is_later(&self, object: &str, than: Timestamp) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(object).is_some_and(|at| *at > than)
    }

    fn note(&self, object: &str, at: Timestamp) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(object.to_owned(), at);
    }
}

/// Looks at the schema of a remote object, unless it was looked at since a moment.
///
/// # Errors
/// When the platform cannot be asked, or the store fails.
pub(crate) async fn look_since(engine: &Engine, connection: &str, remote: &str, since: Timestamp) -> Result<()> {
    let (ready, now) = (engine.connection(connection)?, engine.now());
    if ready.suspicions.is_later(remote, since) {
        return Ok(());
    }
    let looked = look(engine, connection, remote).await?;
    // As of when it was asked for: what changes while the answer is on its way is not in it.
    ready.suspicions.note(remote, now);
    if looked.found > 0 {
        tracing::info!(connection, remote, found = looked.found, "a schema has changed");
        returning::carry_on(engine).await?;
    }
    Ok(())
}

/// Looks at the schemas of remote objects whose refusals smell of a change. Answers whether mappings are used otherwise by now than the
/// catalog says that the refused calls went by.
pub(crate) async fn explains(engine: &Engine, used: &Catalog, refusals: &[(&str, &str, &VendorError)]) -> bool {
    let suspects: BTreeSet<(&str, &str)> =
        refusals.iter().filter(|(_, _, error)| error.suggests_schema()).map(|(connection, object, _)| (*connection, *object)).collect();
    if suspects.is_empty() {
        return false;
    }
    for (connection, object) in suspects {
        let Ok(ready) = engine.connection(connection) else { continue };
        if !ready.suspicions.is_due(object, engine.now()) {
            continue;
        }
        let looked = match look(engine, connection, object).await {
            Ok(looked) => returning::carry_on(engine).await.map(|()| looked),
            Err(error) => Err(error),
        };
        match looked {
            Ok(looked) if looked.found > 0 => tracing::info!(connection, object, found = looked.found, "a schema has changed"),
            Ok(_) => {}
            // The refusal stands as it is then, and the next one asks again.
            Err(error) => tracing::warn!(connection, object, %error, "whether a changed schema explains a refusal could not be seen"),
        }
    }
    engine.catalog().stamp() != used.stamp()
}

/// Turns refusals that a changed schema explains into reasons to look again. They are given with the connection and remote object.
pub(crate) async fn explain(engine: &Engine, used: &Catalog, refusals: Vec<(&str, &str, &mut VendorError)>) {
    let told: Vec<(&str, &str, &VendorError)> =
        refusals.iter().map(|(connection, object, error)| (*connection, *object, &**error)).collect();
    if !explains(engine, used, &told).await {
        return;
    }
    let now = engine.catalog();
    for (connection, object, error) in refusals {
        let still = |catalog: &Catalog| {
            let mapped = catalog.mappings(connection).iter().filter(|mapped| mapped.saved.remote == object);
            mapped.map(|mapped| (mapped.still.clone(), mapped.reads.clone())).collect::<Vec<_>>()
        };
        if error.suggests_schema() && still(used) != still(&now) {
            error.class = Class::LookAgain;
            error.advice =
                "nothing to do: the platform's schema has changed, and the record is looked at again without what no longer fits";
        }
    }
}
