//! Freshdesk's refusals, reduced to classes. The status decides first, the code of the body refines.

use std::time::Duration;

use entente_model::clock::Timestamp;
use serde_json::Value;

use crate::error::{ADVICE_SHUT_OUT, Class, SHUT_OUT, VendorError};
use crate::transport::call::Answer;
use crate::transport::dialect::retry_after;

/// Pause after a 429 without `Retry-After`: windows are minutes, half of one is the expected rest.
const PAUSE_DEFAULT: Duration = Duration::from_secs(30);

/// Longest sentence of the vendor that an error carries, in characters.
const SENTENCE_CHARS: usize = 500;

/// What to do about a value that another row already has.
pub(crate) const ADVICE_TAKEN: &str =
    "another row at Freshdesk already has this value: look for it there and link it, or change the value on one side";
const ADVICE_PACE: &str = "nothing: the call is repeated when Freshdesk's limit allows it";
const ADVICE_SIGN_IN: &str = "copy the API key of Entente's agent from Freshdesk (profile settings) into `auth.token`";
const ADVICE_ROLE: &str = "give Entente's agent at Freshdesk the role Account Administrator and the scope of all tickets";
const ADVICE_PLAN: &str =
    "the account's plan or state at Freshdesk does not allow this: change the plan, or take what needs it out of the mapping";
const ADVICE_LATER: &str = "nothing: the call is repeated";
const ADVICE_LOOK: &str = "nothing: the row is looked at again";
const ADVICE_DATA: &str = "correct the value in the record or the mapping, then retry";
const ADVICE_REQUIRED: &str = "Freshdesk's form requires this field: map it, or make it optional in the form's settings";
const ADVICE_FIELD: &str = "run `entente provision`, or take the field out of the mapping";
const ADVICE_READ_ONLY: &str = "set the direction of this field's mapping to in: Freshdesk does not take it here";
const ADVICE_ENDPOINT: &str =
    "check base_url: it must be https://DOMAIN.freshdesk.com (not a custom address), or a gateway that passes /api/v2 on";
const ADVICE_REPORT: &str = "Freshdesk did not take the request as it was made: check base_url and the plan's features, then report it";

/// One attribute that was refused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Flaw {
    pub field: String,
    pub code: String,
    pub message: String,
    /// Id of the contact or agent that has the value already.
    pub holder: Option<String>,
}

/// What a refusal's body lists.
pub(crate) fn flaws(body: &[u8]) -> Vec<Flaw> {
    let Ok(json) = serde_json::from_slice::<Value>(body) else { return Vec::new() };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let listed = json["errors"].as_array().cloned().unwrap_or_default();
    let read = |flaw: &Value| Flaw {
        field: text(&flaw["field"]),
        code: text(&flaw["code"]),
        message: text(&flaw["message"]),
        holder: flaw["additional_info"]["user_id"].as_u64().map(|id| id.to_string()),
    };
    listed.iter().map(read).collect()
}

/// The class of one refused attribute, by its code.
fn of_flaw(flaw: &Flaw) -> (Class, &'static str) {
    match flaw.code.as_str() {
        "duplicate_value" => (Class::LookAgain, ADVICE_TAKEN),
        "missing_field" => (Class::Data, ADVICE_REQUIRED),
        "invalid_field" => (Class::Configuration, ADVICE_FIELD),
        "readonly_field" | "incompatible_field" => (Class::Configuration, ADVICE_READ_ONLY),
        "inaccessible_field" => (Class::Configuration, ADVICE_PLAN),
        "inconsistent_state" => (Class::LookAgain, ADVICE_LOOK),
        _ if flaw.field == "page" || flaw.field == "per_page" || flaw.field == "query" => (Class::Configuration, ADVICE_REPORT),
        _ => (Class::Data, ADVICE_DATA),
    }
}

/// How little hope a class leaves: of several refused attributes the worst one speaks.
fn weight(class: Class) -> u8 {
    match class {
        Class::Configuration => 2,
        Class::Data => 1,
        _ => 0,
    }
}

