//! Pipedrive's refusals, reduced to classes. The status decides first, codes and sentences of the body refine.
//!
//! Sentences of validation begin with the name of a field and may repeat a value: only names and reasons are passed on, and what may be a
//! person's data is masked.

use std::time::Duration;

use entente_model::clock::Timestamp;
use serde_json::Value;

use super::dialect::until_midnight;
use crate::error::{Class, SHUT_OUT, VendorError};
use crate::transport::call::Answer;
use crate::transport::dialect::retry_after;
use crate::transport::offset::http_date;

/// Our code for a day whose tokens are spent.
pub(crate) const DAILY: &str = "daily_tokens";

/// Pause after the burst limit, where the answer names none: its window.
const PAUSE_BURST: Duration = Duration::from_secs(2);
/// Pause after the content delivery network has shut us out: it does so to those who go on calling when told not to.
const PAUSE_SHUT_OUT: Duration = Duration::from_secs(15 * 60);
/// Longest sentence of the vendor that an error carries, in characters.
const SENTENCE_CHARS: usize = 500;

const ADVICE_PACE: &str = "nothing: the call is repeated when Pipedrive's limit allows it";
const ADVICE_DAY: &str =
    "nothing: work goes on at midnight, when Pipedrive gives new tokens; a larger plan, more seats or longer poll intervals help";
const ADVICE_LATER: &str = "nothing: the call is repeated";
const ADVICE_SHUT_OUT: &str = "nothing if it passes; else ask Pipedrive's support why its network refuses this server";
const ADVICE_SIGN_IN: &str = "sign in to Pipedrive again, or copy the API token of Entente's user into `auth.token`";
const ADVICE_LOOK: &str = "nothing: the row is looked at again";
const ADVICE_DATA: &str = "correct the value in the record or the mapping, then retry";
const ADVICE_FIELD: &str = "run `entente provision`, or take the field out of the mapping";
const ADVICE_ROLE: &str = "give Entente's user at Pipedrive an admin's rights, and the app the scopes that the documentation names";
const ADVICE_PLAN: &str = "the company's plan at Pipedrive does not allow more of this: change the plan, or take what needs it away";
const ADVICE_PAYMENT: &str = "Pipedrive has closed the company's account: settle it there, then work goes on";
const ADVICE_ENDPOINT: &str =
    "check base_url: it must be https://COMPANY.pipedrive.com or https://api.pipedrive.com, or a gateway that passes /api/v2 and /v1 on";
const ADVICE_REPORT: &str = "Pipedrive did not take the request as it was made: check the mapping, then report it";

/// Words by which a refused value is no matter of the record but of the schema.
const SCHEMA_WORDS: &[&str] = &["not allowed", "unknown", "not exist", "unrecognized", "not a valid field", "read-only", "read only"];

/// Words of a 403 that is about our user as a whole, who may do nothing any more.
const SUSPENDED_WORDS: &[&str] = &["suspended", "deactivated", "user is not active", "inactive user"];

/// A sentence without what may be a person's data: addresses, numbers in a row, quoted texts.
pub(crate) fn masked(sentence: &str) -> String {
    let mut quoted = false;
    let mut plain = String::new();
    for part in sentence.split_inclusive(['"', '\'', '`']) {
        let closed = part.ends_with(['"', '\'', '`']);
        let word = part.trim_end_matches(['"', '\'', '`']);
        let name = word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'.'));
        plain.push_str(if quoted && closed && !name { "[value]" } else { word });
        if closed {
            plain.push('`');
            quoted = !quoted;
        }
    }
    let words = plain.split(' ').map(|word| {
        let digits = word.chars().filter(char::is_ascii_digit).count();
        let number = digits > 5 && word.chars().all(|letter| letter.is_ascii_digit() || "+-().,".contains(letter));
        if word.contains('@') || number { "[value]" } else { word }
    });
    words.collect::<Vec<_>>().join(" ").chars().take(SENTENCE_CHARS).collect()
}

/// The field that a sentence of validation names: `Validation failed: custom_fields.ab12: …`, `title: …`.
fn field_of(said: &str) -> Option<String> {
    let rest = said.strip_prefix("Validation failed:").unwrap_or(said).trim_start();
    let (name, _) = rest.split_once(':')?;
    let name = name.trim().trim_start_matches("body.").trim_start_matches("data.");
    let plain =
        !name.is_empty() && name.len() <= 80 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'));
    plain.then(|| name.to_owned())
}

fn remaining(answer: &Answer, name: &str) -> Option<u64> {
    answer.header(name).and_then(|text| text.trim().parse().ok())
}

