//! HubSpot's refusals, in all their shapes, reduced to classes.
//!
//! The status decides first, the envelope refines it; every part of the envelope may be missing. HubSpot's sentences repeat the values
//! that they refuse, so that only names and codes of properties are passed on, and addresses and quoted values are masked elsewhere.

use std::time::Duration;

use entente_model::clock::Timestamp;
use serde_json::Value;

use crate::error::{ADVICE_SHUT_OUT, Class, SHUT_OUT, VendorError};
use crate::transport::call::Answer;
use crate::transport::dialect::retry_after;

/// Pause after the burst limit: its window.
const PAUSE_BURST: Duration = Duration::from_secs(10);
/// Pause after search's limit, which counts seconds.
const PAUSE_SECOND: Duration = Duration::from_secs(1);
/// Pause after the day's limit. It ends at midnight of the account's time zone; asking once an hour costs a few calls.
const PAUSE_DAY: Duration = Duration::from_secs(3_600);
/// Pause after a locked record: locks last two seconds.
const PAUSE_LOCK: Duration = Duration::from_secs(2);
/// Pause while the account moves between data centres, if HubSpot does not say how long.
const PAUSE_MOVE: Duration = Duration::from_secs(60);
/// Longest sentence of the vendor that an error carries, in characters.
const SENTENCE_CHARS: usize = 500;

const ADVICE_PACE: &str = "nothing: the call is repeated when HubSpot's limit allows it";
const ADVICE_LATER: &str = "nothing: the call is repeated";
const ADVICE_EDGE: &str = "nothing if it passes; else ask HubSpot's support, its edge cannot reach its own servers";
const ADVICE_SIGN_IN: &str = "sign in to HubSpot again, or set a service key that is still valid";
const ADVICE_LOOK: &str = "nothing: the row is looked at again";
const ADVICE_TAKEN: &str = "another record at HubSpot already has this value: look for it there and link it, or merge the two";
const ADVICE_DATA: &str = "correct the value in the record or the mapping, then retry";
const ADVICE_RULE: &str = "fill what HubSpot's rules require in the record, or relax the rule in HubSpot's property settings";
const ADVICE_SCHEMA: &str = "run `entente provision`, or take the property out of the mapping";
const ADVICE_KEY: &str = "run `entente provision`: the mapping's key must be a property with unique values";
const ADVICE_SCOPE: &str = "grant the app or service key the scopes named here, then sign in again";
const ADVICE_ADDRESS: &str = "check base_url: it must be https://api.hubapi.com, or a gateway that passes /crm on; and api_version";
const ADVICE_REPORT: &str = "HubSpot did not take the request as it was made: check api_version and the mapping, then report it";

