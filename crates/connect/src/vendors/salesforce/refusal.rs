//! What Salesforce's error codes mean for the engine.

use std::time::Duration;

use entente_model::clock::Timestamp;

use super::wire::ErrorItem;
use super::{ids, soap};
use crate::error::{ADVICE_SHUT_OUT, Class, SHUT_OUT, VendorError};
use crate::transport::call::Answer;
use crate::transport::dialect::retry_after;

/// Pause when the org's calls of the last 24 hours are used up. The window rolls, so some come back every hour.
const QUOTA_PAUSE: Duration = Duration::from_secs(3_600);

/// Pause when too many long calls run at once: they end within seconds.
const CONCURRENT_PAUSE: Duration = Duration::from_secs(5);

/// Pause before a row is tried again that is locked while people decide on it: they take hours, and a look costs a call.
const LOCK_PAUSE: Duration = Duration::from_secs(15 * 60);

/// Pause when transaction security meters us.
const METERING_PAUSE: Duration = Duration::from_secs(60);

/// The errors in a failed answer: an array, one object (OAuth, Bulk), a fault (SOAP), or none (HTML, empty).
pub(crate) fn items(answer: &Answer) -> Vec<ErrorItem> {
    if let Some(items) = soap::fault_items(&answer.body) {
        return items;
    }
    serde_json::from_slice::<Vec<ErrorItem>>(&answer.body)
        .or_else(|_| serde_json::from_slice::<ErrorItem>(&answer.body).map(|item| vec![item]))
        .unwrap_or_default()
        .into_iter()
        .filter(|item| !item.code.is_empty())
        .collect()
}

/// Whether a session is refused in a way that a new token does not cure.
pub(crate) fn is_useless_session(code: &str, message: &str) -> bool {
    message.contains("not valid for use with the REST API")
        || message.contains("Connected app is not attached")
        || code == "INVALID_OPERATION_WITH_EXPIRED_PASSWORD"
}

/// Whether the identity service refuses a token: with 403, and in plain words.
pub(crate) fn is_bad_token(answer: &Answer) -> bool {
    answer.status == 403 && answer.body.starts_with(b"Bad_OAuth_Token")
}

/// The error of a whole call.
pub(crate) fn whole_call(answer: &Answer, now: Timestamp) -> VendorError {
    match items(answer).into_iter().next() {
        Some(item) => error(&item, answer, now),
        None => nameless(answer, now),
    }
}

/// The error of one row of a collection.
pub(crate) fn row(errors: &[ErrorItem], answer: &Answer, now: Timestamp) -> VendorError {
    match errors.first() {
        Some(item) => error(item, answer, now),
        None => VendorError::new(
            Class::Retry,
            "unexplained",
            "Salesforce refused the row without saying why",
            "nothing to do: the row is tried again; if it stays, look at the org's debug log",
        )
        .with_status(answer.status),
    }
}

fn error(item: &ErrorItem, answer: &Answer, now: Timestamp) -> VendorError {
    // A fault has status 500 whatever it is about.
    let status = if answer.body.trim_ascii_start().starts_with(b"<") && answer.status == 500 { 400 } else { answer.status };
    let (class, advice) = meaning(&item.code, &item.message, status, now);
    let mut message = named_flow(item).map_or_else(|| item.message.clone(), |flow| format!("flow `{flow}`: {}", item.message));
    let matches: Vec<String> = duplicates(item).into_iter().filter(|id| !item.message.contains(id.as_str())).collect();
    if !matches.is_empty() {
        message = format!("{message} (matching records: {})", matches.join(", "));
    }
    let error = VendorError::new(class, item.code.clone(), message, advice).with_status(answer.status);
    match item.fields.as_deref().unwrap_or_default().first() {
        Some(field) => error.about(field.clone()),
        None => match unknown_column(&item.message) {
            Some(field) => error.about(field),
            None => error,
        },
    }
}

