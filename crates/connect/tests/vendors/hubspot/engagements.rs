//! Tasks, calls, notes, meetings and e-mails, read as one object.

use std::collections::BTreeMap;

use entente_connect::connector::Priority;
use entente_connect::error::Class;
use entente_connect::look::{Existence, Look};
use serde_json::{Value, json};

use super::portal::{Portal, target};
use crate::stage::rows::{spec, update};

const FIELDS: &[&str] = &["kind", "subject", "body", "status", "hs_timestamp", "entente_id", "associations.companies", "owner.name"];

fn rows(looks: &[Look]) -> BTreeMap<&str, Value> {
    looks.iter().map(|look| (look.id.as_str(), Value::Object(look.row.clone()))).collect()
}

#[tokio::test]
async fn each_kind_is_shown_under_the_same_names() {
    let portal = Portal::open();
    let at = "2026-01-05T09:00:00Z";
    let company = portal.plant("companies", json!({"name": "Northwind"}));
    let task = portal.plant(
        "tasks",
        json!({"hs_timestamp": at, "hs_task_subject": "Call them", "hs_task_status": "NOT_STARTED", "entente_id": "cas_1"}),
    );
    let call = portal.plant(
        "calls",
        json!({"hs_timestamp": at, "hs_call_title": "Renewal", "hs_call_body": "They stay.", "hs_call_status": "COMPLETED"}),
    );
    let owner = portal.sim.owners()[0].clone();
    let note = portal.plant("notes", json!({"hs_timestamp": at, "hs_note_body": "Likes blue.", "hubspot_owner_id": owner.id}));
    let meeting = portal.plant("meetings", json!({"hs_timestamp": at, "hs_meeting_title": "Kick-off", "hs_meeting_outcome": "SCHEDULED"}));
    let message = portal.plant(
        "communications",
        json!({"hs_timestamp": at, "hs_communication_channel_type": "WHATS_APP", "hs_communication_body": "On my way."}),
    );
    let letter = portal.plant("postal_mail", json!({"hs_timestamp": at, "hs_postal_mail_body": "The signed contract."}));
    portal.sim.associate(("notes", &note), ("companies", &company), false, portal.person()).unwrap();
    for (kind, id) in [("communications", &message), ("postal_mail", &letter)] {
        portal.sim.associate((kind, id), ("companies", &company), false, portal.person()).unwrap();
    }

    let read = spec("engagements", FIELDS);
    let (looks, cursor) = portal.read_on(&read, None).await;
    let shown = rows(&looks);
    assert_eq!(looks.len(), 6);
    assert_eq!(
        shown[format!("notes-{note}").as_str()],
        json!({"kind": "Note", "subject": null, "body": "Likes blue.", "status": null, "hs_timestamp": at, "entente_id": null,
               "associations.companies": company, "owner.name": format!("{} {}", owner.first_name, owner.last_name)})
    );
    let of = |id: String, field: &str| shown[id.as_str()][field].clone();
    assert_eq!((of(format!("tasks-{task}"), "kind"), of(format!("tasks-{task}"), "entente_id")), (json!("Task"), json!("cas_1")));
    assert_eq!((of(format!("calls-{call}"), "subject"), of(format!("calls-{call}"), "status")), (json!("Renewal"), json!("COMPLETED")));
    assert_eq!(
        (of(format!("meetings-{meeting}"), "kind"), of(format!("meetings-{meeting}"), "status")),
        (json!("Meeting"), json!("SCHEDULED"))
    );
    let said = |id: String| ["kind", "body", "status", "associations.companies"].map(|field| of(id.clone(), field));
    assert_eq!(said(format!("communications-{message}")), [json!("Message"), json!("On my way."), json!("WHATS_APP"), json!(company)]);
    assert_eq!(said(format!("postal_mail-{letter}")), [json!("Postal mail"), json!("The signed contract."), Value::Null, json!(company)]);

    // A poll sees what changed in each of them, and what was archived.
    portal.pass(600);
    portal.edit("notes", &note, json!({"hs_note_body": "Likes green."}));
    portal.sim.archive("calls", &call, portal.person()).unwrap();
    portal.pass(600);
    let (changes, _) = portal.read_on(&read, Some(cursor)).await;
    let body = changes.iter().find(|look| look.id == format!("notes-{note}")).map(|look| look.row["body"].clone());
    assert_eq!(body, Some(json!("Likes green.")));
    assert!(changes.iter().any(|look| look.id == format!("calls-{call}") && look.existence == Existence::Deleted));

    // A fetch goes to the object that the id names; what is no such id is gone.
    let ids = [format!("meetings-{meeting}"), format!("notes-{note}"), format!("calls-{call}"), "elsewhere".to_owned()];
    let fetched = portal.crm.fetch(&read, &ids, Priority::Update).await.unwrap();
    assert!(fetched.iter().zip(&ids).all(|(look, id)| look.id == *id && look.object == "engagements"));
    let present: Vec<bool> = fetched.iter().map(|look| look.existence == Existence::Present).collect();
    assert_eq!(present, [true, true, false, false]);
}

