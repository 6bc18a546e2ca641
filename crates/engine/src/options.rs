//! Settings of the engine, with the defaults that the product promises.

use std::time::Duration;

use entente_model::mapping::Role;
use entente_model::normalise::Locale;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What an admin may set. Durations in milliseconds, because that is what the configuration file says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Edit to landed, 95 of 100 changes: batching waits as long as this allows, to save calls. 500 to 60,000.
    pub latency_target_ms: u64,
    /// Time between polls of each object. The promise is 15 minutes.
    pub poll_interval_ms: u64,
    /// Waits before the first, second and third retry. What is changed meanwhile does not wait.
    pub retry_after_ms: Vec<u64>,
    /// How much a retry's wait may differ from the setting, in percent, so that retries do not come in step.
    pub retry_jitter_percent: u64,
    /// How long a worker may hold a record without a sign of life.
    pub lease_ms: u64,
    /// Live changes one worker takes at once; of background work, half as many again.
    pub batch_records: usize,
    /// Batches in work at once.
    pub workers: usize,
    /// Rows of one write call when calm; the vendor's maximum bounds it.
    pub write_batch: usize,
    /// Rows of one write call under pressure.
    pub write_batch_under_pressure: usize,
    /// Changes of ordinary priority that a platform's quota puts off beyond the latency target within a minute, above which its connection goes
    /// over to scheduled batches until the quota suffices again; 0 never does.
    pub batch_mode_above: u64,
    /// Time from one scheduled batch to the next. 1,000 to 3,600,000.
    pub batch_mode_interval_ms: u64,
    /// Failures of a platform one after the other after which it is left alone, and tried with one call now and then until it answers.
    pub breaker_failures: u32,
    /// The same for failures among the latest 40 calls, in percent.
    pub breaker_failure_percent: u64,
    /// Minutes within which changes of a kind are counted, to hold what is an unusual mass change.
    pub hold_window_minutes: u64,
    /// Deletions, values blanked and owners changed, of one object at one connection, that always pass within the window.
    pub hold_above: u64,
    /// How many more pass where there are many, in percent of the linked records; 0 holds none.
    pub hold_percent: u64,
    /// Values overwritten that always pass within the window.
    pub hold_overwrites_above: u64,
    /// The same for values overwritten, in percent of the linked records; 0 holds none.
    pub hold_overwrite_percent: u64,
    /// Region for phone numbers without country code, currency, time zone.
    #[serde(skip)]
    pub locale: Locale,
    /// Zendesk group, or its like, by account tier: who gets the tickets of which tier.
    pub tier_groups: std::collections::BTreeMap<String, String>,
    /// Steps of the onboarding checklist of a new customer.
    pub onboarding_steps: Vec<String>,
    /// Points by which a health score must move before AE and CSM are told, unless the risk level changes.
    pub health_notice_points: u8,
    /// Failed syncs of an hour at a connection, in percent, above which operators are told: 0 to 100.
    pub alert_failure_percent: u64,
    /// Dead letters from which operators are told.
    pub alert_dead_letters: u64,
    /// Hours that a conflict may wait for a person before operators are told. The promise is 24.
    pub alert_conflict_hours: u64,
    /// Conflicts of one kind that people decide alike, one after the other, before a rule is proposed; 0 proposes none.
    pub propose_rule_after: u64,
    /// How close to each other changes of one field at several sides are simultaneous and for a person, where no mapping says it
    /// (`conflicts.window`). 0, which none are, to 3,600,000.
    pub conflict_window_ms: u64,
    /// Minutes that a live change may wait to be looked at before operators are told.
    pub alert_queue_minutes: u64,
    /// Calls of a day that may be used before operators are told, in percent of the day's limit: 1 to 100.
    pub alert_quota_percent: u64,
    /// How long a rate limit must not have been reached before operators are told that it is over.
    pub alert_limit_calm_ms: u64,
    /// Sureness from which two records are linked without asking, in percent; below, a person decides. 80 to 99.
    pub auto_link_percent: u8,
    /// Whether two rows of one platform that are one customer with the same sureness are merged there without asking. Off, a person decides: a
    /// platform cannot take a merge back.
    pub auto_merge: bool,
    /// Whether of two records that are merged the one known longer stays. Otherwise it is the one that somebody has changed last.
    pub merge_keeps_oldest: bool,
    /// Which value a record keeps that two become, by object and field (`contact.phone`): `master` (also where none is named) keeps that of the
    /// record that stays, `latest` the one that was set last, `oldest` the one that was set first, `longest` the longest. A value that one alone
    /// has is kept in any case, and of fields with several values those of both, unless the one set last or first is asked for.
    pub merge_values: std::collections::BTreeMap<String, MergeValue>,
    /// Hours after which the weights by which customers are recognised are learned anew from the store's own records; 0 keeps those built in.
    pub learn_matching_hours: u64,
    /// What becomes of a new customer whose e-mail address looks wrong, by connection that it would be created at: `flag` (also where
    /// none is named) creates it and says so, `hold` creates nothing before the address is corrected, `off` does not look. An address that
    /// cannot reach anybody holds the creation in both.
    pub email_check: std::collections::BTreeMap<String, EmailCheck>,
    /// Days that webhook deliveries are listed.
    pub keep_deliveries_days: u64,
    /// Days that the body of a delivery is kept once it was read.
    pub keep_bodies_days: u64,
    /// Days that failures and alerts which are over are kept.
    pub keep_sync_events_days: u64,
    /// Whether everything is reconciled once a day.
    pub reconcile_daily: bool,
    /// Hour of the day, in the organisation's time zone, from which on it is: 0 to 23.
    pub reconcile_hour: u8,
    /// Waits before a page that failed in a reconciliation is asked for again: a gateway needs seconds to come back.
    pub reconcile_again_ms: Vec<u64>,
    /// Hours after which the schemas of the platforms are looked at again; 0 looks only when a refusal smells of a change.
    pub schema_check_hours: u64,
    /// What becomes of a person's rows when they are erased, by connection: `delete` (where a CRM is not named) or `anonymise` (where a support
    /// desk is not named: tickets stay, without a word of the person).
    pub erase: std::collections::BTreeMap<String, ErasePolicy>,
    /// Days after which it is checked that nobody who was erased has come back.
    pub erase_recheck_days: u64,
    /// Whether the CRM's leads are kept as records, with the default mappings of Salesforce, HubSpot, Dynamics 365 and Pipedrive. A desk sees nobody of them before the
    /// CRM has converted them into contacts.
    pub leads: bool,
    /// Whether what agents and customers say to each other on tickets is kept as activities of the customer, with the default mappings of
    /// support desks: replies, internal notes and calls. It is only read, and costs calls.
    pub ticket_activities: bool,
}

