//! What is SOAP's own: its login, its faults, and that it tells the same as REST.

use entente_connect::connector::Priority;
use entente_connect::error::Class;
use entente_connect::look::Existence;
use entente_connect::settings::{Auth, ConnectionSettings, SalesforceApi, SalesforceSettings, Secret};
use entente_sims::salesforce::{DuplicateRule, FieldSpec, FieldType};
use serde_json::json;

use super::live::{self, Live, target};
use crate::stage::rows::{create, delete, read_on, spec, update};

fn settings(password: &str) -> ConnectionSettings {
    ConnectionSettings {
        auth: Auth::Password {
            username: "integration@acme.example".to_owned(),
            password: Secret::new(password),
            security_token: Secret::new("word"),
        },
        salesforce: SalesforceSettings { api: SalesforceApi::Soap, ..SalesforceSettings::default() },
        ..live::settings()
    }
}

fn soap() -> Live {
    Live::with(settings("sim-pass"))
}

#[tokio::test]
async fn everything_goes_over_soap_and_who_we_are_is_told() {
    let live = soap();
    let us = live.crm.check().await.unwrap();
    assert_eq!((us.user.as_str(), us.user_id), ("integration@acme.example", live.sim.users().integration));
    assert_eq!(us.organization, live.sim.org_id());
    let made = live.crm.write(&target("Contact"), &[create("con_1", json!({"LastName": "Lovelace"}))], Priority::Update).await.unwrap();
    let id = made[0].as_ref().unwrap().id.clone();
    live.crm.fetch(&spec("Contact", &["LastName"]), &[id], Priority::Update).await.unwrap();
    read_on(&*live.crm, &spec("Contact", &["LastName", "Owner.Name"]), None).await;
    let sent = live.line.sent.lock().unwrap();
    assert!(sent.iter().all(|(call, _)| call == "POST /services/Soap/u/62.0"), "{sent:?}");
    drop(sent);
    // What is left of the org's calls stands in the envelopes.
    let budget = live.crm.budget();
    assert!(budget.limit.is_some() && budget.remaining < budget.limit, "{budget:?}");
}

#[tokio::test]
async fn a_session_that_has_ended_is_replaced_once() {
    let live = soap();
    live.crm.check().await.unwrap();
    live.people(3);
    live.sim.expire_sessions();
    let (looks, _) = read_on(&*live.crm, &spec("Contact", &["LastName"]), None).await;
    assert_eq!(looks.len(), 3);
    assert_eq!(live.calls("token"), 2);
}

#[tokio::test]
async fn a_wrong_password_is_told_with_its_remedy_and_never_tried_until_the_user_is_locked_out() {
    let live = Live::with(settings("no-such-"));
    for _ in 0..12 {
        let error = live.crm.check().await.unwrap_err();
        assert_eq!((error.class, error.code.as_str()), (Class::Reauthenticate, "INVALID_LOGIN"));
        assert!(error.advice.contains("credentials"), "{}", error.advice);
        assert!(!format!("{error:?}").contains("no-such-"), "{error:?}");
        live.hands.pass(std::time::Duration::from_secs(300));
    }
    // An hour went by in all: it was tried again once.
    assert_eq!(live.line.count("Soap"), 1);
    // Somebody else with the right one is not locked out.
    let right = live.with_settings(settings("sim-pass"));
    right.check().await.unwrap();
}

#[tokio::test]
async fn a_password_that_has_expired_is_told_and_its_session_is_not_used() {
    let live = soap();
    live.sim.expire_password(true);
    let error = live.crm.check().await.unwrap_err();
    assert_eq!(error.class, Class::Reauthenticate);
    assert!(error.advice.contains("new password"), "{}", error.advice);
    assert_eq!(live.line.count("Soap"), 1);
}

#[tokio::test]
async fn rest_takes_the_session_of_a_soap_login() {
    let rest =
        ConnectionSettings { salesforce: SalesforceSettings::default(), api_version: Some("62.0".to_owned()), ..settings("sim-pass") };
    let live = Live::with(rest);
    live.people(1);
    let (looks, _) = read_on(&*live.crm, &spec("Contact", &["LastName"]), None).await;
    assert_eq!((looks.len(), live.line.count("Soap")), (1, 1));
    assert!(live.line.count("/services/data/v62.0/query") > 0);
}

