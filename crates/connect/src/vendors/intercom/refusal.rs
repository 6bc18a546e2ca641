//! Intercom's refusals, reduced to classes. The code of the first error decides, and the status where there is none.

use std::time::Duration;

use entente_model::clock::Timestamp;
use serde_json::Value;

use crate::error::{ADVICE_SHUT_OUT, Class, SHUT_OUT, VendorError};
use crate::transport::call::Answer;
use crate::transport::dialect::retry_after;

use super::wire::{WINDOW, resets_in};

/// How long another scroll over the companies keeps ours out at most: it ends when it is idle for so long.
const SCROLL_IDLE: Duration = Duration::from_secs(60);

/// Longest sentence of the vendor that an error carries, in characters.
const SENTENCE_CHARS: usize = 500;

/// What to do about a value that another row already has.
pub(crate) const ADVICE_TAKEN: &str = "nothing: the contact who has this value already is looked for and linked, or shown to a person";
const ADVICE_PACE: &str = "nothing: the call is repeated when Intercom's limit allows it";
const ADVICE_SCROLL: &str = "nothing: another program reads the companies at the moment; this one goes on once it has ended";
const ADVICE_SIGN_IN: &str = "copy the access token of the app from Intercom's Developer Hub into `auth.token`, and check that base_url is the one of your region \
     (api.intercom.io, api.eu.intercom.io or api.au.intercom.io)";
const ADVICE_SCOPE: &str =
    "give the app in Intercom's Developer Hub the permissions to read and write people, companies, conversations, tickets and tags";
const ADVICE_PLAN: &str =
    "the workspace's subscription at Intercom does not allow this: change the plan, or take what needs it out of the mapping";
const ADVICE_LATER: &str = "nothing: the call is repeated";
const ADVICE_LOOK: &str = "nothing: the row is looked at again";
const ADVICE_DATA: &str = "correct the value in the record or the mapping, then retry";
const ADVICE_FIELD: &str = "run `entente provision`, or take the attribute out of the mapping";
const ADVICE_VERSION: &str = "set api_version to one that this workspace has";
const ADVICE_GONE: &str = "the admin, team or tag that this names is no longer there: check the mapping";
const ADVICE_ENDPOINT: &str =
    "check base_url: it must be https://api.intercom.io (or the one of your region), or a gateway that passes its paths on";
const ADVICE_REPORT: &str = "Intercom did not take the request as it was made: check base_url and api_version, then report it";

/// The first error of a refusal's body.
#[derive(Debug, Default)]
struct First {
    code: String,
    message: String,
    field: Option<String>,
    /// Whether the body is an error list at all.
    there: bool,
}

fn first(body: &[u8]) -> First {
    let Ok(json) = serde_json::from_slice::<Value>(body) else { return First::default() };
    let error = &json["errors"][0];
    let text = |name: &str| error[name].as_str().map(str::to_owned);
    First {
        code: text("code").unwrap_or_default(),
        message: text("message").unwrap_or_default(),
        field: text("field"),
        there: error.is_object(),
    }
}

/// The id in "A contact matching those details already exists with id=5ba6…", whatever words stand around it; and whether it is archived.
pub(crate) fn holder(error: &VendorError) -> Option<(String, bool)> {
    let rest = error.message.split("id=").nth(1)?;
    let id: String = rest.chars().take_while(char::is_ascii_hexdigit).collect();
    (id.len() == 24).then(|| (id, error.message.to_lowercase().contains("archived")))
}