/// What becomes of a person's rows at a platform when they are erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ErasePolicy {
    /// They go, for good where the platform can.
    Delete,
    /// They stay, and nothing in them tells whose they were.
    Anonymise,
}

/// Which value a record keeps that two become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum MergeValue {
    /// That of the record that stays; of several values, those of both.
    #[default]
    Master,
    /// The one that was set last.
    Latest,
    /// The one that was set first.
    Oldest,
    /// The longest; of several values, those of both.
    Longest,
}

/// What becomes of a new customer whose e-mail address looks wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum EmailCheck {
    /// Nobody looks.
    Off,
    /// It is created, and the doubt is told.
    #[default]
    Flag,
    /// Nothing is created before the address is corrected.
    Hold,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            latency_target_ms: 3_000,
            poll_interval_ms: 15 * 60 * 1000,
            retry_after_ms: vec![60_000, 5 * 60_000, 15 * 60_000],
            retry_jitter_percent: 10,
            lease_ms: 60_000,
            batch_records: 400,
            workers: 10,
            write_batch: 100,
            write_batch_under_pressure: 50,
            batch_mode_above: 200,
            // The quota of most platforms is one of a minute.
            batch_mode_interval_ms: 60_000,
            breaker_failures: 10,
            breaker_failure_percent: 50,
            hold_window_minutes: 10,
            hold_above: 50,
            hold_percent: 5,
            hold_overwrites_above: 500,
            hold_overwrite_percent: 50,
            locale: Locale::default(),
            tier_groups: std::collections::BTreeMap::new(),
            onboarding_steps: [
                "Welcome call with the customer success manager",
                "Invite the customer's users",
                "Connect the customer's data",
                "Train the administrators",
                "Agree on the first success criteria",
                "Go-live review",
            ]
            .map(str::to_owned)
            .to_vec(),
            health_notice_points: 10,
            alert_failure_percent: 1,
            alert_dead_letters: 1,
            alert_conflict_hours: 24,
            propose_rule_after: 5,
            conflict_window_ms: 5_000,
            alert_queue_minutes: 30,
            alert_quota_percent: 80,
            // A busy quarter of an hour reaches a limit again and again.
            alert_limit_calm_ms: 15 * 60 * 1000,
            auto_link_percent: 95,
            auto_merge: false,
            merge_keeps_oldest: false,
            merge_values: std::collections::BTreeMap::new(),
            learn_matching_hours: 24,
            email_check: std::collections::BTreeMap::new(),
            keep_deliveries_days: 30,
            keep_bodies_days: 7,
            keep_sync_events_days: 90,
            reconcile_daily: true,
            reconcile_hour: 3,
            reconcile_again_ms: vec![2_000, 10_000, 30_000],
            erase: std::collections::BTreeMap::new(),
            erase_recheck_days: 30,
            leads: false,
            ticket_activities: false,
            schema_check_hours: 24,
        }
    }
}

