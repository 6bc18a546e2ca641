//! Activities, and the notes among them.

use entente_connect::connector::Priority;
use entente_connect::look::{Existence, Find};
use entente_connect::write::Write;
use entente_sims::pipedrive::Kind;
use serde_json::{Value, json};

use crate::pipedrive::company::{Company, target};
use crate::stage::rows::{create, delete, ids, spec, update};

#[tokio::test]
async fn calls_and_notes_are_read_as_one_object() {
    let company = Company::open();
    let acme: u64 = company.plant(Kind::Organization, json!({"name": "Acme"})).parse().unwrap();
    let ada: u64 = company.contact("Ada", "ada@x.example").parse().unwrap();
    let call = json!({"subject": "Call Ada", "type": "call", "note": "<p>They want <b>more</b>.</p>", "org_id": acme, "due_date": "2026-01-06",
                      "participants": [{"person_id": ada, "primary": true}]});
    let call = company.plant(Kind::Activity, call);
    let note = company.plant(Kind::Note, json!({"content": "<p>A second seat</p>", "org_id": acme}));
    let read = spec("activities", &["kind", "subject", "note", "done", "due_date", "org_id", "person_id", "owner.name", "entente_id"]);
    let (looks, _) = company.read_on(&read, None).await;
    assert_eq!(ids(&looks), [call.clone(), format!("note-{note}")]);
    let (acme, ada) = (acme.to_string(), ada.to_string());
    let expected = json!({"kind": "Call", "subject": "Call Ada", "note": "They want more.", "done": false, "due_date": "2026-01-06", "org_id": acme,
                          "person_id": ada, "owner.name": "Dana Fields", "entente_id": null});
    assert_eq!(Value::Object(looks[0].row.clone()), expected);
    let expected = json!({"kind": "Note", "subject": null, "note": "A second seat", "done": null, "due_date": null, "org_id": acme, "person_id": null,
                          "owner.name": "Dana Fields", "entente_id": null});
    assert_eq!(Value::Object(looks[1].row.clone()), expected);
    let fetched = company.crm.fetch(&read, &[format!("note-{note}"), call.clone(), "note-77".to_owned()], Priority::Update).await.unwrap();
    let there: Vec<bool> = fetched.iter().map(|look| look.existence == Existence::Present).collect();
    assert_eq!(there, [true, true, false]);
}

#[tokio::test]
async fn a_ticket_becomes_a_task_that_carries_its_key_in_the_last_line() {
    let company = Company::open();
    let (ada, bob): (u64, u64) =
        (company.contact("Ada", "ada@x.example").parse().unwrap(), company.contact("Bob", "bob@x.example").parse().unwrap());
    let row = json!({"subject": "[Ticket #7] Help", "note": "Status: open & new", "due_date": "2026-01-05", "done": false, "person_id": ada.to_string()});
    let made = company.write("activities", &[create("cas_1", row.clone())]).await.remove(0).unwrap();
    let stored = company.row(Kind::Activity, &made.id);
    assert_eq!((&stored["type"], &stored["person_id"]), (&json!("task"), &json!(ada)));
    assert!(stored["note"].as_str().unwrap().contains("Kept by Entente: cas_1"), "{stored}");
    let read = spec("activities", &["note", "entente_id", "done", "person_id"]);
    let look = company.fetch(&read, &made.id).await;
    assert_eq!((&look.row["note"], &look.row["entente_id"]), (&json!("Status: open & new"), &json!("cas_1")));

    // A colleague takes part; the customer changes; the ticket is solved. The key stays, and so does the colleague.
    company.edit(
        Kind::Activity,
        &made.id,
        json!({"participants": [{"person_id": ada, "primary": true}, {"person_id": bob, "primary": false}]}),
    );
    let eve: u64 = company.contact("Eve", "eve@x.example").parse().unwrap();
    let change = Write {
        key: "cas_1".to_owned(),
        ..update(&made.id, json!({"note": "Status: solved", "done": true, "person_id": eve.to_string()}))
    };
    company.write("activities", &[change]).await.remove(0).unwrap();
    let stored = company.row(Kind::Activity, &made.id);
    assert_eq!(stored["participants"], json!([{"person_id": eve, "primary": true}, {"person_id": bob, "primary": false}]));
    assert_eq!(company.fetch(&read, &made.id).await.row["entente_id"], "cas_1");

    // The same creation again finds it.
    let again = company.write("activities", &[create("cas_1", row)]).await.remove(0).unwrap();
    assert_eq!((again.id.as_str(), again.created), (made.id.as_str(), Some(false)));
    let found = company.crm.find(&read, &[Find::Key("cas_1".to_owned())], "entente_id", Priority::Update).await.unwrap();
    assert_eq!(ids(&found[0]), [made.id.as_str()]);
    assert_eq!(company.sim.count(Kind::Activity), 1);
}

#[tokio::test]
async fn notes_are_written_by_themselves_and_a_deleted_one_is_left_alone() {
    let company = Company::open();
    let acme = company.plant(Kind::Organization, json!({"name": "Acme"}));
    let made = company.write("notes", &[create("act_1", json!({"note": "Hello\nthere", "org_id": acme}))]).await.remove(0).unwrap();
    let read = spec("notes", &["note", "org_id", "entente_id"]);
    let look = company.fetch(&read, &made.id).await;
    assert_eq!(Value::Object(look.row), json!({"note": "Hello\nthere", "org_id": acme, "entente_id": "act_1"}));
    company
        .write("activities", &[Write { key: "act_1".to_owned(), ..update(&format!("note-{}", made.id), json!({"note": "Changed"})) }])
        .await
        .remove(0)
        .unwrap();
    assert_eq!(company.fetch(&read, &made.id).await.row["note"], "Changed");
    company.write("notes", &[delete(&made.id)]).await.remove(0).unwrap();
    assert_eq!(company.fetch(&read, &made.id).await.existence, Existence::Deleted);
    // Pipedrive would take it.
    let error = company.write("notes", &[update(&made.id, json!({"note": "Late"}))]).await.remove(0).unwrap_err();
    assert_eq!(error.code, "vanished");
    let wrong = entente_connect::write::WriteTarget { key_field: "subject".to_owned(), ..target("activities") };
    let error = company.crm.write(&wrong, &[create("cas_2", json!({"subject": "x"}))], Priority::Update).await.unwrap_err();
    assert_eq!(error.code, "key_field");
}
