//! Search lags behind, and ends after three hundred rows.

use serde_json::json;

use crate::account::{Account, ids};

#[tokio::test]
async fn the_index_is_a_minute_behind() {
    let account = Account::with(|options| options.profile.index_lag_ms = 60_000);
    let id = account.make("companies", json!({"name": "Acme", "custom_fields": {"entente_id": "acc_1"}})).await;
    let search = "search/companies?query=%22entente_id:%27acc_1%27%22";
    assert_eq!(account.get(search).await.ok()["total"], 0);
    account.pass(61_000);
    assert_eq!(ids(&account.get(search).await.ok()["results"]), [id]);
    account.put(&format!("companies/{id}"), json!({"custom_fields": {"entente_id": "acc_2"}})).await.ok();
    assert_eq!(account.get(search).await.ok()["total"], 1, "what it was");
    account.pass(61_000);
    assert_eq!(account.get(search).await.ok()["total"], 0);
}

#[tokio::test]
async fn ten_pages_of_thirty_are_all_there_is() {
    let account = Account::open();
    for n in 0..310 {
        account.make("contacts", json!({"name": format!("C {n}"), "email": format!("c{n}@customer.example"), "tags": ["many"]})).await;
    }
    let search = "search/contacts?query=%22tag:%27many%27%22";
    let last = account.get(&format!("{search}&page=10")).await.ok();
    assert_eq!((&last["total"], last["results"].as_array().map(Vec::len)), (&json!(310), Some(30)));
    assert_eq!(account.get(&format!("{search}&page=11")).await.flaw().1, "page");
    assert_eq!(
        account.get("search/contacts?query=%22nickname:%27x%27%22").await.flaw(),
        (400, "nickname".to_owned(), "invalid_field".to_owned())
    );
    assert_eq!(account.get("search/contacts?query=tag:many").await.flaw().1, "query");
}