/// The pause that a 429 asks for, and which of the limits it was.
fn pace(answer: &Answer, now: Timestamp) -> (Class, &'static str, Option<&'static str>) {
    let after = |pause: Duration| Class::Wait { until: now.checked_add(pause).unwrap_or(Timestamp::MAX) };
    if answer.header("retry-after").is_some() {
        return (Class::Wait { until: retry_after(answer, now, PAUSE_BURST) }, ADVICE_PACE, None);
    }
    let burst_spent = remaining(answer, "x-ratelimit-remaining") == Some(0);
    let old_style = remaining(answer, "x-daily-requests-left") == Some(0);
    if (remaining(answer, "x-daily-ratelimit-token-remaining") == Some(0) || old_style) && !burst_spent {
        let theirs = answer.header("date").and_then(http_date).unwrap_or(now);
        return (after(until_midnight(theirs)), ADVICE_DAY, Some(DAILY));
    }
    let reset = remaining(answer, "x-ratelimit-reset").map(|seconds| Duration::from_secs(seconds.clamp(1, 60)));
    (after(reset.unwrap_or(PAUSE_BURST)), ADVICE_PACE, None)
}

fn validation(said: &str, field: Option<&str>, code: &str) -> (Class, &'static str) {
    let said = said.to_lowercase();
    let of_schema = SCHEMA_WORDS.iter().any(|words| said.contains(words));
    match field {
        Some(field) if of_schema && (field.starts_with("custom_fields") || code == "ERR_SCHEMA_VALIDATION_FAILED") => {
            (Class::Configuration, ADVICE_FIELD)
        }
        Some("cursor" | "limit" | "updated_since" | "sort_by" | "ids") => (Class::Configuration, ADVICE_REPORT),
        Some(_) => (Class::Data, ADVICE_DATA),
        None if said.contains("merged") || said.contains("deleted") => (Class::LookAgain, ADVICE_LOOK),
        None => (Class::Data, ADVICE_DATA),
    }
}

/// Turns a failed answer into an error. `now` is our present.
pub(crate) fn refuse(answer: &Answer, now: Timestamp) -> VendorError {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    let text = |name: &str| body[name].as_str().unwrap_or_default();
    let said = if text("error").is_empty() { text("message") } else { text("error") };
    let code = if text("code").is_empty() { format!("http_{}", answer.status) } else { text("code").to_owned() };
    let field = field_of(said).filter(|_| answer.status == 400);
    let mut ours = None;
    let (class, advice) = match answer.status {
        429 => {
            let (class, advice, code) = pace(answer, now);
            ours = code;
            (class, advice)
        }
        400 => validation(said, field.as_deref(), &code),
        401 => (Class::Reauthenticate, ADVICE_SIGN_IN),
        402 => (Class::Configuration, ADVICE_PAYMENT),
        403 if !body.is_object() => {
            ours = Some(SHUT_OUT);
            let until = now.checked_add(PAUSE_SHUT_OUT).unwrap_or(Timestamp::MAX);
            (Class::Wait { until }, ADVICE_SHUT_OUT)
        }
        403 if code.starts_with("feature_capping") => (Class::Configuration, ADVICE_PLAN),
        403 if SUSPENDED_WORDS.iter().any(|word| said.to_lowercase().contains(word)) => (Class::Reauthenticate, ADVICE_SIGN_IN),
        403 => (Class::Configuration, ADVICE_ROLE),
        // A row that is not there, or that our user may not see, is told of in JSON; a page of HTML comes from somewhere else.
        404 | 410 if body.is_object() => (Class::LookAgain, ADVICE_LOOK),
        404 | 410 | 300..=399 => (Class::Configuration, ADVICE_ENDPOINT),
        409 => (Class::LookAgain, ADVICE_LOOK),
        408 | 423 | 425 => (Class::Retry, ADVICE_LATER),
        413 => (Class::Data, "shorten the value: the row is larger than Pipedrive takes"),
        422 if said.to_lowercase().contains("limit") => (Class::Configuration, ADVICE_PLAN),
        422 => (Class::Data, ADVICE_DATA),
        500.. => (Class::Retry, ADVICE_LATER),
        _ => (Class::Configuration, ADVICE_REPORT),
    };
    let sentence = if said.is_empty() { format!("Pipedrive answered with status {}", answer.status) } else { masked(said) };
    let code = ours.map_or(code, str::to_owned);
    let error = VendorError::new(class, code, sentence, advice).with_status(answer.status);
    match field {
        Some(field) => error.about(field),
        None => error,
    }
}

