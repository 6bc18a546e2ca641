//! One request as the routes see it, with the old and the dated paths brought together.

use http::Method;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::refusal::{Answer, Refusal};

/// A request, read.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// Where it goes, without prefix and version: `objects/contacts/batch/read`.
    pub(crate) path: Vec<String>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) body: Value,
    /// Whether it came on a dated path.
    pub(crate) dated: bool,
    /// The version in the path.
    pub(crate) version: String,
    /// The address as called, for links.
    pub(crate) address: String,
    /// The present instant, as answers write it.
    pub(crate) at: String,
    /// Whether a fault halves the page.
    pub(crate) half_page: bool,
}

/// Whether a path segment is a dated version.
fn is_date(text: &str) -> bool {
    let text = text.strip_suffix("-beta").unwrap_or(text);
    text.len() == 7 && matches!(&text[4..], "-03" | "-09") && text[..4].bytes().all(|byte| byte.is_ascii_digit())
}

/// Splits a path into its surface and version: (segments without prefix, version, dated).
pub(crate) fn surface(path: &str) -> Option<(Vec<String>, String, bool)> {
    let parts: Vec<String> =
        path.split('/').filter(|part| !part.is_empty()).map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned()).collect();
    let view: Vec<&str> = parts.iter().map(String::as_str).collect();
    let (head, rest, version): (&str, &[&str], &str) = match view.as_slice() {
        ["crm", "v3", "associations", rest @ ..] => ("old-associations", rest, "v3"),
        ["crm", version @ ("v3" | "v4"), head, rest @ ..] => (head, rest, version),
        ["crm", head, version, rest @ ..] if is_date(version) => (head, rest, version),
        ["crm-object-schemas", version, "schemas", rest @ ..] if is_date(version) || *version == "v3" => ("schemas", rest, version),
        ["oauth", version, rest @ ..] if is_date(version) || matches!(*version, "v1" | "v2" | "v3") => ("oauth", rest, version),
        ["account-info", version, rest @ ..] if is_date(version) || *version == "v3" => ("account-info", rest, version),
        ["webhooks-journal", "journal" | "journal-local", version, rest @ ..] if is_date(version) => ("journal", rest, version),
        ["webhooks-journal", "subscriptions", version, rest @ ..] if is_date(version) => ("journal-subscriptions", rest, version),
        ["webhooks-journal", "snapshots", version, rest @ ..] if is_date(version) => ("journal-snapshots", rest, version),
        ["marketing", "v3", "emails", rest @ ..] => ("mails", rest, "v3"),
        ["marketing", "emails", version, rest @ ..] if is_date(version) => ("mails", rest, version),
        ["marketing", "v3", head @ ("campaigns" | "forms"), rest @ ..] => (head, rest, "v3"),
        ["marketing", head @ ("campaigns" | "forms"), version, rest @ ..] if is_date(version) => (head, rest, version),
        ["form-integrations", "v1", "submissions", "forms", rest @ ..] => ("submissions", rest, "v1"),
        ["submissions", "v3", "integration", "submit", _, rest @ ..] => ("submit", rest, "v3"),
        ["communication-preferences", version @ ("v3" | "v4"), rest @ ..] => ("preferences", rest, version),
        ["journal-files", rest @ ..] => ("journal-files", rest, "v3"),
        ["webhooks", version @ ("v3" | "2026-03"), _, rest @ ..] => ("webhooks", rest, version),
        ["app-webhooks", version, _, rest @ ..] if is_date(version) => ("webhooks", rest, version),
        _ => return None,
    };
    let path = std::iter::once(head).chain(rest.iter().copied()).map(str::to_owned).collect();
    Some((path, version.to_owned(), is_date(version)))
}

impl Call {
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Values of a parameter that may be repeated or hold a list.
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        let values = self.query.iter().filter(|(key, _)| key == name).flat_map(|(_, value)| value.split(','));
        values.map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned).collect()
    }

    /// A number in the query.
    pub(crate) fn number(&self, name: &str, usual: usize) -> Result<usize, Refusal> {
        match self.query(name) {
            None => Ok(usual),
            Some(text) => text.parse().map_err(|_| Refusal::validation(format!("{name} must be a number"))),
        }
    }

    /// The inputs of a batch.
    pub(crate) fn inputs(&self, max: usize) -> Result<&Vec<Value>, Refusal> {
        let inputs = self.body["inputs"].as_array().ok_or_else(|| Refusal::validation("Invalid input JSON: inputs must not be null"))?;
        if inputs.len() > max {
            return Err(Refusal::validation(format!("The maximum number of inputs supported in a batch request is {max}")));
        }
        Ok(inputs)
    }

    /// The answer of a batch: 207 when rows failed, except on dated paths.
    pub(crate) fn batch(&self, status: u16, results: Vec<Value>, errors: Vec<Value>) -> Answer {
        let mut body = json!({"status": "COMPLETE", "results": results, "startedAt": self.at, "completedAt": self.at});
        let mut status = status;
        if !errors.is_empty() {
            body["numErrors"] = json!(errors.len());
            body["errors"] = Value::from(errors);
            if !self.dated {
                status = 207;
            }
        }
        Answer { status, body: Some(body) }
    }

    /// The same address, going on behind `after`.
    pub(crate) fn next(&self, after: &str) -> Value {
        let mut pairs: Vec<(&str, &str)> =
            self.query.iter().filter(|(name, _)| name != "after").map(|(name, value)| (name.as_str(), value.as_str())).collect();
        pairs.push(("after", after));
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        json!({"next": {"after": after, "link": format!("{}?{query}", self.address)}})
    }

    /// An object in the body.
    pub(crate) fn object(&self, name: &str) -> Result<&Map<String, Value>, Refusal> {
        self.body[name].as_object().ok_or_else(|| Refusal::validation(format!("Invalid input JSON: {name} must be an object")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_and_dated_paths_lead_to_one_place() {
        let path = |text: &str| surface(text).map(|(path, _, dated)| (path.join("/"), dated));
        let same = |old: &str, new: &str, place: &str| {
            assert_eq!(path(old), Some((place.to_owned(), false)));
            assert_eq!(path(new), Some((place.to_owned(), true)));
        };
        same("/crm/v3/objects/contacts/batch/read", "/crm/objects/2026-09/contacts/batch/read", "objects/contacts/batch/read");
        same(
            "/crm/v4/objects/contacts/1/associations/companies",
            "/crm/objects/2026-03/contacts/1/associations/companies",
            "objects/contacts/1/associations/companies",
        );
        same("/crm/v4/associations/a/b/batch/read", "/crm/associations/2026-09/a/b/batch/read", "associations/a/b/batch/read");
        same("/crm/v3/properties/deals", "/crm/properties/2026-09/deals", "properties/deals");
        same("/crm/v3/owners", "/crm/owners/2026-09", "owners");
        same("/oauth/v1/token", "/oauth/2026-09/token", "oauth/token");
        same("/webhooks/v3/77/subscriptions", "/app-webhooks/2026-09/77/subscriptions", "webhooks/subscriptions");
        assert_eq!(path("/crm/objects/2026-05/contacts"), None);
        assert_eq!(path("/contacts/v1/lists"), None);
    }
}
