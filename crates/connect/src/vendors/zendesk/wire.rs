//! Zendesk below its endpoints: tokens, limit headers, refusals, and reading an answer's JSON.

use std::time::Duration;

use ::http::HeaderMap;
use entente_model::clock::Timestamp;
use serde_json::Value;

use crate::connector::Priority;
use crate::error::VendorError;
use crate::transport::call::{Answer, Call};
use crate::transport::client::Client;
use crate::transport::dialect::{Block, Dialect, TokenEncoding, TokenEndpoint};
use crate::transport::pace::{BudgetRule, Reading};

use super::errors;
use super::map::Seen;

/// Budget of cursor exports (users, tickets): 20 calls a minute in recorded answers.
pub const EXPORT_CURSOR: &str = "incremental-exports-cursor";
/// Budget of time-based exports (organizations): 10 calls a minute, 30 with the high-volume add-on.
pub const EXPORT_TIME: &str = "incremental-exports";
/// Budget of search.
pub const SEARCH: &str = "search-index";
/// Budget of ticket updates, all tickets together.
pub const TICKET_UPDATES: &str = "tickets-update";
/// Budget of the webhooks API, which shows it in the headers where the others show the account's.
pub const WEBHOOKS: &str = "webhooks";

/// Window of every limit that counts per account.
const MINUTE: Duration = Duration::from_secs(60);

/// Zendesk's part of the client.
#[derive(Debug, Clone, Copy, Default)]
pub struct ZendeskDialect;

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn number(headers: &HeaderMap, names: &[&str]) -> Option<u64> {
    names.iter().find_map(|name| header(headers, name)?.trim().parse().ok())
}

/// Reads `total=100; remaining=99; resets=43`.
fn reading(bucket: &'static str, text: &str) -> Reading {
    let part = |name: &str| text.split(';').find_map(|item| item.trim().strip_prefix(name)?.strip_prefix('=')?.trim().parse::<u64>().ok());
    Reading { bucket: Some(bucket), limit: part("total"), remaining: part("remaining"), resets_in: part("resets").map(Duration::from_secs) }
}

impl Dialect for ZendeskDialect {
    fn token_endpoint(&self) -> TokenEndpoint {
        TokenEndpoint { path: "/oauth/tokens", encoding: TokenEncoding::Json, extra: &[("client_credentials", "scope", "read write")] }
    }

    fn budgets(&self) -> Vec<BudgetRule> {
        let named = |bucket, limit| BudgetRule { bucket: Some(bucket), limit: Some(limit), window: MINUTE, rolling: false, reserve: false };
        vec![
            // 200 to 2,500 a minute by plan: the first answer's headers tell.
            BudgetRule { bucket: None, limit: None, window: MINUTE, rolling: false, reserve: true },
            named(EXPORT_CURSOR, 20),
            named(EXPORT_TIME, 10),
            named(TICKET_UPDATES, 100),
            named(WEBHOOKS, 100),
        ]
    }

    fn readings(&self, headers: &HeaderMap, bucket: Option<&'static str>) -> Vec<Reading> {
        let mut readings = Vec::new();
        let limit = number(headers, &["x-rate-limit", "ratelimit-limit", "rate-limit-limit"]);
        let remaining = number(headers, &["x-rate-limit-remaining", "ratelimit-remaining", "rate-limit-remaining"]);
        if limit.is_some() || remaining.is_some() {
            let resets_in = number(headers, &["ratelimit-reset", "rate-limit-reset"]).map(Duration::from_secs);
            readings.push(Reading { bucket: bucket.filter(|name| *name == WEBHOOKS), limit, remaining, resets_in });
        }
        for name in [EXPORT_CURSOR, EXPORT_TIME, SEARCH, TICKET_UPDATES] {
            // Zendesk writes both spellings.
            for spelling in ["zendesk-ratelimit-", "zendesk-rate-limit-"] {
                if let Some(text) = header(headers, &format!("{spelling}{name}")) {
                    readings.push(reading(name, text));
                }
            }
        }
        readings
    }

    fn refuse(&self, answer: &Answer, now: Timestamp) -> VendorError {
        errors::refuse(answer, now)
    }

    /// Limits of one user, one ticket, one organization or the job queue stop only the call that met them.
    fn block(&self, answer: &Answer, error: &VendorError, bucket: Option<&'static str>) -> Option<Block> {
        let crate::error::Class::Wait { until } = error.class else { return None };
        if answer.status == 503 {
            return Some(Block { bucket: None, until });
        }
        let of_one_row = ["single unique user", "this ticket", "too many jobs", "requests to update"];
        let sentence = error.message.to_lowercase();
        if answer.status != 429
            || error.code == "TooManyJobs"
            || error.code == "TooManyRequests"
            || of_one_row.iter().any(|part| sentence.contains(part))
        {
            return None;
        }
        let account_spent = number(&answer.headers, &["x-rate-limit-remaining", "ratelimit-remaining"]) == Some(0);
        Some(Block { bucket: bucket.filter(|_| !account_spent), until })
    }
}

