//! Links of changes: their pages, and what they do not tell.

use std::collections::BTreeSet;

use crate::company::Company;

#[tokio::test]
async fn changes_come_in_pages_and_each_row_once_however_often_it_changed() {
    let company = Company::with(|_| {});
    let walk = company.get("/api/data/v9.2/accounts?$select=name", "odata.track-changes").await;
    let ids: Vec<String> = (0..7).map(|n| company.account(&format!("Company {n}"))).collect();
    let by = entente_sims::dynamics::Hand::Integration;
    company.sim.update("accounts", &ids[0], &serde_json::json!({"name": "Changed"}), &by).unwrap();
    company.sim.delete("accounts", &ids[6], &by).unwrap();
    let (mut next, mut seen, mut pages) = (walk.link("@odata.deltaLink"), Vec::new(), 0);
    let link = loop {
        let page = company.get(&next.unwrap(), "odata.maxpagesize=3").await;
        pages += 1;
        seen.extend(page.rows().iter().map(|row| row.get("accountid").or(row.get("id")).unwrap().as_str().unwrap().to_owned()));
        next = page.link("@odata.nextLink");
        if next.is_none() {
            break page.link("@odata.deltaLink").unwrap();
        }
    };
    assert_eq!((seen.len(), seen.iter().collect::<BTreeSet<_>>().len(), pages), (7, 7, 3));
    assert!(company.get(&link, "").await.rows().is_empty());
}

#[tokio::test]
async fn what_changes_during_a_walk_is_not_told_by_its_link() {
    let company = Company::with(|_| {});
    let ids: BTreeSet<String> = (0..4).map(|n| company.account(&format!("Company {n}"))).collect();
    let first = company.get("/api/data/v9.2/accounts?$select=name", "odata.track-changes,odata.maxpagesize=2").await;
    let early = first.rows()[0]["accountid"].as_str().unwrap();
    assert!(ids.contains(early));
    let by = entente_sims::dynamics::Hand::Integration;
    company.sim.update("accounts", early, &serde_json::json!({"name": "Changed"}), &by).unwrap();
    let last = company.get(&first.link("@odata.nextLink").unwrap(), "odata.maxpagesize=2").await;
    let changes = company.get(&last.link("@odata.deltaLink").unwrap(), "").await;
    assert!(changes.rows().is_empty());
    company.pass(8 * 86_400);
    assert_eq!(company.get(&last.link("@odata.deltaLink").unwrap(), "").await.body["error"]["code"], "0x80044352");
}
