//! A sweep: which rows a complete read has shown, so that the linked rows it did not show are noticed. They are fetched, never taken for
//! deleted: a row may have been created, changed or hidden while the pages went by.

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

use entente_connect::look::{Cursor, Look};

/// The sweeps of one connection, by object. They live in the process: a complete read that another process took over is broken, and
/// notices nothing.
#[derive(Debug, Default)]
pub struct Sweeps(Mutex<BTreeMap<String, Sweep>>);

#[derive(Debug)]
struct Sweep {
    /// The complete read it belongs to.
    run: u64,
    /// Where the last page that it saw ended.
    at: Option<Cursor>,
    /// Hashes of the ids: a tenth of the memory of the ids, and a collision only hides a row until the next complete read.
    seen: HashSet<u64>,
}

fn hash(id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}

impl Sweeps {
    fn sweeps(&self) -> MutexGuard<'_, BTreeMap<String, Sweep>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a page in that was read from `from` on; `next` is where it ended. A page that does not follow the one before breaks the
    /// sweep.
    pub(crate) fn saw(&self, object: &str, run: u64, from: Option<&Cursor>, looks: &[Look], next: &Cursor) {
        let mut sweeps = self.sweeps();
        if from.is_none() {
            sweeps.insert(object.to_owned(), Sweep { run, at: None, seen: HashSet::new() });
        }
        let Some(sweep) = sweeps.get_mut(object) else { return };
        if sweep.run != run || sweep.at.as_ref() != from {
            sweeps.remove(object);
            return;
        }
        sweep.seen.extend(looks.iter().map(|look| hash(&look.id)));
        sweep.at = Some(next.clone());
    }

    /// Ends a sweep: what tells whether a row was shown, if the sweep saw every page.
    pub(crate) fn end(&self, object: &str, run: u64) -> Option<impl Fn(&str) -> bool + use<>> {
        let sweep = self.sweeps().remove(object).filter(|sweep| sweep.run == run)?;
        Some(move |id: &str| sweep.seen.contains(&hash(id)))
    }
}
