//! Writes in batches, and what becomes of single rows.

use entente_connect::connector::Priority;
use entente_connect::error::Class;
use entente_sims::faults::Fault;
use serde_json::{Value, json};

use super::portal::{Portal, oauth, settings, target};
use crate::stage::rows::{create, delete, update};

#[tokio::test]
async fn a_creation_that_is_repeated_makes_no_twin() {
    let portal = Portal::open();
    let writes = [create("con_1", json!({"email": "a@example.com"})), create("con_2", json!({"email": "b@example.com"}))];
    portal.faults.order([Fault::TimeoutAfter]);
    portal.crm.describe("contacts").await.unwrap_err();
    portal.crm.describe("contacts").await.unwrap();
    portal.faults.order([Fault::TimeoutAfter]);
    let lost = portal.crm.write(&target("contacts"), &writes, Priority::Update).await.unwrap_err();
    assert_eq!((lost.class, lost.code.as_str()), (Class::Retry, "timeout"));
    assert_eq!(portal.sim.count("contacts"), 2, "the work was done");
    let again = portal.write("contacts", &writes).await;
    assert!(again.iter().all(|outcome| outcome.as_ref().unwrap().created == Some(false)));
    assert_eq!(portal.sim.count("contacts"), 2);
}

#[tokio::test]
async fn each_bad_row_of_a_batch_fails_for_itself() {
    for version in ["v3", "2026-09"] {
        let mut settings = settings(oauth());
        settings.api_version = Some(version.to_owned());
        let portal = Portal::with(settings, |_| {});
        let taken = portal.plant("contacts", json!({"email": "taken@example.com"}));
        let writes = [
            create("con_0", json!({"email": "a@example.com", "firstname": "Ada"})),
            create("con_1", json!({"email": "broken"})),
            create("con_2", json!({"email": "taken@example.com"})),
            create("con_3", json!({"email": "d@example.com", "lifecyclestage": "unheard"})),
            create("con_4", json!({"email": "e@example.com"})),
        ];
        let outcomes = portal.write("contacts", &writes).await;
        let classes: Vec<&str> =
            outcomes.iter().map(|outcome| outcome.as_ref().map_or_else(|error| error.class.name(), |_| "ok")).collect();
        assert_eq!(classes, ["ok", "data", "look_again", "data", "ok"]);
        let field = |at: usize| outcomes[at].as_ref().unwrap_err().field.clone();
        assert_eq!((field(1).as_deref(), field(3).as_deref()), (Some("email"), Some("lifecyclestage")));
        assert!(outcomes[2].as_ref().unwrap_err().message.contains(&taken), "the record that has the address is named");
        assert_eq!(portal.sim.count("contacts"), 3);
    }
}

#[tokio::test]
async fn values_are_set_and_cleared_and_nulls_are_never_sent() {
    let portal = Portal::open();
    let id = portal.plant("contacts", json!({"email": "a@example.com", "firstname": "Ada", "jobtitle": "Countess"}));
    let outcome = portal.write("contacts", &[update(&id, json!({"firstname": "Augusta", "jobtitle": null}))]).await.remove(0).unwrap();
    assert_eq!((outcome.id.as_str(), outcome.created), (id.as_str(), None));
    let held = portal.sim.get("contacts", &id).unwrap();
    assert_eq!((held["firstname"].as_str(), held.contains_key("jobtitle")), (Some("Augusta"), false));
    let sent = portal.line.sent.lock().unwrap();
    let (_, body) = sent.iter().find(|(call, _)| call.ends_with("/batch/update")).unwrap();
    assert_eq!(body["inputs"][0]["properties"], json!({"firstname": "Augusta", "jobtitle": ""}));
}

#[tokio::test]
async fn many_rows_go_a_hundred_at_a_time() {
    let portal = Portal::open();
    let writes: Vec<_> = (0..250).map(|n| create(&format!("con_{n}"), json!({"email": format!("{n}@example.com")}))).collect();
    let outcomes = portal.write("contacts", &writes).await;
    assert!(outcomes.iter().all(Result::is_ok));
    assert_eq!((portal.sim.count("contacts"), portal.calls("POST objects/contacts/batch/upsert")), (250, 3));
    let gone: Vec<_> = outcomes.iter().map(|outcome| delete(&outcome.as_ref().unwrap().id)).collect();
    assert!(portal.write("contacts", &gone).await.iter().all(Result::is_ok));
    assert!(portal.write("contacts", &gone).await.iter().all(Result::is_ok), "what is gone already is gone");
    assert_eq!(portal.sim.count("contacts"), 0);
}

#[tokio::test]
async fn a_row_that_was_merged_or_archived_is_looked_at_again() {
    let portal = Portal::open();
    let [a, b, c, d] = ["a", "b", "c", "d"].map(|name| portal.plant("contacts", json!({"email": format!("{name}@example.com")})));
    portal.sim.merge("contacts", &a, &b, portal.person()).unwrap();
    portal.sim.archive("contacts", &c, portal.person()).unwrap();
    let writes: Vec<_> = [&b, &c, &d].map(|id| update(id, json!({"firstname": "New"}))).into();
    let outcomes = portal.write("contacts", &writes).await;
    let codes: Vec<&str> = outcomes.iter().map(|outcome| outcome.as_ref().map_or_else(|error| error.code.as_str(), |_| "ok")).collect();
    assert_eq!(codes, ["merged", "OBJECT_NOT_FOUND", "ok"]);
    let orphan = portal.write("contacts", &[update("", json!({"firstname": "x"}))]).await.remove(0).unwrap_err();
    assert_eq!((orphan.class, orphan.code.as_str()), (Class::LookAgain, "no_id"));
}

#[tokio::test]
async fn a_locked_record_is_waited_for() {
    let portal = Portal::open();
    let id = portal.plant("contacts", json!({"email": "a@example.com"}));
    portal.crm.describe("contacts").await.unwrap();
    portal.faults.order([Fault::Collision]);
    let writes = [update(&id, json!({"firstname": "New"}))];
    let error = portal.crm.write(&target("contacts"), &writes, Priority::Update).await.unwrap_err();
    let Class::Wait { until } = error.class else { panic!("{error:?}") };
    assert_eq!(until.as_second() - portal.time().as_second(), 2);
    portal.pass(2);
    portal.write("contacts", &writes).await.remove(0).unwrap();
}

#[tokio::test]
async fn a_property_that_is_not_there_is_an_admins_matter() {
    let portal = Portal::open();
    let error = portal.crm.write(&target("contacts"), &[create("con_1", json!({"no_such": "x"}))], Priority::Update).await.unwrap_err();
    assert_eq!((error.class, error.field.as_deref()), (Class::Configuration, Some("no_such")));
    let read_only =
        portal.write("contacts", &[create("con_1", json!({"email": "a@example.com", "createdate": "2026-01-01T00:00:00Z"}))]).await;
    assert_eq!(read_only[0].as_ref().unwrap_err().class, Class::Configuration);
    let kept: Vec<Value> = portal.line.sent.lock().unwrap().iter().map(|(_, body)| body.clone()).collect();
    assert!(!kept.is_empty());
}
