//! Erasing people: also out of the rows that were merged into theirs.

use entente_connect::connector::Priority;
use entente_connect::erase::{Erase, Erased, Manner};
use serde_json::{Value, json};

use super::company::Company;

/// Three rows of one person, the first merged into the second, and that one into the third.
fn chain(company: &Company) -> [String; 3] {
    let rows = ["Augusta", "Ada", "Ada A."].map(|name| {
        let address = format!("{}@customer.example", name.to_lowercase().replace([' ', '.'], ""));
        company.plant("contacts", json!({"firstname": name, "lastname": "Lovelace", "emailaddress1": address}))
    });
    company.sim.merge("contacts", &rows[0], &rows[1], &company.person()).unwrap();
    company.sim.merge("contacts", &rows[1], &rows[2], &company.person()).unwrap();
    rows
}

async fn erase(company: &Company, object: &str, id: &str, manner: Manner, blank: Value) -> Erased {
    let erase = Erase { object: object.to_owned(), id: id.to_owned(), manner, blank: blank.as_object().cloned().unwrap() };
    company.crm.erase(&erase, Priority::Urgent).await.unwrap()
}

fn blank() -> Value {
    json!({"firstname": null, "lastname": "Erased person", "emailaddress1": null})
}

#[tokio::test]
async fn whoever_goes_goes_with_the_rows_that_were_merged_away() {
    let company = Company::open();
    let [_, _, last] = chain(&company);
    let stranger = company.plant("contacts", json!({"firstname": "Grace", "lastname": "Hopper"}));
    let erased = erase(&company, "contacts", &last, Manner::Delete, blank()).await;
    assert_eq!(erased, Erased::wholly("blanked and deleted, with 2 that had been merged into it"));
    assert_eq!((company.sim.count("contacts"), company.row("contacts", &stranger)["lastname"].as_str()), (1, Some("Hopper")));
    // A second time nothing is there, and that is what was wanted.
    assert_eq!(erase(&company, "contacts", &last, Manner::Delete, blank()).await, Erased::wholly("blanked and deleted"));
}

#[tokio::test]
async fn where_the_row_stays_no_value_of_the_person_is_in_any_of_them() {
    let company = Company::open();
    let rows = chain(&company);
    let erased = erase(&company, "contacts", &rows[2], Manner::Anonymise, blank()).await;
    assert_eq!(erased, Erased::wholly("blanked, with 2 that had been merged into it"));
    for row in &rows {
        let held = company.row("contacts", row);
        assert_eq!(held["lastname"], "Erased person");
        let words = held.to_string();
        assert!(["Lovelace", "Augusta", "Ada", "customer.example"].iter().all(|word| !words.contains(word)), "{words}");
    }
    assert_eq!(company.row("contacts", &rows[0])["merged"], true, "they stay merged");
}

#[tokio::test]
async fn a_row_that_nothing_was_merged_into_is_erased_alone() {
    let company = Company::open();
    let row = company.plant("contacts", json!({"lastname": "Hopper"}));
    let erased = erase(&company, "contacts", &row, Manner::Delete, blank()).await;
    assert_eq!((erased, company.sim.count("contacts")), (Erased::wholly("blanked and deleted"), 0));
    let task = company.plant("tasks", json!({"subject": "Call Ada"}));
    let erased = erase(&company, "tasks", &task, Manner::Anonymise, json!({"subject": "Erased"})).await;
    assert_eq!((erased, company.row("tasks", &task)["subject"].as_str()), (Erased::wholly("blanked"), Some("Erased")));
}
