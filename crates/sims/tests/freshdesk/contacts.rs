//! Contacts: addresses that are unique, two ways of deleting, merges that leave no trace.

use entente_sims::freshdesk::Kind;
use serde_json::json;

use crate::account::{Account, ids};

#[tokio::test]
async fn a_taken_address_names_its_holder() {
    let account = Account::open();
    let id = account
        .make("contacts", json!({"name": "Ann Lee", "email": "Ann@Customer.example", "other_emails": ["a.lee@customer.example"]}))
        .await;
    assert_eq!(account.get(&format!("contacts/{id}")).await.ok()["email"], "ann@customer.example");
    for email in ["ANN@customer.example", "a.lee@customer.example"] {
        let refused = account.post("contacts", json!({"name": "Twin", "email": email})).await;
        assert_eq!(refused.flaw(), (409, "email".to_owned(), "duplicate_value".to_owned()));
        assert_eq!(refused.json()["errors"][0]["additional_info"]["user_id"], json!(id));
    }
    let agent = account.post("contacts", json!({"name": "Ada", "email": "ada@acme.example"})).await;
    assert_eq!(agent.status, 409, "agents and contacts share their addresses");
}

#[tokio::test]
async fn what_is_not_known_is_refused_by_name() {
    let account = Account::open();
    let refused = account.post("contacts", json!({"name": "Ann", "email": "a@b.example", "nickname": "An", "company_id": "7"})).await;
    let codes: Vec<String> =
        refused.json()["errors"].as_array().unwrap().iter().map(|flaw| flaw["code"].as_str().unwrap().to_owned()).collect();
    assert_eq!((refused.status, codes), (400, vec!["invalid_field".to_owned(), "datatype_mismatch".to_owned()]));
    assert_eq!(account.post("contacts", json!({"name": "Ann"})).await.flaw(), (400, "email".to_owned(), "missing_field".to_owned()));
}

#[tokio::test]
async fn lists_show_less_than_views_and_filter_by_stamp() {
    let account = Account::open();
    let first = account.make("contacts", json!({"name": "Zoe", "email": "z@customer.example", "tags": ["vip"]})).await;
    account.pass(60_000);
    let second = account.make("contacts", json!({"name": "Ann", "email": "a@customer.example"})).await;
    let all = account.get("contacts").await.ok();
    assert_eq!(ids(&all), [second, first], "by name");
    assert!(all[1].get("tags").is_none() && account.get(&format!("contacts/{first}")).await.ok()["tags"] == json!(["vip"]));
    for filter in ["updated_since", "_updated_since"] {
        assert_eq!(ids(&account.get(&format!("contacts?{filter}=2026-01-05T10:01:00Z")).await.ok()), [second]);
    }
    assert_eq!(ids(&account.get("contacts?email=z%40customer.example").await.ok()), [first]);
    assert_eq!(account.get("contacts?since=1").await.flaw().2, "invalid_field");
}

#[tokio::test]
async fn an_edit_happens_when_a_story_says_and_the_clock_goes_on() {
    let account = Account::open();
    let id = account.make("contacts", json!({"name": "Ann", "email": "ann@customer.example"})).await;
    let then: jiff::Timestamp = "2026-01-05T10:00:07Z".parse().unwrap();
    let called = |name: &str| json!({ "name": name }).as_object().cloned().unwrap();
    account.pass(60_000);
    account.sim.update_at(Kind::Contact, id, &called("Ann Lee"), then.as_millisecond()).unwrap();
    let stamp = async || account.get(&format!("contacts/{id}")).await.ok()["updated_at"].clone();
    assert_eq!(stamp().await, "2026-01-05T10:00:07Z");
    account.sim.update(Kind::Contact, id, &called("Ann Ray")).unwrap();
    assert_eq!(stamp().await, "2026-01-05T10:01:00Z");
}

