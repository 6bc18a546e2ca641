//! What a command says when it cannot do its work: one line what, one line remedy.

use std::fmt;

use serde::Serialize;

use crate::config::flaw::Flaws;

/// Why a command failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// What happened. May have several lines when several things are wrong.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

/// Outcome of a command's step.
pub type Result<T, E = Fault> = std::result::Result<T, E>;

impl Fault {
    /// With both lines.
    pub fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what: what.into(), remedy: remedy.into() }
    }

    /// From an error whose text is "what; remedy", the form of the crates below.
    pub fn of(error: &dyn fmt::Display) -> Self {
        let text = error.to_string();
        match text.rsplit_once("; ") {
            Some((what, remedy)) => Self::new(what, remedy),
            None => Self::new(text, "run `entente doctor` to see what is wrong"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.what, self.remedy)
    }
}

impl From<entente_engine::EngineError> for Fault {
    fn from(error: entente_engine::EngineError) -> Self {
        use entente_engine::EngineError::Invalid;
        match error {
            // A reason may quote what somebody typed, with whatever it contains.
            Invalid { field, reason, remedy } => Self::new(format!("{field}: {reason}"), remedy),
            other => Self::of(&other),
        }
    }
}

impl From<entente_store::StoreError> for Fault {
    fn from(error: entente_store::StoreError) -> Self {
        Self::of(&error)
    }
}

impl From<entente_connect::registry::SetupError> for Fault {
    fn from(error: entente_connect::registry::SetupError) -> Self {
        Self::of(&error)
    }
}

impl From<entente_connect::transport::http::HttpError> for Fault {
    fn from(error: entente_connect::transport::http::HttpError) -> Self {
        Self::of(&error)
    }
}

impl Fault {
    /// What is wrong with a file; `again` is the command that looks at it once more.
    pub fn of_flaws(flaws: &Flaws, again: &str) -> Self {
        match flaws.0.as_slice() {
            [one] => Self::new(format!("{}: {}", one.place, one.reason), one.remedy.clone()),
            _ => Self::new(flaws.to_string(), format!("correct these; `{again}` looks again")),
        }
    }
}

impl From<Flaws> for Fault {
    fn from(flaws: Flaws) -> Self {
        Self::of_flaws(&flaws, "entente config check")
    }
}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        Self::new(error.to_string(), "check the disk and the permissions")
    }
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        Self::new(format!("the answer cannot be written as JSON: {error}"), "report this; it is a defect")
    }
}
