//! Rows as they are read: by list, by id, and what each shows.

use entente_connect::connector::Priority;
use entente_connect::look::Existence;
use entente_sims::freshdesk::Kind;
use serde_json::{Value, json};

use super::account::Account;
use crate::stage::rows::spec;

#[tokio::test]
async fn a_ticket_is_read_with_its_people_and_times() {
    let account = Account::open();
    let agent = account.sim.agents()[1].clone();
    let group = account.sim.groups()[1].clone();
    let id = account.plant(
        Kind::Ticket,
        json!({"email": "ann@customer.example", "name": "Ann", "subject": "Printer", "description": "<p>It smokes.</p><p>Help</p>", "status": 2,
               "priority": 3, "source": 2, "type": "Incident", "tags": ["hot"], "responder_id": agent.id, "group_id": group.id}),
    );
    account.pass(600);
    account.sim.reply(id.parse().unwrap(), "On my way", agent.id, false).unwrap();
    account.pass(600);
    account.edit(Kind::Ticket, &id, json!({"status": 5}));
    let fields = [
        "subject",
        "description",
        "status",
        "priority",
        "type",
        "tags",
        "requester.email",
        "responder.name",
        "group.name",
        "created_at",
        "stats.first_response_minutes",
        "stats.resolution_minutes",
        "stats.resolved_at",
        "stats.last_reply_at",
        "id",
    ];
    let read = spec("ticket", &fields);
    let (listed, _) = account.read_on(&read, None).await;
    let fetched = account.desk.fetch(&read, std::slice::from_ref(&id), Priority::Update).await.unwrap();
    for look in [&listed[0], &fetched[0]] {
        assert!(look.complete);
        assert_eq!(
            Value::Object(look.row.clone()),
            json!({"subject": "Printer", "description": "It smokes.\nHelp", "status": "5", "priority": "3", "type": "Incident", "tags": ["hot"],
                   "requester.email": "ann@customer.example", "responder.name": "Ada Agent", "group.name": "Enterprise Support",
                   "created_at": "2026-01-05T10:00:00Z", "stats.first_response_minutes": 10, "stats.resolution_minutes": 20,
                   "stats.resolved_at": "2026-01-05T10:20:00Z", "stats.last_reply_at": "2026-01-05T10:10:00Z", "id": id})
        );
    }
}

#[tokio::test]
async fn what_only_views_show_costs_a_call_for_each_row_and_only_then() {
    let account = Account::open();
    for n in 0..3 {
        account.plant(Kind::Contact, json!({"name": format!("C {n}"), "email": format!("c{n}@customer.example"), "tags": ["vip"]}));
    }
    let (plain, _) = account.read_on(&spec("contact", &["name", "email"]), None).await;
    assert_eq!((plain.len(), account.calls("GET contacts/:id")), (3, 0));
    let (tagged, _) = account.read_on(&spec("contact", &["name", "tags"]), None).await;
    assert!(tagged.iter().all(|look| look.complete && look.row["tags"] == json!(["vip"])));
    assert_eq!(account.calls("GET contacts/:id"), 3);
}

#[tokio::test]
async fn stamps_of_companies_are_read_in_utc() {
    let account = Account::open();
    let id =
        account.plant(Kind::Company, json!({"name": "Acme", "renewal_date": "2026-12-31", "custom_fields": {"plan": "Pro", "arr": 12.5}}));
    let read = spec("company", &["name", "created_at", "renewal_date", "company_fields.plan", "company_fields.arr"]);
    let looks = account.desk.fetch(&read, &[id], Priority::Update).await.unwrap();
    assert_eq!(looks[0].version.as_deref(), Some("2026-01-05T10:00:00Z"));
    assert_eq!(
        Value::Object(looks[0].row.clone()),
        json!({"name": "Acme", "created_at": "2026-01-05T10:00:00Z", "renewal_date": "2026-12-31", "company_fields.plan": "Pro", "company_fields.arr": 12.5})
    );
}

#[tokio::test]
async fn rows_that_are_not_there_are_deleted_and_archived_tickets_are_not() {
    let account = Account::open();
    let (gone, old) = (account.plant(Kind::Company, json!({"name": "Acme"})), account.ticket("Old"));
    account.sim.delete(Kind::Company, gone.parse().unwrap()).unwrap();
    account.sim.archive_ticket(old.parse().unwrap()).unwrap();
    let companies = account.desk.fetch(&spec("company", &["name"]), &[gone, "nonsense".to_owned()], Priority::Update).await.unwrap();
    assert!(companies.iter().all(|look| look.existence == Existence::Deleted));
    let tickets = account.desk.fetch(&spec("ticket", &["subject"]), &[old], Priority::Update).await.unwrap();
    assert_eq!((&tickets[0].existence, &tickets[0].row["subject"]), (&Existence::Present, &json!("Old")));
}

#[tokio::test]
async fn a_field_that_was_removed_is_not_one_that_somebody_cleared() {
    let account = Account::open();
    account.plant(Kind::Company, json!({"name": "Acme", "custom_fields": {"plan": "Pro"}}));
    let read = spec("company", &["name", "company_fields.plan"]);
    account.read_on(&read, None).await;
    account.sim.drop_field(Kind::Company, "plan").unwrap();
    account.pass(700);
    let error = account.desk.page(&read, None, Priority::Backfill).await.unwrap_err();
    assert_eq!(
        (error.class.name(), error.code.as_str(), error.field.as_deref()),
        ("configuration", "unknown_field", Some("company_fields.plan"))
    );
}
