//! Refusals of a described platform, reduced to classes: by its own rules first, by the status otherwise.

use std::time::Duration;

use entente_model::clock::Timestamp;
use serde_json::Value;

use super::description::Description;
use super::description::platform::{ErrorRule, Then};
use super::interned::interned;
use crate::error::{Class, VendorError};
use crate::transport::call::Answer;
use crate::transport::dialect::retry_after;
use crate::transport::offset::http_date;
use crate::vendors::pipedrive::{masked, until_midnight};

/// Pause after "too many", where neither the answer nor the description says how long: a minute, the window of most platforms.
const PAUSE: Duration = Duration::from_secs(60);

const ADVICE_PACE: &str = "nothing: the call is repeated when the platform's limit allows it";
const ADVICE_SIGN_IN: &str = "check the credentials of this connection, or sign in again with `entente connect`";
const ADVICE_LATER: &str = "nothing: the call is repeated";
const ADVICE_LOOK: &str = "nothing: the row is looked at again";
const ADVICE_DATA: &str = "correct the value in the record or the mapping, then retry";
const ADVICE_SETTINGS: &str = "check base_url, the permissions of our user and the description; `entente rest check` tries every call";

/// What a refusal says.
struct Said {
    body: Value,
    code: Option<String>,
    sentence: String,
}

fn said(description: &Description, answer: &Answer) -> Said {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    let errors = &description.errors;
    let code = errors.code.as_ref().and_then(|path| path.text_in(&body));
    let sentence = errors.message.iter().find_map(|path| path.text_in(&body)).unwrap_or_default();
    Said { body, code, sentence }
}

fn fits(rule: &ErrorRule, answer: &Answer, said: &Said) -> bool {
    let code = |wanted: &String| {
        said.code.as_ref().is_some_and(|code| match wanted.strip_suffix('*') {
            Some(start) => code.starts_with(start),
            None => code == wanted,
        })
    };
    let sentence = said.sentence.to_lowercase();
    (rule.status.is_empty() || rule.status.contains(&answer.status))
        && (rule.code.is_empty() || rule.code.iter().any(code))
        && (rule.says.is_empty() || rule.says.iter().any(|part| sentence.contains(&part.to_lowercase())))
        && rule.json.is_none_or(|json| json == (said.body.is_object() || said.body.is_array()))
        && rule.spent.as_ref().is_none_or(|header| answer.header(header).is_some_and(|text| text.trim() == "0"))
}

/// The rule that a refusal falls under.
pub(crate) fn rule_of<'a>(description: &'a Description, answer: &Answer) -> Option<&'a ErrorRule> {
    let said = said(description, answer);
    description.errors.rules.iter().find(|rule| fits(rule, answer, &said))
}

fn pause(rule: Option<&ErrorRule>, answer: &Answer, now: Timestamp) -> Timestamp {
    let usual = rule.and_then(|rule| rule.seconds).map_or(PAUSE, Duration::from_secs);
    if answer.header("retry-after").is_some() {
        return retry_after(answer, now, usual);
    }
    let named = rule.and_then(|rule| rule.after_header.as_deref()).and_then(|name| answer.header(name));
    let named = named.and_then(|text| text.trim().parse::<u64>().ok()).map(|seconds| Duration::from_secs(seconds.clamp(1, 86_400)));
    let midnight = rule.is_some_and(|rule| rule.midnight).then(|| until_midnight(answer.header("date").and_then(http_date).unwrap_or(now)));
    now.checked_add(midnight.or(named).unwrap_or(usual)).unwrap_or(Timestamp::MAX)
}

/// What a status means by itself (RFC 9110 §15).
fn by_status(status: u16, json: bool) -> Then {
    match status {
        429 => Then::Wait,
        401 => Then::SignIn,
        404 | 410 if json => Then::LookAgain,
        409 | 412 => Then::LookAgain,
        408 | 423 | 425 | 500.. => Then::Retry,
        400 | 413 | 422 => Then::Data,
        _ => Then::Configuration,
    }
}

fn field_of(description: &Description, said: &Said) -> Option<String> {
    let place = description.errors.field.as_ref()?;
    let text = place.at.text_in(&said.body)?;
    let behind = match &place.after {
        Some(after) => text.split_once(after.as_str())?.1,
        None => text.as_str(),
    };
    let name = match &place.before {
        Some(before) => behind.split_once(before.as_str())?.0,
        None => behind,
    };
    let plain = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '.' | '-' | '[' | ']');
    Some(name.trim().to_owned()).filter(|name| !name.is_empty() && name.len() <= 100 && name.chars().all(plain))
}

/// Turns a failed answer into an error. `now` is our present.
pub(crate) fn refuse(description: &Description, answer: &Answer, now: Timestamp) -> VendorError {
    let said = said(description, answer);
    let rule = description.errors.rules.iter().find(|rule| fits(rule, answer, &said));
    let then = rule.map_or_else(|| by_status(answer.status, said.body.is_object() || said.body.is_array()), |rule| rule.then);
    let (class, advice) = match then {
        Then::Wait => (Class::Wait { until: pause(rule, answer, now) }, ADVICE_PACE),
        Then::SignIn => (Class::Reauthenticate, ADVICE_SIGN_IN),
        Then::Retry => (Class::Retry, ADVICE_LATER),
        Then::LookAgain => (Class::LookAgain, ADVICE_LOOK),
        Then::Data => (Class::Data, ADVICE_DATA),
        Then::Configuration => (Class::Configuration, ADVICE_SETTINGS),
    };
    let advice = rule.and_then(|rule| rule.advice.as_deref()).map_or(advice, interned);
    let code = said.code.clone().unwrap_or_else(|| format!("http_{}", answer.status));
    let sentence = if said.sentence.is_empty() {
        format!("{} answered with status {}", description.label, answer.status)
    } else {
        masked(&said.sentence)
    };
    let error = VendorError::new(class, code, sentence, advice).with_status(answer.status);
    match field_of(description, &said).filter(|_| matches!(then, Then::Data | Then::Configuration)) {
        Some(field) => error.about(field),
        None => error,
    }
}

/// A refusal of our own: the settings, the mapping or the description do not fit.
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
        Class::LookAgain => VendorError { class: Class::Configuration, advice: ADVICE_SETTINGS, ..error },
        _ => error,
    }
}

/// The error of a thing that the description does not say how to do.
pub(crate) fn not_described(what: &str, object: &str) -> VendorError {
    misfit(
        "not_described",
        format!("the description does not say how to {what} rows of {object}"),
        "describe it, or set the mapping so that it is not needed",
    )
}

/// A row that is gone when it should be written.
pub(crate) fn vanished() -> VendorError {
    VendorError::new(Class::LookAgain, "vanished", "the row is no longer there", ADVICE_LOOK)
}

/// A row that somebody else changed first.
pub(crate) fn moved_on() -> VendorError {
    VendorError::new(Class::LookAgain, "moved_on", "the row was changed at the platform since it was looked at", ADVICE_LOOK)
}

/// An answer without what it must hold.
pub(crate) fn untold(what: &str) -> VendorError {
    VendorError::new(
        Class::Retry,
        "unreadable",
        format!("the answer does not show {what}"),
        "if this repeats, correct the paths in the description; `entente rest check` shows what it finds at each",
    )
}