#[tokio::test]
async fn both_apis_tell_the_same_of_a_row() {
    let live = soap();
    let fields = [
        ("Score__c", FieldType::Double),
        ("Vip__c", FieldType::Boolean),
        ("Met__c", FieldType::Datetime),
        ("Born__c", FieldType::Date),
        ("Likes__c", FieldType::MultiPicklist),
        ("Notes__c", FieldType::TextArea),
    ];
    for (name, kind) in fields {
        let mut field = FieldSpec::new(name, kind);
        field.values = vec!["tea".to_owned(), "coffee".to_owned()];
        live.sim.add_field("Contact", field).unwrap();
    }
    let account = live.add("Account", json!({"Name": "A & B <Söhne>"}));
    let row = json!({"LastName": "O'Hara 😀", "AccountId": account, "Score__c": 12.5, "Vip__c": true, "Met__c": "2026-01-02T03:04:05Z",
        "Born__c": "1990-12-31", "Likes__c": ["coffee", "tea"], "Notes__c": "one\ntwo & \"three\"", "Phone": null});
    let made = live.crm.write(&target("Contact"), &[create("con_1", row)], Priority::Update).await.unwrap().remove(0).unwrap();
    assert_eq!(made.created, Some(true));
    let read = spec(
        "Contact",
        &[
            "LastName",
            "AccountId",
            "Account.Name",
            "Score__c",
            "Vip__c",
            "HasOptedOutOfEmail",
            "Met__c",
            "Born__c",
            "Likes__c",
            "Notes__c",
            "Phone",
            "Owner.Name",
            "CreatedDate",
        ],
    );
    let rest = live.with_settings(live::settings());
    let of = async |crm: &dyn entente_connect::connector::Connector| {
        crm.fetch(&read, std::slice::from_ref(&made.id), Priority::Update).await.unwrap().remove(0)
    };
    let (in_soap, in_rest) = (of(&*live.crm).await, of(&*rest).await);
    assert_eq!(in_soap, in_rest);
    assert_eq!(in_soap.row["Score__c"], 12.5);
    assert_eq!(in_soap.row["Vip__c"], true);
    assert_eq!(in_soap.row["Account.Name"], "A & B <Söhne>");
    // So are the objects themselves.
    assert_eq!(live.crm.describe("Contact").await.unwrap(), rest.describe("Contact").await.unwrap());
}

#[tokio::test]
async fn each_row_of_a_write_has_its_own_outcome_and_more_than_two_hundred_go_in_parts() {
    let live = soap();
    let mut writes: Vec<_> = (0..250).map(|n| create(&format!("con_{n}"), json!({"LastName": format!("Nr {n}")}))).collect();
    writes[3].row.insert("LastName".to_owned(), json!(null));
    writes[7].row.insert("LastName".to_owned(), json!("bell\u{7}"));
    let outcomes = live.crm.write(&target("Contact"), &writes, Priority::Update).await.unwrap();
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 248);
    let missing = outcomes[3].as_ref().unwrap_err();
    assert_eq!((missing.class, missing.field.as_deref()), (Class::Data, Some("LastName")));
    let bell = outcomes[7].as_ref().unwrap_err();
    assert_eq!((bell.class, bell.code.as_str(), bell.field.as_deref()), (Class::Data, "control_character", Some("LastName")));
    assert_eq!(live.calls("upsert"), 2);
    assert_eq!(live.sim.count("Contact"), 248);
    // Deleted twice is deleted.
    let id = outcomes[0].as_ref().unwrap().id.clone();
    live.crm.write(&target("Contact"), &[delete(&id)], Priority::Update).await.unwrap().remove(0).unwrap();
    let again = live.crm.write(&target("Contact"), &[delete(&id)], Priority::Update).await.unwrap().remove(0).unwrap_err();
    assert_eq!(again.class, Class::LookAgain);
}