/// An answer's JSON and moment.
#[derive(Debug)]
pub struct Read {
    /// HTTP status.
    pub status: u16,
    /// Body; null for empty ones.
    pub body: Value,
    /// When it was seen.
    pub seen: Seen,
}

/// Makes a call and reads its JSON. Keys that Zendesk ignored are named in the log.
///
/// # Errors
/// Those of [`Client::call`], and `unreadable` for an answer that is not JSON.
pub async fn send(client: &Client, kind: &'static str, priority: Priority, call: Call) -> Result<Read, VendorError> {
    let answer = client.call(kind, priority, call).await?;
    if let Some(warning) = answer.header("x-zendesk-api-warn") {
        let keys = ignored_keys(warning);
        if !keys.is_empty() {
            tracing::warn!(connection = %client.settings().name, kind, keys = %keys.join(", "), "Zendesk ignored fields of a write: check that the mapping writes only fields that exist and that Entente's user may set");
        }
    }
    let body = if answer.body.is_empty() { Value::Null } else { answer.json()? };
    Ok(Read { status: answer.status, body, seen: seen(client) })
}

/// The present moment of a client.
#[must_use]
pub fn seen(client: &Client) -> Seen {
    Seen { at: client.now(), offset_ms: client.offset().ms().unwrap_or(0) }
}

/// The names in `:unpermitted_keys=>["user.foo", ...]`.
fn ignored_keys(warning: &str) -> Vec<String> {
    let Some((_, rest)) = warning.split_once(":unpermitted_keys=>[") else { return Vec::new() };
    let list = rest.split(']').next().unwrap_or_default();
    list.split(',').map(|key| key.trim().trim_matches('"').to_owned()).filter(|key| !key.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use ::http::HeaderValue;
    use bytes::Bytes;

    use super::*;
    use crate::error::Class;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (::http::HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn limits_are_read_in_both_spellings() {
        let headers = headers(&[
            ("x-rate-limit", "700"),
            ("x-rate-limit-remaining", "698"),
            ("ratelimit-reset", "12"),
            ("zendesk-ratelimit-incremental-exports-cursor", "total=20; remaining=19; resets=43"),
            ("zendesk-rate-limit-search-index", "total=2500; remaining=0; resets=5"),
        ]);
        let readings = ZendeskDialect.readings(&headers, None);
        let seconds = |count| Some(Duration::from_secs(count));
        assert_eq!(
            readings,
            [
                Reading { bucket: None, limit: Some(700), remaining: Some(698), resets_in: seconds(12) },
                Reading { bucket: Some(EXPORT_CURSOR), limit: Some(20), remaining: Some(19), resets_in: seconds(43) },
                Reading { bucket: Some(SEARCH), limit: Some(2500), remaining: Some(0), resets_in: seconds(5) },
            ]
        );
        assert_eq!(ZendeskDialect.readings(&headers, Some(WEBHOOKS))[0].bucket, Some(WEBHOOKS));
    }

    #[test]
    fn a_limit_of_one_row_does_not_stop_the_others() {
        let now: Timestamp = "2026-01-02T10:00:00Z".parse().expect("timestamp");
        let block = |body: &'static str, left: &'static str, bucket| {
            let answer = Answer {
                status: 429,
                headers: headers(&[("retry-after", "9"), ("x-rate-limit-remaining", left)]),
                body: Bytes::from_static(body.as_bytes()),
            };
            let error = errors::refuse(&answer, now);
            assert!(matches!(error.class, Class::Wait { .. }));
            ZendeskDialect.block(&answer, &error, bucket)
        };
        assert_eq!(block("You have exceeded the rate limit for updating a single unique user. user email: a@b.c", "600", None), None);
        assert_eq!(block("Rate limit for ticket updates exceeded, please wait before updating this ticket again", "600", None), None);
        assert_eq!(block(r#"{"error":"TooManyJobs","description":"x"}"#, "600", None), None);
        let until = "2026-01-02T10:00:09Z".parse().expect("timestamp");
        let sentence = "Number of allowed API requests per minute exceeded";
        assert_eq!(block(sentence, "600", Some(EXPORT_TIME)), Some(Block { bucket: Some(EXPORT_TIME), until }));
        assert_eq!(block(sentence, "0", Some(EXPORT_TIME)), Some(Block { bucket: None, until }));
    }

    #[test]
    fn ignored_keys_are_named() {
        let warning = r#"{:allowed_parameters=>{:controller=>"tickets", :action=>"update", :unpermitted_keys=>["ticket.id", "ticket.foo"], :invalid_values=>[]}}"#;
        assert_eq!(ignored_keys(warning), ["ticket.id", "ticket.foo"]);
        assert!(ignored_keys("nonsense").is_empty());
    }
}
