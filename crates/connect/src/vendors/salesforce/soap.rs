//! The SOAP partner API, for old orgs: the same rows, asked for and written in envelopes. Which API a connection speaks is a setting.
//!
//! What it lacks against REST: calls are not bundled, there are no bulk jobs, and an update has no precondition, so the rows' stamps are
//! looked at right before. Fields are provisioned over the Tooling API, which takes the same session.

mod describe;
mod fault;
mod layout;
mod log_in;
mod results;
mod rows;
mod sobject;
mod xml;

use crate::connector::Priority;
use crate::error::{Class, VendorError};
use crate::registry::SetupError;
use crate::settings::{ConnectionSettings, Secret};
use crate::transport::call::{Answer, Body, Call};
use crate::vendors::salesforce::Salesforce;
use xml::Element;

pub(super) use fault::items as fault_items;
pub(super) use log_in::{log_in, logged_in};
pub(super) use xml::limit_info;

/// Media type of envelopes (SOAP 1.1).
const MEDIA_TYPE: &str = "text/xml; charset=UTF-8";

/// The name that the vendor writes into its change events.
const CLIENT: &str = "<urn:CallOptions><urn:client>entente</urn:client></urn:CallOptions>";

/// How a connection speaks SOAP.
#[derive(Debug)]
pub(super) struct Soap {
    /// `/services/Soap/u/62.0`.
    path: String,
    /// Headers of every envelope, as the connection's settings want them.
    headers: String,
}

/// One operation: its name in our counts, and its content.
struct Operation {
    kind: &'static str,
    headers: &'static str,
    body: String,
    idempotent: bool,
}

impl Operation {
    /// One that only reads.
    fn read(kind: &'static str, body: String) -> Self {
        Self { kind, headers: "", body, idempotent: true }
    }

    fn write(kind: &'static str, body: String) -> Self {
        Self { kind, headers: "", body, idempotent: false }
    }

    fn with(self, headers: &'static str) -> Self {
        Self { headers, ..self }
    }
}

impl Soap {
    /// Prepares to speak in a version. `own` are the vendor's headers of the settings, as they are called in REST.
    pub fn new(settings: &ConnectionSettings, version: &str, own: &[(String, Secret)]) -> Result<Self, SetupError> {
        let mut headers = String::new();
        for (name, value) in own {
            headers.push_str(&header(name, value.reveal()).ok_or_else(|| {
                SetupError {
                    connection: settings.name.clone(),
                    reason: format!("header `{name}` has no counterpart in SOAP, or cannot be read"),
                    remedy:
                        "use Sforce-Duplicate-Rule-Header, Sforce-Auto-Assign or Sforce-Mru as they are written for REST, or take it out"
                            .to_owned(),
                }
            })?);
        }
        Ok(Self { path: format!("/services/Soap/u/{version}"), headers })
    }

    fn call(&self, operation: &Operation) -> Call {
        let (head, tail) = envelope(&format!("{CLIENT}{}{}", operation.headers, self.headers), &operation.body);
        let mut call = Call::new(http::Method::POST, self.path.clone()).header("soapaction", "\"\"").header("accept", "text/xml");
        call.body = Body::Session { content_type: MEDIA_TYPE, head, tail };
        call.idempotent = operation.idempotent;
        call
    }
}

/// A header of REST as the headers of SOAP have it.
fn header(name: &str, value: &str) -> Option<String> {
    let parts = |allowed: &[&str]| -> Option<String> {
        let mut given = Vec::new();
        for part in value.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            let (key, value) = part.split_once('=')?;
            given.push((key.trim(), value.trim()));
        }
        if given.iter().any(|(key, _)| !allowed.contains(key)) {
            return None;
        }
        // The order is the schema's.
        let mut out = String::new();
        for key in allowed {
            out.extend(given.iter().filter(|(given, _)| given == key).map(|(_, value)| xml::tag(&format!("urn:{key}"), value)));
        }
        Some(out)
    };
    let wrap = |name: &str, inner: &str| format!("<urn:{name}>{inner}</urn:{name}>");
    match name.to_ascii_lowercase().as_str() {
        "sforce-duplicate-rule-header" => {
            Some(wrap("DuplicateRuleHeader", &parts(&["allowSave", "includeRecordDetails", "runAsCurrentUser"])?))
        }
        "sforce-mru" => Some(wrap("MruHeader", &parts(&["updateMru"])?)),
        "sforce-auto-assign" => Some(match value.to_ascii_uppercase().as_str() {
            // Without the header no rule runs.
            "FALSE" => String::new(),
            "TRUE" => wrap("AssignmentRuleHeader", "<urn:useDefaultRule>true</urn:useDefaultRule>"),
            _ => wrap("AssignmentRuleHeader", &xml::tag("urn:assignmentRuleId", value)),
        }),
        _ => None,
    }
}

/// An envelope, cut where the session's id goes.
fn envelope(headers: &str, body: &str) -> (String, String) {
    let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" \
                xmlns:urn=\"urn:partner.soap.sforce.com\" xmlns:sobj=\"urn:sobject.partner.soap.sforce.com\">\
                <soapenv:Header><urn:SessionHeader><urn:sessionId>";
    let tail =
        format!("</urn:sessionId></urn:SessionHeader>{headers}</soapenv:Header><soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>");
    (head.to_owned(), tail)
}

/// The content of an answer's body, which is the operation's response.
fn response(answer: &Answer) -> Result<Element, VendorError> {
    let read = xml::read(&answer.body).and_then(|root| {
        let body = root.children.into_iter().find(|child| child.name == "Body").ok_or("there is no Body")?;
        body.children.into_iter().next().ok_or("its Body is empty")
    });
    read.map_err(|reason| {
        VendorError::new(
            Class::Retry,
            "unreadable",
            format!("the answer is no SOAP envelope: {reason}; it begins: {}", answer.excerpt()),
            "if this repeats, check that the base URL points at the org's API and not at a login or maintenance page",
        )
        .with_status(answer.status)
    })
}

impl Salesforce {
    /// Calls an operation; its response, and the answer that it came in.
    async fn soap_call(&self, soap: &Soap, operation: Operation, priority: Priority) -> Result<(Element, Answer), VendorError> {
        let answer = self.client.call(operation.kind, priority, soap.call(&operation)).await?;
        Ok((response(&answer)?, answer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_rest_have_their_counterparts() {
        assert_eq!(
            header("Sforce-Duplicate-Rule-Header", "runAsCurrentUser=true; allowSave=true").as_deref(),
            Some(
                "<urn:DuplicateRuleHeader><urn:allowSave>true</urn:allowSave><urn:runAsCurrentUser>true</urn:runAsCurrentUser></urn:DuplicateRuleHeader>"
            )
        );
        assert_eq!(header("sforce-auto-assign", "FALSE").as_deref(), Some(""));
        assert!(header("sforce-auto-assign", "01Q000000000001AAA").is_some_and(|text| text.contains("assignmentRuleId")));
        assert_eq!(header("sforce-query-options", "batchSize=200"), None);
        assert_eq!(header("sforce-mru", "nonsense"), None);
    }
}
