//! HubSpot's ways below the endpoints.

use std::time::Duration;

use entente_model::clock::Timestamp;
use http::HeaderMap;

use super::paths::Paths;
use super::refusal;
use crate::error::{Class, VendorError};
use crate::transport::call::Answer;
use crate::transport::dialect::{Block, Dialect, TokenEncoding, TokenEndpoint};
use crate::transport::pace::{BudgetRule, Reading};

/// Budget of search: five calls a second for the whole account.
pub(crate) const SEARCH: &str = "search";

/// Time between two searches, so that no second of the vendor's, wherever it begins, sees more than five.
const SEARCH_EVERY: Duration = Duration::from_millis(220);

/// Window of the burst limit.
const BURST: Duration = Duration::from_secs(10);

/// What differs about HubSpot.
#[derive(Debug)]
pub(crate) struct HubSpotDialect {
    pub paths: Paths,
}

impl Dialect for HubSpotDialect {
    fn token_endpoint(&self) -> TokenEndpoint {
        TokenEndpoint { path: self.paths.token(), encoding: TokenEncoding::Form, extra: &[] }
    }

    fn budgets(&self) -> Vec<BudgetRule> {
        vec![
            // 100 to 250 in ten seconds by plan and kind of token: the first answer's headers tell.
            BudgetRule { bucket: None, limit: None, window: BURST, rolling: false, reserve: true },
            BudgetRule { bucket: Some(SEARCH), limit: Some(1), window: SEARCH_EVERY, rolling: false, reserve: false },
        ]
    }

    fn readings(&self, headers: &HeaderMap, _bucket: Option<&'static str>) -> Vec<Reading> {
        let number = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).and_then(|text| text.trim().parse().ok());
        let (limit, remaining) = (number("x-hubspot-ratelimit-max"), number("x-hubspot-ratelimit-remaining"));
        // Answers of search carry none.
        if limit.is_none() && remaining.is_none() {
            return Vec::new();
        }
        vec![Reading { bucket: None, limit, remaining, resets_in: None }]
    }

    fn refuse(&self, answer: &Answer, now: Timestamp) -> VendorError {
        refusal::call(answer, now)
    }

    fn block(&self, answer: &Answer, error: &VendorError, bucket: Option<&'static str>) -> Option<Block> {
        let Class::Wait { until } = error.class else { return None };
        match answer.status {
            // The day's limit holds for searches and all else alike.
            429 => Some(Block { bucket: bucket.filter(|_| error.code != "DAILY"), until }),
            477 => Some(Block { bucket: None, until }),
            // A lock is one record's.
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::HeaderValue;

    use super::*;

    fn dialect() -> HubSpotDialect {
        HubSpotDialect { paths: Paths::of("v3").expect("version") }
    }

    #[test]
    fn the_burst_headers_are_read_and_searches_have_none() {
        let headers: HeaderMap = [("x-hubspot-ratelimit-max", "110"), ("x-hubspot-ratelimit-remaining", "7")]
            .map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_static(value)))
            .into_iter()
            .collect();
        let readings = dialect().readings(&headers, None);
        assert_eq!(readings, [Reading { bucket: None, limit: Some(110), remaining: Some(7), resets_in: None }]);
        assert!(dialect().readings(&HeaderMap::new(), Some(SEARCH)).is_empty());
    }

    #[test]
    fn a_refusal_stops_what_it_is_about() {
        let now: Timestamp = "2026-01-02T10:00:00Z".parse().expect("timestamp");
        let blocked = |status: u16, body: &'static str| {
            let answer = Answer { status, headers: HeaderMap::new(), body: Bytes::from_static(body.as_bytes()) };
            let error = refusal::call(&answer, now);
            dialect().block(&answer, &error, Some(SEARCH)).map(|block| block.bucket)
        };
        assert_eq!(blocked(429, r#"{"policyName":"SECONDLY"}"#), Some(Some(SEARCH)));
        assert_eq!(blocked(429, r#"{"policyName":"DAILY"}"#), Some(None));
        assert_eq!(blocked(477, ""), Some(None));
        assert_eq!(blocked(423, ""), None);
    }
}
