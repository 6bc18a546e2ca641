//! Zendesk's refusals, in all their shapes, reduced to classes.
//!
//! The body of a refusal is JSON with `error` as text or object, JSON with a list of `errors` (newer families), or a plain sentence
//! served as HTML (most 429s). None of them is relied upon: the status decides first, the body refines.

use std::time::Duration;

use entente_model::clock::Timestamp;
use serde_json::Value;

use crate::error::{ADVICE_SHUT_OUT, Class, SHUT_OUT, VendorError};
use crate::transport::call::Answer;
use crate::transport::dialect::retry_after;

/// Pause after a 429 without `Retry-After`: the account's window is one minute, half of it is the expected rest.
const PAUSE_DEFAULT: Duration = Duration::from_secs(30);

/// Pause after a full job queue: a job of 100 rows takes seconds.
const PAUSE_JOBS: Duration = Duration::from_secs(5);

/// Code of the refusal of a ticket whose idempotency key was used with other parameters.
pub(super) const IDEMPOTENT: &str = "IdempotentRequestError";

/// Incremental exports refuse a start younger than this.
const PAUSE_EXPORT: Duration = Duration::from_secs(61);

/// Longest sentence of the vendor that an error carries, in characters.
const SENTENCE_CHARS: usize = 500;

/// What to do about a value that another row already has.
pub const ADVICE_TAKEN: &str =
    "another row at Zendesk already has this value: look for it there and link it, or change the value on one side";
const ADVICE_PACE: &str = "nothing: the call is repeated when Zendesk's limit allows it";
const ADVICE_SIGN_IN: &str = "sign in to Zendesk again; API tokens stop working on 2027-04-30, OAuth clients stay";
const ADVICE_SCOPE: &str = "grant the OAuth client the scopes read and write, then sign in again";
const ADVICE_ROLE: &str = "give Entente's Zendesk user the role admin: exports, bulk calls and fields need it";
const ADVICE_LATER: &str = "nothing: the call is repeated";
const ADVICE_LOOK: &str = "nothing: the row is looked at again";
const ADVICE_DATA: &str = "correct the value in the record or the mapping, then retry";
const ADVICE_CLOSED: &str = "closed tickets cannot be changed at Zendesk: discard this change or create a follow-up ticket";
const ADVICE_ENDPOINT: &str = "check base_url: it must be https://SUBDOMAIN.zendesk.com, or a gateway that passes /api/v2 on";
const ADVICE_REPORT: &str = "Zendesk did not take the request as it was made: check base_url and the plan's features, then report it";
const ADVICE_CURSOR: &str = "start a resync of this object: its place in Zendesk's export is no longer valid";

/// What a refusal's body says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    code: String,
    sentence: String,
    field: Option<String>,
    /// Machine words of the single problems (`DuplicateValue`).
    problems: Vec<String>,
    json: bool,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn read(body: &[u8]) -> Told {
    let Ok(json) = serde_json::from_slice::<Value>(body) else {
        let plain = String::from_utf8_lossy(body);
        let sentence = if plain.trim_start().starts_with('<') { String::new() } else { plain.trim().to_owned() };
        return Told { sentence, ..Told::default() };
    };
    let mut told = Told { json: true, ..Told::default() };
    match &json["error"] {
        Value::String(code) => told.code.clone_from(code),
        Value::Object(error) => {
            told.code = error.get("title").or_else(|| error.get("code")).map(text).unwrap_or_default();
            told.sentence = error.get("message").map(text).unwrap_or_default();
        }
        _ => {}
    }
    if let Some(first) = json["errors"].as_array().and_then(|list| list.first()) {
        told.code = text(&first["code"]);
        told.sentence =
            [text(&first["title"]), text(&first["detail"])].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ");
        told.field = first["source"]["pointer"].as_str().and_then(|pointer| pointer.rsplit('/').next()).map(str::to_owned);
    }
    for part in [&json["description"], &json["error_description"], &json["message"]] {
        if told.sentence.is_empty() {
            told.sentence = text(part);
        }
    }
    problems(&json["details"], &mut told);
    told
}