/// Turns a failed answer into an error. `now` is our present.
pub(crate) fn refuse(answer: &Answer, now: Timestamp) -> VendorError {
    let first = first(&answer.body);
    let after = |pause: Duration| now.checked_add(pause.max(Duration::from_secs(1))).unwrap_or(now);
    let lacking = first.message.contains("does not exist");
    let (class, advice) = match (answer.status, first.code.as_str()) {
        // Intercom itself names the end of its window; a gateway before it may say `Retry-After`.
        (429, _) | (_, "rate_limit_exceeded") => {
            let window = resets_in(&answer.headers).map_or(WINDOW, |pause| pause.min(WINDOW * 6));
            (Class::Wait { until: retry_after(answer, now, window) }, ADVICE_PACE)
        }
        (_, "scroll_exists") => (Class::Wait { until: after(SCROLL_IDLE) }, ADVICE_SCROLL),
        (_, "token_unauthorized" | "forbidden") => (Class::Configuration, ADVICE_SCOPE),
        (401, _) | (403, "unauthorized" | "token_not_found") => (Class::Reauthenticate, ADVICE_SIGN_IN),
        (403, _) if !first.there => (Class::Configuration, ADVICE_SHUT_OUT),
        (_, "api_plan_restricted") => (Class::Configuration, ADVICE_PLAN),
        (403, _) | (_, "action_forbidden") => (Class::Configuration, ADVICE_SCOPE),
        (_, "intercom_version_invalid") => (Class::Configuration, ADVICE_VERSION),
        (_, "assignee_not_found" | "tag_not_found" | "admin_not_found" | "ticket_state_id_invalid") => (Class::Configuration, ADVICE_GONE),
        (400 | 422, "parameter_invalid" | "data_invalid") if lacking => (Class::Configuration, ADVICE_FIELD),
        (400 | 422, "parameter_invalid" | "data_invalid" | "parameter_not_found" | "invalid_merge" | "merge_failed") => {
            (Class::Data, ADVICE_DATA)
        }
        (404 | 410, _) if first.there => (Class::LookAgain, ADVICE_LOOK),
        (404 | 410, _) => (Class::Configuration, ADVICE_ENDPOINT),
        (409, "conflict") => (Class::LookAgain, ADVICE_TAKEN),
        (409, _) => (Class::LookAgain, ADVICE_LOOK),
        (408 | 423 | 425, _) | (500.., _) => (Class::Retry, ADVICE_LATER),
        (413, _) => (Class::Data, "shorten the value: the row is larger than Intercom takes"),
        (422, _) => (Class::Data, ADVICE_DATA),
        (300..=399, _) => (Class::Configuration, ADVICE_ENDPOINT),
        _ => (Class::Configuration, ADVICE_REPORT),
    };
    let code = match first.code {
        _ if answer.status == 403 && !first.there => SHUT_OUT.to_owned(),
        code if code.is_empty() => format!("http_{}", answer.status),
        code => code,
    };
    let sentence = if first.message.is_empty() { format!("Intercom answered with status {}", answer.status) } else { first.message };
    let error = VendorError::new(class, code, sentence.chars().take(SENTENCE_CHARS).collect::<String>(), advice).with_status(answer.status);
    match first.field {
        Some(field) if !field.is_empty() => error.about(field),
        _ => error,
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

    fn one(code: &str, message: &str) -> String {
        format!(r#"{{"type":"error.list","request_id":null,"errors":[{{"code":"{code}","message":"{message}"}}]}}"#)
    }

    #[test]
    fn every_documented_refusal_has_its_class() {
        for (status, code, class) in [
            (400, "parameter_invalid", "data"),
            (400, "parameter_not_found", "data"),
            (400, "bad_request", "configuration"),
            (400, "intercom_version_invalid", "configuration"),
            (400, "invalid_merge", "data"),
            (400, "invalid_sort_order", "configuration"),
            (400, "scroll_exists", "wait"),
            (400, "ticket_state_id_invalid", "configuration"),
            (400, "client_error", "configuration"),
            (401, "unauthorized", "reauthenticate"),
            (401, "token_not_found", "reauthenticate"),
            (401, "token_unauthorized", "configuration"),
            (403, "api_plan_restricted", "configuration"),
            (403, "forbidden", "configuration"),
            (404, "not_found", "look_again"),
            (404, "company_not_found", "look_again"),
            (404, "ticket_not_found", "look_again"),
            (404, "tag_not_found", "configuration"),
            (404, "assignee_not_found", "configuration"),
            (404, "admin_not_found", "configuration"),
            (409, "conflict", "look_again"),
            (410, "contact_merged", "look_again"),
            (422, "data_invalid", "data"),
            (422, "parameter_invalid", "data"),
            (422, "merge_failed", "data"),
            (422, "action_forbidden", "configuration"),
            (429, "rate_limit_exceeded", "wait"),
            (500, "server_error", "retry"),
            (503, "service_unavailable", "retry"),
            (504, "request_timeout", "retry"),
        ] {
            let error = refused(status, &one(code, "No"));
            assert_eq!((error.class.name(), error.code.as_str()), (class, code), "{status}");
        }
        for (status, body, class) in
            [(404, "<html>", "configuration"), (302, "", "configuration"), (413, "", "data"), (502, "<html>", "retry")]
        {
            assert_eq!(refused(status, body).class.name(), class, "{status}");
        }
        let lacking = refused(400, &one("parameter_invalid", "Custom attribute 'plan' does not exist"));
        assert!(lacking.class == Class::Configuration && lacking.advice.contains("provision"));
    }

    #[test]
    fn a_403_is_of_an_object_of_the_token_or_of_the_way_to_intercom() {
        for (code, class, of_object) in [
            ("forbidden", "configuration", true),
            ("token_unauthorized", "configuration", true),
            ("api_plan_restricted", "configuration", true),
            ("unauthorized", "reauthenticate", false),
            ("token_not_found", "reauthenticate", false),
            ("rate_limit_exceeded", "wait", false),
        ] {
            let error = refused(403, &one(code, "No"));
            assert_eq!((error.class.name(), error.is_of_object()), (class, of_object), "{code}");
        }
        let page = refused(403, "<html>Forbidden</html>");
        assert_eq!((page.class, page.code.as_str(), page.is_of_object()), (Class::Configuration, SHUT_OUT, false));
    }

    #[test]
    fn a_pause_lasts_until_the_window_ends() {
        let mut headers = HeaderMap::new();
        headers.insert("x-ratelimit-reset", HeaderValue::from_static("1767348010"));
        headers.insert("date", HeaderValue::from_static("Fri, 02 Jan 2026 10:00:04 GMT"));
        let error = refuse(&Answer { status: 429, headers, body: Bytes::new() }, now());
        assert_eq!(error.class, Class::Wait { until: "2026-01-02T10:00:06Z".parse().expect("timestamp") });
        let bare = refused(429, "");
        assert_eq!(bare.class, Class::Wait { until: "2026-01-02T10:00:10Z".parse().expect("timestamp") });
    }

    #[test]
    fn the_holder_of_a_taken_value_is_read_out_of_the_sentence() {
        let told = |message: &str| holder(&refused(409, &one("conflict", message)));
        let id = "5ba682d23d7cf92bef87bfd4".to_owned();
        assert_eq!(told("A contact matching those details already exists with id=5ba682d23d7cf92bef87bfd4"), Some((id.clone(), false)));
        assert_eq!(told("An archived contact matching those details already exists with id=5ba682d23d7cf92bef87bfd4."), Some((id, true)));
        assert_eq!(told("A contact is there"), None);
    }
}
