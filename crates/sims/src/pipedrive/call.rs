//! One request as the routes see it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::moment::instant;
use super::refusal::Refusal;

/// Which version of the API a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    Old,
    New,
    /// `/oauth/…`.
    SignIn,
}

/// A request, read.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) version: Version,
    /// Where it goes, without prefix and version.
    pub(crate) path: Vec<String>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) body: Value,
    /// Scheme and host as called.
    pub(crate) origin: String,
    /// Who calls.
    pub(crate) user: u64,
    /// Whether a fault halves the page.
    pub(crate) half_page: bool,
}

/// Splits a path into its version and the segments behind it.
pub(crate) fn surface(path: &str) -> Option<(Version, Vec<String>)> {
    let parts: Vec<String> =
        path.split('/').filter(|part| !part.is_empty()).map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned()).collect();
    let view: Vec<&str> = parts.iter().map(String::as_str).collect();
    let (version, skipped) = match view.as_slice() {
        ["api", "v2", ..] => (Version::New, 2),
        ["api", "v1", ..] => (Version::Old, 2),
        ["v2", ..] => (Version::New, 1),
        ["v1", ..] => (Version::Old, 1),
        ["oauth", ..] => (Version::SignIn, 1),
        _ => return None,
    };
    Some((version, parts.into_iter().skip(skipped).collect()))
}

/// A place in a list as its opaque cursor.
pub(crate) fn cursor_text(at: usize) -> String {
    URL_SAFE_NO_PAD.encode(format!("{{\"offset\":{at}}}"))
}

impl Call {
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// A number in the query.
    pub(crate) fn number(&self, name: &str) -> Result<Option<u64>, Refusal> {
        self.query(name).map(|text| text.parse().map_err(|_| Refusal::flaw(name, "must be a number"))).transpose()
    }

    /// Rows of a page.
    pub(crate) fn limit(&self, usual: usize, most: usize) -> Result<usize, Refusal> {
        let limit = self.number("limit")?.map_or(usual, |limit| limit as usize);
        if limit == 0 || limit > most {
            return Err(Refusal::flaw("limit", format!("must be between 1 and {most}")));
        }
        Ok(if self.half_page { limit.div_ceil(2) } else { limit })
    }

    /// The place of a plain cursor.
    pub(crate) fn cursor(&self) -> Result<usize, Refusal> {
        let Some(text) = self.query("cursor") else { return Ok(0) };
        let decoded: Option<Value> = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        decoded.and_then(|held| held["offset"].as_u64()).map(|at| at as usize).ok_or_else(|| Refusal::flaw("cursor", "is not valid"))
    }

    /// An instant of the present version in the query: whole seconds only.
    pub(crate) fn instant(&self, name: &str) -> Result<Option<i64>, Refusal> {
        self.query(name).map(|text| instant(text).ok_or_else(|| Refusal::flaw(name, "must be in RFC3339 format"))).transpose()
    }
}
