//! Refusals, silence, and what must never be said.

use entente_connect::connector::Priority;
use entente_connect::error::{Class, VendorError};
use entente_connect::settings::{Auth, Secret};
use entente_sims::faults::Fault;
use serde_json::json;

use super::portal::{Portal, contacts, key, oauth, settings};
use crate::stage::rows::create;

async fn fetch(portal: &Portal) -> Result<(), VendorError> {
    portal.crm.fetch(&contacts(&["email"]), &["1".to_owned()], Priority::Update).await.map(drop)
}

fn pause(error: &VendorError, portal: &Portal) -> u64 {
    let Class::Wait { until } = error.class else { panic!("{error:?}") };
    u64::try_from(until.as_second() - portal.time().as_second()).unwrap()
}

#[tokio::test]
async fn a_refusal_for_pace_holds_everyone_back_as_long_as_it_says() {
    for (header, expected) in [(None, 10), (Some(7), 7)] {
        let portal = Portal::open();
        fetch(&portal).await.unwrap();
        portal.sim.say_retry_after(header);
        portal.faults.order([Fault::TooMany]);
        let refused = fetch(&portal).await.unwrap_err();
        assert_eq!((refused.status, pause(&refused, &portal)), (429, expected));
        let calls = portal.sim.calls().total;
        let held = fetch(&portal).await.unwrap_err();
        assert_eq!((held.code.as_str(), pause(&held, &portal)), ("budget", expected), "no call is made meanwhile");
        assert_eq!(portal.sim.calls().total, calls);
        portal.pass(expected);
        fetch(&portal).await.unwrap();
    }
}

#[tokio::test]
async fn searches_have_a_pause_of_their_own() {
    let portal = Portal::open();
    let read = contacts(&["email"]);
    let (_, cursor) = portal.read_on(&read, None).await;
    portal.faults.order([Fault::TooMany]);
    let refused = portal.crm.page(&read, Some(&cursor), Priority::Backfill).await.unwrap_err();
    assert_eq!((refused.code.as_str(), pause(&refused, &portal)), ("SECONDLY", 1));
    fetch(&portal).await.unwrap();
}

#[tokio::test]
async fn a_spent_day_is_asked_again_after_an_hour() {
    let portal = Portal::with(settings(key()), |_| {});
    fetch(&portal).await.unwrap();
    portal.faults.order([Fault::QuotaExhausted]);
    assert_eq!(pause(&fetch(&portal).await.unwrap_err(), &portal), 3_600);
    for _ in 0..13 {
        portal.pass(3_600);
        drop(fetch(&portal).await);
    }
    fetch(&portal).await.unwrap();
}

#[tokio::test]
async fn the_burst_limit_of_the_headers_is_kept() {
    let portal = Portal::with(settings(oauth()), |options| options.profile.quota = 20);
    let mut made = 0;
    while fetch(&portal).await.is_ok() {
        made += 1;
        assert!(made < 40, "no pause in sight");
    }
    assert_eq!(portal.sim.calls().limited, 0, "we stop before HubSpot says so");
    assert_eq!(portal.crm.budget().limit, Some(20));
    portal.pass(10);
    fetch(&portal).await.unwrap();
}

#[tokio::test]
async fn a_moving_portal_and_a_tired_one_are_waited_for() {
    let portal = Portal::open();
    fetch(&portal).await.unwrap();
    portal.faults.order([Fault::ServerError]);
    assert_eq!(fetch(&portal).await.unwrap_err().class, Class::Retry);
    portal.faults.order([Fault::Unavailable]);
    assert_eq!(fetch(&portal).await.unwrap_err().class, Class::Retry);
    portal.sim.move_away(120);
    let moving = fetch(&portal).await.unwrap_err();
    assert_eq!((moving.status, pause(&moving, &portal)), (477, 120));
}

#[tokio::test]
async fn a_revoked_connection_asks_for_a_person() {
    let revoked = Auth::RefreshToken {
        client_id: "hubspot-client".to_owned(),
        client_secret: Secret::new("hubspot-secret"),
        refresh_token: Secret::new("a-token-that-was-revoked"),
    };
    let portal = Portal::with(settings(revoked), |_| {});
    let error = fetch(&portal).await.unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (Class::Reauthenticate, "BAD_REFRESH_TOKEN"));
    let portal = Portal::with(settings(Auth::AccessToken { token: Secret::new("pat-na1-of-another-life") }), |_| {});
    let error = fetch(&portal).await.unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (Class::Reauthenticate, "INVALID_AUTHENTICATION"));
}

#[tokio::test]
async fn errors_tell_neither_secrets_nor_people() {
    let portal = Portal::open();
    portal.plant("contacts", json!({"email": "countess@ottobre.example"}));
    let writes = [
        create("con_1", json!({"email": "countess at ottobre", "firstname": "Ada"})),
        create("con_2", json!({"email": "countess@ottobre.example"})),
        create("con_3", json!({"email": "x@example.com", "lifecyclestage": "Countess of Ottobre"})),
    ];
    // The vendor's own answer is kept beside, for people who look into a failure, and may speak of the row; never of secrets.
    let all = |error: VendorError| {
        let secretless = error.answer.as_ref().is_none_or(|answer| !answer.contains("pat-na1") && !answer.contains("hubspot-secret"));
        assert!(secretless, "{error:?}");
        format!("{0:?} {0}", VendorError { answer: None, ..error })
    };
    let mut said: Vec<String> = portal.write("contacts", &writes).await.into_iter().map(|outcome| all(outcome.unwrap_err())).collect();
    portal.faults.order([Fault::TimeoutAfter]);
    said.push(all(fetch(&portal).await.unwrap_err()));
    let refused = Portal::with(settings(Auth::AccessToken { token: Secret::new("pat-na1-of-another-life") }), |_| {});
    said.push(all(fetch(&refused).await.unwrap_err()));
    assert_eq!(said.len(), 5);
    for text in said {
        for secret in ["ottobre", "ountess", "Ada", "pat-na1", "hubspot-secret", "hubspot-refresh", "CPbx"] {
            assert!(!text.contains(secret), "`{secret}` in: {text}");
        }
    }
}

#[tokio::test]
async fn settings_that_do_not_fit_are_refused_by_name() {
    let why = |settings| Portal::connect(settings, |_| {}).err().unwrap();
    let mut odd = settings(oauth());
    odd.api_version = Some("2025-01".to_owned());
    assert!(why(odd).contains("`api_version`"));
    let strange = Auth::ClientCredentials { client_id: "x".to_owned(), client_secret: Secret::new("y") };
    assert!(why(settings(strange)).contains("access_token"));
}
