//! Contacts: users are one of a kind, leads are not.

use entente_sims::intercom::Kind;
use serde_json::{Value, json};

use super::workspace::{Workspace, map};

#[tokio::test]
async fn a_contact_shows_every_key_and_escapes_its_texts() {
    let workspace = Workspace::open();
    let made = workspace.post("/contacts", json!({"email": "Ann@Acme.example", "name": "Ann & \"A\"", "unknown": 1})).await.ok();
    assert_eq!(
        (&made["name"], &made["email"], &made["role"]),
        (&json!("Ann &amp; &quot;A&quot;"), &json!("ann@acme.example"), &json!("user"))
    );
    for key in ["phone", "owner_id", "signed_up_at", "ios_device", "utm_term", "external_id"] {
        assert!(made.as_object().unwrap().contains_key(key) && made[key].is_null(), "{key}");
    }
    assert_eq!(made["created_at"], json!(1_767_607_200));
}

#[tokio::test]
async fn users_are_refused_with_the_id_of_who_is_there_and_leads_are_made_anew() {
    let workspace = Workspace::open();
    let ann = workspace.make("/contacts", json!({"email": "ann@acme.example", "external_id": "1"})).await;
    for twin in [json!({"email": "ANN@acme.example"}), json!({"external_id": "1"})] {
        let refused = workspace.post("/contacts", twin).await;
        assert_eq!(refused.refusal(), (409, "conflict".to_owned()));
        assert_eq!(refused.message(), format!("A contact matching those details already exists with id={ann}"));
    }
    workspace.post(&format!("/contacts/{ann}/archive"), json!({})).await.ok();
    let refused = workspace.post("/contacts", json!({"email": "ann@acme.example"})).await;
    assert!(refused.message().starts_with("An archived contact") && refused.message().ends_with(&ann), "{}", refused.message());
    workspace.post(&format!("/contacts/{ann}/unarchive"), json!({})).await.ok();
    let lead = json!({"role": "lead", "email": "ann@acme.example"});
    assert_ne!(workspace.make("/contacts", lead.clone()).await, workspace.make("/contacts", lead).await);
    assert_eq!(workspace.post("/contacts", json!({"name": "Nobody"})).await.refusal().0, 400);
    let ben = workspace.contact("ben@acme.example").await;
    assert_eq!(workspace.put(&format!("/contacts/{ben}"), json!({"email": "ann@acme.example"})).await.refusal().0, 409);
}

#[tokio::test]
async fn attributes_must_be_made_first_and_hold_their_type() {
    let workspace = Workspace::open();
    let refused = workspace.post("/contacts", json!({"email": "a@b.example", "custom_attributes": {"plan": "Pro"}})).await;
    assert_eq!(refused.message(), "Custom attribute 'plan' does not exist");
    workspace.post("/data_attributes", json!({"name": "plan", "model": "contact", "data_type": "string"})).await.ok();
    let id = workspace.make("/contacts", json!({"email": "a@b.example", "custom_attributes": {"plan": "Pro"}})).await;
    let long = json!({"custom_attributes": {"plan": "x".repeat(256)}});
    assert_eq!(workspace.put(&format!("/contacts/{id}"), long).await.refusal(), (422, "parameter_invalid".to_owned()));
    let cleared = workspace.put(&format!("/contacts/{id}"), json!({"custom_attributes": {"plan": null}})).await.ok();
    assert_eq!(cleared["custom_attributes"]["plan"], Value::Null);
    for (body, status) in [
        (json!({"name": "a.b", "model": "contact", "data_type": "string"}), 400),
        (json!({"name": "plan", "model": "contact", "data_type": "string"}), 400),
        (json!({"name": "x", "model": "contact", "data_type": "poem"}), 400),
        (json!({"name": "x", "model": "conversation", "data_type": "string"}), 422),
    ] {
        assert_eq!(workspace.post("/data_attributes", body).await.status, status);
    }
}

#[tokio::test]
async fn what_does_not_differ_changes_nothing() {
    let workspace = Workspace::open();
    let id = workspace.contact("ann@acme.example").await;
    workspace.pass(60_000);
    let same = workspace.put(&format!("/contacts/{id}"), json!({"email": "ann@acme.example"})).await.ok();
    assert_eq!(same["updated_at"], same["created_at"]);
    let other = workspace.put(&format!("/contacts/{id}"), json!({"name": "Ann"})).await.ok();
    assert_eq!(other["updated_at"].as_i64().unwrap() - other["created_at"].as_i64().unwrap(), 60);
}

