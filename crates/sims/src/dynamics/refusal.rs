//! Answers, and every shape of refusal of Dataverse and of its sign-in.

use serde_json::{Value, json};

/// An answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Option<Value>,
    /// A body that is no JSON, with its type.
    pub(crate) text: Option<(String, String)>,
}

impl Answer {
    pub(crate) fn json(status: u16, body: Value) -> Self {
        Self { status, body: Some(body), ..Self::default() }
    }

    pub(crate) fn ok(body: Value) -> Self {
        Self::json(200, body)
    }

    pub(crate) fn nothing() -> Self {
        Self { status: 204, ..Self::default() }
    }

    pub(crate) fn text(status: u16, ty: impl Into<String>, text: impl Into<String>) -> Self {
        Self { status, text: Some((ty.into(), text.into())), ..Self::default() }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// An answer or a refusal.
pub(crate) type Outcome = Result<Answer, Refusal>;

/// A call that Dataverse refuses.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// The error; null for none.
    pub body: Value,
    /// Seconds to wait.
    pub retry_after_s: Option<i64>,
    /// Whether nobody was signed in.
    pub(crate) challenge: bool,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.status, self.body["error"]["message"].as_str().unwrap_or_default())
    }
}

impl std::error::Error for Refusal {}

impl Refusal {
    pub(crate) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, body: json!({"error": {"code": code, "message": message.into()}}), retry_after_s: None, challenge: false }
    }

    /// Code of Dataverse.
    #[must_use]
    pub fn code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or_default()
    }

    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self::new(400, "0x80060888", message)
    }

    pub(crate) fn absent(table: &str, id: &str) -> Self {
        Self::new(404, "0x80040217", format!("{table} With Id = {id} Does Not Exist"))
    }

    pub(crate) fn no_key_value(table: &str) -> Self {
        Self::new(404, "0x80060891", format!("A record with the specified key values does not exist in {table} entity"))
    }

    pub(crate) fn not_a_key(table: &str) -> Self {
        Self::bad(format!(
            "The key in the request URI is not valid for resource 'Microsoft.Dynamics.CRM.{table}'. Ensure that the names and number of key properties match the declared or alternate key properties for the resource 'Microsoft.Dynamics.CRM.{table}'."
        ))
    }

    pub(crate) fn segment(name: &str) -> Self {
        Self::new(404, "0x8006088a", format!("Resource not found for the segment '{name}'."))
    }

    pub(crate) fn no_property(name: &str, table: &str) -> Self {
        Self::bad(format!("Could not find a property named '{name}' on type 'Microsoft.Dynamics.CRM.{table}'."))
    }

    pub(crate) fn undeclared(name: &str) -> Self {
        Self::new(
            400,
            "0x80048d19",
            format!(
                "Error identified in Payload provided by the user for Entity :'', For more information on this error please follow this help link https://go.microsoft.com/fwlink/?linkid=2195293  ---->  InnerException : Microsoft.OData.ODataException: An undeclared property '{name}' which only has property annotations in the payload but no property value was found in the payload. In OData, only declared navigation properties and declared named streams can be represented as properties without values."
            ),
        )
    }

    pub(crate) fn version() -> Self {
        Self::new(412, "0x80060882", "The version of the existing record doesn't match the RowVersion property provided.")
    }

    pub(crate) fn exists() -> Self {
        Self::new(412, "0x80040237", "A record with matching key values already exists.")
    }

    /// Another row has the key.
    pub(crate) fn taken(table: &str, key: &str, id: &str) -> Self {
        Self::new(
            412,
            "0x80060892",
            format!(
                "Entity Key {key} violated. A record with the same value for {key} already exists. A duplicate record cannot be created. Select one or more unique values and try again. <Error><Entity>{table}</Entity><Id>{id}</Id></Error>"
            ),
        )
    }

    pub(crate) fn expired_link() -> Self {
        Self::new(400, "0x80044352", "Version stamp associated with the client has expired. Please perform a full sync.")
    }

    pub(crate) fn unauthorized() -> Self {
        Self { status: 401, body: Value::Null, retry_after_s: None, challenge: true }
    }

    pub(crate) fn stranger() -> Self {
        Self::new(403, "0x80072560", "The user is not a member of the organization.")
    }

    pub(crate) fn slow_down(code: &str, message: impl Into<String>, after_s: i64) -> Self {
        Self { retry_after_s: Some(after_s.max(1)), ..Self::new(429, code, message) }
    }

    pub(crate) fn server(status: u16) -> Self {
        if status == 503 {
            return Self::new(503, "0x80044151", "SQL timeout expired.");
        }
        Self::new(500, "0x80040216", "An unexpected error occurred.")
    }

    /// A refusal of the token endpoint.
    pub(crate) fn grant(status: u16, error: &str, number: u32, message: &str, now: &str) -> Self {
        let body = json!({
            "error": error, "error_description": format!("AADSTS{number}: {message} Trace ID: 0d6a4d1e Timestamp: {now}"),
            "error_codes": [number], "timestamp": now, "trace_id": "0d6a4d1e-0000-0000-0000-000000000000",
            "correlation_id": "1b7e3d52-0000-0000-0000-000000000000", "error_uri": format!("https://login.microsoftonline.com/error?code={number}"),
        });
        Self { status, body, retry_after_s: None, challenge: false }
    }
}
