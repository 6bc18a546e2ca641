//! Where in a file the lines of a mapping, the fields of an object, or its adopted rules are.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_saphyr::Spanned;

/// The places of the entries of `fields`, or of `adopted`, in order.
#[derive(Debug, Default)]
pub(super) struct Places(Vec<(u64, u64)>);

#[derive(Deserialize)]
struct Listed {
    #[serde(default, alias = "adopted")]
    fields: Vec<Spanned<IgnoredAny>>,
}

impl Places {
    /// Of a text that was read before: one that cannot be read again has no places.
    pub(super) fn read(text: &str) -> Self {
        let Ok(listed) = serde_saphyr::from_str::<Listed>(text) else { return Self::default() };
        Self(listed.fields.iter().map(|entry| (entry.referenced.line(), entry.referenced.column())).collect())
    }

    /// Line and column of an entry, counted from 1.
    pub(super) fn of(&self, at: usize) -> (u64, u64) {
        self.0.get(at).map_or((1, 1), |(line, column)| ((*line).max(1), (*column).max(1)))
    }
}
