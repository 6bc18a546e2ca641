//! Reading: schemas, first reads, changes, equal stamps, and what leaves without a trace.

use std::collections::BTreeSet;

use entente_connect::connector::Priority;
use entente_connect::look::Existence;
use entente_model::mapping::remote::RemoteKind;
use entente_sims::faults::Fault;
use entente_sims::pipedrive::Kind;
use serde_json::{Value, json};

use super::described::company;
use crate::pipedrive::company::persons;
use crate::stage::rows::{ids, spec};

#[tokio::test]
async fn a_row_is_read_as_the_description_says() {
    let company = company();
    let acme = company.plant(Kind::Organization, json!({"name": "Acme", "label_ids": [5], "address": {"value": "Main St 1"}}));
    let code = company.sim.code(Kind::Person, "Entente id").unwrap();
    let ada = company.plant(
        Kind::Person,
        json!({"name": "Ada Lovelace", "org_id": acme.parse::<u64>().unwrap(), "custom_fields": {&code: "con_1"},
               "emails": [{"value": "old@x.example", "primary": false}, {"value": "ada@x.example", "primary": true}]}),
    );
    let read = persons(&["name", "first_name", "email", "emails", "phone", "org_id", "owner.name", "entente_id", "update_time"]);
    let look = company.fetch(&read, &ada).await;
    let owner = company.sim.users().into_iter().find(|user| user.id == company.sim.sales_person()).unwrap().name;
    let row = Value::Object(look.row);
    assert_eq!(
        (&row["email"], &row["emails"], &row["phone"], &row["org_id"]),
        (&json!("ada@x.example"), &json!(["old@x.example", "ada@x.example"]), &Value::Null, &json!(acme))
    );
    assert_eq!((&row["entente_id"], &row["owner.name"], &row["first_name"]), (&json!("con_1"), &json!(owner), &json!("Ada")));
    assert_eq!(look.version.as_deref(), row["update_time"].as_str());
    let looks = company.crm.fetch(&spec("organizations", &["labels", "address"]), &[acme], Priority::Update).await.unwrap();
    assert_eq!((&looks[0].row["labels"], &looks[0].row["address"]), (&json!(["Customer"]), &json!("Main St 1")));
}

#[tokio::test]
async fn the_schema_has_described_fields_and_those_that_people_made() {
    let company = company();
    let choices = json!([{"label": "Small"}, {"label": "Large"}]);
    let size = company.sim.add_field(Kind::Organization, &json!({"field_name": "Size", "field_type": "enum", "options": choices})).unwrap();
    let object = company.crm.describe("organizations").await.unwrap();
    let field = |name: &str| object.field(name).unwrap_or_else(|| panic!("{name}"));
    assert_eq!(field(&format!("custom.{size}")).values, ["Small", "Large"]);
    assert_eq!((field("entente_plan").kind, field("entente_arr").kind), (RemoteKind::Text, RemoteKind::Number));
    assert!(field("name").required && !field("owner.name").writable && field("labels").restricted);
    assert!(company.crm.describe("tickets").await.unwrap_err().message.contains("organizations"));
}

#[tokio::test]
async fn twelve_thousand_rows_of_one_stamp_are_each_read_once() {
    let company = company();
    let read = persons(&["email"]);
    let present = company.crm.present(&read).await.unwrap();
    company.pass(60);
    for n in 0..12_000 {
        company.contact("Somebody", &format!("{n}@example.com"));
    }
    let (looks, _) = company.read_on(&read, Some(present)).await;
    let unique: BTreeSet<&str> = looks.iter().map(|look| look.id.as_str()).collect();
    assert_eq!((unique.len(), looks.len()), (12_000, 12_000));
    assert_eq!(company.calls("GET persons"), 24);
}

#[tokio::test]
async fn rows_that_change_while_a_poll_goes_on_are_not_lost() {
    let company = company();
    let read = persons(&["name"]);
    let present = company.crm.present(&read).await.unwrap();
    company.pass(60);
    let all: Vec<String> = (0..1_200).map(|n| company.contact(&format!("Person {n}"), &format!("{n}@example.com"))).collect();
    company.faults.order([Fault::HalfPage]);
    let first = company.crm.page(&read, Some(&present), Priority::Backfill).await.unwrap();
    assert!(first.more && !first.looks.is_empty(), "a short page is not the last one");
    company.pass(5);
    for id in &all[..100] {
        company.edit(Kind::Person, id, json!({"name": "New"}));
    }
    let (rest, cursor) = company.read_on(&read, Some(first.next)).await;
    let seen: BTreeSet<&str> = first.looks.iter().chain(&rest).map(|look| look.id.as_str()).collect();
    assert!(all.iter().all(|id| seen.contains(id.as_str())));
    let (next, _) = company.read_on(&read, Some(cursor)).await;
    assert!(next.iter().filter(|look| look.row["name"] == "New").count() >= 100);
}

