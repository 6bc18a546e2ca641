//! The shapes that travel: calls under the API's root, pages with their links, stamps and versions.

use entente_model::clock::Timestamp;
use serde_json::Value;

use super::Dynamics;
use crate::connector::Priority;
use crate::error::VendorError;
use crate::transport::call::Call;

/// Where the Web API begins.
pub(crate) const ROOT: &str = "/api/data/v9.2";
/// The mark of our own writes: it comes back in webhooks as a shared variable.
pub(crate) const TAG: &str = "entente";
/// Annotations that rows are read with: names of what lookups lead to and of choices, and the table behind a lookup.
pub(crate) const ANNOTATIONS: &str =
    "odata.include-annotations=\"OData.Community.Display.V1.FormattedValue,Microsoft.Dynamics.CRM.lookuplogicalname\"";
/// Rows of a page, the most there may be. Dataverse wants it said again with each page.
pub(crate) const PAGE_ROWS: &str = "odata.maxpagesize=5000";

/// A page of a list.
#[derive(Debug)]
pub(crate) struct Rows {
    pub rows: Vec<Value>,
    /// Path of the next page.
    pub next: Option<String>,
    /// Path of what changes from now on.
    pub delta: Option<String>,
    /// The vendor's own time.
    pub theirs: Option<Timestamp>,
}

/// The path of a link: links name the environment's own host, and a gateway may stand before it. Nothing of it is encoded anew.
pub(crate) fn path_of(link: &str) -> Option<String> {
    let (_, rest) = link.split_once("/api/data/")?;
    let (_, rest) = rest.split_once('/')?;
    Some(format!("{ROOT}/{rest}"))
}

impl Dynamics {
    /// Makes a call and reads its body; nothing is null.
    pub(super) async fn ask(&self, kind: &'static str, priority: Priority, call: Call) -> Result<Value, VendorError> {
        let answer = self.client.call(kind, priority, call).await?;
        if answer.body.is_empty() { Ok(Value::Null) } else { answer.json() }
    }

    /// Reads a page of a list.
    pub(super) async fn page_of(&self, kind: &'static str, priority: Priority, call: Call) -> Result<Rows, VendorError> {
        let answer = self.client.call(kind, priority, call).await?;
        let theirs = answer.header("date").and_then(crate::transport::offset::http_date);
        let mut body: Value = answer.json()?;
        let link = |name: &str| body[name].as_str().and_then(path_of);
        let (next, delta) = (link("@odata.nextLink"), link("@odata.deltaLink"));
        let rows = if let Value::Array(rows) = body["value"].take() { rows } else { Vec::new() };
        Ok(Rows { rows, next, delta, theirs })
    }

    /// Reads a whole list.
    pub(super) async fn all_of(&self, kind: &'static str, priority: Priority, call: Call) -> Result<Vec<Value>, VendorError> {
        let mut rows = Vec::new();
        let headers = call.headers.clone();
        let mut next = call;
        loop {
            let page = self.page_of(kind, priority, next).await?;
            rows.extend(page.rows);
            let Some(path) = page.next else { return Ok(rows) };
            next = headers.iter().fold(Call::get(path), |call, (name, value)| call.header(name, value.clone()));
        }
    }
}

/// A text as a literal of a filter or a key.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A row's version out of its tag: `W/"123"` → `123`.
pub(crate) fn version(row: &Value) -> Option<String> {
    let tag = row["@odata.etag"].as_str()?;
    let inner = tag.trim_start_matches("W/").trim_matches('"');
    (!inner.is_empty()).then(|| inner.to_owned())
}

/// The tag of a version.
pub(crate) fn etag(version: &str) -> String {
    format!("W/\"{version}\"")
}

/// When a row was last changed.
pub(crate) fn changed_at(row: &Value) -> Option<Timestamp> {
    row["modifiedon"].as_str().and_then(|text| text.parse().ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_link_is_followed_as_it_stands_whatever_host_it_names() {
        let link = "https://acme.crm.dynamics.com/api/data/v9.2/accounts?$select=name&$skiptoken=%3Ccookie%20pagenumber=%222%22%20/%3E";
        assert_eq!(path_of(link).as_deref(), Some("/api/data/v9.2/accounts?$select=name&$skiptoken=%3Ccookie%20pagenumber=%222%22%20/%3E"));
        assert_eq!(path_of("https://evil.example/x"), None);
    }

    #[test]
    fn versions_and_literals_have_their_signs() {
        assert_eq!(version(&json!({"@odata.etag": "W/\"502186\""})).as_deref(), Some("502186"));
        assert_eq!((etag("5"), quoted("O'Neil")), ("W/\"5\"".to_owned(), "'O''Neil'".to_owned()));
    }
}