/// Adds the problems of a `details` map: field → list of `{description, error}`.
fn problems(details: &Value, told: &mut Told) {
    let Some(map) = details.as_object() else { return };
    let mut sentences = Vec::new();
    for (field, list) in map {
        if told.field.is_none() && field != "base" {
            told.field = Some(field.clone());
        }
        for problem in list.as_array().into_iter().flatten() {
            told.problems.push(text(&problem["error"]));
            sentences.push(problem["description"].as_str().map_or_else(|| problem.to_string(), str::to_owned));
        }
    }
    if !sentences.is_empty() {
        told.sentence = sentences.join(" ");
    }
}

/// Whether the refusal says that another row has the value already.
fn taken(sentence: &str, problems: &[String]) -> bool {
    problems.iter().any(|problem| problem == "DuplicateValue")
        || sentence.contains("already been taken")
        || sentence.contains("already being used")
        || sentence.contains("already exists")
}

fn after(now: Timestamp, pause: Duration) -> Class {
    Class::Wait { until: now.checked_add(pause).unwrap_or(Timestamp::MAX) }
}

/// The class of a validation error, by its words.
fn validation(sentence: &str, problems: &[String]) -> (Class, &'static str) {
    if taken(sentence, problems) {
        (Class::LookAgain, ADVICE_TAKEN)
    } else if sentence.contains("closed prevents") {
        (Class::Data, ADVICE_CLOSED)
    } else {
        (Class::Data, ADVICE_DATA)
    }
}

/// Turns a failed answer into an error. `now` is our present.
#[must_use]
pub fn refuse(answer: &Answer, now: Timestamp) -> VendorError {
    let told = read(&answer.body);
    let wait = |default| Class::Wait { until: retry_after(answer, now, default) };
    let (class, advice) = match answer.status {
        400 => match told.code.as_str() {
            "StartTimeTooRecent" => (after(now, PAUSE_EXPORT), ADVICE_PACE),
            "InvalidPaginationParameter" | "InvalidCursor" => (Class::Configuration, ADVICE_CURSOR),
            "invalid_grant" | "invalid_client" => (Class::Reauthenticate, ADVICE_SIGN_IN),
            "RecordInvalid" => validation(&told.sentence, &told.problems),
            // The ticket that was made with the key an hour ago or so is gone, or is not found by its external id yet.
            IDEMPOTENT => (Class::Retry, ADVICE_LATER),
            _ => (Class::Configuration, ADVICE_REPORT),
        },
        401 => (Class::Reauthenticate, ADVICE_SIGN_IN),
        403 if !told.json => (Class::Configuration, ADVICE_SHUT_OUT),
        403 if told.sentence.contains("scope") => (Class::Configuration, ADVICE_SCOPE),
        403 => (Class::Configuration, ADVICE_ROLE),
        404 | 410 if told.json && told.code != "InvalidEndpoint" => (Class::LookAgain, ADVICE_LOOK),
        404 | 410 => (Class::Configuration, ADVICE_ENDPOINT),
        408 | 423 | 425 => (Class::Retry, ADVICE_LATER),
        409 if told.code == "UpdateConflict" => (Class::LookAgain, ADVICE_LOOK),
        409 => (Class::Retry, ADVICE_LATER),
        413 => (Class::Data, "shorten the value: the row is larger than Zendesk takes"),
        422 if told.code == "invalid" => (Class::Configuration, ADVICE_REPORT),
        422 => validation(&told.sentence, &told.problems),
        429 if told.code == "TooManyJobs" => (wait(PAUSE_JOBS), ADVICE_PACE),
        429 => (wait(PAUSE_DEFAULT), ADVICE_PACE),
        503 if answer.header("retry-after").is_some() => (wait(PAUSE_DEFAULT), ADVICE_LATER),
        500.. => (Class::Retry, ADVICE_LATER),
        300..=399 => (Class::Configuration, ADVICE_ENDPOINT),
        _ => (Class::Configuration, ADVICE_REPORT),
    };
    let code = match told.code {
        _ if answer.status == 403 && !told.json => SHUT_OUT.to_owned(),
        code if code.is_empty() => format!("http_{}", answer.status),
        code => code,
    };
    let sentence =
        if told.sentence.is_empty() { format!("Zendesk answered with status {}", answer.status) } else { shorten(&told.sentence) };
    let error = VendorError::new(class, code, sentence, advice).with_status(answer.status);
    match told.field {
        Some(field) => error.about(field),
        None => error,
    }
}

