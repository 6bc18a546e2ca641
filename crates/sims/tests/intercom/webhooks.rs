//! Webhooks: signed, of the chosen topics, once more after a minute.

use entente_sims::intercom::Kind;
use serde_json::{Value, json};

use super::workspace::{Workspace, map};

fn messages(workspace: &Workspace) -> Vec<Value> {
    workspace.mail.take_due().iter().map(|mail| serde_json::from_slice(&mail.body).unwrap()).collect()
}

#[tokio::test]
async fn chosen_topics_are_told_with_the_whole_row() {
    let workspace = Workspace::open();
    workspace.contact("before@acme.example").await;
    assert!(messages(&workspace).is_empty(), "nobody has asked yet");
    workspace.sim.subscribe("https://hub.example/hooks", Some(vec!["contact.user.updated".to_owned(), "contact.deleted".to_owned()]));
    let ann = workspace.contact("ann@acme.example").await;
    workspace.put(&format!("/contacts/{ann}"), json!({"name": "Ann"})).await.ok();
    workspace.put(&format!("/contacts/{ann}"), json!({"name": "Ann"})).await.ok();
    workspace.delete(&format!("/contacts/{ann}")).await.ok();
    let told = messages(&workspace);
    let topics: Vec<&str> = told.iter().map(|message| message["topic"].as_str().unwrap()).collect();
    assert_eq!(topics, ["contact.user.updated", "contact.deleted"]);
    assert_eq!(
        (&told[0]["type"], &told[0]["app_id"], &told[0]["delivery_attempts"]),
        (&json!("notification_event"), &json!("abc12345"), &json!(1))
    );
    assert_eq!(told[0]["data"]["item"]["name"], "Ann");
    assert_eq!(told[1]["data"]["item"], json!({"type": "contact", "id": ann, "external_id": null}));
}

#[tokio::test]
async fn a_message_is_signed_when_it_leaves_and_counts_its_attempts() {
    let workspace = Workspace::open();
    workspace.sim.subscribe("https://hub.example/hooks", None);
    workspace.sim.create(Kind::Company, &map(json!({"company_id": "a-1"}))).unwrap();
    let first = workspace.mail.take_due().remove(0);
    let header = |mail: &entente_sims::mailroom::Delivery, name: &str| mail.headers.iter().find(|(key, _)| key == name).unwrap().1.clone();
    assert!(header(&first, "x-hub-signature").starts_with("sha1=") && header(&first, "x-hub-signature").len() == 45);
    assert_eq!(header(&first, "user-agent"), "intercom-parrot-service-client/1.0");
    workspace.mail.retry(entente_sims::mailroom::Delivery { attempt: 1, ..first.clone() }, 0);
    let second = workspace.mail.take_due().remove(0);
    assert_ne!(header(&first, "x-hub-signature"), header(&second, "x-hub-signature"));
    assert_eq!(serde_json::from_slice::<Value>(&second.body).unwrap()["delivery_attempts"], 2);
}
