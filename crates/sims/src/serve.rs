//! Behind a socket: serving a simulator, and posting its webhooks with each vendor's rules of retrying.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::mailroom::{Delivery, Heard, Mailroom};

/// Longest wait between two looks at the queue, so that a clock that was set is noticed.
const IDLE: Duration = Duration::from_millis(500);
/// Webhooks under way at the same time.
const PARALLEL_MAX: usize = 32;
/// Seconds that Salesforce waits for an answer.
const SALESFORCE_TIMEOUT: Duration = Duration::from_secs(60);
/// Seconds that Zendesk waits for an answer.
const ZENDESK_TIMEOUT: Duration = Duration::from_secs(12);
/// First wait of Salesforce's backoff; it doubles each time.
const SALESFORCE_BACKOFF_MS: i64 = 5_000;
/// Longest wait of that backoff: two hours.
const SALESFORCE_BACKOFF_MS_MAX: i64 = 2 * 60 * 60 * 1000;
/// Salesforce gives up after a day.
const SALESFORCE_GIVE_UP_MS: i64 = 24 * 60 * 60 * 1000;
/// Tries of Zendesk after a 409.
const ZENDESK_CONFLICT_TRIES: u32 = 3;
/// Tries of Zendesk after a time-out.
const ZENDESK_TIMEOUT_TRIES: u32 = 5;
/// Zendesk obeys `Retry-After` on 429 and 503 only below this many seconds.
const ZENDESK_RETRY_AFTER_S: i64 = 60;
/// Milliseconds between Zendesk's tries where the answer names none.
const ZENDESK_PAUSE_MS: i64 = 1_000;
/// Seconds that HubSpot waits for an answer.
const HUBSPOT_TIMEOUT: Duration = Duration::from_secs(5);
/// Tries of HubSpot after the first one failed in whatever way.
const HUBSPOT_TRIES: u32 = 10;
/// First wait of HubSpot's retries; it doubles each time, and the ten of them end within a day.
const HUBSPOT_BACKOFF_MS: i64 = 60_000;
/// Seconds that Freshdesk waits for an answer.
const FRESHDESK_TIMEOUT: Duration = Duration::from_secs(10);
/// Tries of Freshdesk after the first one failed in whatever way.
const FRESHDESK_TRIES: u32 = 48;
/// Milliseconds between them: half an hour.
const FRESHDESK_PAUSE_MS: i64 = 30 * 60 * 1000;
/// Seconds that Intercom waits for an answer.
const INTERCOM_TIMEOUT: Duration = Duration::from_secs(5);
/// Milliseconds until Intercom's one further try: a minute.
const INTERCOM_PAUSE_MS: i64 = 60_000;

/// Seconds that Pipedrive waits for an answer.
const PIPEDRIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// Milliseconds before each of Pipedrive's further tries.
const PIPEDRIVE_PAUSES_MS: [i64; 3] = [3_000, 30_000, 150_000];

/// Seconds that Dynamics 365 waits for an answer.
const DYNAMICS_TIMEOUT: Duration = Duration::from_secs(60);
/// Milliseconds until its one further try, which only a failing gateway gets.
const DYNAMICS_PAUSE_MS: i64 = 5_000;

/// Serves `router` at `addr` (port 0 picks a free one) until the task is aborted; answers the address in use.
///
/// # Errors
/// When the address cannot be bound.
pub async fn serve(router: Router, addr: SocketAddr) -> std::io::Result<(SocketAddr, JoinHandle<()>)> {
    let listener = TcpListener::bind(addr).await?;
    let bound = listener.local_addr()?;
    let task = tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "the simulator stopped serving");
        }
    });
    Ok((bound, task))
}

/// How a webhook was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    /// Status, `Retry-After` in seconds, whether the body acknowledges (Salesforce), and the body where it is kept (Zendesk).
    Answered {
        status: u16,
        retry_after_s: Option<i64>,
        acknowledged: bool,
        body: String,
    },
    TimedOut,
    Unreachable,
}

