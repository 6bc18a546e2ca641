//! Why something differs, in the words that people know from the dashboard.

use entente_model::mapping::{Owner, Role};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::engine::Engine;

/// Why something differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The side changed it, and nothing told us.
    NotTaken,
    /// The side changed it although another one owns it.
    AgainstOwner,
    /// The record has a newer value that was not written there.
    NotWritten,
    /// The record has no value, and the side cannot be without one.
    CannotBeBlank,
    /// It is on its way.
    InProgress,
    /// A conflict waits for a person.
    Conflict,
    /// The sync of the record failed for good.
    Refused,
    /// The same value, written otherwise by the platform.
    Formatting,
    /// The value there cannot be read.
    Unreadable,
    /// It refers to a row that no record stands for.
    UnknownReference,
    /// The row is gone from the platform.
    RowGone,
    /// The row is back at the platform.
    RowBack,
    /// The record should have a counterpart there and has none.
    NoCounterpart,
    /// The record lacks values without which no counterpart is made.
    LacksRequired,
    /// The record waits there for another row or counterpart.
    Waits,
    /// A possible match waits for a person.
    Review,
    /// A row that no record stands for.
    Unmatched,
    /// A row that carries the id of a record whose counterpart is another row.
    ClaimedTwice,
    /// The counterpart was deleted; the record lives elsewhere.
    Orphan,
    /// The counterpart was deleted, and the record has none elsewhere.
    OrphanHere,
    /// The object could not be read completely.
    NotRead,
}

/// Names of a side and of an owner for people.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Names<'a> {
    /// The side that differs.
    pub(crate) side: &'a str,
    /// Who owns the field.
    pub(crate) owner: Option<Owner>,
}

impl Cause {
    /// Whether a hint can put it right.
    pub(crate) fn is_repairable(self) -> bool {
        matches!(
            self,
            Self::NotTaken
                | Self::AgainstOwner
                | Self::NotWritten
                | Self::Formatting
                | Self::RowGone
                | Self::RowBack
                | Self::NoCounterpart
                | Self::Unmatched
        )
    }

    /// Whether a row of a platform has no record.
    pub(crate) fn is_unmatched(self) -> bool {
        matches!(self, Self::Unmatched | Self::ClaimedTwice)
    }

    /// Whether a record lacks a counterpart.
    pub(crate) fn is_orphan(self) -> bool {
        matches!(
            self,
            Self::RowGone | Self::Orphan | Self::OrphanHere | Self::NoCounterpart | Self::LacksRequired | Self::Waits | Self::Review
        )
    }

    /// In words.
    pub(crate) fn words(self, names: Names<'_>) -> String {
        let side = names.side;
        let owner = match names.owner {
            Some(Owner::Crm) => "CRM",
            Some(Owner::Support) => "Support",
            Some(Owner::Native) => "Entente",
            Some(Owner::Shared) | None => "the other side",
        };
        match self {
            Self::NotTaken => format!("{side} updated, not synced yet"),
            Self::AgainstOwner => format!("changed in {side} although {owner} owns it"),
            Self::NotWritten => format!("{owner} updated, {side} not synced yet"),
            Self::CannotBeBlank => format!("blank elsewhere, and {side} cannot be without a value"),
            Self::InProgress => "sync in progress".to_owned(),
            Self::Conflict => "a conflict waits for a person".to_owned(),
            Self::Refused => "the sync failed for good; see the dead letters".to_owned(),
            Self::Formatting => format!("the same value, written otherwise in {side}"),
            Self::Unreadable => format!("the value in {side} cannot be read"),
            Self::UnknownReference => format!("points in {side} to something that has no record"),
            Self::RowGone => format!("gone from {side}"),
            Self::RowBack => format!("back in {side}"),
            Self::NoCounterpart => format!("should be in {side} and is not"),
            Self::LacksRequired => format!("not in {side}: it lacks values that {side} needs"),
            Self::Waits => format!("not in {side} yet: it waits for what it belongs to"),
            Self::Review => "a possible match waits for a person".to_owned(),
            Self::Unmatched => format!("only in {side}: no record stands for it yet"),
            Self::ClaimedTwice => format!("only in {side}: it carries the id of a record that another row there stands for"),
            Self::Orphan => format!("deleted in {side}, still present elsewhere"),
            Self::OrphanHere => format!("deleted in {side}, and nowhere else"),
            Self::NotRead => format!("{side} could not be read completely"),
        }
    }
}

/// What people call a connection: its part, with its name where two play the same part.
pub(crate) fn side_name(engine: &Engine, connection: &str) -> String {
    let Ok(ready) = engine.connection(connection) else { return connection.to_owned() };
    let part = match ready.role {
        Role::Crm => "CRM",
        Role::Support => "Support",
    };
    let alone = engine.connections().values().filter(|other| other.role == ready.role).count() == 1;
    if alone { part.to_owned() } else { format!("{part} ({connection})") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_read_as_on_the_dashboard() {
        let names = |side, owner| Names { side, owner: Some(owner) };
        assert_eq!(Cause::NotTaken.words(names("CRM", Owner::Crm)), "CRM updated, not synced yet");
        assert_eq!(Cause::NotWritten.words(names("Support", Owner::Crm)), "CRM updated, Support not synced yet");
        assert_eq!(Cause::AgainstOwner.words(names("Support", Owner::Crm)), "changed in Support although CRM owns it");
        assert_eq!(Cause::NotWritten.words(names("CRM", Owner::Native)), "Entente updated, CRM not synced yet");
    }
}
