//! Every way a vendor can say no, reduced to what the engine does about it.

use std::fmt;

use entente_model::clock::Timestamp;

use crate::connector::NO_OBJECT;

/// What to do about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Nothing is wrong but the pace: try again at this instant, without counting an attempt.
    Wait {
        /// When the vendor, or our own budget, allows the next call.
        until: Timestamp,
    },
    /// The credentials were refused, also after a refresh: a person must sign in again.
    Reauthenticate,
    /// The vendor or the way to it failed; the same call may work later. Whether a write landed is unknown.
    Retry,
    /// The row changed, vanished, was merged or already exists: look at it again, then decide anew.
    LookAgain,
    /// The vendor refused this row's data: a person must correct a value or a mapping.
    Data,
    /// The connection, its permissions or the remote schema do not fit what we ask: an admin must act.
    Configuration,
}

impl Class {
    /// Name for logs, metrics and dead letters.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Wait { .. } => "wait",
            Self::Reauthenticate => "reauthenticate",
            Self::Retry => "retry",
            Self::LookAgain => "look_again",
            Self::Data => "data",
            Self::Configuration => "configuration",
        }
    }
}

/// A vendor's refusal or silence. Its texts never carry credentials.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct VendorError {
    /// What to do.
    pub class: Class,
    /// The vendor's own code (`UNABLE_TO_LOCK_ROW`, `RecordInvalid`), or ours in lower case (`timeout`, `budget`).
    pub code: String,
    /// The vendor's sentence, or ours.
    pub message: String,
    /// The remote field it is about, if the vendor names one.
    pub field: Option<String>,
    /// HTTP status, 0 when there was no answer.
    pub status: u16,
    /// What a person should do next.
    pub advice: &'static str,
    /// What the vendor answered, word for word but for secrets, at most [`ANSWER_CHARS`] characters; `None` when it was silent or the
    /// answer tells no more than `message`.
    pub answer: Option<String>,
}

/// Without the answer: it may hold anybody's data, and what is formatted travels into logs.
impl fmt::Debug for VendorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { class, code, message, field, status, advice, answer } = self;
        let told = answer.as_ref().map(|answer| format!("{} characters", answer.chars().count()));
        f.debug_struct("VendorError")
            .field("class", class)
            .field("code", code)
            .field("message", message)
            .field("field", field)
            .field("status", status)
            .field("advice", advice)
            .field("answer", &told)
            .finish()
    }
}

/// Characters kept of a vendor's answer: whole for every documented refusal, the beginning of an HTML page from a gateway.
pub const ANSWER_CHARS: usize = 2_000;

impl VendorError {
    /// A failure of a class, with the vendor's code and sentence.
    #[must_use]
    pub fn new(class: Class, code: impl Into<String>, message: impl Into<String>, advice: &'static str) -> Self {
        Self { class, code: code.into(), message: message.into(), field: None, status: 0, advice, answer: None }
    }

    /// A refusal that another process has met, as it was kept.
    #[must_use]
    pub fn recalled(class: Class, code: String, message: String, status: u16, advice: &str) -> Self {
        let advice = crate::vendors::rest::interned::interned(advice);
        Self { class, code, message, field: None, status, advice, answer: None }
    }

    /// The same, with the HTTP status it came with.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// The same, about one remote field.
    #[must_use]
    pub fn about(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }
}

/// Codes of refusals of a row that a change of the platform's schema explains: a value that a list does not have, a type that does not fit, a
/// field that has become required. Salesforce's, HubSpot's, Zendesk's, Freshdesk's and Dynamics 365's.
const SCHEMA_CODES: &[&str] = &[
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
    "INVALID_TYPE_ON_FIELD_IN_RECORD",
    "JSON_PARSER_ERROR",
    "NUMBER_OUTSIDE_VALID_RANGE",
    "REQUIRED_FIELD_MISSING",
    "STRING_TOO_LONG",
    "INVALID_OPTION",
    "INVALID_BOOLEAN",
    "INVALID_DATE",
    "INVALID_INTEGER",
    "INVALID_DOUBLE",
    "MISSING_REQUIRED_PROPERTY",
    "MISSING_CONDITIONAL_REQUIRED_PROPERTY",
    "RecordInvalid",
    "invalid_value",
    "invalid_field",
    "missing_field",
    "datatype_mismatch",
    "0x80044331",
    "0x8004431a",
];