#[tokio::test]
async fn a_poll_asks_in_whole_seconds_and_goes_back_by_the_overlap() {
    let company = company();
    let read = persons(&["name"]);
    let (_, cursor) = company.read_on(&read, None).await;
    company.hands.pass(std::time::Duration::from_millis(600_321));
    let id = company.contact("Ada", "ada@x.example");
    let (looks, _) = company.read_on(&read, Some(cursor)).await;
    assert_eq!(ids(&looks), [id.as_str()]);
    let sent = company.line.sent.lock().unwrap();
    let poll = sent.iter().find(|(path, _)| path.contains("updated_since")).unwrap();
    assert!(poll.0.contains("updated_since=2026-01-05T09%3A58%3A00Z"), "{}", poll.0);
    assert!(!sent.iter().any(|(path, _)| path.contains("c0ffee")), "no token in an address");
}

#[tokio::test]
async fn what_was_deleted_is_swept_up_within_the_hour() {
    let company = company();
    for (kind, object) in
        [(Kind::Person, "persons"), (Kind::Organization, "organizations"), (Kind::Deal, "deals"), (Kind::Activity, "activities")]
    {
        let name = match kind {
            Kind::Deal => json!({"title": "Deal"}),
            Kind::Activity => json!({"subject": "Call them", "type": "call"}),
            _ => json!({"name": "Name"}),
        };
        let rows: Vec<String> = (0..5).map(|_| company.plant(kind, name.clone())).collect();
        let read = spec(object, &["add_time"]);
        let (_, cursor) = company.read_on(&read, None).await;
        company.pass(1_200);
        for id in &rows[1..3] {
            company.sim.delete(kind, id, company.person()).unwrap();
        }
        company.pass(60);
        let (poll, cursor) = company.read_on(&read, Some(cursor)).await;
        assert!(poll.iter().all(|look| look.existence == Existence::Present), "{object}: no sweep is due");
        company.pass(3_600);
        let (sweep, _) = company.read_on(&read, Some(cursor)).await;
        let gone: BTreeSet<String> = sweep.iter().filter(|look| look.existence == Existence::Deleted).map(|look| look.id.clone()).collect();
        assert_eq!(gone, rows[1..3].iter().cloned().collect(), "{object}");
    }
}

#[tokio::test]
async fn an_archived_deal_belongs_to_a_first_read_and_is_seen_by_the_next_sweep() {
    let company = company();
    let [first, second] = [(); 2].map(|()| company.plant(Kind::Deal, json!({"title": "Deal"})));
    company.edit(Kind::Deal, &first, json!({"is_archived": true}));
    let read = spec("deals", &["is_archived", "is_won", "stage"]);
    let (looks, cursor) = company.read_on(&read, None).await;
    assert_eq!(looks.len(), 2);
    assert!(looks.iter().all(|look| look.row["stage"] == "Qualified" && look.row["is_won"] == false), "{looks:?}");
    company.pass(3_700);
    company.edit(Kind::Deal, &second, json!({"is_archived": true}));
    let (looks, _) = company.read_on(&read, Some(cursor)).await;
    assert!(looks.iter().any(|look| look.id == second && look.row["is_archived"] == true), "{looks:?}");
}

#[tokio::test]
async fn a_field_that_was_removed_is_an_error_and_not_a_blank() {
    let company = company();
    let key = company.sim.code(Kind::Organization, "Entente id").unwrap();
    let id = company.plant(Kind::Organization, json!({"name": "Acme", "custom_fields": {key: "acc_1"}}));
    let read = spec("organizations", &["entente_plan"]);
    company.fetch(&read, &id).await;
    let code = company.sim.code(Kind::Organization, "Entente plan").unwrap();
    company.sim.drop_field(Kind::Organization, &code).unwrap();
    company.pass(120);
    let refused = company.crm.fetch(&read, std::slice::from_ref(&id), Priority::Update).await.unwrap_err();
    assert_eq!((refused.code.as_str(), refused.field.as_deref()), ("unknown_field", Some("entente_plan")));
}

#[tokio::test]
async fn many_rows_cost_one_call_and_few_are_read_one_by_one() {
    let company = company();
    let all: Vec<String> = (0..30).map(|n| company.contact("Somebody", &format!("{n}@x.example"))).collect();
    company.sim.delete(Kind::Person, &all[3], company.person()).unwrap();
    let read = persons(&["email"]);
    let looks = company.crm.fetch(&read, &all, Priority::Update).await.unwrap();
    assert_eq!((company.calls("GET persons"), company.calls("GET persons/:id")), (1, 1), "the deleted one is looked at by itself");
    assert_eq!(looks.iter().filter(|look| look.existence == Existence::Deleted).count(), 1);
    company.crm.fetch(&read, &all[..2], Priority::Update).await.unwrap();
    assert_eq!(company.calls("GET persons"), 1);
}
