//! Dataverse's ways below the endpoints.

use std::time::Duration;

use entente_model::clock::Timestamp;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::refusal;
use crate::error::{Class, VendorError};
use crate::transport::call::Answer;
use crate::transport::dialect::{Block, Dialect, TokenEncoding, TokenEndpoint};
use crate::transport::pace::{BudgetRule, Reading};

/// Window of service protection.
const WINDOW: Duration = Duration::from_secs(300);
/// Requests of one user in it, on one web server.
const REQUESTS: u64 = 6_000;

/// What differs about Dynamics 365.
#[derive(Debug)]
pub(crate) struct DynamicsDialect {
    /// The scope that tokens are asked for: the environment's own address and `/.default`.
    pub scope: String,
}

impl Dialect for DynamicsDialect {
    fn token_endpoint(&self) -> TokenEndpoint {
        TokenEndpoint { path: "/oauth2/v2.0/token", encoding: TokenEncoding::Form, extra: &[] }
    }

    fn scope(&self) -> Option<String> {
        Some(self.scope.clone())
    }

    fn headers(&self) -> Vec<(HeaderName, HeaderValue)> {
        let of = |name, value| (HeaderName::from_static(name), HeaderValue::from_static(value));
        vec![of("odata-version", "4.0"), of("odata-maxversion", "4.0")]
    }

    fn budgets(&self) -> Vec<BudgetRule> {
        // The window slides. What is left when it is low is believed for one length of it, and then asked again.
        vec![BudgetRule { bucket: None, limit: Some(REQUESTS), window: WINDOW, rolling: false, reserve: true }]
    }

    fn readings(&self, headers: &HeaderMap, _: Option<&'static str>) -> Vec<Reading> {
        let remaining = headers.get("x-ms-ratelimit-burst-remaining-xrm-requests").and_then(|value| value.to_str().ok());
        // What is left is left on the web server that answered; the limit is never told.
        let remaining = remaining.and_then(|text| text.trim().parse().ok());
        remaining.map(|left| Reading { bucket: None, limit: None, remaining: Some(left), resets_in: None }).into_iter().collect()
    }

    fn refuse(&self, answer: &Answer, now: Timestamp) -> VendorError {
        refusal::refuse(answer, now)
    }

    fn block(&self, answer: &Answer, error: &VendorError, _: Option<&'static str>) -> Option<Block> {
        match error.class {
            Class::Wait { until } if answer.status == 429 => Some(Block { bucket: None, until }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_read_and_may_be_missing() {
        let dialect = DynamicsDialect { scope: String::new() };
        let mut headers = HeaderMap::new();
        assert!(dialect.readings(&headers, None).is_empty());
        headers.insert("x-ms-ratelimit-burst-remaining-xrm-requests", HeaderValue::from_static("5999"));
        assert_eq!(dialect.readings(&headers, None)[0].remaining, Some(5_999));
    }
}