/// Turns a failed answer into an error. `now` is our present.
pub(crate) fn refuse(answer: &Answer, now: Timestamp) -> VendorError {
    let json: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let flaws = flaws(&answer.body);
    let worst = flaws.iter().enumerate().max_by_key(|(at, flaw)| (weight(of_flaw(flaw).0), std::cmp::Reverse(*at))).map(|(_, flaw)| flaw);
    let code = json["code"].as_str().unwrap_or_default();
    let (class, advice) = match (answer.status, worst) {
        (429, _) => (Class::Wait { until: retry_after(answer, now, PAUSE_DEFAULT) }, ADVICE_PACE),
        (400 | 409 | 422, Some(flaw)) => of_flaw(flaw),
        (401, _) => (Class::Reauthenticate, ADVICE_SIGN_IN),
        (403, _) if matches!(code, "password_lockout" | "password_expired" | "invalid_credentials") => {
            (Class::Reauthenticate, ADVICE_SIGN_IN)
        }
        (403, _) if matches!(code, "account_suspended" | "require_feature" | "max_agents_reached") => (Class::Configuration, ADVICE_PLAN),
        (403, _) if !json.is_object() => (Class::Configuration, ADVICE_SHUT_OUT),
        (403, _) => (Class::Configuration, ADVICE_ROLE),
        // A row that is not there has an empty answer; a page of HTML comes from somewhere else.
        (404 | 410, _) if answer.body.is_empty() || json.is_object() => (Class::LookAgain, ADVICE_LOOK),
        (404 | 410, _) => (Class::Configuration, ADVICE_ENDPOINT),
        // Deleted and blocked rows, and spam, take no writes.
        (405 | 409, _) => (Class::LookAgain, ADVICE_LOOK),
        (408 | 423 | 425, _) => (Class::Retry, ADVICE_LATER),
        (413, _) => (Class::Data, "shorten the value: the row is larger than Freshdesk takes"),
        (503, _) if answer.header("retry-after").is_some() => {
            (Class::Wait { until: retry_after(answer, now, PAUSE_DEFAULT) }, ADVICE_LATER)
        }
        (500.., _) => (Class::Retry, ADVICE_LATER),
        (300..=399, _) => (Class::Configuration, ADVICE_ENDPOINT),
        _ => (Class::Configuration, ADVICE_REPORT),
    };
    let code = match worst {
        Some(flaw) if !flaw.code.is_empty() => flaw.code.clone(),
        _ if !code.is_empty() => code.to_owned(),
        _ if answer.status == 403 && !json.is_object() => SHUT_OUT.to_owned(),
        _ => format!("http_{}", answer.status),
    };
    let said = match worst {
        Some(flaw) => format!("{}: {}", flaw.field, flaw.message),
        None => json["message"].as_str().or_else(|| json["description"].as_str()).unwrap_or_default().to_owned(),
    };
    let sentence = if said.is_empty() { format!("Freshdesk answered with status {}", answer.status) } else { said };
    let error = VendorError::new(class, code, sentence.chars().take(SENTENCE_CHARS).collect::<String>(), advice).with_status(answer.status);
    match worst.filter(|flaw| !flaw.field.is_empty()) {
        Some(flaw) => error.about(flaw.field.clone()),
        None => error,
    }
}

/// A refusal of our own: the settings, the mapping or the object do not fit.
pub(crate) fn misfit(code: &str, message: impl Into<String>, advice: &'static str) -> VendorError {
    VendorError::new(Class::Configuration, code, message, advice)
}

