//! Deliberate mistakes. The simulation must catch every one of them: they are tests of the tests, off in production.

/// Which mistakes are on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flaws {
    /// Drops every look that comes within a time window after our own write, as if it were an echo.
    pub echo_filter_by_time: bool,
    /// Takes the whole record from the side that changed last, instead of merging field by field.
    pub last_write_wins_record: bool,
    /// Creates counterparts without Entente's id as key, so that a repeat makes a twin.
    pub create_without_key: bool,
    /// Undoes in the record alone: the side that owns a field has its way again with the next look.
    pub undo_heeds_owners: bool,
}

impl Flaws {
    /// None, as in production.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }
}
