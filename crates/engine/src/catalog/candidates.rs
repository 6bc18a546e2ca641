//! Versions of mappings on their way into force, each with the catalog that it makes and the share of records that it decides.

use std::sync::Arc;

use entente_model::mapping::Mapping;
use entente_model::normalise::Locale;

use super::Catalog;
use super::needs::Needs;

/// A catalog with one mapping in a version that is on its way into force.
pub struct Alternate {
    /// The connection of that mapping.
    pub connection: String,
    /// The version.
    pub version: i64,
    /// Share of the object's records that it decides, in percent; 0 in the shadow.
    pub percent: u64,
    /// The catalog.
    pub catalog: Arc<Catalog>,
}

/// A version of a mapping on its way into force.
pub(crate) struct Candidate {
    pub(crate) connection: String,
    pub(crate) version: i64,
    pub(crate) percent: u64,
    pub(crate) mapping: Mapping,
}

/// Where a record stands among all when a share of them is taken: 0 to 99, the same for ever.
#[must_use]
pub fn share_of(record: &str) -> u64 {
    let digest = ring::digest::digest(&ring::digest::SHA256, record.as_bytes());
    let first = digest.as_ref().iter().take(8).fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
    first % 100
}

impl Catalog {
    /// The same, with versions of mappings that are on their way into force beside it. Rows are read with the columns of both.
    #[must_use]
    pub(crate) fn with_candidates(mut self, candidates: Vec<Candidate>, needs: &Needs<'_>, locale: &Locale) -> Self {
        for candidate in candidates {
            let (connection, object) = (candidate.connection, candidate.mapping.object.clone());
            let mappings = self.by_connection.iter().map(|(name, mapped)| {
                let mut list: Vec<Mapping> = mapped.iter().map(|mapped| mapped.saved.clone()).collect();
                if *name == connection {
                    list.retain(|known| known.object != object);
                    list.push(candidate.mapping.clone());
                }
                (name.clone(), list)
            });
            let built = Self::build_around(self.objects.values().cloned().collect(), mappings.collect(), self.standstill.clone(), locale);
            let mut other = match built {
                Ok(other) => other.stamped(self.stamp).requiring(needs).windowed(self.window_ms).ruled(&self.adopted),
                Err(error) => {
                    tracing::error!(connection, object, version = candidate.version, %error, "a version on its way does not fit any more");
                    continue;
                }
            };
            let reads = |catalog: &Self| catalog.mapped(&connection, &object).map(|mapped| mapped.reads.clone()).unwrap_or_default();
            let (mine, theirs) = (reads(&self), reads(&other));
            self.extend_reads(&connection, &object, &theirs);
            other.extend_reads(&connection, &object, &mine);
            let alternate = Alternate { connection, version: candidate.version, percent: candidate.percent, catalog: Arc::new(other) };
            self.alternates.insert(object, alternate);
        }
        self
    }

    /// Versions in the shadow, by our object.
    pub(crate) fn shadows(&self) -> impl Iterator<Item = (&String, &Alternate)> {
        self.alternates.iter().filter(|(_, alternate)| alternate.percent == 0)
    }

    /// The catalog that decides a record, where it is another one.
    pub(crate) fn deciding(&self, record: &str, object: &str) -> Option<&Arc<Self>> {
        if self.alternates.is_empty() {
            return None;
        }
        let alternate = self.alternates.get(object)?;
        (share_of(record) < alternate.percent).then_some(&alternate.catalog)
    }
}
