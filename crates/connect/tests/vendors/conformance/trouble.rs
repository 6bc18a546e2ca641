//! Refusals for pace, and silence.

use entente_connect::error::{Class, VendorError};
use entente_sims::faults::Fault;

use super::trial::Trial;
use crate::stage::line::Interjection;

/// Pauses after which anybody may ask again, at the longest: 25 hours, for a day's quota.
const PAUSE_S_MAX: i64 = 25 * 3_600;

fn pause(error: &VendorError, trial: &Trial) -> i64 {
    let Class::Wait { until } = error.class else { panic!("not a matter of waiting: {error:?}") };
    until.as_second() - trial.now().as_second()
}

async fn refused(trial: &Trial, id: &str, header: Option<(&'static str, String)>) -> i64 {
    trial.line.interject(Interjection { status: 429, header, body: "" });
    let refusal = trial.try_fetch(&[], id).await.unwrap_err();
    assert_eq!(refusal.status, 429);
    let pause = pause(&refusal, trial);
    let calls = trial.line.sent.lock().unwrap().len();
    let held = trial.try_fetch(&[], id).await.unwrap_err();
    assert!(matches!(held.class, Class::Wait { .. }), "{held}");
    assert_eq!(trial.line.sent.lock().unwrap().len(), calls, "no call is made meanwhile");
    pause
}

pub async fn a_refusal_for_pace_is_waited_out_as_long_as_it_says(trial: Trial) {
    let id = trial.host.plant("Ada", "ada@pace.example");
    trial.fetch(&[], &id).await;
    let pause = refused(&trial, &id, Some(("retry-after", "7".to_owned()))).await;
    assert!((6..=8).contains(&pause), "{pause}");
    trial.pass(8);
    trial.fetch(&[], &id).await;
}

pub async fn a_refusal_for_pace_that_says_nothing_is_waited_out_all_the_same(trial: Trial) {
    let id = trial.host.plant("Ada", "ada@pace.example");
    trial.fetch(&[], &id).await;
    let pause = refused(&trial, &id, None).await;
    assert!((1..=900).contains(&pause), "{pause}");
    trial.pass(u64::try_from(pause).unwrap());
    trial.fetch(&[], &id).await;
}

pub async fn a_spent_quota_comes_back(trial: Trial) {
    let id = trial.host.plant("Ada", "ada@quota.example");
    trial.fetch(&[], &id).await;
    trial.faults.order([Fault::QuotaExhausted]);
    let began = trial.now().as_second();
    let calls = trial.line.sent.lock().unwrap().len();
    let mut refusals = 0;
    loop {
        let Err(refusal) = trial.try_fetch(&[], &id).await else { break };
        refusals += 1;
        let pause = pause(&refusal, &trial);
        assert!((0..=PAUSE_S_MAX).contains(&pause), "{refusal:?}");
        trial.pass(u64::try_from(pause.max(1)).unwrap());
        assert!(trial.now().as_second() - began <= PAUSE_S_MAX, "the quota is asked for again in vain after {refusals} refusals");
    }
    assert!(refusals > 0, "the quota was spent");
    // Asking whether it is back costs calls as well: not more than one an hour and a few at first.
    assert!(trial.line.sent.lock().unwrap().len() - calls <= 40);
}

pub async fn silence_and_tired_servers_are_tried_again(trial: Trial) {
    let id = trial.host.plant("Ada", "ada@silence.example");
    trial.fetch(&[], &id).await;
    for fault in [Fault::TimeoutBefore, Fault::TimeoutAfter, Fault::ServerError, Fault::Unavailable] {
        trial.faults.order([fault]);
        let refusal = trial.try_fetch(&[], &id).await.unwrap_err();
        assert!(matches!(refusal.class, Class::Retry | Class::Wait { .. }), "{fault:?}: {refusal:?}");
        trial.pass(120);
        trial.fetch(&[], &id).await;
    }
}
