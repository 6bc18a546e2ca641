use entente_sims::salesforce::{FieldSpec, FieldType};
use serde_json::{Value, json};

use crate::desk::{Desk, encoded, map};

fn names(reply: &Value, field: &str) -> Vec<String> {
    reply["records"].as_array().unwrap().iter().map(|r| r[field].as_str().unwrap_or("-").to_owned()).collect()
}

#[tokio::test]
async fn the_language_filters_sorts_and_counts() {
    let desk = Desk::open();
    let mut tags = FieldSpec::new("Tags__c", FieldType::MultiPicklist);
    tags.values = ["a", "b", "c"].map(str::to_owned).to_vec();
    desk.sf.add_field("Account", tags).unwrap();
    for (name, industry, staff, tags) in
        [("Acme", Some("Retail"), 10, "b;a"), ("Beta O'Co", Some("Energy"), 200, "c"), ("acorn", None, 30, "a;c")]
    {
        desk.plant("Account", json!({"Name": name, "Industry": industry, "NumberOfEmployees": staff, "Tags__c": tags}));
    }
    let cases = [
        ("WHERE Name LIKE 'ac%'", vec!["Acme", "acorn"]),
        ("WHERE Name = 'ACME'", vec!["Acme"]),
        ("WHERE Industry = null", vec!["acorn"]),
        ("WHERE Industry != 'Retail'", vec!["Beta O'Co", "acorn"]),
        ("WHERE NumberOfEmployees >= 30 AND NOT Name = 'acorn'", vec!["Beta O'Co"]),
        ("WHERE Name = 'Beta O\\'Co' OR (NumberOfEmployees < 20 AND Industry IN ('Retail', 'Media'))", vec!["Acme", "Beta O'Co"]),
        ("WHERE Industry NOT IN ('Retail', null)", vec!["Beta O'Co"]),
        ("WHERE Tags__c INCLUDES ('a;b', 'c')", vec!["Acme", "Beta O'Co", "acorn"]),
        ("WHERE Tags__c EXCLUDES ('c')", vec!["Acme"]),
        ("ORDER BY Industry NULLS LAST, Name DESC", vec!["Beta O'Co", "Acme", "acorn"]),
        ("ORDER BY NumberOfEmployees DESC LIMIT 1 OFFSET 1", vec!["acorn"]),
        ("WHERE Owner.Name = 'Sam Seller' AND CreatedDate > 2026-01-05T09:59:59Z LIMIT 1", vec!["Acme"]),
    ];
    for (clause, expected) in cases {
        let reply = desk.soql(&format!("SELECT Id, Name FROM Account {clause}")).await;
        assert_eq!(reply.status, 200, "{clause}: {}", reply.text);
        assert_eq!(names(&reply.json(), "Name"), expected, "{clause}");
    }
    assert_eq!(
        desk.soql("SELECT COUNT() FROM Account WHERE Name != null").await.json(),
        json!({"totalSize": 3, "done": true, "records": []})
    );
    assert_eq!(desk.soql("SELECT COUNT(Id), MAX(NumberOfEmployees) m FROM Account").await.json()["records"][0]["m"], 200);
    let grouped = desk.soql("SELECT OwnerId, COUNT(Id) n FROM Account GROUP BY OwnerId").await.json();
    assert_eq!((grouped["totalSize"].clone(), grouped["records"][0]["n"].clone()), (json!(1), json!(3)));
    assert_eq!(desk.soql("SELECT FIELDS(ALL) FROM Account LIMIT 200").await.json()["records"][0]["Tags__c"], "a;b");
}

#[tokio::test]
async fn parents_and_children_come_along() {
    let desk = Desk::open();
    let account = desk.plant("Account", json!({"Name": "A"}));
    let contact = desk.plant("Contact", json!({"LastName": "C", "AccountId": account}));
    desk.plant("Contact", json!({"LastName": "Lone"}));
    desk.plant("Task", json!({"Subject": "Call", "WhoId": contact, "WhatId": account}));
    let rows = desk.soql("SELECT Id, Account.Name, Account.Owner.Email FROM Contact ORDER BY LastName").await.json();
    assert_eq!(rows["records"][0]["Account"]["attributes"]["type"], "Account");
    assert_eq!(rows["records"][0]["Account"]["Owner"]["Email"], "sam.seller@acme.example");
    assert_eq!(rows["records"][1]["Account"], Value::Null);
    let rows = desk.soql("SELECT Name, (SELECT LastName FROM Contacts), (SELECT Id FROM Cases) FROM Account").await.json();
    assert_eq!(rows["records"][0]["Contacts"]["records"][0]["LastName"], "C");
    assert_eq!(rows["records"][0]["Cases"], Value::Null);
    let rows = desk.soql("SELECT Who.Type, Who.Name, What.Name FROM Task WHERE Who.Type = 'Contact'").await.json();
    assert_eq!((rows["records"][0]["Who"]["Type"].clone(), rows["records"][0]["What"]["Name"].clone()), (json!("Contact"), json!("A")));
}

