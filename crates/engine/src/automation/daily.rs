//! The daily judgement: health ages although nothing happens. Tickets grow old, a first response falls due, last quarter's trouble fades.
//! Every customer is judged anew once a day, a page of accounts at a time, so that nothing else waits for it.

use entente_model::clock::Timestamp;
use entente_model::id::RecordId;
use entente_model::value::{Fields, Value, get};
use entente_store::{Record, StoreError, Tx, Viewer};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// Name of the setting that says where the judgement stands.
const STANDS: &str = "health/daily";

/// Time from the start of one judgement to the next.
const EVERY: SignedDuration = SignedDuration::from_hours(24);

/// Time from the very first start to the first judgement: the first read of both systems comes before.
const FIRST_AFTER: SignedDuration = SignedDuration::from_mins(30);

/// Accounts judged in one transaction: a few milliseconds each.
const PAGE: usize = 50;

/// Where the judgement stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Stands {
    /// When the present or last round is due or was begun.
    at: Timestamp,
    /// The account judged last, while a round goes on.
    after: Option<RecordId>,
    /// Whether a round goes on.
    going: bool,
}

impl Stands {
    fn first(now: Timestamp) -> Self {
        Self { at: now - EVERY + FIRST_AFTER, after: None, going: false }
    }

    fn is_due(&self, now: Timestamp) -> bool {
        self.going || now.duration_since(self.at) >= EVERY
    }
}

/// Whether there is something to judge.
///
/// # Errors
/// As for any read.
pub(super) fn is_due(tx: &mut Tx<'_>, now: Timestamp) -> Result<bool, StoreError> {
    Ok(tx.setting::<Stands>(STANDS)?.is_none_or(|stands| stands.is_due(now)))
}

/// The next accounts to judge; the place moves on with the caller's transaction.
///
/// # Errors
/// As for any write.
pub(super) fn next(tx: &mut Tx<'_>, now: Timestamp) -> Result<Vec<Record>, StoreError> {
    let Some(mut stands) = tx.setting::<Stands>(STANDS)? else {
        tx.put_setting(STANDS, &Stands::first(now))?;
        return Ok(Vec::new());
    };
    if !stands.is_due(now) {
        return Ok(Vec::new());
    }
    if !stands.going {
        stands = Stands { at: now, after: None, going: true };
    }
    let accounts = tx.records_after(&Viewer::system(), "account", stands.after.as_ref(), PAGE)?;
    stands.going = accounts.len() == PAGE;
    stands.after = accounts.last().map(|account| account.id.clone()).filter(|_| stands.going);
    tx.put_setting(STANDS, &stands)?;
    Ok(accounts)
}

/// Whether an account has a health at all: customers do, and whoever was judged or wrote to support before.
#[must_use]
pub(super) fn counts(account: &Fields, has_cases: bool) -> bool {
    has_cases || is_customer(account) || !get(account, "health_score").is_blank()
}

/// Whether an account is a customer: won, marked so in the CRM, or known to the desk.
#[must_use]
pub(super) fn is_customer(account: &Fields) -> bool {
    *get(account, "customer") == Value::Bool(true)
        || get(account, "kind").as_text().is_some_and(|kind| kind.starts_with("Customer"))
        || !get(account, "support_id").is_blank()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_round_comes_soon_and_the_others_daily() {
        let start: Timestamp = "2026-01-05T09:00:00Z".parse().unwrap();
        let mut stands = Stands::first(start);
        assert!(!stands.is_due(start));
        assert!(stands.is_due(start + FIRST_AFTER));
        stands = Stands { at: start + FIRST_AFTER, after: None, going: false };
        assert!(!stands.is_due(start + SignedDuration::from_hours(24)));
        assert!(stands.is_due(start + FIRST_AFTER + EVERY));
    }
}