impl Options {
    /// How long a change may wait for others to share a call with: most of what the latency target leaves after the time that the calls
    /// themselves take. The rest is for queues and for a slow call now and then.
    #[must_use]
    pub fn window(&self) -> Duration {
        /// A webhook, a write call and its job, at the latencies measured in production.
        const CALLS_MS: u64 = 800;
        /// What is kept for queues and slow calls at most: they do not grow with the target.
        const SPARE_MS: u64 = 450;
        let left = self.latency_target_ms.saturating_sub(CALLS_MS);
        Duration::from_millis((left - (left / 5).min(SPARE_MS)).max(self.latency_target_ms / 25))
    }

    /// How long a won deal may wait for company: what the latency target leaves after the steps that a new customer takes one after the other,
    /// which are its organization, its people with their checklist, and the ids written back. It goes first, and at the usual target all but
    /// at once; a target that leaves more lets it travel with the other changes.
    #[must_use]
    pub fn new_customer_window(&self) -> Duration {
        /// The three steps at the latencies measured in production, with their queues.
        const STEPS_MS: u64 = 3_500;
        /// The second half of what a deal brings along, such as its company's people, comes within this.
        const COMPANY_MS: u64 = 250;
        Duration::from_millis(self.latency_target_ms.saturating_sub(STEPS_MS).max(COMPANY_MS)).min(self.window())
    }

    /// How close to each other changes are simultaneous where no mapping says it, in milliseconds.
    #[must_use]
    pub fn conflict_window(&self) -> i64 {
        i64::try_from(self.conflict_window_ms).unwrap_or(i64::MAX)
    }

    /// Probability from which two records are linked without asking.
    #[must_use]
    pub fn auto_link(&self) -> f64 {
        f64::from(self.auto_link_percent) / 100.0
    }

    /// Which value of a field a record keeps that two become.
    #[must_use]
    pub fn merge_value(&self, object: &str, field: &str) -> MergeValue {
        self.merge_values.get(&format!("{object}.{field}")).copied().unwrap_or_default()
    }

    /// What becomes of new customers whose address looks wrong, at a connection.
    #[must_use]
    pub fn email_check_at(&self, connection: &str) -> EmailCheck {
        self.email_check.get(connection).copied().unwrap_or_default()
    }

    /// What becomes of an erased person's rows at a connection that plays this part.
    #[must_use]
    pub fn erase_policy_at(&self, connection: &str, role: Role) -> ErasePolicy {
        let usual = if role == Role::Support { ErasePolicy::Anonymise } else { ErasePolicy::Delete };
        self.erase.get(connection).copied().unwrap_or(usual)
    }

    /// The wait before retry number `attempt` (1 is the first), `None` when the attempts are spent. `roll` is a random number from 0 to 1.
    #[must_use]
    pub fn retry_wait(&self, attempt: u32, roll: f64) -> Option<Duration> {
        let base = *self.retry_after_ms.get(attempt.checked_sub(1)? as usize)?;
        let spread = base as f64 * self.retry_jitter_percent as f64 / 100.0;
        Some(Duration::from_millis((base as f64 + spread * (2.0 * roll - 1.0)).max(0.0) as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_retries_after_one_five_and_fifteen_minutes() {
        let options = Options::default();
        let waits: Vec<Option<u64>> = (1..=4).map(|n| options.retry_wait(n, 0.5).map(|wait| wait.as_secs())).collect();
        assert_eq!(waits, [Some(60), Some(300), Some(900), None]);
        assert_eq!(options.retry_wait(1, 0.0), Some(Duration::from_secs(54)));
    }

    #[test]
    fn batching_waits_longer_when_the_admin_allows_it() {
        let window = |target| Options { latency_target_ms: target, ..Options::default() }.window().as_millis();
        assert!(window(500) <= 20);
        assert_eq!(window(3_000), 1_760);
        assert_eq!(window(9_000), 7_750);
    }

    #[test]
    fn a_new_customer_waits_only_as_long_as_its_steps_leave() {
        let window = |target| Options { latency_target_ms: target, ..Options::default() }.new_customer_window().as_millis();
        assert_eq!([500, 3_000, 9_000].map(window), [20, 250, 5_500]);
    }
}
