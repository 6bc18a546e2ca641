//! Salesforce's ways below the endpoints.

use std::time::Duration;

use entente_model::clock::Timestamp;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::{refusal, soap};
use crate::error::{Class, VendorError};
use crate::registry::SetupError;
use crate::settings::{ConnectionSettings, Secret};
use crate::transport::call::Answer;
use crate::transport::dialect::{Block, Dialect, LogIn, TokenEncoding, TokenEndpoint};
use crate::transport::pace::{BudgetRule, Reading};
use crate::transport::wire::Tokens;

/// The name that the vendor writes into its change events, so that other integrations can tell our changes.
pub(crate) const CLIENT_NAME: &str = "client=entente";

/// What differs about Salesforce.
pub(crate) struct SalesforceDialect {
    headers: Vec<(HeaderName, HeaderValue)>,
    /// API version, for logging in.
    version: String,
}

impl SalesforceDialect {
    /// Takes the vendor's own headers (`Sforce-…`, such as `Sforce-Duplicate-Rule-Header: allowSave=true`) out of the gateway's
    /// headers: they go to the vendor's data host as well. They are handed back too, for APIs that write them otherwise.
    pub fn new(settings: &mut ConnectionSettings, version: &str) -> Result<(Self, Vec<(String, Secret)>), SetupError> {
        let mut headers = vec![(HeaderName::from_static("sforce-call-options"), HeaderValue::from_static(CLIENT_NAME))];
        let (own, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut settings.headers).into_iter().partition(|(name, _)| name.to_ascii_lowercase().starts_with("sforce-"));
        settings.headers = rest.into_iter().collect();
        for (name, value) in &own {
            let (Ok(header), Ok(value)) = (HeaderName::try_from(name.as_str()), HeaderValue::try_from(value.reveal())) else {
                return Err(SetupError {
                    connection: settings.name.clone(),
                    reason: format!("header `{name}` cannot be sent"),
                    remedy: "header names and values must be plain ASCII on one line".to_owned(),
                });
            };
            headers.push((header, value));
        }
        Ok((Self { headers, version: version.to_owned() }, own))
    }
}

impl Dialect for SalesforceDialect {
    fn token_endpoint(&self) -> TokenEndpoint {
        TokenEndpoint { path: "/services/oauth2/token", encoding: TokenEncoding::Form, extra: &[] }
    }

    fn log_in(&self, username: &str, password: &str) -> Option<LogIn> {
        Some(soap::log_in(&self.version, username, password))
    }

    fn logged_in(&self, answer: &Answer, _received: Timestamp) -> Result<Tokens, VendorError> {
        soap::logged_in(answer)
    }

    fn headers(&self) -> Vec<(HeaderName, HeaderValue)> {
        self.headers.clone()
    }

    fn budgets(&self) -> Vec<BudgetRule> {
        // The org's quota depends on its licences: only `Sforce-Limit-Info` knows it.
        vec![BudgetRule { bucket: None, limit: None, window: Duration::from_secs(86_400), rolling: true, reserve: true }]
    }

    fn readings(&self, headers: &HeaderMap, _bucket: Option<&'static str>) -> Vec<Reading> {
        headers.get("sforce-limit-info").and_then(|value| value.to_str().ok()).and_then(limit_info).into_iter().collect()
    }

    fn said(&self, answer: &Answer, bucket: Option<&'static str>) -> Vec<Reading> {
        let told = self.readings(&answer.headers, bucket);
        if told.is_empty() && answer.header("content-type").is_some_and(|kind| kind.starts_with("text/xml")) {
            return soap::limit_info(&answer.body).map(|(used, limit)| reading(used, limit)).into_iter().collect();
        }
        told
    }

    fn expired(&self, answer: &Answer) -> bool {
        if refusal::is_bad_token(answer) {
            return true;
        }
        if !matches!(answer.status, 401 | 500) {
            return false;
        }
        let items = refusal::items(answer);
        let ended = answer.status == 401 || items.iter().any(|item| item.code == "INVALID_SESSION_ID");
        ended && !items.iter().any(|item| refusal::is_useless_session(&item.code, &item.message))
    }

    fn refuse(&self, answer: &Answer, now: Timestamp) -> VendorError {
        refusal::whole_call(answer, now)
    }

    fn block(&self, answer: &Answer, error: &VendorError, bucket: Option<&'static str>) -> Option<Block> {
        match error.class {
            Class::Wait { until } if error.code == "REQUEST_LIMIT_EXCEEDED" || answer.status == 429 => Some(Block { bucket, until }),
            _ => None,
        }
    }
}

/// Reads `api-usage=18/5000`, with or without a part for the app.
fn limit_info(text: &str) -> Option<Reading> {
    let usage = text.split(';').find_map(|part| part.trim().strip_prefix("api-usage="))?;
    let (used, limit) = usage.split_once('/')?;
    let limit: u64 = limit.trim().parse().ok()?;
    let used: u64 = used.trim().parse().ok()?;
    Some(reading(used, limit))
}

fn reading(used: u64, limit: u64) -> Reading {
    Reading { bucket: None, limit: Some(limit), remaining: Some(limit.saturating_sub(used)), resets_in: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usage_header_is_read() {
        let reading = limit_info("api-usage=18/5000; per-app-api-usage=17/250(appName=entente)").expect("reading");
        assert_eq!((reading.limit, reading.remaining), (Some(5_000), Some(4_982)));
        assert_eq!(limit_info("api-usage=6000/5000").and_then(|reading| reading.remaining), Some(0));
        assert_eq!(limit_info("per-app-api-usage=17/250(appName=entente)"), None);
    }
}
