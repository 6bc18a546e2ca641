//! Freshdesk's ways below the endpoints, and links to next pages.

use std::time::Duration;

use ::http::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use entente_model::clock::Timestamp;
use serde_json::Value;
use url::Url;

use super::map::Seen;
use super::refusal;
use crate::connector::Priority;
use crate::error::{Class, VendorError};
use crate::transport::call::{Answer, Call};
use crate::transport::client::Client;
use crate::transport::dialect::{Block, Dialect, TokenEncoding, TokenEndpoint};
use crate::transport::offset::http_date;
use crate::transport::pace::{BudgetRule, Reading};

/// Budget of new tickets.
pub(crate) const NEW_TICKETS: &str = "create_ticket";
/// Budget of changes of tickets.
pub(crate) const TICKET_UPDATES: &str = "update_ticket";
/// Budget of lists of tickets.
pub(crate) const TICKET_LISTS: &str = "list_tickets";
/// Budget of lists of contacts.
pub(crate) const CONTACT_LISTS: &str = "list_contacts";

/// Window of every limit.
const MINUTE: Duration = Duration::from_secs(60);

/// Plans by their calls a minute: new tickets and changes of them, lists of tickets and contacts.
const PLANS: &[(u64, u64, u64)] = &[(200, 80, 20), (400, 160, 100), (700, 280, 200), (1000, 400, 300), (2000, 800, 400)];

/// What differs about Freshdesk.
#[derive(Debug)]
pub(crate) struct FreshdeskDialect;

impl Dialect for FreshdeskDialect {
    fn token_endpoint(&self) -> TokenEndpoint {
        // API keys are all there is: nothing is ever asked for here.
        TokenEndpoint { path: "/api/v2/agents/me", encoding: TokenEncoding::Form, extra: &[] }
    }

    /// The key is a user name; the password can be anything.
    fn authorization(&self, token: &str) -> String {
        format!("Basic {}", STANDARD.encode(format!("{token}:X")))
    }

    fn budgets(&self) -> Vec<BudgetRule> {
        let named = |bucket| BudgetRule { bucket: Some(bucket), limit: None, window: MINUTE, rolling: false, reserve: false };
        vec![
            // 50 to 2,000 a minute by plan: the first answer's headers tell.
            BudgetRule { bucket: None, limit: None, window: MINUTE, rolling: false, reserve: true },
            named(NEW_TICKETS),
            named(TICKET_UPDATES),
            named(TICKET_LISTS),
            named(CONTACT_LISTS),
        ]
    }

    fn readings(&self, headers: &HeaderMap, _: Option<&'static str>) -> Vec<Reading> {
        let number = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).and_then(|text| text.trim().parse().ok());
        let (limit, remaining) = (number("x-ratelimit-total"), number("x-ratelimit-remaining"));
        if limit.is_none() && remaining.is_none() {
            return Vec::new();
        }
        let mut readings = vec![Reading { bucket: None, limit, remaining, resets_in: None }];
        // The smaller limits of single endpoints follow from the plan, which the account's limit gives away.
        if let Some((_, writes, lists)) = limit.and_then(|limit| PLANS.iter().find(|(total, ..)| *total == limit)) {
            let of = |bucket, most: &u64| Reading { bucket: Some(bucket), limit: Some(*most), remaining: None, resets_in: None };
            readings.extend([of(NEW_TICKETS, writes), of(TICKET_UPDATES, writes), of(TICKET_LISTS, lists), of(CONTACT_LISTS, lists)]);
        }
        readings
    }

    fn refuse(&self, answer: &Answer, now: Timestamp) -> VendorError {
        refusal::refuse(answer, now)
    }

    fn block(&self, answer: &Answer, error: &VendorError, bucket: Option<&'static str>) -> Option<Block> {
        let Class::Wait { until } = error.class else { return None };
        let left = answer.header("x-ratelimit-remaining").and_then(|text| text.trim().parse::<u64>().ok());
        // With calls left for the account, it was the endpoint's own limit.
        let own = bucket.filter(|_| left.is_some_and(|left| left > 0));
        (answer.status == 429 || answer.status == 503).then_some(Block { bucket: own, until })
    }
}

