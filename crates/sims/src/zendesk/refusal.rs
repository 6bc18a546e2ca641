//! Answers, and the many shapes of the vendor's refusals.

use serde_json::{Map, Value, json};

/// A refused call or edit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// Body: JSON text, or a plain sentence when `html`.
    pub body: String,
    /// Whether the body is served as `text/html`.
    pub html: bool,
    /// Seconds for `Retry-After`.
    pub retry_after: Option<u64>,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "refused with {}: {}", self.status, self.body)
    }
}

impl std::error::Error for Refusal {}

impl Refusal {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self { status, body: body.to_string(), html: false, retry_after: None }
    }

    pub(crate) fn plain(status: u16, error: &str, description: &str) -> Self {
        Self::json(status, &json!({"error": error, "description": description}))
    }

    pub(crate) fn missing() -> Self {
        Self::plain(404, "RecordNotFound", "Not found")
    }

    pub(crate) fn no_route() -> Self {
        Self::plain(404, "InvalidEndpoint", "Not found")
    }

    pub(crate) fn unauthenticated() -> Self {
        Self::json(401, &json!({"error": "Couldn't authenticate you"}))
    }

    pub(crate) fn forbidden() -> Self {
        Self::json(
            403,
            &json!({"error": {
                "title": "Forbidden",
                "message": "You do not have access to this page. Please contact the account owner of this help desk for further help."
            }}),
        )
    }

    pub(crate) fn missing_scope(scope: &str) -> Self {
        Self::plain(403, "forbidden", &format!("Missing the following required scopes: {scope}"))
    }

    pub(crate) fn parameter(name: &str) -> Self {
        Self::plain(400, "InvalidValue", &format!("Parameter {name} is invalid or missing"))
    }

    pub(crate) fn too_many_values() -> Self {
        Self::json(
            400,
            &json!({"error": "TooManyValues", "description": "Parameter  cannot specify more than 100 values", "max_count": 100}),
        )
    }

    pub(crate) fn too_many(sentence: &str, retry_after: u64) -> Self {
        Self { status: 429, body: sentence.to_owned(), html: true, retry_after: Some(retry_after) }
    }

    pub(crate) fn invalid(field: &str, description: &str, code: &str) -> Self {
        let mut problems = Problems::default();
        problems.add(field, description, code);
        problems.refusal()
    }

    /// The human sentences of the refusal, joined, for bulk results.
    pub(crate) fn sentences(&self) -> String {
        let Ok(body) = serde_json::from_str::<Value>(&self.body) else { return self.body.clone() };
        let details: Vec<&str> = body["details"]
            .as_object()
            .into_iter()
            .flat_map(|map| map.values())
            .flat_map(|list| list.as_array().into_iter().flatten())
            .filter_map(|item| item["description"].as_str())
            .collect();
        if details.is_empty() { body["description"].as_str().unwrap_or_default().to_owned() } else { details.join(" ") }
    }

    /// The machine word of the refusal.
    pub(crate) fn code(&self) -> String {
        serde_json::from_str::<Value>(&self.body).ok().and_then(|body| body["error"].as_str().map(str::to_owned)).unwrap_or_default()
    }
}

/// Validation errors of one write, by attribute.
#[derive(Debug, Default)]
pub(crate) struct Problems(Map<String, Value>);

impl Problems {
    pub(crate) fn add(&mut self, field: &str, description: &str, code: &str) {
        let item = json!({"description": description, "error": code});
        match self.0.get_mut(field).and_then(Value::as_array_mut) {
            Some(list) => list.push(item),
            None => drop(self.0.insert(field.to_owned(), Value::Array(vec![item]))),
        }
    }

    pub(crate) fn refusal(self) -> Refusal {
        Refusal::json(422, &json!({"error": "RecordInvalid", "description": "Record validation errors", "details": self.0}))
    }

    pub(crate) fn check(self) -> Result<(), Refusal> {
        if self.0.is_empty() { Ok(()) } else { Err(self.refusal()) }
    }
}

/// Keys of a write that were ignored, reported in `X-Zendesk-API-Warn`.
#[derive(Debug, Default)]
pub(crate) struct Warned {
    keys: Vec<String>,
}

impl Warned {
    pub(crate) fn key(&mut self, kind: &str, key: &str) {
        self.keys.push(format!("{kind}.{key}"));
    }

    pub(crate) fn header(&self, controller: &str, action: &str) -> Option<String> {
        if self.keys.is_empty() {
            return None;
        }
        let keys: Vec<String> = self.keys.iter().map(|key| format!("{key:?}")).collect();
        Some(format!(
            "{{:allowed_parameters=>{{:controller=>{controller:?}, :action=>{action:?}, :unpermitted_keys=>[{}], :invalid_values=>[]}}}}",
            keys.join(", ")
        ))
    }
}

/// A successful answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Option<Value>,
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl Answer {
    pub(crate) fn ok(body: Value) -> Self {
        Self { status: 200, body: Some(body), headers: Vec::new() }
    }

    pub(crate) fn created(body: Value, location: String) -> Self {
        Self { status: 201, body: Some(body), headers: vec![("location", location)] }
    }

    pub(crate) fn empty() -> Self {
        Self { status: 204, body: None, headers: Vec::new() }
    }

    pub(crate) fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(crate) fn warned(self, warned: &Warned, controller: &str, action: &str) -> Self {
        match warned.header(controller, action) {
            Some(value) => self.header("x-zendesk-api-warn", value),
            None => self,
        }
    }
}

/// What a route makes of a call.
pub(crate) type Outcome = Result<Answer, Refusal>;
