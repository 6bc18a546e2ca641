//! Refusals, silence, budgets, and what must never be said.

use entente_connect::connector::Priority;
use entente_connect::error::{Class, VendorError};
use entente_sims::faults::Fault;
use entente_sims::pipedrive::Kind;
use serde_json::json;

use crate::pipedrive::company::{Company, TOKEN, persons, settings, token};
use crate::stage::rows::{create, update};

async fn fetch(company: &Company) -> Result<(), VendorError> {
    company.crm.fetch(&persons(&["email"]), &["1".to_owned()], Priority::Update).await.map(drop)
}

fn pause(error: &VendorError, company: &Company) -> i64 {
    let Class::Wait { until } = error.class else { panic!("{error:?}") };
    until.as_second() - company.time().as_second()
}

#[tokio::test]
async fn a_burst_is_waited_out_without_a_call() {
    let company = Company::open();
    fetch(&company).await.unwrap();
    company.faults.order([Fault::TooMany]);
    let refused = fetch(&company).await.unwrap_err();
    assert_eq!((refused.status, pause(&refused, &company)), (429, 2));
    let calls = company.sim.calls().total;
    // A short pause is slept through.
    fetch(&company).await.unwrap();
    assert_eq!((company.sim.calls().total - calls, company.sim.calls().limited), (1, 1));
}

#[tokio::test]
async fn the_burst_limit_of_the_headers_is_kept() {
    let company = Company::with(settings(token()), |options| options.profile.quota = 20);
    for _ in 0..100 {
        drop(fetch(&company).await);
    }
    assert_eq!(company.sim.calls().limited, 0, "we stop before Pipedrive says so");
}

#[tokio::test]
async fn the_day_s_tokens_are_told_kept_for_the_urgent_and_waited_for() {
    let company = Company::with(settings(token()), |options| {
        options.daily_tokens = 1_000;
        options.profile.limits = true;
    });
    fetch(&company).await.unwrap();
    let budget = company.crm.budget();
    assert_eq!((budget.limit, budget.remaining), (Some(1_000), Some(1_000 - 10 - 1)), "definitions and one row");
    let read = persons(&["email"]);
    let held = loop {
        if let Err(error) = company.crm.page(&read, None, Priority::Backfill).await {
            break error;
        }
        company.pass(3);
    };
    assert_eq!(held.code, "budget");
    assert!(company.crm.budget().remaining.unwrap() >= 90, "a backfill leaves a tenth: {:?}", company.crm.budget());
    assert_eq!(company.sim.calls().limited, 0);
    company.crm.page(&read, None, Priority::Urgent).await.unwrap();
    // Fourteen hours are left of the day.
    assert!(pause(&held, &company) > 13 * 3_600 && pause(&held, &company) <= 14 * 3_600);
    company.pass(14 * 3_600 + 60);
    company.crm.page(&read, None, Priority::Backfill).await.unwrap();
}

#[tokio::test]
async fn a_spent_day_is_waited_for_until_midnight() {
    let company = Company::open();
    fetch(&company).await.unwrap();
    company.faults.order([Fault::QuotaExhausted]);
    let refused = fetch(&company).await.unwrap_err();
    assert_eq!((refused.code.as_str(), pause(&refused, &company)), ("daily_tokens", 14 * 3_600));
    let calls = company.sim.calls().total;
    assert!(fetch(&company).await.is_err());
    assert_eq!(company.sim.calls().total, calls, "nothing is called meanwhile");
    company.pass(14 * 3_600);
    fetch(&company).await.unwrap();
}

#[tokio::test]
async fn answers_without_a_word_about_the_day_are_enough() {
    let company = Company::with(settings(token()), |options| options.says_daily = false);
    for _ in 0..50 {
        fetch(&company).await.unwrap();
    }
    assert_eq!(company.crm.budget().limit, None);
}

#[tokio::test]
async fn a_network_that_shuts_us_out_is_left_alone_for_long() {
    let company = Company::open();
    fetch(&company).await.unwrap();
    company.sim.shut_out(600);
    let refused = fetch(&company).await.unwrap_err();
    assert_eq!((refused.code.as_str(), refused.status, pause(&refused, &company)), ("shut_out", 403, 900));
    let calls = company.sim.calls().total;
    assert!(fetch(&company).await.is_err());
    assert_eq!(company.sim.calls().total, calls);
    company.pass(900);
    fetch(&company).await.unwrap();
}

#[tokio::test]
async fn a_closed_account_and_tired_servers_have_their_own_remedies() {
    let company = Company::open();
    fetch(&company).await.unwrap();
    for fault in [Fault::ServerError, Fault::Unavailable] {
        company.faults.order([fault]);
        assert_eq!(fetch(&company).await.unwrap_err().class, Class::Retry);
    }
    company.faults.order([Fault::TimeoutAfter]);
    assert_eq!(fetch(&company).await.unwrap_err().code, "timeout");
    company.sim.close(true);
    let error = fetch(&company).await.unwrap_err();
    assert!(error.class == Class::Configuration && error.advice.contains("settle"), "{error:?}");
}

#[tokio::test]
async fn errors_tell_neither_secrets_nor_people() {
    let company = Company::open();
    let id = company.contact("Ada", "ada@x.example");
    let writes = [
        create("con_1", json!({"name": "Countess of Ottobre", "email": "countess at ottobre"})),
        create("con_2", json!({"name": "Countess of Ottobre", "marketing_status": "Countess"})),
        update(&id, json!({"job_title": "Countess of Ottobre"})),
    ];
    let mut said = Vec::new();
    for outcome in company.write("persons", &writes).await {
        let error = outcome.unwrap_err();
        assert!(error.answer.as_ref().is_none_or(|answer| !answer.contains(TOKEN)), "{error:?}");
        said.push(format!("{0:?} {0}", VendorError { answer: None, ..error }));
    }
    assert_eq!(said.len(), 3);
    for text in said {
        for secret in ["ottobre", "ountess", TOKEN] {
            assert!(!text.contains(secret), "`{secret}` in: {text}");
        }
    }
    let sent = company.line.sent.lock().unwrap();
    assert!(!sent.iter().any(|(path, _)| path.contains(TOKEN)), "and no address carries the token");
}

#[tokio::test]
async fn polls_under_every_fault_lose_no_row() {
    let company = Company::open();
    for n in 0..1_500 {
        company.contact("Somebody", &format!("{n}@example.com"));
    }
    for fault in [Fault::TimeoutBefore, Fault::TimeoutAfter, Fault::TooMany, Fault::ServerError, Fault::Unavailable, Fault::HalfPage] {
        company.faults.set_calls(fault, 80);
    }
    let read = persons(&["email"]);
    let (mut cursor, mut seen) = (None, std::collections::BTreeSet::new());
    for _ in 0..400 {
        match company.crm.page(&read, cursor.as_ref(), Priority::Backfill).await {
            Ok(page) => {
                seen.extend(page.looks.into_iter().map(|look| look.id));
                cursor = Some(page.next);
                if !page.more {
                    break;
                }
            }
            Err(error) => {
                assert!(matches!(error.class, Class::Retry | Class::Wait { .. }), "{error:?}");
                company.pass(3);
            }
        }
    }
    assert_eq!(seen.len(), company.sim.count(Kind::Person));
}