/// Posts webhooks as they become due, for ever. Run it as a task, one per mailroom, on the machine's clock.
pub async fn deliver_mail(mailroom: Mailroom, client: reqwest::Client) {
    let slots = std::sync::Arc::new(tokio::sync::Semaphore::new(PARALLEL_MAX));
    loop {
        for delivery in mailroom.take_due() {
            let Ok(slot) = std::sync::Arc::clone(&slots).acquire_owned().await else { return };
            let (mailroom, client) = (mailroom.clone(), client.clone());
            tokio::spawn(async move {
                let outcome = post(&client, &delivery).await;
                let (status, body) = match &outcome {
                    Outcome::Answered { status, body, .. } => (Some(*status), body.clone()),
                    Outcome::TimedOut | Outcome::Unreachable => (None, String::new()),
                };
                mailroom.tell_answer(&delivery, &Heard { status, body, settled: settled(&delivery, &outcome) });
                if let Some(delay_ms) = retry_delay_ms(&delivery, &outcome) {
                    let again = Delivery { attempt: delivery.attempt + 1, ..delivery };
                    mailroom.retry(again, delay_ms);
                } else if !settled(&delivery, &outcome) {
                    tracing::warn!(platform = delivery.platform, attempt = delivery.attempt, ?outcome, "a webhook was given up");
                }
                drop(slot);
            });
        }
        let wait = mailroom.wait_ms().map_or(IDLE, |ms| Duration::from_millis(ms).min(IDLE));
        tokio::select! {
            () = mailroom.posted() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

async fn post(client: &reqwest::Client, delivery: &Delivery) -> Outcome {
    let timeout = match delivery.platform {
        "salesforce" => SALESFORCE_TIMEOUT,
        "hubspot" => HUBSPOT_TIMEOUT,
        "freshdesk" => FRESHDESK_TIMEOUT,
        "intercom" => INTERCOM_TIMEOUT,
        "pipedrive" => PIPEDRIVE_TIMEOUT,
        "dynamics" => DYNAMICS_TIMEOUT,
        _ => ZENDESK_TIMEOUT,
    };
    let mut request = client.request(delivery.method.clone(), &delivery.url).timeout(timeout).body(delivery.body.clone());
    for (name, value) in &delivery.headers {
        request = request.header(name, value);
    }
    match request.send().await {
        Ok(answer) => {
            let status = answer.status().as_u16();
            let retry_after_s = answer.headers().get("retry-after").and_then(|v| v.to_str().ok()).and_then(|text| text.trim().parse().ok());
            // An answer that breaks off says nothing.
            let body =
                if matches!(delivery.platform, "salesforce" | "zendesk") { answer.text().await.unwrap_or_default() } else { String::new() };
            let acknowledged = delivery.platform != "salesforce" || acknowledges(&body);
            Outcome::Answered { status, retry_after_s, acknowledged, body }
        }
        Err(error) if error.is_timeout() => Outcome::TimedOut,
        Err(_) => Outcome::Unreachable,
    }
}

/// Whether a SOAP answer holds `<Ack>true</Ack>`, whatever the prefix.
fn acknowledges(body: &str) -> bool {
    body.split("Ack>").nth(1).is_some_and(|text| text.trim_start().starts_with("true"))
}

fn settled(delivery: &Delivery, outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Answered { status, acknowledged, .. } => {
            (200..300).contains(status) && (*acknowledged || delivery.platform != "salesforce")
        }
        Outcome::TimedOut | Outcome::Unreachable => false,
    }
}

/// Milliseconds until the next try; `None` when there is none.
fn retry_delay_ms(delivery: &Delivery, outcome: &Outcome) -> Option<i64> {
    if settled(delivery, outcome) {
        return None;
    }
    if delivery.platform == "salesforce" {
        let backoff = |attempt: u32| SALESFORCE_BACKOFF_MS.saturating_mul(1 << attempt.min(20)).min(SALESFORCE_BACKOFF_MS_MAX);
        let waited: i64 = (0..delivery.attempt).map(backoff).sum();
        let next = backoff(delivery.attempt);
        return (waited + next <= SALESFORCE_GIVE_UP_MS).then_some(next);
    }
    if delivery.platform == "hubspot" {
        return (delivery.attempt < HUBSPOT_TRIES).then(|| HUBSPOT_BACKOFF_MS << delivery.attempt);
    }
    if delivery.platform == "freshdesk" {
        return (delivery.attempt < FRESHDESK_TRIES).then_some(FRESHDESK_PAUSE_MS);
    }
    if delivery.platform == "intercom" {
        return (delivery.attempt == 0).then_some(INTERCOM_PAUSE_MS);
    }
    if delivery.platform == "pipedrive" {
        return PIPEDRIVE_PAUSES_MS.get(delivery.attempt as usize).copied();
    }
    if delivery.platform == "dynamics" {
        let gateway = matches!(outcome, Outcome::Answered { status: 502..=504, .. });
        return (gateway && delivery.attempt == 0).then_some(DYNAMICS_PAUSE_MS);
    }
    match outcome {
        Outcome::Answered { status: 409, .. } => (delivery.attempt < ZENDESK_CONFLICT_TRIES).then_some(ZENDESK_PAUSE_MS),
        Outcome::Answered { status: 429 | 503, retry_after_s: Some(s), .. } => {
            (*s < ZENDESK_RETRY_AFTER_S && delivery.attempt == 0).then_some(s.max(&0) * 1000)
        }
        Outcome::TimedOut => (delivery.attempt < ZENDESK_TIMEOUT_TRIES).then_some(ZENDESK_PAUSE_MS),
        Outcome::Answered { .. } | Outcome::Unreachable => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(platform: &'static str, attempt: u32) -> Delivery {
        Delivery { platform, method: http::Method::POST, url: String::new(), headers: Vec::new(), body: Vec::new(), attempt }
    }

    fn answered(status: u16, retry_after_s: Option<i64>, acknowledged: bool) -> Outcome {
        Outcome::Answered { status, retry_after_s, acknowledged, body: String::new() }
    }

    #[test]
    fn pipedrive_tries_three_more_times_in_three_minutes() {
        let waits: Vec<i64> = (0..20).map_while(|attempt| retry_delay_ms(&delivery("pipedrive", attempt), &Outcome::TimedOut)).collect();
        assert_eq!(waits, [3_000, 30_000, 150_000]);
        assert_eq!(retry_delay_ms(&delivery("pipedrive", 0), &answered(204, None, true)), None);
    }

    #[test]
    fn dynamics_tries_once_more_after_a_failing_gateway_and_never_else() {
        let retry = |attempt, status| retry_delay_ms(&delivery("dynamics", attempt), &answered(status, None, true));
        assert_eq!((retry(0, 503), retry(1, 503), retry(0, 500)), (Some(5_000), None, None));
        assert_eq!(retry_delay_ms(&delivery("dynamics", 0), &Outcome::TimedOut), None);
    }

    #[test]
    fn salesforce_doubles_its_wait_up_to_two_hours_and_gives_up_after_a_day() {
        let silent = answered(200, None, false);
        let waits: Vec<i64> = (0..64).map_while(|attempt| retry_delay_ms(&delivery("salesforce", attempt), &silent)).collect();
        assert_eq!(waits[..3], [5_000, 10_000, 20_000]);
        assert_eq!(waits.last(), Some(&SALESFORCE_BACKOFF_MS_MAX));
        let sum: i64 = waits.iter().sum();
        assert!(sum <= SALESFORCE_GIVE_UP_MS && sum > SALESFORCE_GIVE_UP_MS / 2, "{sum}");
        assert_eq!(retry_delay_ms(&delivery("salesforce", 0), &answered(200, None, true)), None);
        assert!(acknowledges("<a:Ack>true</a:Ack>") && !acknowledges("<Ack>false</Ack>") && !acknowledges("ok"));
    }

    #[test]
    fn hubspot_retries_every_failure_ten_times_within_a_day() {
        let waits: Vec<i64> =
            (0..20).map_while(|attempt| retry_delay_ms(&delivery("hubspot", attempt), &answered(404, None, true))).collect();
        assert_eq!(waits.len(), 10);
        assert!(waits.iter().sum::<i64>() < 24 * 60 * 60 * 1000);
        assert_eq!(retry_delay_ms(&delivery("hubspot", 0), &answered(204, None, true)), None);
    }

    #[test]
    fn freshdesk_tries_every_half_hour_for_a_day() {
        let waits: Vec<i64> =
            (0..100).map_while(|attempt| retry_delay_ms(&delivery("freshdesk", attempt), &answered(500, None, true))).collect();
        assert_eq!((waits.len(), waits.iter().sum::<i64>()), (48, 24 * 60 * 60 * 1000));
        assert_eq!(retry_delay_ms(&delivery("freshdesk", 0), &answered(200, None, true)), None);
    }

    #[test]
    fn intercom_tries_once_more_after_a_minute() {
        let retry = |attempt| retry_delay_ms(&delivery("intercom", attempt), &answered(500, None, true));
        assert_eq!((retry(0), retry(1)), (Some(60_000), None));
    }

    #[test]
    fn zendesk_retries_conflicts_short_pauses_and_time_outs_only() {
        let retry = |attempt, outcome: Outcome| retry_delay_ms(&delivery("zendesk", attempt), &outcome);
        assert!(retry(0, answered(409, None, true)).is_some() && retry(3, answered(409, None, true)).is_none());
        assert_eq!(retry(0, answered(429, Some(7), true)), Some(7_000));
        assert_eq!(retry(0, answered(503, Some(60), true)), None);
        assert_eq!(retry(0, answered(429, None, true)), None);
        assert_eq!(retry(0, answered(500, None, true)), None);
        assert!(retry(4, Outcome::TimedOut).is_some() && retry(5, Outcome::TimedOut).is_none());
    }
}
