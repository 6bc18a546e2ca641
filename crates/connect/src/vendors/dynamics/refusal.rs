//! Dataverse's refusals, reduced to classes. The code decides first, the status where there is none.

use std::time::Duration;

use entente_model::clock::Timestamp;
use serde_json::Value;

use crate::error::{ADVICE_SHUT_OUT, Class, SHUT_OUT, VendorError};
use crate::transport::call::Answer;
use crate::transport::dialect::retry_after;

/// The code of a delta link that has expired.
pub(crate) const EXPIRED_LINK: &str = "0x80044352";
/// The code of a table whose changes are not tracked.
pub(crate) const NOT_TRACKED: &str = "0x80072535";

/// Pause after a refusal for pace that names none.
const PAUSE: Duration = Duration::from_secs(10);
/// Longest sentence of the vendor that an error carries, in characters.
const SENTENCE_CHARS: usize = 500;

const ADVICE_PACE: &str = "nothing: the call is repeated when the environment's service protection allows it";
const ADVICE_LATER: &str = "nothing: the call is repeated";
const ADVICE_SIGN_IN: &str =
    "check the client secret, and that base_url is the environment's own address: tokens are for one environment alone";
const ADVICE_LOOK: &str = "nothing: the row is looked at again";
const ADVICE_DATA: &str = "correct the value in the record or the mapping, then retry";
const ADVICE_FIELD: &str = "run `entente provision`, or take the field out of the mapping";
const ADVICE_ROLE: &str = "give Entente's application user a security role with rights to this table in the whole organisation";
const ADVICE_SHARE: &str =
    "share this row with Entente's application user, or give its security role rights to rows of the whole organisation";
const ADVICE_USER: &str =
    "make the app registration an application user of this environment (Power Platform admin center) and give it a security role";
const ADVICE_RULE: &str = "a rule or plug-in of the environment stopped it: correct the record as its message says, then retry";
const ADVICE_ENDPOINT: &str =
    "check base_url: it must be the environment's address (https://ORG.crm.dynamics.com), or a gateway that passes /api/data on";
const ADVICE_REPORT: &str = "Dynamics 365 did not take the request as it was made: check the mapping, then report it";

/// A sentence without what may be a person's data: quoted texts that are no names of columns, addresses.
fn masked(sentence: &str) -> String {
    let mut quoted = false;
    let mut plain = String::new();
    for part in sentence.split_inclusive(['"', '\'']) {
        let closed = part.ends_with(['"', '\'']);
        let word = part.trim_end_matches(['"', '\'']);
        let name = word.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'@'));
        plain.push_str(if quoted && closed && !name { "[value]" } else { word });
        if closed {
            plain.push('`');
            quoted = !quoted;
        }
    }
    // The other row's id stands in XML behind the sentence.
    let sentence = plain.split("<Error>").next().unwrap_or_default();
    let words = sentence
        .split_whitespace()
        .map(|word| if word.contains('@') && word.contains('.') && !word.starts_with('`') { "[value]" } else { word });
    words.collect::<Vec<_>>().join(" ").chars().take(SENTENCE_CHARS).collect()
}

/// The column that a sentence names.
fn field_of(said: &str) -> Option<String> {
    let marks = ["property named '", "The property '", "value of property '", "length of the '", "An undeclared property '", " of '"];
    let found = marks.iter().find_map(|mark| said.split(mark).nth(1)?.split('\'').next())?;
    let plain = !found.is_empty() && found.len() <= 100 && found.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    plain.then(|| found.trim_start_matches('_').trim_end_matches("_value").to_owned())
}

fn classify(code: &str, status: u16, said: &str, answer: &Answer, now: Timestamp) -> (Class, &'static str) {
    match code {
        "0x80040217" | "0x80060891" | "0x80060882" | "0x80060892" | "0x80040237" | "0x80040333" => (Class::LookAgain, ADVICE_LOOK),
        "0x80072322" | "0x80072321" | "0x80072326" => (Class::Wait { until: retry_after(answer, now, PAUSE) }, ADVICE_PACE),
        "0x80072560" => (Class::Configuration, ADVICE_USER),
        "0x80040220" => (Class::Configuration, ADVICE_ROLE),
        "0x80048306" => (Class::Data, ADVICE_SHARE),
        "0x80044331" | "0x8004431a" | "0x80048408" | "0x80048005" => (Class::Data, ADVICE_DATA),
        "0x80040265" => (Class::Data, ADVICE_RULE),
        "0x80044150" | "0x80044151" => (Class::Retry, ADVICE_LATER),
        EXPIRED_LINK | NOT_TRACKED => (Class::Configuration, ADVICE_REPORT),
        "0x8006088a" => (Class::Configuration, ADVICE_ENDPOINT),
        "0x80060888" | "0x80048d19" | "0x0" if said.contains("Cannot convert") => (Class::Data, ADVICE_DATA),
        "0x80060888" | "0x80048d19" | "0x0" if field_of(said).is_some() => (Class::Configuration, ADVICE_FIELD),
        "0x80060888" if said.contains("key in the request URI") => (Class::Configuration, ADVICE_FIELD),
        _ => match status {
            429 => (Class::Wait { until: retry_after(answer, now, PAUSE) }, ADVICE_PACE),
            401 => (Class::Reauthenticate, ADVICE_SIGN_IN),
            403 if !answer.body.starts_with(b"{") => (Class::Configuration, ADVICE_SHUT_OUT),
            403 => (Class::Configuration, ADVICE_ROLE),
            404 if answer.body.starts_with(b"{") => (Class::LookAgain, ADVICE_LOOK),
            404 | 300..=399 => (Class::Configuration, ADVICE_ENDPOINT),
            409 | 412 => (Class::LookAgain, ADVICE_LOOK),
            408 | 423 | 425 | 500.. => (Class::Retry, ADVICE_LATER),
            413 => (Class::Data, "shorten the value: the row is larger than Dynamics 365 takes"),
            400 if code == "0x80040203" => (Class::Data, ADVICE_DATA),
            400 if code.is_empty() => (Class::Configuration, ADVICE_REPORT),
            400 => (Class::Data, ADVICE_DATA),
            _ => (Class::Configuration, ADVICE_REPORT),
        },
    }
}