#[tokio::test]
async fn a_row_that_the_bin_has_no_more_is_told_by_the_log_of_deletions() {
    let live = soap();
    let read = spec("Contact", &["LastName"]);
    let (kept, gone) = (live.add("Contact", json!({"LastName": "Kept"})), live.add("Contact", json!({"LastName": "Gone"})));
    let (_, cursor) = read_on(&*live.crm, &read, None).await;
    live.hands.pass(std::time::Duration::from_secs(900));
    live.sim.destroy("Contact", &gone, &live.sim.users().sales[0]).unwrap();
    live.hands.pass(std::time::Duration::from_secs(120));
    let (looks, _) = read_on(&*live.crm, &read, Some(cursor)).await;
    let of = |id: &str| looks.iter().find(|look| look.id == id).map(|look| look.existence.clone());
    assert_eq!(of(&gone), Some(Existence::Deleted), "{looks:?}");
    assert_ne!(of(&kept), Some(Existence::Deleted));
}

#[tokio::test]
async fn a_duplicate_rule_says_which_rows_it_found_and_lets_pass_who_asks_for_it() {
    let rule = || DuplicateRule {
        name: "Same_Name".to_owned(),
        object: "Contact".to_owned(),
        fields: vec!["LastName".to_owned()],
        allow_save: true,
    };
    let live = soap();
    let first = live.add("Contact", json!({"LastName": "Lovelace"}));
    live.sim.add_duplicate_rule(rule());
    let twin = [create("con_1", json!({"LastName": "Lovelace"}))];
    let error = live.crm.write(&target("Contact"), &twin, Priority::Update).await.unwrap().remove(0).unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (Class::LookAgain, "DUPLICATES_DETECTED"));
    assert!(error.message.contains(&first), "{}", error.message);

    let lenient = ConnectionSettings {
        headers: [("Sforce-Duplicate-Rule-Header".to_owned(), Secret::new("allowSave=true"))].into(),
        ..settings("sim-pass")
    };
    live.with_settings(lenient).write(&target("Contact"), &twin, Priority::Update).await.unwrap().remove(0).unwrap();
}

#[tokio::test]
async fn a_fault_of_the_whole_call_keeps_its_class() {
    let live = soap();
    let hidden =
        live.crm.fetch(&spec("Contact", &["No_Such__c"]), &[live.add("Contact", json!({"LastName": "A"}))], Priority::Update).await;
    let error = hidden.unwrap_err();
    assert_eq!((error.class, error.field.as_deref()), (Class::Configuration, Some("No_Such__c")));
    let nothing = live.crm.describe("NoSuchThing__c").await.unwrap_err();
    assert_eq!(nothing.class, Class::Configuration, "{nothing}");
    // A row that has gone is a reason to look again, as over REST.
    let gone = live.add("Contact", json!({"LastName": "Gone"}));
    live.sim.delete("Contact", &gone, &live.sim.users().sales[0]).unwrap();
    let refused = live.crm.write(&target("Contact"), &[update(&gone, json!({"LastName": "B"}))], Priority::Update).await.unwrap();
    assert_eq!(refused[0].as_ref().unwrap_err().class, Class::LookAgain);
}

#[tokio::test]
async fn a_newer_version_logs_in_at_the_last_that_can() {
    let live = Live::with(ConnectionSettings { api_version: Some("66.0".to_owned()), ..settings("sim-pass") });
    // This org ends at 62.0: what matters is where the login went.
    live.crm.check().await.unwrap_err();
    assert!(live.line.count("/services/Soap/u/64.0") == 1, "{:?}", live.line.sent.lock().unwrap());
}

#[test]
fn settings_that_soap_cannot_carry_are_refused() {
    let strange =
        ConnectionSettings { headers: [("Sforce-Query-Options".to_owned(), Secret::new("batchSize=10"))].into(), ..settings("sim-pass") };
    let error = super::org::misfit(strange);
    assert!(error.contains("Sforce-Query-Options") && error.contains("no counterpart"), "{error}");
    let old = ConnectionSettings { api_version: Some("29.0".to_owned()), ..settings("sim-pass") };
    assert!(super::org::misfit(old).contains("31.0"));
}
