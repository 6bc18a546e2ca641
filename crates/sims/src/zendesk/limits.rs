//! Rate limits: the account's minute, and the buckets of single endpoints and records.

use std::collections::HashMap;

use http::Method;

use super::call::Call;
use super::refusal::Refusal;
use super::state::State;

/// One bucket: how many calls in how many seconds, and the header that tells of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bucket {
    pub(crate) header: &'static str,
    pub(crate) limit: u64,
    pub(crate) seconds: i64,
    pub(crate) sentence: &'static str,
}

/// Sentence of the account's limit.
const ACCOUNT_SENTENCE: &str = "Number of allowed API requests per minute exceeded";

const EXPORT_TIME: Bucket = Bucket { header: "zendesk-ratelimit-incremental-exports", limit: 10, seconds: 60, sentence: ACCOUNT_SENTENCE };
const EXPORT_CURSOR: Bucket =
    Bucket { header: "zendesk-ratelimit-incremental-exports-cursor", limit: 20, seconds: 60, sentence: ACCOUNT_SENTENCE };
/// `/incremental/{resource}/sample`.
const EXPORT_SAMPLE: Bucket =
    Bucket { header: "zendesk-ratelimit-incremental-exports-sample", limit: 10, seconds: 1200, sentence: ACCOUNT_SENTENCE };
const SEARCH_EXPORT: Bucket = Bucket { header: "zendesk-ratelimit-search-export", limit: 100, seconds: 60, sentence: ACCOUNT_SENTENCE };
const SEARCH: Bucket = Bucket { header: "zendesk-ratelimit-search-index", limit: 2500, seconds: 60, sentence: ACCOUNT_SENTENCE };
const DELETED_TICKETS: Bucket =
    Bucket { header: "zendesk-ratelimit-deleted-tickets-index", limit: 10, seconds: 60, sentence: ACCOUNT_SENTENCE };
const DELETED_TICKETS_DESTROY: Bucket =
    Bucket { header: "zendesk-rate-limit-deleted-tickets-destroy", limit: 1000, seconds: 60, sentence: ACCOUNT_SENTENCE };
const TICKET_DELETE: Bucket = Bucket { header: "zendesk-ratelimit-tickets-destroy", limit: 400, seconds: 60, sentence: ACCOUNT_SENTENCE };
const ERASE_USERS: Bucket =
    Bucket { header: "zendesk-ratelimit-deleted-users-destroy", limit: 700, seconds: 600, sentence: ACCOUNT_SENTENCE };
const WEBHOOKS: Bucket = Bucket { header: "zendesk-ratelimit-webhooks", limit: 100, seconds: 60, sentence: ACCOUNT_SENTENCE };
/// Ticket updates of the whole account.
const TICKET_UPDATES: Bucket = Bucket {
    header: "zendesk-ratelimit-tickets-update",
    limit: 100,
    seconds: 60,
    sentence: "Rate limit for ticket updates exceeded, please wait before updating tickets again",
};
/// Updates of one ticket by one agent.
const ONE_TICKET: Bucket = Bucket {
    header: "zendesk-ratelimit-per-ticket-updates",
    limit: 30,
    seconds: 600,
    sentence: "Rate limit for ticket updates exceeded, please wait before updating this ticket again",
};
/// Creating or updating one and the same user.
pub(crate) const ONE_USER: Bucket = Bucket {
    header: "zendesk-ratelimit-create-update-user",
    limit: 5,
    seconds: 60,
    sentence: "You have exceeded the rate limit for updating a single unique user.",
};

/// Buckets kept before expired ones are swept.
const SWEEP_AT: usize = 20_000;
/// Shown as the account's limit when there is none.
const UNLIMITED: u64 = 1_000_000;