/// What a refusal says.
#[derive(Debug, Default)]
struct Told {
    category: String,
    code: String,
    policy: String,
    /// What may be shown of it.
    sentence: String,
    /// The vendor's own words: only for telling refusals apart.
    said: String,
    field: Option<String>,
    json: bool,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Refused properties: (name, code).
fn flaws(envelope: &Value) -> Vec<(String, String)> {
    let listed: Vec<(String, String)> = envelope["errors"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|error| error["code"].is_string())
        .map(|error| {
            (error["context"]["propertyName"][0].as_str().or(error["in"].as_str()).unwrap_or_default().to_owned(), text(&error["code"]))
        })
        .collect();
    if !listed.is_empty() {
        return listed;
    }
    // The older spelling: the list stands as text inside the sentence.
    let embedded = envelope["message"].as_str().and_then(|message| message.find("[{").map(|at| &message[at..]));
    let embedded: Option<Value> = embedded.and_then(|text| serde_json::Deserializer::from_str(text).into_iter().next()?.ok());
    let list = embedded.as_ref().and_then(Value::as_array);
    list.into_iter().flatten().map(|flaw| (text(&flaw["name"]), text(&flaw["error"]))).collect()
}

fn read(envelope: &Value) -> Told {
    let mut told = Told {
        json: envelope.is_object(),
        category: text(&envelope["category"]),
        policy: text(&envelope["policyName"]),
        said: text(&envelope["message"]),
        ..Told::default()
    };
    if told.category.is_empty() {
        told.category = text(&envelope["errorType"]);
    }
    let flaws = flaws(envelope);
    match flaws.first() {
        Some((name, code)) => {
            told.code.clone_from(code);
            told.field = Some(name.clone()).filter(|name| !name.is_empty());
            let list: Vec<String> = flaws.iter().map(|(name, code)| format!("`{name}` ({code})")).collect();
            told.sentence = format!("HubSpot refused {}", list.join(", "));
        }
        None => {
            told.code = if told.policy.is_empty() { told.category.clone() } else { told.policy.clone() };
            told.sentence = masked(&told.said);
        }
    }
    let scopes: Vec<&str> =
        envelope["errors"][0]["context"]["requiredGranularScopes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if !scopes.is_empty() {
        told.sentence = format!("HubSpot asks for a scope that was not granted: {}", scopes.join(" or "));
    }
    told
}

/// A sentence without what may be a person's data: addresses, phone numbers, and quoted texts that are no names of properties.
fn masked(sentence: &str) -> String {
    let name =
        |text: &str| !text.is_empty() && text.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_');
    let quoted: Vec<String> = sentence
        .split('"')
        .enumerate()
        .map(|(at, part)| match at % 2 {
            1 if !name(part) => "[value]".to_owned(),
            _ => part.to_owned(),
        })
        .collect();
    let words = quoted
        .join("\"")
        .split(' ')
        .map(|word| {
            let phone = word.starts_with('+') && word.chars().filter(char::is_ascii_digit).count() > 4;
            if word.contains('@') || phone { "[value]".to_owned() } else { word.to_owned() }
        })
        .collect::<Vec<_>>()
        .join(" ");
    words.chars().take(SENTENCE_CHARS).collect()
}

/// The class of a refused request or row, by its words.
fn validation(told: &Told) -> (Class, &'static str) {
    let said = |words: &str| told.said.contains(words);
    match told.code.as_str() {
        _ if said("Existing ID") || said("already exists") || said("already has that value") => (Class::LookAgain, ADVICE_TAKEN),
        "PROPERTY_DOESNT_EXIST" | "READ_ONLY_VALUE" => (Class::Configuration, ADVICE_SCHEMA),
        "MISSING_REQUIRED_PROPERTY" | "MISSING_CONDITIONAL_REQUIRED_PROPERTY" => (Class::Data, ADVICE_RULE),
        _ if said("unique identifier property") => (Class::Configuration, ADVICE_KEY),
        _ if said("unknown property") => (Class::Configuration, ADVICE_SCHEMA),
        _ if told.field.is_some() => (Class::Data, ADVICE_DATA),
        _ => (Class::Configuration, ADVICE_REPORT),
    }
}

fn after(now: Timestamp, pause: Duration) -> Class {
    Class::Wait { until: now.checked_add(pause).unwrap_or(Timestamp::MAX) }
}

fn pause(told: &Told) -> Duration {
    match told.policy.as_str() {
        "DAILY" => PAUSE_DAY,
        "SECONDLY" => PAUSE_SECOND,
        _ if told.said.contains("secondly limit") && !told.said.contains("ten_secondly") => PAUSE_SECOND,
        _ if told.said.contains("daily limit") => PAUSE_DAY,
        _ => PAUSE_BURST,
    }
}

/// Turns a failed answer into an error. `now` is our present.
pub(crate) fn call(answer: &Answer, now: Timestamp) -> VendorError {
    let envelope: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    let told = read(&envelope);
    let wait = |usual| Class::Wait { until: retry_after(answer, now, usual) };
    let (class, advice) = match answer.status {
        429 => (wait(pause(&told)), ADVICE_PACE),
        477 => (wait(PAUSE_MOVE), "nothing: HubSpot moves the account between data centres and says when it is done"),
        404 if told.said == "resource not found" => (Class::Configuration, ADVICE_ADDRESS),
        status => by_status(status, &told, now),
    };
    error(answer.status, class, told, advice)
}

fn by_status(status: u16, told: &Told, now: Timestamp) -> (Class, &'static str) {
    match status {
        400 => validation(told),
        401 => (Class::Reauthenticate, ADVICE_SIGN_IN),
        403 if told.category.ends_with("AUTHENTICATION") => (Class::Reauthenticate, ADVICE_SIGN_IN),
        403 if !told.json => (Class::Configuration, ADVICE_SHUT_OUT),
        403 => (Class::Configuration, ADVICE_SCOPE),
        404 if told.json => (Class::LookAgain, ADVICE_LOOK),
        409 => (Class::LookAgain, ADVICE_TAKEN),
        414 if told.said.contains("identities") => (Class::Data, "HubSpot allows 250 addresses and merged ids per record: merge fewer"),
        423 => (after(now, PAUSE_LOCK), ADVICE_LATER),
        408 | 425 => (Class::Retry, ADVICE_LATER),
        429 => (after(now, pause(told)), ADVICE_PACE),
        522 | 525 | 526 => (Class::Retry, ADVICE_EDGE),
        500.. => (Class::Retry, ADVICE_LATER),
        300..=399 | 404 | 405 => (Class::Configuration, ADVICE_ADDRESS),
        _ => (Class::Configuration, ADVICE_REPORT),
    }
}

/// Turns one failed row of a batch into an error.
pub(crate) fn row(envelope: &Value, now: Timestamp) -> VendorError {
    let told = read(envelope);
    let status = match told.category.as_str() {
        "OBJECT_NOT_FOUND" => 404,
        "CONFLICT" | "OBJECT_ALREADY_EXISTS" => 409,
        "RATE_LIMITS" | "RATE_LIMIT" => 429,
        "RESOURCE_LOCKED" => 423,
        "MISSING_SCOPES" => 403,
        "INTERNAL_ERROR" => 500,
        _ => 400,
    };
    let (class, advice) = by_status(status, &told, now);
    error(status, class, told, advice)
}

fn error(status: u16, class: Class, told: Told, advice: &'static str) -> VendorError {
    let code = match told.code {
        _ if status == 403 && !told.json => SHUT_OUT.to_owned(),
        code if code.is_empty() => format!("http_{status}"),
        code => code,
    };
    let sentence = if told.sentence.is_empty() { format!("HubSpot answered with status {status}") } else { told.sentence };
    let error = VendorError::new(class, code, sentence, advice).with_status(status);
    match told.field {
        Some(field) => error.about(field),
        None => error,
    }
}

/// A refusal of our own: the settings, the mapping or the object do not fit.
pub(crate) fn misfit(code: &str, message: impl Into<String>, advice: &'static str) -> VendorError {
    VendorError::new(Class::Configuration, code, message, advice)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue};
    use serde_json::json;

