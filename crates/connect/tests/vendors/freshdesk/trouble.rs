//! When Freshdesk says no, or nothing.

use std::collections::BTreeSet;
use std::time::Duration;

use entente_connect::connector::Priority;
use entente_connect::error::Class;
use entente_connect::look::Existence;
use entente_connect::settings::{Auth, Secret};
use entente_sims::faults::Fault;
use entente_sims::freshdesk::Kind;
use serde_json::json;

use super::account::{Account, settings};
use crate::stage::rows::{create, spec};

#[tokio::test]
async fn the_key_s_owner_and_the_account_are_told() {
    let account = Account::open();
    let identity = account.desk.check().await.unwrap();
    assert_eq!((identity.user.as_str(), identity.organization.as_str()), ("sync@acme.example", "acme"));
    assert_eq!(identity.user_id, account.sim.agents()[0].id.to_string());
}

#[tokio::test]
async fn a_wrong_key_says_where_the_right_one_is_and_is_not_shown() {
    let mut wrong = settings();
    wrong.auth = Auth::AccessToken { token: Secret::new("not-the-key-at-all") };
    let account = Account::with(wrong, |_| {});
    let error = account.desk.check().await.unwrap_err();
    assert!(error.class == Class::Reauthenticate && error.advice.contains("API key"), "{error}");
    assert!(!format!("{error:?}").contains("not-the-key"));
    let mut basic = settings();
    basic.auth = Auth::ApiToken { email: "a@b.example".to_owned(), token: Secret::new("x") };
    let refused = Account::connect(basic, |_| {}).err().unwrap();
    assert!(refused.contains("access_token"), "{refused}");
}

#[tokio::test]
async fn every_failure_of_a_call_has_its_class() {
    let account = Account::open();
    let read = spec("company", &["name"]);
    for (fault, class) in
        [(Fault::ServerError, "retry"), (Fault::Unavailable, "retry"), (Fault::TimeoutBefore, "retry"), (Fault::TooMany, "wait")]
    {
        let calm = Account::open();
        calm.faults.order([fault]);
        let error = calm.desk.page(&read, None, Priority::Backfill).await.unwrap_err();
        assert_eq!(error.class.name(), class, "{fault:?}");
    }
    account.faults.order([Fault::Collision]);
    let outcomes = account.write("contact", &[create("con_1", json!({"name": "A", "email": "a@customer.example"}))]).await;
    assert_eq!(outcomes[0].as_ref().unwrap_err().class.name(), "look_again");
}

#[tokio::test]
async fn a_pause_that_is_asked_for_is_kept() {
    let account = Account::open();
    let read = spec("company", &["name"]);
    account.faults.order([Fault::QuotaExhausted]);
    let error = account.desk.page(&read, None, Priority::Backfill).await.unwrap_err();
    assert!(matches!(error.class, Class::Wait { .. }));
    let calls = account.sim.calls().total;
    let error = account.desk.page(&read, None, Priority::Backfill).await.unwrap_err();
    assert!(matches!(error.class, Class::Wait { .. }));
    assert_eq!(account.sim.calls().total, calls, "nothing is asked meanwhile");
    account.pass(61);
    account.desk.page(&read, None, Priority::Backfill).await.unwrap();
}

#[tokio::test]
async fn the_limit_is_read_from_the_answers_and_kept_to() {
    let account = Account::with(settings(), |options| {
        options.profile.quota = 200;
        options.profile.limits = true;
    });
    let read = spec("ticket", &["subject"]);
    account.desk.page(&read, None, Priority::Urgent).await.unwrap();
    let budget = account.desk.budget();
    assert_eq!((budget.limit, budget.window), (Some(200), Some(Duration::from_secs(60))));
    assert!(budget.remaining.is_some_and(|left| left < 200));
    let mut waited = 0;
    for _ in 0..40 {
        if let Err(error) = account.desk.page(&read, None, Priority::Urgent).await {
            assert!(matches!(error.class, Class::Wait { .. }), "{error}");
            waited += 1;
        }
    }
    assert!(waited > 0 && account.sim.calls().limited == 0, "{waited} {}", account.sim.calls().limited);
}

#[tokio::test]
async fn polls_under_every_fault_lose_no_row() {
    let account = Account::open();
    let mut made = BTreeSet::new();
    for (object, kind) in [("contact", Kind::Contact), ("company", Kind::Company), ("ticket", Kind::Ticket)] {
        for n in 0..230 {
            let id = match kind {
                Kind::Contact => account.contact(&format!("C {n}"), &format!("c{n}@customer.example")),
                Kind::Company => account.plant(kind, json!({"name": format!("Company {n}")})),
                Kind::Ticket => account.ticket(&format!("T {n}")),
            };
            made.insert((object, id));
            if n % 90 == 0 {
                account.pass(1);
            }
        }
    }
    for fault in [Fault::TimeoutBefore, Fault::TimeoutAfter, Fault::TooMany, Fault::QuotaExhausted, Fault::ServerError, Fault::Unavailable]
    {
        account.faults.set_calls(fault, 40);
    }
    account.faults.set_calls(Fault::HalfPage, 200);
    let mut seen = BTreeSet::new();
    for object in ["contact", "company", "ticket"] {
        let read = spec(object, &["updated_at"]);
        let mut cursor = None;
        loop {
            let page = match account.desk.page(&read, cursor.as_ref(), Priority::Urgent).await {
                Ok(page) => page,
                Err(error) => {
                    assert!(matches!(error.class, Class::Retry | Class::Wait { .. }), "{error}");
                    account.pass(61);
                    continue;
                }
            };
            assert!(page.looks.iter().all(|look| look.existence == Existence::Present));
            seen.extend(page.looks.into_iter().map(|look| (object, look.id)));
            cursor = Some(page.next);
            if !page.more {
                break;
            }
        }
    }
    assert!(account.sim.calls().faulty > 5, "{:?}", account.sim.calls());
    let lost: Vec<_> = made.difference(&seen).collect();
    assert!(lost.is_empty(), "{lost:?}");
    // The requester of the tickets is a contact as well.
    assert_eq!(seen.len(), made.len() + 1);
}