/// The flow that a refusal is about. The sentence names it in quotes: `… because the "Guard" process failed. …`.
fn named_flow(item: &ErrorItem) -> Option<&str> {
    if !matches!(item.code.as_str(), "CANNOT_EXECUTE_FLOW_TRIGGER" | "FLOW_EXCEPTION") {
        return None;
    }
    let quotes = ['"', '\u{201c}', '\u{201d}'];
    let (_, rest) = item.message.split_once(quotes)?;
    let (name, _) = rest.split_once(quotes)?;
    (!name.is_empty()).then_some(name)
}

/// Ids of the records that a duplicate rule, or a unique field, found.
pub(crate) fn duplicates(item: &ErrorItem) -> Vec<String> {
    if item.code == "DUPLICATE_VALUE" {
        return ids::in_text(&item.message);
    }
    let Some(result) = item.duplicate_resut.as_ref().or(item.duplicate_result.as_ref()) else { return Vec::new() };
    let mut found = Vec::new();
    for matched in result["matchResults"].as_array().into_iter().flatten() {
        for record in matched["matchRecords"].as_array().into_iter().flatten() {
            found.extend(record["record"]["Id"].as_str().map(ids::to_18));
        }
    }
    found
}

/// The field of `No such column 'X' on entity 'Y'`.
fn unknown_column(message: &str) -> Option<String> {
    let rest = message.split_once("No such column '")?.1;
    rest.split_once('\'').map(|(field, _)| field.to_owned())
}

/// A refusal whose body explains nothing.
fn nameless(answer: &Answer, now: Timestamp) -> VendorError {
    let (class, advice) = match answer.status {
        401 => (Class::Reauthenticate, "check the credentials of this connection"),
        412 => (Class::LookAgain, "nothing to do: someone changed the record meanwhile, and it is looked at again"),
        429 => {
            (Class::Wait { until: retry_after(answer, now, Duration::from_secs(60)) }, "nothing to do: calls go on when the pause is over")
        }
        403 if is_bad_token(answer) => (Class::Reauthenticate, "check the credentials of this connection and sign in again"),
        403 => (Class::Configuration, ADVICE_SHUT_OUT),
        404 => (Class::Configuration, "check `base_url` and `api_version`: nothing answers at this address"),
        410 => (Class::Configuration, "set `api_version` to a version that the org still supports"),
        414 | 431 => (Class::Configuration, "read fewer fields: the request is too long for the vendor"),
        420 | 500..=599 => (Class::Retry, "nothing to do: the call is made again; status.salesforce.com tells of outages"),
        _ => (Class::Configuration, "check `base_url`: the answer is not one of Salesforce's API"),
    };
    let shown = answer.excerpt();
    let message = if shown.is_empty() { format!("answered {} without a body", answer.status) } else { shown };
    let is_shut_out = answer.status == 403 && class == Class::Configuration;
    let code = if is_shut_out { SHUT_OUT.to_owned() } else { format!("http_{}", answer.status) };
    VendorError::new(class, code, message, advice).with_status(answer.status)
}