#[tokio::test]
async fn what_people_wrote_to_each_other_is_an_activity_where_the_account_lets_us_read_it() {
    let portal = Portal::open();
    let ada = portal.plant("contacts", json!({"email": "ada@example.com"}));
    let at = "2026-01-05T09:00:00Z";
    portal.sim.grant(&["crm.objects.contacts.read", "crm.objects.owners.read"]);
    let mail = portal.plant(
        "emails",
        json!({"hs_timestamp": at, "hs_email_subject": "The offer", "hs_email_text": "As discussed.", "hs_email_status": "SENT",
               "hs_email_direction": "EMAIL"}),
    );
    portal.sim.associate(("emails", &mail), ("contacts", &ada), false, portal.person()).unwrap();
    let note = portal.plant("notes", json!({"hs_timestamp": at, "hs_note_body": "Likes blue."}));
    let read = spec("engagements", &["kind", "subject", "body", "status", "hs_timestamp", "associations.contacts"]);
    let (looks, cursor) = portal.read_on(&read, None).await;
    assert_eq!(looks.iter().map(|look| look.id.clone()).collect::<Vec<_>>(), [format!("notes-{note}")], "the rest is read all the same");
    let hidden = portal.crm.fetch(&read, &[format!("emails-{mail}")], Priority::Update).await.unwrap_err();
    assert_eq!(hidden.status, 403, "what we may not see is not taken for deleted");

    portal.sim.grant(&["crm.objects.contacts.read", "crm.objects.owners.read", "sales-email-read"]);
    portal.pass(600);
    let (looks, _) = portal.read_on(&read, Some(cursor)).await;
    let id = format!("emails-{mail}");
    assert_eq!(
        rows(&looks)[id.as_str()],
        json!({"kind": "E-mail", "subject": "The offer", "body": "As discussed.", "status": "SENT", "hs_timestamp": at,
               "associations.contacts": ada})
    );
    portal.sim.archive("emails", &mail, portal.person()).unwrap();
    let gone = portal.crm.fetch(&read, &[id], Priority::Update).await.unwrap();
    assert_eq!(gone[0].existence, Existence::Deleted);
}

#[test]
fn whoever_sets_up_webhooks_is_told_what_there_is_at_the_platform() {
    let portal = Portal::open();
    let fields: Vec<String> = ["kind", "subject", "body", "hs_timestamp", "owner.name", "associations.companies"].map(str::to_owned).into();
    let told: BTreeMap<String, Vec<String>> = portal.crm.told_as("engagements", &fields).into_iter().collect();
    assert_eq!(
        told.keys().map(String::as_str).collect::<Vec<_>>(),
        ["calls", "communications", "emails", "meetings", "notes", "postal_mail", "tasks"]
    );
    assert_eq!(told["notes"], ["hs_note_body", "hs_timestamp", "hubspot_owner_id"], "no name of ours, and no association");
    let deal = portal.crm.told_as("deals", &["dealstage".to_owned(), "stage.name".to_owned(), "owner.email".to_owned()]);
    assert_eq!(deal, [("deals".to_owned(), vec!["dealstage".to_owned(), "hubspot_owner_id".to_owned()])]);
}

#[tokio::test]
async fn a_poll_from_the_present_sees_only_what_comes() {
    let portal = Portal::open();
    portal.plant("notes", json!({"hs_timestamp": "2026-01-05T09:00:00Z", "hs_note_body": "Old."}));
    portal.pass(3_600);
    let read = spec("engagements", &["kind", "body"]);
    let present = portal.crm.present(&read).await.unwrap();
    portal.pass(60);
    let new = portal.plant("notes", json!({"hs_timestamp": "2026-01-05T11:00:00Z", "hs_note_body": "New."}));
    portal.pass(600);
    let (looks, _) = portal.read_on(&read, Some(present)).await;
    assert_eq!(rows(&looks), BTreeMap::from([(format!("notes-{new}").as_str(), json!({"kind": "Note", "body": "New."}))]));
}

#[tokio::test]
async fn they_are_only_read_and_unknown_fields_are_named() {
    let portal = Portal::open();
    let described = portal.crm.describe("engagements").await.unwrap();
    assert!(FIELDS.iter().all(|name| described.field(name).is_some_and(|field| !field.writable)), "{described:?}");
    let refused = portal.crm.write(&target("engagements"), &[update("notes-1", json!({"body": "x"}))], Priority::Update).await.unwrap_err();
    assert_eq!((refused.class, refused.code.as_str()), (Class::Configuration, "read_only"));
    let unknown = portal.crm.page(&spec("engagements", &["hs_call_duration"]), None, Priority::Backfill).await.unwrap_err();
    assert_eq!((unknown.code.as_str(), unknown.field.as_deref()), ("unknown_field", Some("hs_call_duration")));
}

#[test]
fn a_row_is_the_same_among_engagements_and_by_itself() {
    let portal = Portal::open();
    assert_eq!(portal.crm.same_row("tasks", "engagements", "5").as_deref(), Some("tasks-5"));
    assert_eq!(portal.crm.same_row("engagements", "notes", "notes-5").as_deref(), Some("5"));
    for (from, to, id) in [("engagements", "notes", "tasks-5"), ("contacts", "engagements", "5"), ("tasks", "notes", "5")] {
        assert_eq!(portal.crm.same_row(from, to, id), None, "{from} {to} {id}");
    }
}