/// Codes of refusals that are about one object and not the connection, whatever their status: Salesforce's, Dynamics 365's, HubSpot's, Intercom's
/// and ours.
const OBJECT_CODES: &[&str] = &[
    "INVALID_TYPE",
    "INSUFFICIENT_ACCESS",
    "INSUFFICIENT_ACCESS_OR_READONLY",
    "0x8006088a",
    "custom_objects",
    "forbidden",
    "token_unauthorized",
    "api_plan_restricted",
    NO_OBJECT,
];

/// Our code of a 403 that is not in the platform's own words: a firewall, a proxy or a network before it refuses this machine, whatever is asked.
pub const SHUT_OUT: &str = "shut_out";

/// What to do about [`SHUT_OUT`].
pub(crate) const ADVICE_SHUT_OUT: &str = "let this machine's address through: the platform's list of allowed addresses, a firewall or a proxy refuses it before the platform answers";

/// Codes of refusals with status 403 that are about the whole account or our user, so that no object is answered: Salesforce's, Dynamics 365's,
/// Freshdesk's and ours.
const ACCOUNT_CODES: &[&str] = &[
    SHUT_OUT,
    "API_CURRENTLY_DISABLED",
    "API_DISABLED_FOR_ORG",
    "FUNCTIONALITY_NOT_ENABLED",
    "INVALID_OPERATION_WITH_EXPIRED_PASSWORD",
    "INVALID_SESSION_ID",
    "LOGIN_DURING_RESTRICTED_DOMAIN",
    "LOGIN_DURING_RESTRICTED_TIME",
    "ORG_LOCKED",
    "TRIAL_EXPIRED",
    "UNSUPPORTED_API_VERSION",
    "0x80072560",
    "account_suspended",
    "max_agents_reached",
];

/// Codes of refusals of a row that end by themselves once somebody at the platform is done with it. Salesforce's.
const BUSY_CODES: &[&str] = &["ENTITY_IS_LOCKED"];

impl VendorError {
    /// Whether the row is kept from us by what people do with it at the platform, so that it waits for them and not for the pace of calls.
    #[must_use]
    pub fn is_held_there(&self) -> bool {
        matches!(self.class, Class::Wait { .. }) && BUSY_CODES.contains(&self.code.as_str())
    }

    /// Whether it is one object that is refused (a right that our user lacks for it, a field that it does not have, an object that is not there), so
    /// that others of the connection may well be answered.
    #[must_use]
    pub fn is_of_object(&self) -> bool {
        let of_object = OBJECT_CODES.contains(&self.code.as_str()) || self.field.is_some();
        let of_account = ACCOUNT_CODES.contains(&self.code.as_str()) || self.code.starts_with("TXN_SECURITY");
        self.class == Class::Configuration && (of_object || self.status == 403) && !of_account
    }

    /// Whether a schema that has changed at the vendor may explain the refusal. What is a matter of permissions or credentials by its status is
    /// not among it.
    #[must_use]
    pub fn suggests_schema(&self) -> bool {
        match self.class {
            Class::Configuration => !matches!(self.status, 401 | 403),
            Class::Data => SCHEMA_CODES.contains(&self.code.as_str()),
            Class::Wait { .. } | Class::Reauthenticate | Class::Retry | Class::LookAgain => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_formatted_shows_nothing_of_the_answer() {
        let answer = Some(r#"{"email":"ada@ottobre.example"}"#.to_owned());
        let error = VendorError { answer, ..VendorError::new(Class::Data, "invalid_value", "no e-mail address", "correct it") };
        let shown = format!("{error:?} {error:#?} {error}");
        assert!(!shown.contains("ottobre") && shown.contains("31 characters"), "{shown}");
        assert!(shown.contains("invalid_value") && shown.contains("no e-mail address") && shown.contains("correct it"), "{shown}");
    }
}