/// Turns a failed answer, or a failed part of a batch, into an error. `now` is our present.
pub(crate) fn refuse(answer: &Answer, now: Timestamp) -> VendorError {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    let text = |name: &str| body["error"][name].as_str().unwrap_or_default();
    // Older answers keep the sentence one level deeper.
    let said = [text("message"), body["error"]["innererror"]["message"].as_str().unwrap_or_default()]
        .into_iter()
        .find(|said| !said.is_empty())
        .unwrap_or_default();
    let code = text("code").to_lowercase();
    let (class, advice) = classify(&code, answer.status, said, answer, now);
    let field = field_of(said).filter(|_| answer.status == 400);
    let sentence = if said.is_empty() { format!("Dynamics 365 answered with status {}", answer.status) } else { masked(said) };
    let code = match code {
        _ if answer.status == 403 && !body.is_object() => SHUT_OUT.to_owned(),
        code if code.is_empty() => format!("http_{}", answer.status),
        code => code,
    };
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

    fn answer(status: u16, headers: &[(&'static str, &'static str)], body: String) -> Answer {
        let headers: HeaderMap =
            headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect();
        Answer { status, headers, body: Bytes::from(body) }
    }

    fn refused(status: u16, code: &str, message: &str) -> VendorError {
        let body = serde_json::json!({"error": {"code": code, "message": message}}).to_string();
        refuse(&answer(status, &[], body), Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn every_documented_refusal_has_its_class() {
        let table = [
            (404, "0x80040217", "account With Id = 1 Does Not Exist", "look_again"),
            (403, "0x80040220", "Principal is missing prvReadAccount privilege", "configuration"),
            (403, "0x80048306", "no access", "data"),
            (403, "0x80072560", "The user is not a member of the organization.", "configuration"),
            (412, "0x80040237", "duplicate", "look_again"),
            (412, "0x80060892", "Entity Key violated", "look_again"),
            (412, "0x80060882", "RowVersion", "look_again"),
            (400, "0x80044331", "The length of the 'name' attribute", "data"),
            (404, "0x8006088a", "Resource not found for the segment 'acounts'.", "configuration"),
            (400, "0x80060888", "Could not find a property named 'x' on type 'Microsoft.Dynamics.CRM.account'.", "configuration"),
            (400, "0x80040265", "Please enter a VAT number", "data"),
            (500, "0x80044150", "Generic SQL error", "retry"),
            (503, "0x80044151", "SQL timeout", "retry"),
            (429, "0x80072322", "Number of requests exceeded", "wait"),
            (429, "0x80072326", "Number of concurrent requests", "wait"),
            (501, "", "", "retry"),
            (401, "", "", "reauthenticate"),
        ];
        for (status, code, message, expected) in table {
            assert_eq!(refused(status, code, message).class.name(), expected, "{status} {code}");
        }
        let page = refuse(&answer(404, &[], "<html></html>".to_owned()), Timestamp::UNIX_EPOCH);
        assert_eq!(page.class.name(), "configuration");
    }

    #[test]
    fn a_403_is_of_a_table_of_a_row_of_our_user_or_of_the_way_to_dynamics() {
        for (code, class, of_object) in [
            ("0x80040220", "configuration", true),
            ("0x80048306", "data", false),
            ("0x80072560", "configuration", false),
            ("0x80072321", "wait", false),
            ("", "configuration", true),
        ] {
            let error = refused(403, code, "no");
            assert_eq!((error.class.name(), error.is_of_object()), (class, of_object), "{code}");
        }
        let page = refuse(&answer(403, &[], "<html>blocked</html>".to_owned()), Timestamp::UNIX_EPOCH);
        assert_eq!((page.class, page.code.as_str(), page.is_of_object()), (Class::Configuration, SHUT_OUT, false));
    }

    #[test]
    fn a_pause_is_as_long_as_the_answer_says() {
        let body = r#"{"error":{"code":"0x80072322","message":"x"}}"#.to_owned();
        let Class::Wait { until } = refuse(&answer(429, &[("retry-after", "37")], body), Timestamp::UNIX_EPOCH).class else {
            panic!("wait")
        };
        assert_eq!(until.as_second(), 37);
    }

    #[test]
    fn a_refused_column_is_named_and_its_value_is_not() {
        let error = refused(
            400,
            "0x80044331",
            "The length of the 'lastname' attribute of the 'contact' entity exceeded '50': 'Ada Lovelace of Ockham' ada@secret.example",
        );
        assert_eq!(error.field.as_deref(), Some("lastname"));
        assert!(!error.message.contains("Ada") && !error.message.contains("secret"), "{}", error.message);
        let lookup = refused(400, "0x80060888", "Could not find a property named '_new_boss_value' on type 'x'.");
        assert_eq!(lookup.field.as_deref(), Some("new_boss"));
    }
}
