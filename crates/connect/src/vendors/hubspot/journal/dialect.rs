//! The journal's ways below the endpoints: a token of the app itself, and limits of its own.

use std::time::Duration;

use entente_model::clock::Timestamp;
use http::HeaderMap;

use super::super::paths::Paths;
use super::super::refusal;
use crate::error::VendorError;
use crate::transport::call::Answer;
use crate::transport::dialect::{Dialect, TokenEncoding, TokenEndpoint};
use crate::transport::pace::{BudgetRule, Reading};

/// What the app asks for.
pub(super) const SCOPES: &str =
    "developer.webhooks_journal.read developer.webhooks_journal.subscriptions.read developer.webhooks_journal.subscriptions.write";

/// Calls of an app's subscriptions in one second, which are fewer than those of its files.
const CALLS: u64 = 50;

/// What differs about the journal.
#[derive(Debug)]
pub(super) struct JournalDialect {
    pub paths: Paths,
}

impl Dialect for JournalDialect {
    fn token_endpoint(&self) -> TokenEndpoint {
        TokenEndpoint { path: self.paths.token(), encoding: TokenEncoding::Form, extra: &[] }
    }

    fn scope(&self) -> Option<String> {
        Some(SCOPES.to_owned())
    }

    fn budgets(&self) -> Vec<BudgetRule> {
        vec![BudgetRule { bucket: None, limit: Some(CALLS), window: Duration::from_secs(1), rolling: false, reserve: false }]
    }

    fn readings(&self, _headers: &HeaderMap, _bucket: Option<&'static str>) -> Vec<Reading> {
        Vec::new()
    }

    fn refuse(&self, answer: &Answer, now: Timestamp) -> VendorError {
        refusal::call(answer, now)
    }
}
