//! What goes wrong, and what is to be done about it.

use entente_connect::connector::Priority;
use entente_connect::settings::{Auth, Secret};
use entente_sims::faults::Fault;
use entente_sims::intercom::Kind;
use serde_json::json;

use super::workspace::{Workspace, settings};
use crate::stage::rows::{spec, update};

#[tokio::test]
async fn a_wrong_token_a_missing_scope_and_an_ended_subscription_say_what_to_do() {
    let mut wrong = settings();
    wrong.auth = Auth::AccessToken { token: Secret::new("another-token") };
    let error = Workspace::with(wrong, |_| {}).desk.check().await.unwrap_err();
    assert_eq!(error.class.name(), "reauthenticate");
    assert!(error.advice.contains("region") && !error.to_string().contains("another-token"));
    let read = spec("contact", &["name"]);
    let scopeless = Workspace::with(settings(), |options| options.denied = vec!["contacts".to_owned()]);
    let error = scopeless.desk.page(&read, None, Priority::Backfill).await.unwrap_err();
    assert_eq!((error.class.name(), error.code.as_str()), ("configuration", "token_unauthorized"));
    let ended = Workspace::with(settings(), |options| options.suspended = true);
    let error = ended.desk.check().await.unwrap_err();
    assert_eq!((error.class.name(), error.code.as_str()), ("configuration", "api_plan_restricted"));
}

#[tokio::test]
async fn settings_that_do_not_fit_are_named() {
    let mut login = settings();
    login.auth = Auth::ApiToken { email: "a@b.example".to_owned(), token: Secret::new("x") };
    let refused = Workspace::connect(login, |_| {}).map(drop).unwrap_err();
    assert!(refused.contains("access_token"), "{refused}");
    let mut version = settings();
    version.api_version = Some("1.0".to_owned());
    let refused = Workspace::connect(version, |_| {}).map(drop).unwrap_err();
    assert!(refused.contains("2.16, 2.15, 2.14"), "{refused}");
}

#[tokio::test]
async fn calls_wait_for_the_window_that_the_headers_name() {
    let workspace = Workspace::with(settings(), |options| options.profile.quota = 20);
    workspace.desk.check().await.unwrap();
    let budget = workspace.desk.budget();
    assert_eq!((budget.limit, budget.remaining), (Some(20), Some(19)));
    let read = spec("contact", &["name"]);
    let ann = workspace.contact("Ann", "ann@acme.example");
    let mut waited = 0;
    for _ in 0..60 {
        match workspace.desk.fetch(&read, std::slice::from_ref(&ann), Priority::Urgent).await {
            Ok(_) => {}
            Err(error) => {
                assert_eq!(error.class.name(), "wait", "{error}");
                waited += 1;
                workspace.pass(10);
            }
        }
    }
    assert!(waited >= 2, "three windows are needed for sixty calls");
    assert_eq!(workspace.sim.calls().limited, 0, "nobody was refused: the headers were believed");
}

#[tokio::test]
async fn a_refusal_for_pace_lasts_until_the_window_ends() {
    let workspace = Workspace::open();
    workspace.desk.check().await.unwrap();
    workspace.pass(3);
    workspace.faults.order([Fault::TooMany]);
    let error = workspace.desk.check().await.unwrap_err();
    let entente_connect::error::Class::Wait { until } = error.class else { panic!("{error}") };
    assert_eq!(until.as_second() - workspace.time().as_second(), 7);
    workspace.pass(7);
    workspace.desk.check().await.unwrap();
}

#[tokio::test]
async fn every_fault_of_a_write_has_its_class_and_leaves_the_row_whole() {
    for (fault, class) in [
        (Fault::TimeoutBefore, "retry"),
        (Fault::TimeoutAfter, "retry"),
        (Fault::ServerError, "retry"),
        (Fault::Unavailable, "retry"),
        (Fault::Collision, "look_again"),
        (Fault::TooMany, "wait"),
    ] {
        let workspace = Workspace::open();
        let ann = workspace.contact("Ann", "ann@acme.example");
        let write = [update(&ann, json!({"name": "Anna"}))];
        workspace.faults.order([fault]);
        let error = workspace.write("contact", &write).await.remove(0).unwrap_err();
        assert_eq!(error.class.name(), class, "{fault:?}: {error}");
        workspace.pass(11);
        workspace.write("contact", &write).await.remove(0).unwrap();
        assert_eq!(workspace.row(Kind::Contact, &ann)["name"], "Anna", "{fault:?}");
    }
}

#[tokio::test]
async fn every_call_names_the_version() {
    let mut settings = settings();
    settings.api_version = Some("2.15".to_owned());
    let workspace = Workspace::with(settings, |options| options.default_version = 11);
    let ann = workspace.contact("Ann", "ann@acme.example");
    let ty = workspace.sim.ticket_types()[0].0.clone();
    let ticket = workspace.plant(Kind::Ticket, json!({"ticket_type_id": ty, "contacts": [{"id": ann}]}));
    assert_eq!(workspace.fetch(&spec("conversation", &["state"]), &ticket).await.row["state"], "submitted");
    let list = workspace.line.sent.lock().unwrap().len();
    assert!(list > 0);
}