#[tokio::test]
async fn deleted_softly_comes_back_and_deleted_hard_does_not() {
    let account = Account::open();
    let id = account.make("contacts", json!({"name": "Ann", "email": "ann@customer.example"})).await;
    let ticket = account.ticket("Printer").await;
    assert_eq!(account.delete(&format!("contacts/{id}")).await.status, 204);
    assert_eq!(account.get(&format!("contacts/{id}")).await.ok()["deleted"], true);
    assert!(ids(&account.get("contacts").await.ok()).is_empty());
    assert_eq!(ids(&account.get("contacts?state=deleted").await.ok()), [id]);
    assert_eq!(account.put(&format!("contacts/{id}"), json!({"name": "Bea"})).await.status, 405);
    assert_eq!(account.put(&format!("contacts/{id}/restore"), json!(null)).await.status, 204);
    assert_eq!(account.delete(&format!("contacts/{id}/hard_delete")).await.status, 400, "only with force");
    assert_eq!(account.delete(&format!("contacts/{id}/hard_delete?force=true")).await.status, 204);
    let gone = account.get(&format!("contacts/{id}")).await;
    assert_eq!((gone.status, gone.text.as_str(), gone.header("content-type")), (404, "", "text/html; charset=utf-8"));
    assert_eq!(account.get(&format!("tickets/{ticket}")).await.status, 404, "their tickets go with them");
}

#[tokio::test]
async fn a_merge_deletes_the_loser_and_hands_its_addresses_over() {
    let account = Account::open();
    let winner = account.make("contacts", json!({"name": "Ann", "email": "ann@customer.example", "unique_external_id": "con_1"})).await;
    let loser = account.make("contacts", json!({"name": "A. Lee", "email": "lee@customer.example", "unique_external_id": "con_2"})).await;
    let merge = json!({"primary_contact_id": winner, "secondary_contact_ids": [loser]});
    assert_eq!(account.post("contacts/merge", merge.clone()).await.flaw().1, "unique_external_id", "two ids need a choice");
    let mut chosen = merge;
    chosen["contact"] = json!({"unique_external_id": "con_1"});
    assert_eq!(account.post("contacts/merge", chosen).await.status, 204);
    let lost = account.get(&format!("contacts/{loser}")).await.ok();
    assert!(lost["deleted"] == true && lost["email"] == "lee@customer.example" && lost["unique_external_id"].is_null());
    assert_eq!(account.get(&format!("contacts/{winner}")).await.ok()["other_emails"], json!(["lee@customer.example"]));
    assert_eq!(ids(&account.get("contacts?email=lee@customer.example").await.ok()), [winner]);
}

#[tokio::test]
async fn an_agent_made_of_a_contact_keeps_the_id_and_the_tickets() {
    let account = Account::open();
    let ticket = account.ticket("Printer").await;
    let id = account.get("contacts?email=ann@customer.example").await.ok()[0]["id"].as_u64().unwrap();
    let silent = account.make("contacts", json!({"name": "By phone", "phone": "+15551234567"})).await;
    assert_eq!(account.put(&format!("contacts/{silent}/make_agent"), json!(null)).await.flaw().1, "email");
    let made = account.put(&format!("contacts/{id}/make_agent"), json!(null)).await.ok();
    assert_eq!((&made["id"], &made["agent"]["contact"]["email"]), (&json!(id), &json!("ann@customer.example")));
    assert_eq!(account.get(&format!("contacts/{id}")).await.status, 404);
    assert_eq!(account.get(&format!("agents/{id}")).await.ok()["id"], id);
    assert_eq!(account.get(&format!("tickets/{ticket}")).await.ok()["requester_id"], id);
    let twin = account.post("contacts", json!({"name": "Twin", "email": "ann@customer.example"})).await;
    assert_eq!((twin.status, &twin.json()["errors"][0]["additional_info"]["user_id"]), (409, &json!(id)));
}

#[tokio::test]
async fn states_and_types_part_the_list() {
    let account = Account::open();
    let (ann, bob) = (
        account.make("contacts", json!({"name": "Ann", "email": "ann@customer.example"})).await,
        account.make("contacts", json!({"name": "Bob", "email": "bob@customer.example"})).await,
    );
    account.sim.block_contact(bob).unwrap();
    let listed = async |query: &str| ids(&account.get(&format!("contacts?{query}")).await.ok());
    assert_eq!((listed("state=unverified").await, listed("state=blocked").await), (vec![ann], vec![bob]));
    assert!(listed("state=verified").await.is_empty(), "nobody answered the mail that asks for it");
    assert_eq!((listed("contact_type=contact").await, listed("contact_type=visitor").await), (vec![ann], vec![]));
    assert_eq!(account.get("contacts?state=asleep").await.flaw(), (400, "state".to_owned(), "invalid_value".to_owned()));
}