    use super::*;

    fn now() -> Timestamp {
        "2026-01-02T10:00:00Z".parse().expect("timestamp")
    }

    fn answer(status: u16, retry: Option<&'static str>, body: impl Into<Bytes>) -> Answer {
        let headers: HeaderMap = retry.map(|retry| (http::header::RETRY_AFTER, HeaderValue::from_static(retry))).into_iter().collect();
        Answer { status, headers, body: body.into() }
    }

    #[test]
    fn every_documented_refusal_has_its_class() {
        let flaw = |code: &str| {
            format!(
                r#"{{"status":"error","category":"VALIDATION_ERROR","message":"x","errors":[{{"message":"m","code":"{code}","context":{{"propertyName":["p"]}}}}]}}"#
            )
        };
        let table = [
            (400, flaw("INVALID_EMAIL"), "data"),
            (400, flaw("INVALID_OPTION"), "data"),
            (400, flaw("INVALID_DATE"), "data"),
            (400, flaw("MISSING_CONDITIONAL_REQUIRED_PROPERTY"), "data"),
            (400, flaw("PROPERTY_DOESNT_EXIST"), "configuration"),
            (400, flaw("READ_ONLY_VALUE"), "configuration"),
            (400, r#"{"category":"VALIDATION_ERROR","message":"Contact already exists. Existing ID: 12"}"#.to_owned(), "look_again"),
            (
                400,
                r#"{"category":"VALIDATION_ERROR","message":"Property x is not a unique identifier property"}"#.to_owned(),
                "configuration",
            ),
            (400, String::new(), "configuration"),
            (401, r#"{"category":"EXPIRED_AUTHENTICATION"}"#.to_owned(), "reauthenticate"),
            (403, r#"{"category":"MISSING_SCOPES"}"#.to_owned(), "configuration"),
            (404, r#"{"status":"error","category":"OBJECT_NOT_FOUND","message":"gone"}"#.to_owned(), "look_again"),
            (404, r#"{"status":"error","message":"resource not found"}"#.to_owned(), "configuration"),
            (404, "<html>".to_owned(), "configuration"),
            (409, r#"{"category":"CONFLICT","message":"Contact already exists. Existing ID: 12"}"#.to_owned(), "look_again"),
            (414, r#"{"message":"Cannot have more than 250 identities on a profile"}"#.to_owned(), "data"),
            (414, String::new(), "configuration"),
            (415, String::new(), "configuration"),
            (423, String::new(), "wait"),
            (429, r#"{"errorType":"RATE_LIMIT","policyName":"DAILY"}"#.to_owned(), "wait"),
            (477, String::new(), "wait"),
            (500, r#"{"category":"INTERNAL_ERROR"}"#.to_owned(), "retry"),
            (502, "<html>".to_owned(), "retry"),
            (524, String::new(), "retry"),
            (526, String::new(), "retry"),
            (302, String::new(), "configuration"),
        ];
        for (status, body, expected) in table {
            assert_eq!(call(&answer(status, None, body.clone()), now()).class.name(), expected, "{status} {body}");
        }
    }

    #[test]
    fn a_403_is_of_an_object_of_the_credentials_or_of_the_way_to_hubspot() {
        let table = [
            (
                r#"{"category":"MISSING_SCOPES","errors":[{"context":{"requiredGranularScopes":["crm.objects.deals.read"]}}]}"#,
                "configuration",
                true,
            ),
            (r#"{"category":"MISSING_SCOPES"}"#, "configuration", true),
            (r#"{"status":"error","message":"You do not have permissions to view this object"}"#, "configuration", true),
            (r#"{"category":"EXPIRED_AUTHENTICATION","message":"The token is revoked"}"#, "reauthenticate", false),
            ("<html>Access denied</html>", "configuration", false),
            ("", "configuration", false),
        ];
        for (body, class, of_object) in table {
            let error = call(&answer(403, None, body), now());
            assert_eq!((error.class.name(), error.is_of_object()), (class, of_object), "{body}");
        }
    }

    #[test]
    fn pauses_follow_the_policy_or_the_header() {
        let until = |retry, body: &'static str| match call(&answer(429, retry, body), now()).class {
            Class::Wait { until } => until.as_second() - now().as_second(),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            until(None, r#"{"policyName":"TEN_SECONDLY_ROLLING","message":"You have reached your ten_secondly_rolling limit."}"#),
            10
        );
        assert_eq!(until(None, r#"{"policyName":"SECONDLY"}"#), 1);
        assert_eq!(until(None, r#"{"category":"RATE_LIMITS","message":"You have reached your secondly limit."}"#), 1);
        assert_eq!(until(None, r#"{"policyName":"DAILY"}"#), 3_600);
        assert_eq!(until(Some("7"), r#"{"policyName":"DAILY"}"#), 7);
    }

    #[test]
    fn both_spellings_of_a_refused_property_name_it_without_its_value() {
        let embedded = r#"{"category":"VALIDATION_ERROR","message":"Property values were not valid: [{\"isValid\":false,\"message\":\"Email address ada@secret.example is invalid\",\"error\":\"INVALID_EMAIL\",\"name\":\"email\"}]"}"#;
        let error = call(&answer(400, None, embedded), now());
        assert_eq!((error.field.as_deref(), error.code.as_str()), (Some("email"), "INVALID_EMAIL"));
        assert_eq!(error.message, "HubSpot refused `email` (INVALID_EMAIL)");
        assert_eq!(
            masked("Contact ada@secret.example has \"Countess L\" and \"job_title\", call +491234567"),
            "Contact [value] has \"[value]\" and \"job_title\", call [value]"
        );
    }

    #[test]
    fn a_row_has_the_class_of_its_category() {
        let class = |category: &str| row(&json!({"category": category, "message": "x"}), now()).class.name();
        assert_eq!((class("OBJECT_NOT_FOUND"), class("CONFLICT"), class("RATE_LIMITS")), ("look_again", "look_again", "wait"));
    }
}