/// What a code means. The advice tells a person what to do next.
pub(crate) fn meaning(code: &str, message: &str, status: u16, now: Timestamp) -> (Class, &'static str) {
    let wait = |pause: Duration| Class::Wait { until: now.checked_add(pause).unwrap_or(Timestamp::MAX) };
    match code {
        "REQUEST_LIMIT_EXCEEDED" if message.contains("Concurrent") => {
            (wait(CONCURRENT_PAUSE), "nothing to do: too many long calls ran at once in the org; calls go on in seconds")
        }
        "REQUEST_LIMIT_EXCEEDED" => (
            wait(QUOTA_PAUSE),
            "the org has used up its API calls of 24 hours: work goes on as they come back; buy more calls, or set `daily_calls`",
        ),
        "TXN_SECURITY_METERING_ERROR" => {
            (wait(METERING_PAUSE), "nothing to do: transaction security meters calls, and they go on in a minute")
        }

        _ if is_useless_session(code, message) => (
            Class::Configuration,
            "let the user sign in to the API: give the app the `api` scope and the user a password that has not expired",
        ),
        "LOGIN_MUST_USE_SECURITY_TOKEN" => (
            Class::Reauthenticate,
            "set `security_token` of this connection, or let an admin trust this machine's address (Setup, Network Access)",
        ),
        "PASSWORD_LOCKOUT" => {
            (Class::Reauthenticate, "an admin must unlock the user after too many wrong passwords; then correct `password`")
        }
        "INVALID_OPERATION" if message.to_ascii_lowercase().contains("login") => (
            Class::Configuration,
            "SOAP login has ended in this org: make an External Client App and use `client_credentials` or `jwt_bearer`",
        ),
        "INVALID_SESSION_ID" | "INVALID_AUTH_HEADER" | "MISSING_OAUTH_TOKEN" | "Bad_OAuth_Token" | "INVALID_LOGIN" => {
            (Class::Reauthenticate, "check the credentials of this connection and sign in again")
        }
        "ORG_LOCKED" | "TRIAL_EXPIRED" | "LOGIN_DURING_RESTRICTED_DOMAIN" | "LOGIN_DURING_RESTRICTED_TIME" => {
            (Class::Configuration, "the org or its login policy keeps us out: a Salesforce admin must lift it")
        }

        "DUPLICATE_VALUE" => (Class::LookAgain, "nothing to do: a record with this value exists, and it is looked up and linked"),
        "DUPLICATES_DETECTED" => (
            Class::LookAgain,
            "link one of the matching records, or let the duplicate rule pass with the header `Sforce-Duplicate-Rule-Header: allowSave=true`",
        ),
        "ENTITY_IS_DELETED" | "INVALID_CROSS_REFERENCE_KEY" | "INVALID_QUERY_LOCATOR" | "PRECONDITION_FAILED" | "CONFLICT" => {
            (Class::LookAgain, "nothing to do: the record, or one it points to, changed or vanished, and it is looked at again")
        }
        "ENTITY_IS_LOCKED" => (
            wait(LOCK_PAUSE),
            "nothing to do: the row is written once its approval has ended; approve, reject or recall it, or let our user edit locked rows",
        ),
        "NOT_FOUND" if !message.contains("external ID field") => (
            Class::LookAgain,
            "nothing to do: the record is looked at again; if it stays, check `api_version` and that our user may see the object",
        ),

        _ if message.contains("UNABLE_TO_LOCK_ROW") => {
            (Class::Retry, "nothing to do: another transaction held the record, and it is tried again")
        }
        "UNABLE_TO_LOCK_ROW"
        | "SERVER_UNAVAILABLE"
        | "UNKNOWN_EXCEPTION"
        | "QUERY_TIMEOUT"
        | "ALL_OR_NONE_OPERATION_ROLLED_BACK"
        | "PROCESSING_HALTED"
        | "BATCH_PROCESSING_HALTED"
        | "REQUEST_RUNNING_TOO_LONG"
        | "INTERNAL_ERROR"
        | "DATACLOUD_ADDRESS_ERROR" => (Class::Retry, "nothing to do: it is tried again"),

        "FIELD_CUSTOM_VALIDATION_EXCEPTION" | "FIELD_FILTER_VALIDATION_EXCEPTION" => {
            (Class::Data, "a validation rule of the org refuses the record: correct the value, or exempt our user from the rule")
        }
        "FIELD_INTEGRITY_EXCEPTION" => {
            (Class::Data, "a value does not fit the others of the record (state and country, currency, parent): correct it")
        }
        "INVALID_CURRENCY_ISO" => {
            (Class::Data, "activate the currency in Salesforce (Setup, Manage Currencies), or bring the amounts into one that is active")
        }
        "REQUIRED_FIELD_MISSING" => (Class::Data, "map a value to the required field, or give it a default in Salesforce"),
        "STRING_TOO_LONG" => (Class::Data, "shorten the value, or let the mapping cut it to the field's length"),
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST" | "BAD_CUSTOM_ENTITY_PARENT_DOMAIN" => {
            (Class::Data, "add the value to the picklist in Salesforce, or translate it in the mapping")
        }
        "control_character" => (Class::Data, "take the character out of the value, or let the mapping do so"),
        // Faults of the envelope itself.
        "Client" | "VersionMismatch" | "MustUnderstand" => {
            (Class::Configuration, "check `api_version` and `base_url`: the org does not understand our envelope")
        }
        "Server" => (Class::Retry, "nothing to do: it is tried again"),
        "INVALID_EMAIL_ADDRESS" => (Class::Data, "correct the e-mail address"),
        "NUMBER_OUTSIDE_VALID_RANGE" => (Class::Data, "correct the number, or give the field in Salesforce more digits"),
        "JSON_PARSER_ERROR" | "INVALID_TYPE_ON_FIELD_IN_RECORD" | "MALFORMED_ID" => {
            (Class::Data, "the value's type does not fit the field: correct the mapping's transform")
        }
        "CANNOT_EXECUTE_FLOW_TRIGGER" | "FLOW_EXCEPTION" | "MAX_DEPTH_IN_FLOW_EXECUTION" | "SELF_REFERENCE_FROM_FLOW" => (
            Class::Data,
            "the flow that the message names failed on this record: correct the value that it minds, or show the flow's admin the message",
        ),
        "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY" | "APEX_ERROR" => {
            (Class::Data, "the trigger that the message names failed on this record: show its admin the message")
        }
        "NO_APPLICABLE_PROCESS" => {
            (Class::Data, "no approval process takes this row: check the entry criteria of the processes, or name one with `--process`")
        }
        "ALREADY_IN_PROCESS" => (Class::Data, "the row is in approval already: approve, reject or recall it first"),
        "RECORD_IN_USE_BY_WORKFLOW" => (Class::Retry, "nothing to do: a workflow has the record, and it is tried again"),
        "CIRCULAR_DEPENDENCY"
        | "CANNOT_UPDATE_CONVERTED_LEAD"
        | "DELETE_FAILED"
        | "DEPENDENCY_EXISTS"
        | "INVALID_STATUS"
        | "TRANSFER_REQUIRES_READ"
        | "INACTIVE_OWNER_OR_USER"
        | "OP_WITH_INVALID_USER_TYPE_EXCEPTION" => {
            (Class::Data, "Salesforce does not allow this change of this record: correct the value or the mapping")
        }

        "INVALID_FIELD" | "INVALID_FIELD_FOR_INSERT_UPDATE" | "INVALID_TYPE" | "NOT_FOUND" => (
            Class::Configuration,
            "the object or field was renamed, removed, or is hidden from our user: check the mapping and field-level security",
        ),
        "INSUFFICIENT_ACCESS"
        | "INSUFFICIENT_ACCESS_OR_READONLY"
        | "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY"
        | "CANNOT_MODIFY_MANAGED_OBJECT"
        | "INSUFFICIENT_ACCESS_APEX_CLASS" => {
            (Class::Configuration, "give our user the permission: object, field and record access in a permission set")
        }
        "DUPLICATE_EXTERNAL_ID" => {
            (Class::Configuration, "mark the key field as unique in Salesforce and remove the second record with this key")
        }
        "STORAGE_LIMIT_EXCEEDED" => (Class::Configuration, "the org's storage is full: free some, or buy more"),
        "API_DISABLED_FOR_ORG" | "API_CURRENTLY_DISABLED" | "FUNCTIONALITY_NOT_ENABLED" => {
            (Class::Configuration, "enable the API for this org and user (edition, and the permission `API Enabled`)")
        }
        "UNSUPPORTED_API_VERSION" => (Class::Configuration, "set `api_version` to a version that the org still supports"),
        "MALFORMED_QUERY"
        | "OPERATION_TOO_LARGE"
        | "EXCEEDED_ID_LIMIT"
        | "EXCEEDED_MAX_SOBJECTS"
        | "METHOD_NOT_ALLOWED"
        | "MALFORMED_SEARCH" => {
            (Class::Configuration, "the request does not fit this object or version: check the mapped fields and `api_version`")
        }
        _ if code.starts_with("TXN_SECURITY") => {
            (Class::Configuration, "a transaction security policy of the org refuses our calls: exempt our user")
        }
        _ if status == 401 => (Class::Reauthenticate, "check the credentials of this connection"),
        _ if status == 412 => (Class::LookAgain, "nothing to do: someone changed the record meanwhile, and it is looked at again"),
        _ if status >= 500 || status == 420 => (Class::Retry, "nothing to do: it is tried again"),
        _ => (Class::Data, "look the code up in Salesforce's API documentation and correct the record or the mapping"),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::HeaderMap;
    use serde_json::json;

    use super::*;

    fn now() -> Timestamp {
        "2026-01-01T12:00:00Z".parse().expect("instant")
    }

    fn answer(status: u16, body: impl Into<String>) -> Answer {
        Answer { status, headers: HeaderMap::new(), body: Bytes::from(body.into()) }
    }

    fn class(status: u16, code: &str, message: &str) -> &'static str {
        let error = whole_call(&answer(status, json!([{"errorCode": code, "message": message}]).to_string()), now());
        assert_eq!((error.code.as_str(), error.status), (code, status));
        assert!(!error.advice.is_empty());
        error.class.name()
    }

    #[test]
    fn every_known_code_has_its_class() {
        let table = [
            ("data", 400, "FIELD_CUSTOM_VALIDATION_EXCEPTION"),
            ("data", 400, "FIELD_INTEGRITY_EXCEPTION"),
            ("data", 400, "FIELD_FILTER_VALIDATION_EXCEPTION"),
            ("data", 400, "REQUIRED_FIELD_MISSING"),
            ("data", 400, "STRING_TOO_LONG"),
            ("data", 400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
            ("data", 400, "INVALID_EMAIL_ADDRESS"),
            ("data", 400, "NUMBER_OUTSIDE_VALID_RANGE"),
            ("data", 400, "JSON_PARSER_ERROR"),
            ("data", 400, "INVALID_TYPE_ON_FIELD_IN_RECORD"),
            ("data", 400, "MALFORMED_ID"),
            ("data", 400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"),
            ("data", 400, "APEX_ERROR"),
            ("data", 400, "SOMETHING_NEW"),
            ("look_again", 400, "DUPLICATE_VALUE"),
            ("look_again", 400, "DUPLICATES_DETECTED"),
            ("look_again", 400, "INVALID_CROSS_REFERENCE_KEY"),
            ("look_again", 404, "ENTITY_IS_DELETED"),
            ("look_again", 404, "NOT_FOUND"),
            ("look_again", 412, "SOMETHING_NEW"),
            ("configuration", 400, "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY"),
            ("configuration", 403, "INSUFFICIENT_ACCESS"),
            ("configuration", 400, "INSUFFICIENT_ACCESS_OR_READONLY"),
            ("configuration", 400, "INVALID_FIELD"),
            ("configuration", 400, "INVALID_FIELD_FOR_INSERT_UPDATE"),
            ("configuration", 404, "INVALID_TYPE"),
            ("configuration", 400, "STORAGE_LIMIT_EXCEEDED"),
            ("configuration", 403, "API_DISABLED_FOR_ORG"),
            ("configuration", 410, "UNSUPPORTED_API_VERSION"),
            ("configuration", 400, "MALFORMED_QUERY"),
            ("configuration", 403, "INVALID_OPERATION_WITH_EXPIRED_PASSWORD"),
            ("retry", 400, "UNABLE_TO_LOCK_ROW"),
            ("retry", 503, "SERVER_UNAVAILABLE"),
            ("retry", 500, "UNKNOWN_EXCEPTION"),
            ("retry", 400, "QUERY_TIMEOUT"),
            ("retry", 502, "SOMETHING_NEW"),
            ("reauthenticate", 401, "INVALID_SESSION_ID"),
            ("reauthenticate", 401, "SOMETHING_NEW"),
            ("wait", 403, "REQUEST_LIMIT_EXCEEDED"),
            ("wait", 403, "TXN_SECURITY_METERING_ERROR"),
        ];
        for (expected, status, code) in table {
            assert_eq!(class(status, code, "no more words"), expected, "{code}");
        }
    }

    #[test]
    fn a_403_is_of_an_object_of_our_user_of_the_org_or_of_the_pace() {
        for (code, message, class, of_object) in [
            ("INSUFFICIENT_ACCESS", "no", "configuration", true),
            ("INSUFFICIENT_ACCESS_OR_READONLY", "no", "configuration", true),
            ("API_DISABLED_FOR_ORG", "no", "configuration", false),
            ("API_CURRENTLY_DISABLED", "no", "configuration", false),
            ("TXN_SECURITY_NO_ACCESS", "no", "configuration", false),
            ("INVALID_OPERATION_WITH_EXPIRED_PASSWORD", "no", "configuration", false),
            ("INVALID_SESSION_ID", "This session is not valid for use with the REST API", "configuration", false),
            ("INVALID_SESSION_ID", "Session expired or invalid", "reauthenticate", false),
            ("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", "wait", false),
            ("REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded.", "wait", false),
            ("TXN_SECURITY_METERING_ERROR", "no", "wait", false),
        ] {
            let error = whole_call(&answer(403, json!([{"errorCode": code, "message": message}]).to_string()), now());
            assert_eq!((error.class.name(), error.is_of_object()), (class, of_object), "{code} {message}");
        }
        assert_eq!(whole_call(&answer(403, "Bad_OAuth_Token: Session expired"), now()).class, Class::Reauthenticate);
        let page = whole_call(&answer(403, "<html>not from here</html>"), now());
        assert_eq!((page.class, page.code.as_str(), page.is_of_object()), (Class::Configuration, SHUT_OUT, false));
    }

    #[test]
    fn the_sentence_decides_where_the_code_does_not() {
        assert_eq!(class(400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "trigger: UNABLE_TO_LOCK_ROW, unable to obtain"), "retry");
        assert_eq!(class(404, "NOT_FOUND", "Provided external ID field does not exist or is not accessible: X__c"), "configuration");
        assert_eq!(class(401, "INVALID_SESSION_ID", "This session is not valid for use with the REST API"), "configuration");
    }

    #[test]
    fn answers_without_an_explanation_are_still_classed() {
        let table = [
            (420, "<html>setting things up</html>", "retry"),
            (500, "", "retry"),
            (503, "<html>maintenance</html>", "retry"),
            (401, "", "reauthenticate"),
            (412, "", "look_again"),
            (429, "", "wait"),
            (414, "", "configuration"),
            (404, "<html>no such site</html>", "configuration"),
        ];
        for (status, body, expected) in table {
            assert_eq!(whole_call(&answer(status, body), now()).class.name(), expected, "{status}");
        }
    }

    #[test]
    fn both_spellings_of_the_duplicate_result_name_the_records() {
        for spelling in ["duplicateResut", "duplicateResult"] {
            let result = json!({"matchResults": [{"matchRecords": [{"record": {"Id": "001R0000005hDFYIA2"}}]}]});
            let body = json!([{"errorCode": "DUPLICATES_DETECTED", "message": "Use one of these records?", spelling: result}]);
            let error = whole_call(&answer(400, body.to_string()), now());
            assert!(error.message.contains("001R0000005hDFYIA2"), "{}", error.message);
        }
    }
}
