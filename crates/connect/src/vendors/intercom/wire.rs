//! Intercom's ways below the endpoints: the version that every call names, and the window of ten seconds.

use std::time::Duration;

use ::http::{HeaderMap, HeaderName, HeaderValue};
use entente_model::clock::Timestamp;
use serde_json::Value;

use super::map::Seen;
use super::refusal;
use crate::connector::Priority;
use crate::error::{Class, VendorError};
use crate::transport::call::{Answer, Call};
use crate::transport::client::Client;
use crate::transport::dialect::{Dialect, TokenEncoding, TokenEndpoint};
use crate::transport::offset::http_date;
use crate::transport::pace::{BudgetRule, Reading};

/// Window of the limit.
pub(crate) const WINDOW: Duration = Duration::from_secs(10);

/// Versions that this connector speaks. The first one is used where the settings name none: it tells what became of merged contacts and
/// which conversations were deleted.
pub(crate) const VERSIONS: &[&str] = &["2.16", "2.15", "2.14"];

/// What differs about Intercom.
#[derive(Debug)]
pub(crate) struct IntercomDialect {
    /// Version of the API.
    pub version: &'static str,
}

impl Dialect for IntercomDialect {
    fn token_endpoint(&self) -> TokenEndpoint {
        // Tokens do not end: nothing is ever asked for here.
        TokenEndpoint { path: "/auth/eagle/token", encoding: TokenEncoding::Json, extra: &[] }
    }

    fn headers(&self) -> Vec<(HeaderName, HeaderValue)> {
        // Without it the app's own setting counts, which a person may change.
        vec![(HeaderName::from_static("intercom-version"), HeaderValue::from_static(self.version))]
    }

    fn budgets(&self) -> Vec<BudgetRule> {
        // 167 to 4,167 in ten seconds by plan: the first answer's headers tell.
        vec![BudgetRule { bucket: None, limit: None, window: WINDOW, rolling: false, reserve: true }]
    }

    fn readings(&self, headers: &HeaderMap, _: Option<&'static str>) -> Vec<Reading> {
        let number = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).and_then(|text| text.trim().parse::<u64>().ok());
        let (limit, remaining) = (number("x-ratelimit-limit"), number("x-ratelimit-remaining"));
        if limit.is_none() && remaining.is_none() {
            return Vec::new();
        }
        vec![Reading { bucket: None, limit, remaining, resets_in: resets_in(headers) }]
    }

    fn refuse(&self, answer: &Answer, now: Timestamp) -> VendorError {
        refusal::refuse(answer, now)
    }
}

/// Time until the window ends, by the vendor's own clock.
pub(crate) fn resets_in(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let reset: i64 = text("x-ratelimit-reset")?.trim().parse().ok()?;
    let theirs = http_date(text("date")?)?.as_second();
    u64::try_from(reset - theirs).ok().map(Duration::from_secs)
}

/// An answer's JSON and moment.
#[derive(Debug)]
pub(crate) struct Read {
    /// HTTP status.
    pub status: u16,
    /// Body; null for empty ones.
    pub body: Value,
    /// When it was seen.
    pub seen: Seen,
    /// The contact that a merged one has become.
    pub winner: Option<String>,
    /// The vendor's own time.
    pub theirs: Option<Timestamp>,
}

impl Read {
    /// The rows of a list, whatever Intercom calls it.
    ///
    /// # Errors
    /// `unreadable` when there is no list.
    pub fn rows(&self) -> Result<&Vec<Value>, VendorError> {
        let named = ["data", "conversations", "tickets", "admins", "teams"].iter().find_map(|name| self.body[*name].as_array());
        named.or_else(|| self.body.as_array()).ok_or_else(unreadable)
    }

    /// Where the list goes on: `pages.next` is an object here, an address there, and absent at the end.
    pub fn after(&self) -> Option<String> {
        self.body["pages"]["next"]["starting_after"].as_str().map(str::to_owned)
    }

    /// Whether a list of numbered pages goes on.
    pub fn more(&self) -> bool {
        !self.body["pages"]["next"].is_null()
    }
}

fn unreadable() -> VendorError {
    VendorError::new(
        Class::Retry,
        "unreadable",
        "the answer is not the list that was asked for",
        "if this repeats, check that base_url points at Intercom's API and not at a login or maintenance page",
    )
}

/// Makes a call and reads its JSON.
///
/// # Errors
/// Those of [`Client::call`], and `unreadable` for an answer that is not JSON.
pub(crate) async fn send(client: &Client, kind: &'static str, priority: Priority, call: Call) -> Result<Read, VendorError> {
    let answer = client.call(kind, priority, call).await?;
    read(client, &answer)
}

/// Reads an answer. The body of one that was accepted although it failed may be anything.
pub(crate) fn read(client: &Client, answer: &Answer) -> Result<Read, VendorError> {
    let body = if answer.body.is_empty() {
        Value::Null
    } else if answer.status < 300 {
        answer.json()?
    } else {
        serde_json::from_slice(&answer.body).unwrap_or_default()
    };
    Ok(Read {
        status: answer.status,
        body,
        seen: seen(client),
        winner: answer.header("link").and_then(winner),
        theirs: answer.header("date").and_then(http_date),
    })
}

/// The present moment of a client.
pub(crate) fn seen(client: &Client) -> Seen {
    Seen { at: client.now(), offset_ms: client.offset().ms().unwrap_or(0) }
}

/// Reads `</contacts/5ba6…>; rel="canonical"`.
fn winner(link: &str) -> Option<String> {
    let part = link.split(',').find(|part| part.contains("rel=\"canonical\""))?;
    let address = part.trim().strip_prefix('<')?.split('>').next()?;
    address.rsplit('/').next().filter(|id| super::kind::is_id(id)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn the_limit_is_read_from_the_headers_by_the_vendor_s_clock() {
        let dialect = IntercomDialect { version: VERSIONS[0] };
        let headers = headers(&[
            ("x-ratelimit-limit", "167"),
            ("x-ratelimit-remaining", "160"),
            ("x-ratelimit-reset", "1767348010"),
            ("date", "Fri, 02 Jan 2026 10:00:03 GMT"),
        ]);
        let expected = Reading { bucket: None, limit: Some(167), remaining: Some(160), resets_in: Some(Duration::from_secs(7)) };
        assert_eq!(dialect.readings(&headers, None), [expected]);
        assert!(dialect.readings(&HeaderMap::new(), None).is_empty(), "answers to nobody have none");
        assert_eq!(dialect.headers()[0].1, "2.16");
    }

    #[test]
    fn the_winner_of_a_merge_is_read_from_the_link() {
        assert_eq!(winner("</contacts/5ba682d23d7cf92bef87bfd4>; rel=\"canonical\"").as_deref(), Some("5ba682d23d7cf92bef87bfd4"));
        assert_eq!(winner("<https://api.intercom.io/contacts?page=2>; rel=\"next\""), None);
    }
}