/// Where a list goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NextPage {
    /// Its number.
    pub page: u32,
    /// Rows of a page, as the vendor has it.
    pub size: u32,
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
    /// Where the list goes on.
    pub next: Option<NextPage>,
    /// The vendor's own time.
    pub theirs: Option<Timestamp>,
}

impl Read {
    /// The rows of a bare list.
    pub fn rows(&self) -> Result<&Vec<Value>, VendorError> {
        self.body.as_array().ok_or_else(unreadable)
    }
}

fn unreadable() -> VendorError {
    VendorError::new(
        Class::Retry,
        "unreadable",
        "the answer is not the list that was asked for",
        "if this repeats, check that base_url points at Freshdesk's API and not at a login or maintenance page",
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
        next: answer.header("link").and_then(next_page),
        theirs: answer.header("date").and_then(http_date),
    })
}

/// The present moment of a client.
pub(crate) fn seen(client: &Client) -> Seen {
    Seen { at: client.now(), offset_ms: client.offset().ms().unwrap_or(0) }
}

/// Reads `<https://…?page=2&per_page=100>; rel="next"`. Only the numbers are taken: the address may be that of a host behind a gateway.
fn next_page(link: &str) -> Option<NextPage> {
    let part = link.split(',').find(|part| part.contains("rel=\"next\""))?;
    let address = part.trim().strip_prefix('<')?.split('>').next()?;
    let url = Url::parse(address).ok()?;
    let number = |name: &str| url.query_pairs().find(|(key, _)| key == name).and_then(|(_, value)| value.parse().ok());
    Some(NextPage { page: number("page")?, size: number("per_page").unwrap_or(30) })
}

#[cfg(test)]
mod tests {
    use ::http::{HeaderName, HeaderValue};
    use bytes::Bytes;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn the_account_s_limit_tells_those_of_its_endpoints() {
        let headers = headers(&[("x-ratelimit-total", "400"), ("x-ratelimit-remaining", "398")]);
        let readings = FreshdeskDialect.readings(&headers, None);
        assert_eq!(readings[0], Reading { bucket: None, limit: Some(400), remaining: Some(398), resets_in: None });
        let limits: Vec<(Option<&str>, Option<u64>)> = readings[1..].iter().map(|reading| (reading.bucket, reading.limit)).collect();
        let expected = [(NEW_TICKETS, 160), (TICKET_UPDATES, 160), (TICKET_LISTS, 100), (CONTACT_LISTS, 100)];
        assert_eq!(limits, expected.map(|(bucket, limit)| (Some(bucket), Some(limit))));
        assert!(FreshdeskDialect.readings(&HeaderMap::new(), None).is_empty());
    }

    #[test]
    fn a_limit_of_one_endpoint_does_not_stop_the_others() {
        let now: Timestamp = "2026-01-02T10:00:00Z".parse().expect("timestamp");
        let block = |left: &'static str| {
            let answer =
                Answer { status: 429, headers: headers(&[("retry-after", "9"), ("x-ratelimit-remaining", left)]), body: Bytes::new() };
            let error = refusal::refuse(&answer, now);
            FreshdeskDialect.block(&answer, &error, Some(TICKET_LISTS)).map(|block| block.bucket)
        };
        assert_eq!((block("120"), block("0")), (Some(Some(TICKET_LISTS)), Some(None)));
    }

    #[test]
    fn links_are_read_and_keys_are_users() {
        let link = "<https://acme.freshdesk.com/api/v2/contacts?updated_since=2026-01-01&page=3&per_page=50>; rel=\"next\"";
        assert_eq!(next_page(link), Some(NextPage { page: 3, size: 50 }));
        assert_eq!(next_page("<https://acme.freshdesk.com/api/v2/contacts?page=1>; rel=\"prev\""), None);
        assert_eq!(FreshdeskDialect.authorization("key"), "Basic a2V5Olg=");
    }
}
