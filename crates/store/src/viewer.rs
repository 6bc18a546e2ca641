//! Who is looking. Every list, get, search, count and report takes a viewer and compiles its visibility into the query, from
//! the first day, so that record-level security has nowhere to be forgotten.

/// The person or program on whose behalf records are read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Viewer {
    /// Name of the user, or of the part of Entente that looks.
    pub name: String,
    /// Role the user has. There is one kind of sight today: everybody signed in sees every record.
    pub role: String,
}

impl Viewer {
    /// Entente itself: the engine, jobs, exports.
    #[must_use]
    pub fn system() -> Self {
        Self { name: "entente".into(), role: "system".into() }
    }

    /// A signed-in user.
    #[must_use]
    pub fn new(name: impl Into<String>, role: impl Into<String>) -> Self {
        Self { name: name.into(), role: role.into() }
    }

    /// The condition that rows of the table must meet to be seen. A viewer without a role sees nothing.
    pub(crate) fn clause(&self) -> &'static str {
        if self.role.is_empty() { "false" } else { "true" }
    }
}