/// Turns one failed item of a job into an error. `now` is our present.
#[must_use]
pub fn refuse_item(item: &Value, now: Timestamp) -> VendorError {
    let code = item["error"].as_str().or_else(|| item["status"].as_str()).unwrap_or("JobItemFailed").to_owned();
    let mut told = Told { code, ..Told::default() };
    match &item["details"] {
        Value::String(sentence) => told.sentence.clone_from(sentence),
        details => problems(details, &mut told),
    }
    for part in [&item["description"], &item["errors"], &item["message"]] {
        if told.sentence.is_empty() {
            told.sentence = part.as_str().map_or_else(|| if part.is_null() { String::new() } else { part.to_string() }, str::to_owned);
        }
    }
    if told.field.is_none() {
        told.field = field_in(&told.sentence);
    }
    let has = |word: &str| told.code.contains(word);
    let (class, advice) = if has("UpdateConflict") {
        (Class::LookAgain, ADVICE_LOOK)
    } else if has("DatabaseConflict") || told.sentence.contains("Database collision") {
        (Class::Retry, ADVICE_LATER)
    } else if has("NotFound") || told.sentence.to_lowercase().contains("not found") {
        (Class::LookAgain, ADVICE_LOOK)
    } else if has("PermissionDenied") || has("Forbidden") {
        (Class::Configuration, ADVICE_ROLE)
    } else if has("TooMany") || told.sentence.contains("exceeded the rate limit") || told.sentence.contains("Rate limit") {
        (after(now, PAUSE_DEFAULT), ADVICE_PACE)
    } else {
        validation(&told.sentence, &told.problems)
    };
    let sentence = if told.sentence.is_empty() { "Zendesk's job did not take this row".to_owned() } else { shorten(&told.sentence) };
    let error = VendorError::new(class, told.code, sentence, advice).with_status(200);
    match told.field {
        Some(field) => error.about(field),
        None => error,
    }
}

/// The attribute that a sentence like `Name: Acme has already been taken` begins with.
fn field_in(sentence: &str) -> Option<String> {
    let (title, _) = sentence.split_once(':')?;
    let plain =
        !title.is_empty() && title.len() <= 40 && title.chars().all(|letter| letter.is_alphanumeric() || letter == ' ' || letter == '_');
    plain.then(|| title.to_lowercase().replace(' ', "_"))
}

fn shorten(sentence: &str) -> String {
    sentence.chars().take(SENTENCE_CHARS).collect()
}

/// A refusal of our own: the settings, the mapping or the object do not fit.
#[must_use]
pub fn misfit(code: &str, message: impl Into<String>, advice: &'static str) -> VendorError {
    VendorError::new(Class::Configuration, code, message, advice)
}

#[cfg(test)]
mod tests {
    use ::http::{HeaderMap, HeaderValue};
    use bytes::Bytes;
    use serde_json::json;

    use super::*;

    fn now() -> Timestamp {
        "2026-01-02T10:00:00Z".parse().expect("timestamp")
    }

    fn answer(status: u16, retry: Option<&'static str>, body: impl Into<Bytes>) -> Answer {
        let mut headers = HeaderMap::new();
        if let Some(retry) = retry {
            headers.insert("retry-after", HeaderValue::from_static(retry));
        }
        Answer { status, headers, body: body.into() }
    }

