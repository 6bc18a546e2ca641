//! One request as the routes see it, and pages.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use serde_json::{Map, Value, json};

use super::refusal::{Answer, Outcome, Refusal};

/// Version of a workspace whose app did not choose one, and the newest one: 2.14 and 2.16.
pub(crate) const USUAL: u16 = 14;
/// See [`USUAL`].
const NEWEST: u16 = 16;

/// Reads `2.14`. Older major versions end with 1.4.
pub(crate) fn version(text: &str) -> Option<u16> {
    let (major, minor) = text.split_once('.')?;
    let minor: u16 = minor.parse().ok()?;
    match major {
        "2" if minor <= NEWEST => Some(minor),
        "1" if minor <= 4 => Some(0),
        _ => None,
    }
}

/// A request, read.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// Path, split and decoded.
    pub(crate) path: Vec<String>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) body: Map<String, Value>,
    /// Origin as called, for links.
    pub(crate) origin: String,
    /// Minor part of the version: 14 for 2.14.
    pub(crate) version: u16,
    /// Whether a fault halves the page.
    pub(crate) half_page: bool,
}

impl Call {
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A text of the body; empty ones count as absent.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// An id of the body.
    pub(crate) fn id(&self, name: &str) -> Option<String> {
        super::text::id(self.body.get(name))
    }

    /// Rows of a page, from the query or the body.
    pub(crate) fn size(&self, usual: usize, max: usize) -> Result<usize, Refusal> {
        let size = self.number("per_page", usual)?;
        if size == 0 || size > max {
            return Err(Refusal::parameter("per_page", format!("per_page must be between 1 and {max}")));
        }
        Ok(if self.half_page && size > 1 { size.div_ceil(2) } else { size })
    }

    /// A number of the query or the body.
    pub(crate) fn number(&self, name: &str, usual: usize) -> Result<usize, Refusal> {
        let given = self.query(name).map(str::to_owned).or_else(|| super::text::id(self.body.get(name)));
        match given {
            None => Ok(usual),
            Some(text) => text.parse().map_err(|_| Refusal::parameter(name, format!("{name} must be a number"))),
        }
    }

    /// The page of `rows` that is asked for by number. `next` is an address or null here.
    pub(crate) fn numbered(&self, rows: Vec<Value>, usual: usize, max: usize) -> Result<(Vec<Value>, Value), Refusal> {
        let (size, page) = (self.size(usual, max)?, self.number("page", 1)?.max(1));
        let total = rows.len().div_ceil(size);
        let next = if page < total {
            json!(format!("{}/{}?per_page={size}&page={}", self.origin, self.path.join("/"), page + 1))
        } else {
            Value::Null
        };
        let pages = json!({"type": "pages", "next": next, "page": page, "per_page": size, "total_pages": total});
        Ok((rows.into_iter().skip((page - 1) * size).take(size).collect(), pages))
    }
}

/// Where a list goes on: the sort value and the id of the last row.
pub(crate) fn token(sort: &Value, id: &str) -> String {
    STANDARD.encode(json!([sort, id]).to_string())
}

/// Reads [`token`].
pub(crate) fn read_token(text: &str) -> Result<(Value, String), Refusal> {
    let wrong = || Refusal::parameter("starting_after", "starting_after is not valid");
    let bytes = STANDARD.decode(text).map_err(|_| wrong())?;
    let read: (Value, String) = serde_json::from_slice(&bytes).map_err(|_| wrong())?;
    Ok(read)
}

/// A whole list without pages.
pub(crate) fn list(rows: Vec<Value>) -> Outcome {
    Ok(Answer::ok(json!({"type": "list", "data": rows})))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_tokens_are_read() {
        assert_eq!(
            (version("2.14"), version("2.16"), version("1.4"), version("2.17"), version("soon")),
            (Some(14), Some(16), Some(0), None, None)
        );
        assert_eq!(read_token(&token(&json!(17), "abc")).expect("token"), (json!(17), "abc".to_owned()));
        assert!(read_token("?").is_err());
    }
}
