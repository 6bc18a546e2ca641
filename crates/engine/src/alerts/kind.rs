//! Kinds of alerts.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::options::Options;

/// What an alert is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    /// More syncs of the last hour failed than the setting allows.
    FailureRate,
    /// The error budget of a promise (success, latency) burns too fast.
    SloBurn,
    /// A platform refused calls for pace, or its quota is used up.
    RateLimit,
    /// A platform's quota does not suffice for a burst, and changes travel in scheduled batches.
    ScheduledBatches,
    /// Most of a day's calls are used.
    Quota,
    /// A platform refuses the credentials.
    Credentials,
    /// A platform's schema or settings do not fit the configuration.
    Configuration,
    /// A platform refuses one object to us; its others are synced.
    ObjectRefused,
    /// A platform fails and is left alone.
    CircuitOpen,
    /// Syncs that failed for good wait for a person.
    DeadLetters,
    /// Conflicts wait longer than was promised.
    ConflictAge,
    /// Changes wait too long to be looked at.
    QueueAge,
    /// A platform was not read for too long.
    StaleCursor,
    /// An unusual mass change is held.
    MassChange,
    /// The last reconciliation could not read everything.
    Reconciliation,
    /// Fields of a platform were renamed, retyped or removed, and mappings stand still for it.
    SchemaChange,
    /// A platform rewrites what we write.
    Rewritten,
    /// A platform's clock has jumped.
    Clock,
    /// A person's data is to be erased, or was. Raised by whoever does it.
    Erasure,
}

/// Every kind.
const ALL: &[AlertKind] = &[
    AlertKind::FailureRate,
    AlertKind::SloBurn,
    AlertKind::RateLimit,
    AlertKind::ScheduledBatches,
    AlertKind::Quota,
    AlertKind::Credentials,
    AlertKind::Configuration,
    AlertKind::ObjectRefused,
    AlertKind::CircuitOpen,
    AlertKind::DeadLetters,
    AlertKind::ConflictAge,
    AlertKind::QueueAge,
    AlertKind::StaleCursor,
    AlertKind::MassChange,
    AlertKind::Reconciliation,
    AlertKind::SchemaChange,
    AlertKind::Rewritten,
    AlertKind::Clock,
    AlertKind::Erasure,
];

/// How long a rate must be good again before it is over, in milliseconds: one at the edge would come and go.
const RATE_CALM_MS: i64 = 10 * 60 * 1000;

impl AlertKind {
    /// Its name, as stored and sent.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FailureRate => "failure_rate",
            Self::SloBurn => "slo_burn",
            Self::RateLimit => "rate_limit",
            Self::ScheduledBatches => "scheduled_batches",
            Self::Quota => "quota",
            Self::Credentials => "credentials",
            Self::Configuration => "configuration",
            Self::ObjectRefused => "object_refused",
            Self::CircuitOpen => "circuit_open",
            Self::DeadLetters => "dead_letters",
            Self::ConflictAge => "conflict_age",
            Self::QueueAge => "queue_age",
            Self::StaleCursor => "stale_cursor",
            Self::MassChange => "mass_change",
            Self::Reconciliation => "reconciliation",
            Self::SchemaChange => "schema_change",
            Self::Rewritten => "rewritten",
            Self::Clock => "clock",
            Self::Erasure => "erasure",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        ALL.iter().copied().find(|kind| kind.as_str() == name)
    }

    /// What people call it.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::FailureRate => "Failure rate",
            Self::SloBurn => "Error budget",
            Self::RateLimit => "Rate limit reached",
            Self::ScheduledBatches => "Scheduled batches",
            Self::Quota => "Daily quota",
            Self::Credentials => "Credentials refused",
            Self::Configuration => "Configuration does not fit",
            Self::ObjectRefused => "Object refused",
            Self::CircuitOpen => "Platform left alone",
            Self::DeadLetters => "Dead letters",
            Self::ConflictAge => "Old conflicts",
            Self::QueueAge => "Old queue",
            Self::StaleCursor => "Platform not read",
            Self::MassChange => "Mass change held",
            Self::Reconciliation => "Incomplete reconciliation",
            Self::SchemaChange => "Schema changed",
            Self::Rewritten => "Values rewritten",
            Self::Clock => "Clock jumped",
            Self::Erasure => "Erasure",
        }
    }

    /// Whether the watch ends it by itself once it is so no longer. Otherwise whoever raised it does.
    #[must_use]
    pub fn is_watched(self) -> bool {
        !matches!(self, Self::Erasure)
    }

    /// Whether it says that a connection cannot be used: the reason of much else that would be told beside it.
    #[must_use]
    pub fn is_outage(self) -> bool {
        matches!(self, Self::Credentials | Self::Configuration | Self::CircuitOpen)
    }

    /// How long it must be so no longer before it counts as over, in milliseconds.
    #[must_use]
    pub(crate) fn calm_ms(self, options: &Options) -> i64 {
        match self {
            Self::RateLimit => i64::try_from(options.alert_limit_calm_ms).unwrap_or(i64::MAX),
            Self::FailureRate | Self::SloBurn => RATE_CALM_MS,
            _ => 0,
        }
    }

    /// Whom it is told to.
    #[must_use]
    pub fn audience(self) -> &'static str {
        match self {
            Self::Erasure => COMPLIANCE,
            _ => OPERATORS,
        }
    }
}

impl fmt::Display for AlertKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The audience that is told of everything that needs an operator.
pub const OPERATORS: &str = "ops";

/// The audience that is told of erasures; the operators where it has no channel of its own.
pub const COMPLIANCE: &str = "compliance";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_one_name() {
        for kind in ALL {
            assert_eq!(AlertKind::of(kind.as_str()), Some(*kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
        assert_eq!(AlertKind::of("nothing"), None);
    }
}