#[tokio::test]
async fn a_wrong_query_is_refused_with_a_reason() {
    let desk = Desk::open();
    let cases = [
        ("SELEKT Id FROM Account", "MALFORMED_QUERY"),
        ("SELECT Nope FROM Account", "INVALID_FIELD"),
        ("SELECT Id FROM Nope", "INVALID_TYPE"),
        ("SELECT Id FROM Account WHERE SystemModstamp > '2026-01-01T00:00:00Z'", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE Name = 5", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE Description = 'x'", "INVALID_FIELD"),
        ("SELECT Id, Foo.Name FROM Account", "INVALID_FIELD"),
        ("SELECT Id, (SELECT Id FROM Foos) FROM Account", "INVALID_TYPE"),
        ("SELECT Id FROM Account WHERE Id = 'nonsense'", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT FIELDS(ALL) FROM Account", "MALFORMED_QUERY"),
    ];
    for (query, code) in cases {
        let reply = desk.soql(query).await;
        assert_eq!((reply.status, reply.json()[0]["errorCode"].clone()), (400, json!(code)), "{query}");
    }
    let long = desk.get(&format!("/query?q={}", "x".repeat(16_400))).await;
    assert_eq!(long.status, 414);
}

#[tokio::test]
async fn pages_are_of_one_snapshot_and_locators_age() {
    let desk = Desk::open();
    for n in 0..450 {
        desk.plant("Contact", json!({"LastName": format!("N{n:03}")}));
    }
    let small = [("Sforce-Query-Options", "batchSize=200")];
    let first = desk.call_with("GET", "/query?q=SELECT+LastName+FROM+Contact+ORDER+BY+LastName", "", &small).await.json();
    assert_eq!((first["totalSize"].clone(), first["done"].clone()), (json!(450), json!(false)));
    desk.plant("Contact", json!({"LastName": "A-later"}));
    let next = first["nextRecordsUrl"].as_str().unwrap();
    let second = desk.call_with("GET", next, "", &small).await.json();
    assert_eq!(names(&second, "LastName")[0], "N200");
    let third = desk.call_with("GET", second["nextRecordsUrl"].as_str().unwrap(), "", &small).await.json();
    assert_eq!((third["records"].as_array().unwrap().len(), third["done"].clone()), (50, json!(true)));
    assert!(third.get("nextRecordsUrl").is_none());
    desk.pass(2 * 24 * 60 * 60 * 1000 + 1);
    let mut desk = desk;
    desk.token = desk.sf.session_for("").unwrap();
    assert_eq!(desk.get(next).await.json()[0]["errorCode"], "INVALID_QUERY_LOCATOR");
}

#[tokio::test]
async fn a_keyset_walk_over_equal_stamps_sees_every_row_once() {
    let desk = Desk::open();
    for n in 0..500 {
        if n % 100 == 0 {
            desk.pass(1_000);
        }
        desk.plant("Contact", json!({"LastName": format!("N{n}")}));
    }
    let touched = desk.sf.count("Contact");
    let mut seen = Vec::new();
    let mut filter = "SystemModstamp >= 2026-01-01T00:00:00.000Z".to_owned();
    loop {
        let query = format!("SELECT Id, SystemModstamp FROM Contact WHERE {filter} ORDER BY SystemModstamp, Id LIMIT 70");
        let page = desk.soql(&query).await.json();
        let rows = page["records"].as_array().unwrap().clone();
        let Some(last) = rows.last() else { break };
        let (stamp, id) = (last["SystemModstamp"].as_str().unwrap().replace("+0000", "Z"), last["Id"].as_str().unwrap().to_owned());
        filter = format!("(SystemModstamp = {stamp} AND Id > '{id}') OR SystemModstamp > {stamp}");
        seen.extend(rows.iter().map(|r| r["Id"].as_str().unwrap().to_owned()));
    }
    assert_eq!(seen.len(), touched);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), touched);
}

#[tokio::test]
async fn a_changed_row_moves_to_the_end_of_the_poll() {
    let desk = Desk::open();
    let first = desk.plant("Contact", json!({"LastName": "First"}));
    desk.pass(1_000);
    desk.plant("Contact", json!({"LastName": "Second"}));
    desk.pass(1_000);
    desk.sf.update("Contact", &first, &map(json!({"Title": "x"})), "").unwrap();
    let poll = "SELECT LastName FROM Contact WHERE SystemModstamp > 2026-01-05T10:00:00Z ORDER BY SystemModstamp, Id";
    assert_eq!(names(&desk.soql(poll).await.json(), "LastName"), ["Second", "First"]);
    let by_mail = format!("/query?q={}", encoded("SELECT Id FROM Contact WHERE Email IN ('a@x.org','B@x.org')"));
    desk.plant("Contact", json!({"LastName": "Mail", "Email": "b@X.org"}));
    assert_eq!(desk.get(&by_mail).await.json()["totalSize"], 1);
}