/// A refusal of our own: the settings, the mapping or the object do not fit.
pub(crate) fn misfit(code: &str, message: impl Into<String>, advice: &'static str) -> VendorError {
    VendorError::new(Class::Configuration, code, message, advice)
}

/// A refusal of our own that is about one row's data.
pub(crate) fn unusable(code: &str, message: impl Into<String>) -> VendorError {
    VendorError::new(Class::Data, code, message, ADVICE_DATA)
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
    use bytes::Bytes;
    use http::{HeaderMap, HeaderName, HeaderValue};

    use super::*;

    fn now() -> Timestamp {
        "2026-01-05T22:00:00Z".parse().expect("timestamp")
    }

    fn answer(status: u16, headers: &[(&'static str, &'static str)], body: &'static str) -> Answer {
        let headers: HeaderMap =
            headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect();
        Answer { status, headers, body: Bytes::from_static(body.as_bytes()) }
    }

    #[test]
    fn every_documented_refusal_has_its_class() {
        let table = [
            (400, r#"{"error":"Validation failed: title: required","code":"ERR_SCHEMA_VALIDATION_FAILED"}"#, "data"),
            (
                400,
                r#"{"error":"Validation failed: custom_fields.ab12: unknown field","code":"ERR_SCHEMA_VALIDATION_FAILED"}"#,
                "configuration",
            ),
            (400, r#"{"error":"Validation failed: cursor: invalid"}"#, "configuration"),
            (401, r#"{"success":false,"error":"unauthorized access","errorCode":401}"#, "reauthenticate"),
            (402, r#"{"success":false,"error":"Company account is not open"}"#, "configuration"),
            (403, r#"{"success":false,"code":"feature_capping_deals_limit","error":"x"}"#, "configuration"),
            (403, r#"{"success":false,"error":"no permission"}"#, "configuration"),
            (403, "<html>blocked</html>", "wait"),
            (404, r#"{"success":false,"error":"Deal not found"}"#, "look_again"),
            (404, "<html></html>", "configuration"),
            (410, r#"{"success":true,"data":{"id":11}}"#, "look_again"),
            (405, "{}", "configuration"),
            (409, "{}", "look_again"),
            (415, "{}", "configuration"),
            (422, r#"{"error":"Webhook limit reached"}"#, "configuration"),
            (429, r#"{"success":false,"error":"Rate limit exceeded"}"#, "wait"),
            (500, "{}", "retry"),
            (501, "{}", "retry"),
            (503, "<html></html>", "retry"),
        ];
        for (status, body, expected) in table {
            assert_eq!(refuse(&answer(status, &[], body), now()).class.name(), expected, "{status} {body}");
        }
    }

    #[test]
    fn a_403_is_of_an_object_of_our_user_or_of_the_pace() {
        let table = [
            (r#"{"success":false,"error":"You do not have permission to do this"}"#, "configuration", true),
            (r#"{"success":false,"code":"feature_capping_deals_limit","error":"x"}"#, "configuration", true),
            (r#"{"success":false,"error":"This user has been suspended"}"#, "reauthenticate", false),
            ("<html>error 1015</html>", "wait", false),
        ];
        for (body, class, of_object) in table {
            let error = refuse(&answer(403, &[], body), now());
            assert_eq!((error.class.name(), error.is_of_object()), (class, of_object), "{body}");
        }
    }

    #[test]
    fn a_pause_is_as_long_as_the_limit_that_is_spent() {
        let until = |headers: &[(&'static str, &'static str)]| match refuse(&answer(429, headers, "{}"), now()) {
            VendorError { class: Class::Wait { until }, code, .. } => (until.as_second() - now().as_second(), code),
            other => panic!("{other:?}"),
        };
        assert_eq!(until(&[]), (2, "http_429".to_owned()));
        assert_eq!(until(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1")]).0, 1);
        let day = [("x-ratelimit-remaining", "9"), ("x-daily-ratelimit-token-remaining", "0"), ("date", "Mon, 05 Jan 2026 22:00:00 GMT")];
        assert_eq!(until(&day), (7_200, DAILY.to_owned()));
        assert_eq!(until(&[("retry-after", "7")]).0, 7);
    }

    #[test]
    fn a_refused_field_is_named_and_its_value_is_not() {
        let body = r#"{"error":"Validation failed: emails: \"Ada Lovelace\" ada@secret.example is not valid","code":"ERR_SCHEMA_VALIDATION_FAILED"}"#;
        let error = refuse(&answer(400, &[], body), now());
        assert_eq!(error.field.as_deref(), Some("emails"));
        assert_eq!(error.message, "Validation failed: emails: `[value]` [value] is not valid");
    }
}