/// The same error, where "look again" makes no sense because no row was asked for.
pub(crate) fn of_no_row(error: VendorError) -> VendorError {
    match error.class {
        Class::LookAgain => VendorError { class: Class::Configuration, advice: ADVICE_ENDPOINT, ..error },
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use ::http::{HeaderMap, HeaderValue};
    use bytes::Bytes;

    use super::*;

    fn now() -> Timestamp {
        "2026-01-02T10:00:00Z".parse().expect("timestamp")
    }

    fn refused(status: u16, body: &str) -> VendorError {
        refuse(&Answer { status, headers: HeaderMap::new(), body: Bytes::from(body.to_owned()) }, now())
    }

    fn one(code: &str) -> String {
        format!(r#"{{"description":"Validation failed","errors":[{{"field":"name","message":"No","code":"{code}"}}]}}"#)
    }

    #[test]
    fn every_documented_refusal_has_its_class() {
        for (code, class) in [
            ("missing_field", "data"),
            ("invalid_value", "data"),
            ("datatype_mismatch", "data"),
            ("duplicate_value", "look_again"),
            ("invalid_field", "configuration"),
            ("readonly_field", "configuration"),
            ("inaccessible_field", "configuration"),
            ("incompatible_field", "configuration"),
            ("inconsistent_state", "look_again"),
        ] {
            let error = refused(if code == "duplicate_value" { 409 } else { 400 }, &one(code));
            assert_eq!((error.class.name(), error.code.as_str(), error.field.as_deref()), (class, code, Some("name")));
        }
        for (status, body, class) in [
            (400, r#"{"code":"invalid_json","message":"Request body has invalid json format"}"#, "configuration"),
            (401, r#"{"code":"invalid_credentials","message":"You have to be logged in to perform this action."}"#, "reauthenticate"),
            (403, r#"{"code":"access_denied","message":"You are not authorized"}"#, "configuration"),
            (403, r#"{"code":"require_feature","message":"Please upgrade"}"#, "configuration"),
            (403, r#"{"code":"password_lockout","message":"Locked"}"#, "reauthenticate"),
            (404, "", "look_again"),
            (404, "<html>There is no help desk here</html>", "configuration"),
            (405, r#"{"message":"PUT method is not allowed"}"#, "look_again"),
            (409, r#"{"code":"inconsistent_state","message":"Try again"}"#, "look_again"),
            (413, "", "data"),
            (415, "", "configuration"),
            (429, "", "wait"),
            (500, "<html>", "retry"),
            (503, "<html>", "retry"),
            (302, "", "configuration"),
        ] {
            assert_eq!(refused(status, body).class.name(), class, "{status} {body}");
        }
    }

    #[test]
    fn a_403_is_of_an_object_of_the_key_or_of_the_account() {
        let said = |code: &str| format!(r#"{{"code":"{code}","message":"No"}}"#);
        let table = [
            (said("access_denied"), "configuration", true),
            (said("require_feature"), "configuration", true),
            (said("account_suspended"), "configuration", false),
            (said("max_agents_reached"), "configuration", false),
            (said("password_lockout"), "reauthenticate", false),
            (said("password_expired"), "reauthenticate", false),
            (said("invalid_credentials"), "reauthenticate", false),
            ("<html>Your address is not on the list</html>".to_owned(), "configuration", false),
            (String::new(), "configuration", false),
        ];
        for (body, class, of_object) in table {
            let error = refused(403, &body);
            assert_eq!((error.class.name(), error.is_of_object()), (class, of_object), "{body}");
        }
    }

    #[test]
    fn of_several_refused_attributes_the_worst_speaks() {
        let body = r#"{"errors":[{"field":"email","code":"duplicate_value","message":"It should be a unique value"},
                                 {"field":"foo","code":"invalid_field","message":"Unexpected/invalid field in request"}]}"#;
        let error = refused(400, body);
        assert_eq!((error.class, error.field.as_deref()), (Class::Configuration, Some("foo")));
    }

    #[test]
    fn a_pause_lasts_as_long_as_the_vendor_says() {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", HeaderValue::from_static("34"));
        let error = refuse(&Answer { status: 429, headers, body: Bytes::new() }, now());
        assert_eq!(error.class, Class::Wait { until: "2026-01-02T10:00:34Z".parse().expect("timestamp") });
    }

    #[test]
    fn the_holder_of_a_taken_value_is_read() {
        let body = br#"{"errors":[{"field":"email","additional_info":{"user_id":43000123},"message":"x","code":"duplicate_value"}]}"#;
        assert_eq!(flaws(body)[0].holder.as_deref(), Some("43000123"));
        assert!(flaws(b"<html>").is_empty());
    }
}