#[tokio::test]
async fn a_merged_lead_is_gone_and_the_newest_version_says_into_whom() {
    let workspace = Workspace::open();
    let user = workspace.contact("ann@acme.example").await;
    let lead = workspace.make("/contacts", json!({"role": "lead", "phone": "+15551234567"})).await;
    let refused = workspace.post("/contacts/merge", json!({"from": lead, "into": user})).await;
    assert_eq!(refused.refusal(), (400, "invalid_merge".to_owned()), "they share nothing");
    assert_eq!(workspace.post("/contacts/merge", json!({"from": user, "into": lead, "skip_duplicate_validation": true})).await.status, 400);
    let merged = workspace.post("/contacts/merge", json!({"from": lead, "into": user, "skip_duplicate_validation": true})).await.ok();
    assert_eq!((&merged["id"], &merged["phone"]), (&json!(user), &json!("+15551234567")));
    let gone = workspace.get(&format!("/contacts/{lead}")).await;
    assert_eq!(
        (gone.refusal(), gone.header("link")),
        ((410, "contact_merged".to_owned()), format!("</contacts/{user}>; rel=\"canonical\"").as_str())
    );
    let older = workspace.call_as("intercom-token", "2.15", "GET", &format!("/contacts/{lead}"), Value::Null).await;
    assert_eq!(older.refusal(), (404, "not_found".to_owned()));
    let history = workspace.get(&format!("/contacts/{user}/merge_history")).await.ok();
    assert_eq!(history["data"][0]["source_contact_id"], json!(lead));
}

#[tokio::test]
async fn archived_contacts_are_in_no_list_and_deleted_ones_nowhere() {
    let workspace = Workspace::open();
    let (ann, ben) = (workspace.contact("ann@acme.example").await, workspace.contact("ben@acme.example").await);
    workspace.sim.archive(&ann, true).unwrap();
    assert_eq!(workspace.get("/contacts").await.ok()["total_count"], 1);
    assert_eq!(workspace.get(&format!("/contacts/{ann}")).await.ok()["archived"], true);
    assert_eq!(workspace.delete(&format!("/contacts/{ben}")).await.ok()["deleted"], true);
    assert_eq!(workspace.get(&format!("/contacts/{ben}")).await.status, 404);
    let lead = workspace.sim.create(Kind::Contact, &map(json!({"role": "lead"}))).unwrap();
    assert_eq!(workspace.post(&format!("/contacts/{lead}/block"), json!({})).await.ok()["blocked"], true);
    assert_eq!(workspace.get("/contacts").await.ok()["total_count"], 0, "a lead that is blocked is archived");
}

#[tokio::test]
async fn tags_keep_their_case_and_one_call_does_many_things() {
    let workspace = Workspace::open();
    let ann = workspace.contact("ann@acme.example").await;
    let tag = workspace.post("/tags", json!({"name": "Key Account", "users": [{"id": ann}]})).await.ok();
    assert_eq!(tag["name"], "Key Account");
    let held = workspace.get(&format!("/contacts/{ann}")).await.ok()["tags"].clone();
    assert_eq!((&held["total_count"], &held["data"][0]["id"]), (&json!(1), &tag["id"]));
    assert_eq!(workspace.post("/tags", json!({"id": tag["id"], "name": "Key"})).await.ok()["id"], tag["id"]);
    workspace.post("/tags", json!({"name": "Key", "users": [{"id": ann, "untag": true}]})).await.ok();
    assert_eq!(workspace.get(&format!("/contacts/{ann}")).await.ok()["tags"]["total_count"], 0);
    let note = workspace.post(&format!("/contacts/{ann}/notes"), json!({"body": "Call & ask"})).await.ok();
    assert_eq!(note["body"], "<p>Call &amp; ask</p>");
    assert_eq!(workspace.get(&format!("/contacts/{ann}/notes")).await.ok()["pages"]["next"], Value::Null);
    assert_eq!(workspace.post(&format!("/contacts/{ann}/tags"), json!({"id": "0"})).await.refusal(), (404, "tag_not_found".to_owned()));
}
