//! Writes of so many rows that a job is cheaper.

use entente_connect::connector::Priority;
use entente_connect::error::Class;
use entente_connect::write::Write;
use entente_sims::faults::Fault;
use serde_json::json;

use super::live::{Live, target};
use crate::stage::rows::{create, delete, update};

/// Rows from which on a job is cheaper.
const MANY: usize = 2_000;

fn newcomers() -> Vec<Write> {
    (0..MANY).map(|n| create(&format!("con_{n}"), json!({"LastName": format!("Nr {n}"), "Email": format!("{n}@example.com")}))).collect()
}

#[tokio::test]
async fn each_row_of_a_job_gets_its_own_outcome() {
    let live = Live::open();
    let account = live.add("Account", json!({"Name": "Acme", "Entente_Id__c": "acc_1"}));
    let mut writes = newcomers();
    writes[7] = create("con_7", json!({"LastName": null, "Title": "Nobody"}));
    writes[1_999] = create("con_1999", json!({"LastName": "Nr 1999", "Email": "no address"}));
    writes[40] = create("con_40", json!({"LastName": "Ada, \"Countess\"\r\nof Lovelace", "Account.Entente_Id__c": "acc_1"}));
    writes[41] = create("con_41", json!({"LastName": "#N/A"}));
    let outcomes = live.crm.write(&target("Contact"), &writes, Priority::Backfill).await.unwrap();
    for (n, outcome) in outcomes.iter().enumerate() {
        match outcome {
            Ok(written) => {
                let row = live.sim.get("Contact", &written.id).unwrap();
                assert_eq!(row["Entente_Id__c"], format!("con_{n}"));
                assert_eq!(written.created, Some(true));
            }
            Err(error) => assert!([7, 1_999].contains(&n), "{n}: {error}"),
        }
    }
    let refused = outcomes[7].as_ref().unwrap_err();
    assert_eq!((refused.code.as_str(), refused.class, refused.field.as_deref()), ("REQUIRED_FIELD_MISSING", Class::Data, Some("LastName")));
    assert_eq!(outcomes[1_999].as_ref().unwrap_err().code, "INVALID_EMAIL_ADDRESS");
    let ada = live.sim.get("Contact", &outcomes[40].as_ref().unwrap().id).unwrap();
    assert_eq!((ada["LastName"].as_str(), ada["AccountId"].as_str()), (Some("Ada, \"Countess\"\nof Lovelace"), Some(account.as_str())));
    // What a person wrote is not taken for an order to empty the field.
    assert_eq!(live.sim.get("Contact", &outcomes[41].as_ref().unwrap().id).unwrap()["LastName"], "#N/A");
    assert_eq!((live.calls("bulk_job"), live.calls("bulk_upload"), live.calls("bulk_results")), (2, 1, 2));
    assert_eq!(live.calls("collections_upsert"), 1, "for the row that a job would misread");
}

#[tokio::test]
async fn a_job_that_is_repeated_makes_no_twins() {
    let live = Live::open();
    // The org does all the work, and its answers about it are lost.
    live.line.lose_where(|call| call.contains("/successfulResults"));
    let failed = live.crm.write(&target("Contact"), &newcomers(), Priority::Backfill).await.unwrap_err();
    assert_eq!(failed.class, Class::Retry);
    assert_eq!(live.sim.count("Contact"), MANY);
    let outcomes = live.crm.write(&target("Contact"), &newcomers(), Priority::Backfill).await.unwrap();
    assert!(outcomes.iter().all(|outcome| outcome.as_ref().unwrap().created == Some(false)));
    assert_eq!(live.sim.count("Contact"), MANY);
}

#[tokio::test]
async fn a_close_that_landed_unheard_is_found_out() {
    let live = Live::open();
    live.line.lose_where(|call| call.starts_with("PATCH") && call.contains("/jobs/ingest/"));
    let outcomes = live.crm.write(&target("Contact"), &newcomers(), Priority::Backfill).await.unwrap();
    assert!(outcomes.iter().all(Result::is_ok));
}

#[tokio::test]
async fn an_upload_that_is_not_heard_of_is_called_off() {
    let live = Live::open();
    live.line.lose_where(|call| call.starts_with("PUT"));
    let failed = live.crm.write(&target("Contact"), &newcomers(), Priority::Backfill).await.unwrap_err();
    assert_eq!((failed.class, live.sim.count("Contact")), (Class::Retry, 0));
    let aborts = live.line.sent.lock().unwrap().iter().filter(|(_, body)| body["state"] == "Aborted").count();
    assert_eq!(aborts, 1);
}

#[tokio::test]
async fn a_row_that_was_locked_is_tried_once_more() {
    let live = Live::open();
    live.crm.write(&target("Contact"), &[create("con_x", json!({"LastName": "X"}))], Priority::Update).await.unwrap();
    live.faults.order([Fault::Collision]);
    let outcomes = live.crm.write(&target("Contact"), &newcomers(), Priority::Backfill).await.unwrap();
    assert!(outcomes.iter().all(Result::is_ok), "{:?}", outcomes.iter().find(|outcome| outcome.is_err()));
}

#[tokio::test]
async fn many_changes_and_deletions_go_as_jobs() {
    let live = Live::open();
    let made = live.crm.write(&target("Contact"), &newcomers(), Priority::Backfill).await.unwrap();
    let ids: Vec<String> = made.into_iter().map(|outcome| outcome.unwrap().id).collect();
    let changes: Vec<Write> = ids.iter().map(|id| update(id, json!({"Email": null, "Title": "CEO"}))).collect();
    let outcomes = live.crm.write(&target("Contact"), &changes, Priority::Backfill).await.unwrap();
    assert!(outcomes.iter().zip(&ids).all(|(outcome, id)| outcome.as_ref().unwrap().id == *id));
    let row = live.sim.get("Contact", &ids[17]).unwrap();
    assert_eq!((row.get("Email"), row["Title"].as_str(), row["LastName"].as_str()), (None, Some("CEO"), Some("Nr 17")));
    live.sim.delete("Contact", &ids[3], "").unwrap();
    let deletions: Vec<Write> = ids.iter().map(|id| delete(id)).collect();
    let outcomes = live.crm.write(&target("Contact"), &deletions, Priority::Backfill).await.unwrap();
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_err()).count(), 1);
    assert_eq!(outcomes[3].as_ref().unwrap_err().code, "ENTITY_IS_DELETED");
    assert_eq!(live.sim.count("Contact"), 0);
}

#[tokio::test]
async fn a_field_that_is_hidden_ends_the_job_and_is_named() {
    let live = Live::open();
    live.sim
        .add_field("Contact", entente_sims::salesforce::FieldSpec::new("Level__c", entente_sims::salesforce::FieldType::String))
        .unwrap();
    let mut writes = newcomers();
    writes[0].row.insert("Level__c".to_owned(), json!("gold"));
    live.crm.describe("Contact").await.unwrap();
    live.sim.remove_field("Contact", "Level__c").unwrap();
    let failed = live.crm.write(&target("Contact"), &writes, Priority::Backfill).await.unwrap_err();
    assert_eq!((failed.class, failed.code.as_str()), (Class::Configuration, "INVALID_FIELD"));
    assert!(failed.message.contains("Level__c"), "{}", failed.message);
    assert_eq!(live.sim.count("Contact"), 0);
}

#[tokio::test]
async fn a_few_rows_go_as_collections() {
    let live = Live::open();
    live.crm.write(&target("Contact"), &newcomers()[..1_000], Priority::Backfill).await.unwrap();
    assert_eq!((live.calls("bulk_job"), live.calls("collections_upsert")), (0, 5));
}
