//! What a description says of the ways below the endpoints.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use entente_model::clock::Timestamp;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::description::Description;
use super::description::platform::{BudgetPart, Encoding};
use super::interned::{interned, interned_scope};
use super::refusal;
use crate::error::{Class, VendorError};
use crate::registry::SetupError;
use crate::settings::{Auth, ConnectionSettings};
use crate::transport::call::Answer;
use crate::transport::dialect::{Block, Dialect, TokenEncoding, TokenEndpoint};
use crate::transport::offset::http_date;
use crate::transport::pace::{BudgetRule, Reading};
use crate::vendors::pipedrive::until_midnight;

/// Numbers from here on are instants in seconds since 1970 rather than seconds to wait: 2001-09-09.
const INSTANT_FROM: u64 = 1_000_000_000;

/// The ways of a described platform.
pub(crate) struct RestDialect {
    description: Arc<Description>,
    endpoint: TokenEndpoint,
    /// Whether the token was made by hand rather than by OAuth.
    by_hand: bool,
    headers: Vec<(HeaderName, HeaderValue)>,
    token_header: HeaderName,
}

impl RestDialect {
    /// Reads what is plain text in the description.
    pub fn new(description: Arc<Description>, settings: &ConnectionSettings) -> Result<Self, SetupError> {
        let wrong = |reason: String| SetupError {
            connection: settings.name.clone(),
            reason,
            remedy: "header names and values must be plain ASCII on one line".to_owned(),
        };
        let mut headers = Vec::new();
        for (name, value) in &description.headers {
            match (HeaderName::try_from(name.as_str()), HeaderValue::try_from(value.as_str())) {
                (Ok(name), Ok(value)) => headers.push((name, value)),
                _ => return Err(wrong(format!("the description's header `{name}` cannot be sent"))),
            }
        }
        let place = description.auth.access_token.as_ref().and_then(|place| place.header.as_deref());
        let name = place.unwrap_or("authorization");
        let token_header = HeaderName::try_from(name)
            .map_err(|_| wrong(format!("the description's `auth.access_token.header` `{name}` cannot be sent")))?;
        let endpoint = match &description.auth.oauth {
            None => TokenEndpoint { path: "/oauth/token", encoding: TokenEncoding::Form, extra: &[] },
            Some(oauth) => TokenEndpoint {
                path: interned(&oauth.token),
                encoding: match oauth.encoding {
                    Encoding::Form => TokenEncoding::Form,
                    Encoding::Json => TokenEncoding::Json,
                    Encoding::FormWithBasic => TokenEncoding::FormWithBasic,
                },
                extra: match &oauth.scope {
                    // Only a new grant names its scopes; the one of a refresh token are known.
                    Some(scope) => interned_scope(scope),
                    None => &[],
                },
            },
        };
        let by_hand = matches!(settings.auth, Auth::AccessToken { .. });
        Ok(Self { description, endpoint, by_hand, headers, token_header })
    }

    fn budget(&self, name: &str) -> Option<&'static str> {
        self.description.limits.budgets.iter().filter_map(|budget| budget.name.as_deref()).find(|known| *known == name).map(interned)
    }
}

fn number(headers: &HeaderMap, name: Option<&String>) -> Option<u64> {
    let text = headers.get(name?.as_str())?.to_str().ok()?.trim();
    text.parse::<u64>().ok().or_else(|| text.parse::<f64>().ok().map(|number| number.max(0.0).ceil() as u64))
}

fn reading(budget: &BudgetPart, headers: &HeaderMap) -> Option<Reading> {
    let (limit, remaining) = (number(headers, budget.limit_header.as_ref()), number(headers, budget.remaining_header.as_ref()));
    if limit.is_none() && remaining.is_none() {
        return None;
    }
    let theirs = headers.get("date").and_then(|date| date.to_str().ok()).and_then(http_date);
    let resets_in = if budget.midnight {
        theirs.map(until_midnight)
    } else if budget.rolling {
        // A window that rolls is always as far from its reset as it is long.
        None
    } else {
        number(headers, budget.reset_header.as_ref()).and_then(|reset| match reset {
            INSTANT_FROM.. => u64::try_from(theirs?.as_second()).ok().map(|now| Duration::from_secs(reset.saturating_sub(now))),
            seconds => Some(Duration::from_secs(seconds)),
        })
    };
    Some(Reading { bucket: budget.name.as_deref().map(interned), limit, remaining, resets_in })
}

impl Dialect for RestDialect {
    fn token_endpoint(&self) -> TokenEndpoint {
        self.endpoint
    }

    fn credential(&self, token: &str) -> (HeaderName, String) {
        let Some(place) = self.description.auth.access_token.as_ref().filter(|_| self.by_hand) else {
            return (http::header::AUTHORIZATION, self.authorization(token));
        };
        if let Some(password) = &place.basic_password {
            return (http::header::AUTHORIZATION, format!("Basic {}", STANDARD.encode(format!("{token}:{password}"))));
        }
        let usual = if place.header.is_none() { "Bearer " } else { "" };
        (self.token_header.clone(), format!("{}{token}", place.prefix.as_deref().unwrap_or(usual)))
    }

    fn credential_parameter(&self) -> Option<&str> {
        self.description.auth.access_token.as_ref().filter(|_| self.by_hand)?.query.as_deref()
    }

    fn basic_suffix(&self) -> &str {
        self.description.auth.api_token.as_ref().map_or("", |place| place.suffix.as_str())
    }

    fn headers(&self) -> Vec<(HeaderName, HeaderValue)> {
        self.headers.clone()
    }

    fn budgets(&self) -> Vec<BudgetRule> {
        let rule = |budget: &BudgetPart| BudgetRule {
            bucket: budget.name.as_deref().map(interned),
            limit: budget.calls,
            window: Duration::from_secs(budget.seconds.max(1)),
            rolling: budget.rolling,
            reserve: true,
        };
        self.description.limits.budgets.iter().map(rule).collect()
    }

    fn readings(&self, headers: &HeaderMap, bucket: Option<&'static str>) -> Vec<Reading> {
        let concerned = self.description.limits.budgets.iter().filter(|budget| budget.name.is_none() || budget.name.as_deref() == bucket);
        concerned.filter_map(|budget| reading(budget, headers)).collect()
    }

    fn refuse(&self, answer: &Answer, now: Timestamp) -> VendorError {
        refusal::refuse(&self.description, answer, now)
    }

    fn block(&self, answer: &Answer, error: &VendorError, _: Option<&'static str>) -> Option<Block> {
        let Class::Wait { until } = error.class else { return None };
        let named = refusal::rule_of(&self.description, answer).and_then(|rule| rule.budget.as_deref());
        Some(Block { bucket: named.and_then(|name| self.budget(name)), until })
    }
}
