//! Erasing people: contacts by HubSpot's own GDPR deletion, and what is about them.

use entente_connect::connector::Priority;
use entente_connect::erase::{Erase, Manner};
use serde_json::{Value, json};

use super::portal::Portal;

fn erase(object: &str, id: &str, manner: Manner, blank: Value) -> Erase {
    Erase { object: object.to_owned(), id: id.to_owned(), manner, blank: blank.as_object().cloned().unwrap() }
}

#[tokio::test]
async fn a_contact_who_goes_is_erased_by_the_gdpr_deletion_however_often_it_is_asked_for() {
    let portal = Portal::open();
    let id = portal.plant("contacts", json!({"email": "ada@example.com", "firstname": "Ada"}));
    for _ in 0..2 {
        let erased = portal
            .crm
            .erase(&erase("contacts", &id, Manner::Delete, json!({"lastname": "Erased person"})), Priority::Urgent)
            .await
            .unwrap();
        assert!(erased.done.contains("GDPR"), "{erased:?}");
    }
    assert_eq!(portal.sim.count("contacts"), 0);
    assert!(portal.line.sent.lock().unwrap().iter().any(|(call, _)| call.ends_with("/contacts/gdpr-delete")));
}

#[tokio::test]
async fn a_contact_who_stays_tells_nothing_and_an_engagement_is_blanked_before_it_is_archived() {
    let portal = Portal::open();
    let id = portal.plant("contacts", json!({"email": "ada@example.com", "firstname": "Ada", "lastname": "Lovelace"}));
    let blank = json!({"email": null, "firstname": null, "lastname": "Erased person"});
    portal.crm.erase(&erase("contacts", &id, Manner::Anonymise, blank), Priority::Urgent).await.unwrap();
    let left = portal.sim.get("contacts", &id).unwrap();
    assert_eq!((left.get("lastname"), left.get("email"), left.get("firstname")), (Some(&json!("Erased person")), None, None), "{left:?}");
    let note = portal.plant("notes", json!({"hs_note_body": "Ada called", "hs_timestamp": "2026-01-05T10:00:00Z"}));
    let blank = json!({"body": null, "subject": "Erased"});
    portal.crm.erase(&erase("engagements", &format!("notes-{note}"), Manner::Delete, blank), Priority::Urgent).await.unwrap();
    let sent = portal.line.sent.lock().unwrap();
    let blanked =
        sent.iter().position(|(call, body)| call.ends_with("/notes/batch/update") && body.to_string().contains("\"hs_note_body\":\"\""));
    let archived = sent.iter().position(|(call, _)| call.ends_with("/notes/batch/archive"));
    assert!(blanked.is_some() && blanked < archived, "{sent:?}");
}