/// Counters of all limits.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    minute: i64,
    used: u64,
    exhausted_until_ms: i64,
    buckets: HashMap<(&'static str, u64), (i64, u64)>,
    /// Bucket headers of the call being answered.
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl Limits {
    fn take(&mut self, bucket: Bucket, key: u64, now_ms: i64) -> Result<(), Refusal> {
        let window = bucket.seconds * 1000;
        if self.buckets.len() > SWEEP_AT {
            self.buckets.retain(|_, (start, _)| now_ms - *start < 1_200_000);
        }
        let (start, used) = self.buckets.entry((bucket.header, key)).or_insert((now_ms, 0));
        if now_ms - *start >= window {
            (*start, *used) = (now_ms, 0);
        }
        let resets = u64::try_from((*start + window - now_ms + 999) / 1000).unwrap_or_default();
        let full = *used >= bucket.limit;
        if !full {
            *used += 1;
        }
        self.headers.push((bucket.header, format!("total={}; remaining={}; resets={resets}", bucket.limit, bucket.limit - *used)));
        if full { Err(Refusal::too_many(bucket.sentence, resets)) } else { Ok(()) }
    }

    /// Uses the rest of the minute up.
    pub(crate) fn exhaust(&mut self, now_ms: i64) {
        self.exhausted_until_ms = (now_ms.div_euclid(60_000) + 1) * 60_000;
    }
}

impl State {
    /// Counts a call against the account's minute.
    pub(crate) fn count_call(&mut self) -> Result<(), Refusal> {
        let quota = self.options.profile.quota;
        let minute = self.now_ms.div_euclid(60_000);
        let limits = &mut self.limits;
        if limits.minute != minute {
            (limits.minute, limits.used) = (minute, 0);
        }
        let spent = self.now_ms < limits.exhausted_until_ms;
        if spent || (quota > 0 && limits.used >= quota) {
            let left = u64::try_from(((minute + 1) * 60_000 - self.now_ms + 999) / 1000).unwrap_or(60);
            if spent {
                limits.used = limits.used.max(quota);
            }
            return Err(Refusal::too_many(ACCOUNT_SENTENCE, left.max(1)));
        }
        limits.used += 1;
        Ok(())
    }

    /// Headers that every Support answer carries.
    pub(crate) fn limit_headers(&self) -> Vec<(&'static str, String)> {
        let quota = if self.options.profile.quota > 0 { self.options.profile.quota } else { UNLIMITED };
        let spent = self.now_ms < self.limits.exhausted_until_ms;
        let remaining = if spent { 0 } else { quota.saturating_sub(self.limits.used) };
        let reset = 60 - self.now_ms.rem_euclid(60_000) / 1000;
        vec![
            ("x-rate-limit", quota.to_string()),
            ("x-rate-limit-remaining", remaining.to_string()),
            ("ratelimit-limit", quota.to_string()),
            ("ratelimit-remaining", remaining.to_string()),
            ("ratelimit-reset", reset.to_string()),
        ]
    }

    /// Takes from a bucket, when limits hold.
    pub(crate) fn take(&mut self, bucket: Bucket, key: u64) -> Result<(), Refusal> {
        if !self.options.profile.limits {
            return Ok(());
        }
        self.limits.take(bucket, key, self.now_ms)
    }

    /// One of the five writes a minute that one user allows.
    pub(crate) fn take_user(&mut self, id: u64) -> Result<(), Refusal> {
        self.take(ONE_USER, id).map_err(|mut refusal| {
            if let Some(user) = self.users.get(&id) {
                refusal.body = format!(
                    "{} user email: {} id: {id} external_id: {}",
                    ONE_USER.sentence,
                    user.email().unwrap_or_default(),
                    user.rec.text("external_id").unwrap_or_default()
                );
            }
            refusal
        })
    }

    /// Takes from the buckets that belong to the route.
    pub(crate) fn take_route(&mut self, call: &Call) -> Result<(), Refusal> {
        let get = call.is(&Method::GET);
        match (get, call.path().as_slice()) {
            (true, ["incremental", .., "sample"]) => self.take(EXPORT_SAMPLE, 0),
            (true, ["incremental", .., "cursor"]) => self.take(EXPORT_CURSOR, 0),
            (true, ["incremental", ..]) => self.take(EXPORT_TIME, 0),
            (true, ["search", "export"]) => self.take(SEARCH_EXPORT, 0),
            (true, ["search", ..]) => self.take(SEARCH, 0),
            (true, ["deleted_tickets"]) => self.take(DELETED_TICKETS, 0),
            (false, ["deleted_tickets", _]) if call.is(&Method::DELETE) => self.take(DELETED_TICKETS_DESTROY, 0),
            (false, ["deleted_users", _]) => self.take(ERASE_USERS, 0),
            (false, ["tickets", id]) if call.is(&Method::DELETE) && id.parse::<u64>().is_ok() => self.take(TICKET_DELETE, 0),
            (false, ["tickets", id]) if call.is(&Method::PUT) => match id.parse() {
                Ok(id) => {
                    self.take(TICKET_UPDATES, 0)?;
                    self.take(ONE_TICKET, id)
                }
                Err(_) => Ok(()),
            },
            (_, ["webhooks", ..]) => self.take(WEBHOOKS, 0),
            _ => Ok(()),
        }
    }
}
