//! A thousand rows in one message: whole or not at all, and one at fault is found.

use entente_connect::error::Class;
use entente_connect::write::Write;
use serde_json::json;

use crate::dynamics::company::{Company, accounts};
use crate::stage::rows::{create, update};

/// Where the row at fault stands.
const AT_FAULT: usize = 617;

const CREATES: &str = "POST accounts/Microsoft.Dynamics.CRM.CreateMultiple";
const UPDATES: &str = "POST accounts/Microsoft.Dynamics.CRM.UpdateMultiple";

/// An environment whose tables and lists are known, as after a first read.
async fn company() -> Company {
    let company = Company::open();
    company.fetch(&accounts(&["name"]), "5e3a1c02-0a9d-ef11-8a6a-000d3a2f1b01").await;
    company
}

fn newcomers() -> Vec<Write> {
    (0..1_000).map(|n| create(&format!("acc_{n}"), json!({"name": format!("Company {n}")}))).collect()
}

#[tokio::test]
async fn background_work_travels_by_the_thousand() {
    let company = company().await;
    assert_eq!(company.crm.bulk_rows(), Some(1_000));
    let before = company.sim.calls().total;
    let outcomes = company.write("accounts", &newcomers()).await;
    let ids: Vec<String> = outcomes.into_iter().map(|outcome| outcome.unwrap()).map(|written| written.id).collect();
    assert_eq!((company.sim.calls().total - before, company.calls(CREATES), company.sim.count("accounts")), (1, 1, 1_000));
    for (n, id) in [0, AT_FAULT, 999].map(|n| (n, &ids[n])) {
        assert_eq!(company.row("accounts", id)["name"], format!("Company {n}"), "each row has the id of its own");
    }
    let renamed: Vec<Write> = ids.iter().enumerate().map(|(n, id)| update(id, json!({"name": format!("Firm {n}")}))).collect();
    let outcomes = company.write("accounts", &renamed).await;
    assert!(outcomes.iter().zip(&ids).all(|(outcome, id)| outcome.as_ref().is_ok_and(|written| written.id == *id)));
    assert_eq!((company.calls(UPDATES), company.calls("POST $batch")), (1, 0));
    assert_eq!(company.row("accounts", &ids[AT_FAULT])["name"], format!("Firm {AT_FAULT}"));
}

#[tokio::test]
async fn of_a_thousand_new_rows_one_that_cannot_be_is_named_and_the_others_are_made_once() {
    let company = company().await;
    let mut writes = newcomers();
    writes[AT_FAULT] = create(&format!("acc_{AT_FAULT}"), json!({"name": "x".repeat(161)}));
    let outcomes = company.write("accounts", &writes).await;
    let refused: Vec<usize> = (0..1_000).filter(|n| outcomes[*n].is_err()).collect();
    assert_eq!(refused, [AT_FAULT]);
    let error = outcomes[AT_FAULT].as_ref().unwrap_err();
    assert_eq!((error.class, error.code.as_str(), error.field.as_deref()), (Class::Data, "0x80044331", Some("name")));
    // The whole message, ten of a hundred, and each row of the one that holds it.
    assert_eq!((company.calls(CREATES), company.calls("POST $batch"), company.sim.count("accounts")), (11, 1, 999));
    // Mended and asked again: nobody is made twice.
    let again = company.write("accounts", &newcomers()).await;
    let made: Vec<usize> = (0..1_000).filter(|n| again[*n].as_ref().unwrap().created == Some(true)).collect();
    assert_eq!((made, company.sim.count("accounts")), (vec![AT_FAULT], 1_000));
}

#[tokio::test]
async fn of_a_thousand_changes_one_to_a_row_that_is_gone_is_named_and_the_others_land() {
    let company = company().await;
    let outcomes = company.write("accounts", &newcomers()).await;
    let ids: Vec<String> = outcomes.into_iter().map(|outcome| outcome.unwrap().id).collect();
    company.sim.delete("accounts", &ids[AT_FAULT], &company.person()).unwrap();
    let renamed: Vec<Write> = ids.iter().enumerate().map(|(n, id)| update(id, json!({"name": format!("Firm {n}")}))).collect();
    let outcomes = company.write("accounts", &renamed).await;
    let refused: Vec<usize> = (0..1_000).filter(|n| outcomes[*n].is_err()).collect();
    assert_eq!((refused, outcomes[AT_FAULT].as_ref().unwrap_err().class), (vec![AT_FAULT], Class::LookAgain));
    assert_eq!((company.calls(UPDATES), company.calls("POST $batch"), company.sim.count("accounts")), (11, 1, 999));
    for n in [0, AT_FAULT - 1, AT_FAULT + 1, 999] {
        assert_eq!(company.row("accounts", &ids[n])["name"], format!("Firm {n}"));
    }
}

#[tokio::test]
async fn what_landed_with_other_parts_has_landed_though_one_was_not_heard_of() {
    let company = company().await;
    let mut writes = newcomers();
    writes[AT_FAULT] = create(&format!("acc_{AT_FAULT}"), json!({"name": "x".repeat(161)}));
    company.line.interject_at("$batch", 500);
    let outcomes = company.write("accounts", &writes).await;
    let unheard: Vec<usize> = (0..1_000).filter(|n| outcomes[*n].is_err()).collect();
    assert_eq!(unheard, (600..700).collect::<Vec<_>>(), "the hundred with the row at fault");
    assert!(unheard.iter().all(|n| outcomes[*n].as_ref().unwrap_err().class == Class::Retry));
    assert_eq!(company.sim.count("accounts"), 900);
}