    fn class(status: u16, body: &str) -> &'static str {
        refuse(&answer(status, None, body.to_owned()), now()).class.name()
    }

    #[test]
    fn a_403_is_of_an_object_or_of_the_way_to_zendesk() {
        for (body, of_object) in [
            (r#"{"error":"forbidden","description":"Missing the following required scopes: read"}"#, true),
            (r#"{"error":{"title":"Forbidden","message":"You do not have access to this page."}}"#, true),
            ("<html>Not from this address</html>", false),
            ("", false),
        ] {
            let error = refuse(&answer(403, None, body), now());
            assert_eq!((error.class, error.is_of_object()), (Class::Configuration, of_object), "{body}");
        }
    }

    #[test]
    fn every_documented_refusal_has_its_class() {
        let table = [
            (
                400,
                r#"{"error":"TooManyValues","description":"Parameter  cannot specify more than 100 values","max_count":100}"#,
                "configuration",
            ),
            (400, r#"{"error":"StartTimeTooRecent","description":"Too recent start_time"}"#, "wait"),
            (400, r#"{"error":"InvalidPaginationParameter","description":"bad"}"#, "configuration"),
            (400, r#"{"errors":[{"code":"InvalidPaginationParameter","title":"page[size] is invalid"}]}"#, "configuration"),
            (401, r#"{"error":"Couldn't authenticate you"}"#, "reauthenticate"),
            (400, r#"{"error":"invalid_grant","error_description":"The refresh token is invalid"}"#, "reauthenticate"),
            (403, r#"{"error":"forbidden","description":"Missing the following required scopes: read"}"#, "configuration"),
            (403, r#"{"error":{"title":"Forbidden","message":"You do not have access to this page."}}"#, "configuration"),
            (404, r#"{"error":"RecordNotFound","description":"Not found"}"#, "look_again"),
            (404, r#"{"error":"InvalidEndpoint","description":"Not found"}"#, "configuration"),
            (404, "<html>No help desk here</html>", "configuration"),
            (409, r#"{"error":"UpdateConflict","description":"Safe Update prevented the update"}"#, "look_again"),
            (409, r#"{"error":"DatabaseConflict","description":"Database collision"}"#, "retry"),
            (413, "", "data"),
            (414, "", "configuration"),
            (422, r#"{"error":"invalid","description":"Invalid search: too large"}"#, "configuration"),
            (422, r#"{"error":"RecordInvalid","details":{"name":[{"description":"Name: Acme has already been taken"}]}}"#, "look_again"),
            (422, r#"{"error":"RecordInvalid","details":{"status":[{"description":"Status: closed prevents ticket update"}]}}"#, "data"),
            (422, r#"{"error":"RecordInvalid","details":{"requester":[{"description":"Requester: Jane is suspended."}]}}"#, "data"),
            (422, r#"{"errors":[{"code":"InvalidValue","title":"endpoint is not a URL"}]}"#, "data"),
            (429, r#"{"error":"TooManyJobs","description":"Too many jobs are currently queued or running"}"#, "wait"),
            (429, "Rate limit for ticket updates exceeded, please wait before updating this ticket again", "wait"),
            (429, r#"{"errors":[{"code":"TooManyRequests","title":"Too many requests to update"}]}"#, "wait"),
            (500, "", "retry"),
            (503, "<html>", "retry"),
            (302, "", "configuration"),
        ];
        for (status, body, expected) in table {
            assert_eq!(class(status, body), expected, "{status} {body}");
        }
    }

    #[test]
    fn a_taken_email_names_its_field_and_says_to_link() {
        let body = r#"{"error":"RecordInvalid","description":"Record validation errors","details":{"email":[{"description":"Email: x@y.z is already being used by another user","error":"DuplicateValue"}]}}"#;
        let error = refuse(&answer(422, None, body), now());
        assert_eq!(error.class, Class::LookAgain);
        assert_eq!(error.field.as_deref(), Some("email"));
        assert_eq!(error.advice, ADVICE_TAKEN);
        assert_eq!(error.message, "Email: x@y.z is already being used by another user");
    }

    #[test]
    fn a_pause_lasts_as_long_as_the_vendor_says() {
        let error = refuse(&answer(429, Some("43"), "Number of allowed API requests per minute exceeded"), now());
        assert_eq!(error.class, Class::Wait { until: "2026-01-02T10:00:43Z".parse().expect("timestamp") });
        assert_eq!(error.code, "http_429");
        let error = refuse(&answer(503, Some("120"), ""), now());
        assert_eq!(error.class, Class::Wait { until: "2026-01-02T10:02:00Z".parse().expect("timestamp") });
    }

    #[test]
    fn failed_items_of_a_job_are_told_apart() {
        let item = |error: &str, details: &str| refuse_item(&json!({"index": 1, "error": error, "id": 123, "details": details}), now());
        let clash = item("OrganizationUpdateFailed", "Name:  X has already been taken");
        assert_eq!((clash.class, clash.field.as_deref()), (Class::LookAgain, Some("name")));
        assert_eq!(item("UpdateConflict", "Safe Update prevented the update").class, Class::LookAgain);
        assert_eq!(item("DatabaseConflict", "Database collision").class, Class::Retry);
        assert_eq!(item("PermissionDenied", "").class, Class::Configuration);
        assert_eq!(item("TicketUpdateFailed", "Status: closed prevents ticket update").class, Class::Data);
        assert_eq!(item("UserUpdateError", "You have exceeded the rate limit for updating a single unique user").class.name(), "wait");
    }
}
