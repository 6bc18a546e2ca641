//! Pipedrive's ways below the endpoints.

use std::time::Duration;

use entente_model::clock::Timestamp;
use http::{HeaderMap, HeaderName};

use super::refusal;
use crate::error::{Class, VendorError};
use crate::transport::call::Answer;
use crate::transport::dialect::{Block, Dialect, TokenEncoding, TokenEndpoint};
use crate::transport::offset::http_date;
use crate::transport::pace::{BudgetRule, Reading};

/// Budget of all calls but searches: so many in two seconds, by plan and kind of token.
pub(crate) const BURST: &str = "burst";
/// Budget of searches: ten in two seconds.
pub(crate) const SEARCH: &str = "search";

/// Window of both.
const WINDOW: Duration = Duration::from_secs(2);
/// Searches in a window, on every plan.
const SEARCHES: u64 = 10;
/// Seconds of a day.
const DAY_S: i64 = 86_400;

/// What differs about Pipedrive.
#[derive(Debug)]
pub(crate) struct PipedriveDialect {
    /// Whether the token is a user's own rather than one of OAuth: it goes out in a header of its own.
    pub personal: bool,
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim)
}

/// Time until the day's tokens are there anew: they come at midnight of the server's clock.
pub(crate) fn until_midnight(at: Timestamp) -> Duration {
    let rest = DAY_S - at.as_second().rem_euclid(DAY_S);
    Duration::from_secs(u64::try_from(rest).unwrap_or(1))
}

impl Dialect for PipedriveDialect {
    fn token_endpoint(&self) -> TokenEndpoint {
        TokenEndpoint { path: "/oauth/token", encoding: TokenEncoding::FormWithBasic, extra: &[] }
    }

    fn credential(&self, token: &str) -> (HeaderName, String) {
        if self.personal {
            return (HeaderName::from_static("x-api-token"), token.to_owned());
        }
        (http::header::AUTHORIZATION, self.authorization(token))
    }

    fn budgets(&self) -> Vec<BudgetRule> {
        vec![
            // The company's tokens of a day. What a call costs hangs on the endpoint; the answers tell what is left.
            BudgetRule { bucket: None, limit: None, window: Duration::from_secs(86_400), rolling: false, reserve: true },
            // 20 to 480 by plan and kind of token: the first answer tells.
            BudgetRule { bucket: Some(BURST), limit: None, window: WINDOW, rolling: false, reserve: true },
            BudgetRule { bucket: Some(SEARCH), limit: Some(SEARCHES), window: WINDOW, rolling: false, reserve: false },
        ]
    }

    fn readings(&self, headers: &HeaderMap, bucket: Option<&'static str>) -> Vec<Reading> {
        let number = |name: &str| text(headers, name).and_then(|text| text.parse::<u64>().ok());
        let mut readings = Vec::new();
        // Any of these may be missing.
        let (limit, remaining) = (number("x-ratelimit-limit"), number("x-ratelimit-remaining"));
        if let Some(bucket) = bucket.filter(|_| limit.is_some() || remaining.is_some()) {
            // The window rolls, so that its reset is always as far away as it is long: it tells nothing.
            readings.push(Reading { bucket: Some(bucket), limit, remaining, resets_in: None });
        }
        let (limit, remaining) = (number("x-daily-ratelimit-token-limit"), number("x-daily-ratelimit-token-remaining"));
        if limit.is_some() || remaining.is_some() {
            let resets_in = text(headers, "date").and_then(http_date).map(until_midnight);
            readings.push(Reading { bucket: None, limit, remaining, resets_in });
        }
        readings
    }

    fn refuse(&self, answer: &Answer, now: Timestamp) -> VendorError {
        refusal::refuse(answer, now)
    }

    fn block(&self, answer: &Answer, error: &VendorError, bucket: Option<&'static str>) -> Option<Block> {
        let Class::Wait { until } = error.class else { return None };
        match (answer.status, error.code.as_str()) {
            // The day's tokens, and the doors of the content delivery network, are closed for every call alike.
            (429, refusal::DAILY) | (403, _) => Some(Block { bucket: None, until }),
            (429, _) => Some(Block { bucket, until }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn both_families_of_limits_are_read_and_either_may_be_missing() {
        let dialect = PipedriveDialect { personal: true };
        let burst = [("x-ratelimit-limit", "80"), ("x-ratelimit-remaining", "79"), ("x-ratelimit-reset", "2")];
        let daily = [
            ("x-daily-ratelimit-token-limit", "150000"),
            ("x-daily-ratelimit-token-remaining", "146932"),
            ("date", "Mon, 05 Jan 2026 22:00:00 GMT"),
        ];
        let both = dialect.readings(&headers(&[burst.as_slice(), daily.as_slice()].concat()), Some(SEARCH));
        assert_eq!(both[0], Reading { bucket: Some(SEARCH), limit: Some(80), remaining: Some(79), resets_in: None });
        let midnight = Some(Duration::from_secs(7_200));
        assert_eq!(both[1], Reading { bucket: None, limit: Some(150_000), remaining: Some(146_932), resets_in: midnight });
        assert!(dialect.readings(&HeaderMap::new(), Some(BURST)).is_empty());
    }

    #[test]
    fn a_personal_token_has_a_header_of_its_own() {
        assert_eq!(PipedriveDialect { personal: true }.credential("abc").0.as_str(), "x-api-token");
        assert_eq!(PipedriveDialect { personal: false }.credential("abc").1, "Bearer abc");
    }
}
