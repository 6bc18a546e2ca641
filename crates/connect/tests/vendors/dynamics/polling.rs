//! Polls: walks, links of changes, what changes meanwhile, and links that expire.

use std::collections::BTreeSet;

use entente_connect::connector::Priority;
use entente_connect::look::{Existence, Look};
use entente_model::actor::Actor;
use entente_sims::faults::Fault;
use serde_json::json;

use crate::dynamics::company::{Company, accounts};
use crate::stage::rows::{ids, spec};

fn unique(looks: &[Look]) -> BTreeSet<&str> {
    looks.iter().map(|look| look.id.as_str()).collect()
}

#[tokio::test]
async fn twelve_thousand_changes_of_one_moment_are_each_read_once() {
    let company = Company::open();
    let read = accounts(&["name"]);
    let (_, cursor) = company.read_on(&read, None).await;
    for n in 0..12_000 {
        company.plant("accounts", json!({"name": format!("Company {n}")}));
    }
    company.pass(900);
    let (looks, _) = company.read_on(&read, Some(cursor)).await;
    assert_eq!((unique(&looks).len(), looks.len()), (12_000, 12_000));
    assert_eq!(company.calls("GET accounts"), 2 + 3, "a walk with its look back, then three pages of changes");
}

#[tokio::test]
async fn a_row_is_flattened_with_its_words_codes_and_names() {
    let company = Company::open();
    let acme = company.plant("accounts", json!({"name": "Acme", "industrycode": 7, "revenue": 1200.5, "customertypecode": 3}));
    let bind = format!("/accounts({acme})");
    let ada = company.plant("contacts", json!({"firstname": "Ada", "lastname": "Lovelace", "parentcustomerid_account@odata.bind": bind}));
    let names =
        ["name", "industrycode", "customertypecode.code", "revenue", "currency", "status", "ownerid.name", "ownerid.email", "telephone1"];
    let look = company.fetch(&accounts(&names), &acme).await;
    let shown = json!({"name": "Acme", "industrycode": "Consulting", "customertypecode.code": 3, "revenue": 1200.5, "currency": "USD", "status": "active",
        "ownerid.name": "Dana Fields", "ownerid.email": "dana@acme.example", "telephone1": null});
    assert_eq!((serde_json::Value::Object(look.row), look.mark.by, look.complete), (shown, Actor::Sales, true));
    let names = [
        "parentcustomerid",
        "parentcustomerid.name",
        "parentcustomerid.type",
        "parentcustomerid.account",
        "parentcustomerid.contact",
        "fullname",
    ];
    let look = company.fetch(&spec("contacts", &names), &ada).await;
    let shown = json!({"parentcustomerid": acme, "parentcustomerid.name": "Acme", "parentcustomerid.type": "account", "parentcustomerid.account": acme,
        "parentcustomerid.contact": null, "fullname": "Ada Lovelace"});
    assert_eq!(serde_json::Value::Object(look.row), shown);
}

#[tokio::test]
async fn of_the_metadata_only_what_is_read_is_asked_for() {
    let company = Company::open();
    let asked = || {
        let counts = company.crm.counts().by_kind;
        ["metadata", "users", "names"].map(|kind| counts.get(kind).copied().unwrap_or(0))
    };
    company.plant("accounts", json!({"name": "Acme", "industrycode": 7, "revenue": 12.5}));
    company.read_on(&accounts(&["name"]), None).await;
    assert_eq!(asked(), [1, 1, 0], "the table, and who is a person");
    let (looks, _) = company.read_on(&accounts(&["name", "industrycode", "currency"]), None).await;
    assert_eq!((&looks[0].row["industrycode"], &looks[0].row["currency"]), (&json!("Consulting"), &json!("USD")));
    assert_eq!(asked(), [2, 1, 1], "the choices of lists, and the currencies");
    company.read_on(&accounts(&["name", "industrycode", "currency", "ownerid.email"]), None).await;
    assert_eq!(asked(), [2, 1, 2], "what is known is not asked for again; teams own rows too");
    assert!(company.crm.describe("accounts").await.unwrap().field("statuscode").unwrap().values.contains(&"Active".to_owned()));
}

#[tokio::test]
async fn what_changes_during_a_walk_is_not_lost() {
    let company = Company::open();
    let all: Vec<String> = (0..6_000).map(|n| company.plant("accounts", json!({"name": format!("Company {n}")}))).collect();
    company.pass(3_600);
    let read = accounts(&["name"]);
    company.faults.order([Fault::HalfPage]);
    let first = company.crm.page(&read, None, Priority::Backfill).await.unwrap();
    assert!(first.more && !first.looks.is_empty(), "a short page is not the last one");
    company.pass(5);
    // Seen already, and changed before the link is made: the link does not tell of it.
    let early = first.looks[0].id.clone();
    company.edit("accounts", &early, json!({"name": "Changed meanwhile"}));
    company.pass(5);
    let (rest, cursor) = company.read_on(&read, Some(first.next)).await;
    let seen = unique(&first.looks).union(&unique(&rest)).count();
    assert_eq!((seen, first.looks.len() + rest.len()), (all.len(), all.len() + 1), "each once, and the changed one again");
    assert!(rest.iter().any(|look| look.id == early && look.row["name"] == "Changed meanwhile"));
    let (next, _) = company.read_on(&read, Some(cursor)).await;
    assert!(next.is_empty(), "{} looks", next.len());
}

#[tokio::test]
async fn deletions_and_merges_are_seen_by_the_next_poll() {
    let company = Company::open();
    let rows: Vec<String> = (0..4).map(|n| company.plant("accounts", json!({"name": format!("Company {n}")}))).collect();
    let read = accounts(&["name"]);
    let (_, cursor) = company.read_on(&read, None).await;
    company.pass(60);
    company.sim.delete("accounts", &rows[0], &company.person()).unwrap();
    company.sim.merge("accounts", &rows[1], &rows[2], &company.person()).unwrap();
    let (looks, cursor) = company.read_on(&read, Some(cursor)).await;
    let of = |id: &String| looks.iter().find(|look| look.id == *id).map(|look| look.existence.clone());
    assert_eq!(of(&rows[0]), Some(Existence::Deleted));
    assert_eq!(of(&rows[1]), Some(Existence::MergedInto(rows[2].clone())));
    assert_eq!((of(&rows[2]), of(&rows[3])), (Some(Existence::Present), None));
    assert!(company.read_on(&read, Some(cursor)).await.0.is_empty());
}

#[tokio::test]
async fn a_link_that_has_expired_is_replaced_by_a_walk() {
    let company = Company::open();
    for n in 0..3 {
        company.plant("accounts", json!({"name": format!("Company {n}")}));
    }
    let read = accounts(&["name"]);
    let (_, cursor) = company.read_on(&read, None).await;
    company.pass(8 * 86_400);
    let late = company.plant("accounts", json!({"name": "Late"}));
    let (looks, cursor) = company.read_on(&read, Some(cursor)).await;
    assert_eq!(unique(&looks).len(), 4, "everything is read again");
    assert!(unique(&looks).contains(late.as_str()));
    assert!(company.read_on(&read, Some(cursor)).await.0.is_empty());
}

#[tokio::test]
async fn a_link_goes_on_when_another_column_is_read() {
    let company = Company::open();
    let acme = company.plant("accounts", json!({"name": "Acme"}));
    let (_, cursor) = company.read_on(&accounts(&["name"]), None).await;
    company.pass(60);
    company.edit("accounts", &acme, json!({"telephone1": "+46 8 1"}));
    let (looks, _) = company.read_on(&accounts(&["name", "telephone1"]), Some(cursor)).await;
    assert_eq!((ids(&looks), &looks[0].row["telephone1"]), (vec![acme.as_str()], &json!("+46 8 1")));
}

#[tokio::test]
async fn a_present_cursor_sees_what_comes_after_it_and_nothing_else() {
    let company = Company::open();
    let old = company.plant("accounts", json!({"name": "Old"}));
    let read = accounts(&["name"]);
    let cursor = company.crm.present(&read).await.unwrap();
    company.pass(60);
    let new = company.plant("accounts", json!({"name": "New"}));
    company.sim.delete("accounts", &old, &company.person()).unwrap();
    let (looks, _) = company.read_on(&read, Some(cursor)).await;
    let seen: BTreeSet<(&str, bool)> = looks.iter().map(|look| (look.id.as_str(), look.existence == Existence::Present)).collect();
    assert_eq!(seen, [(new.as_str(), true), (old.as_str(), false)].into());
}

#[tokio::test]
async fn the_five_tables_of_activities_are_one_object() {
    let company = Company::open();
    let acme = company.plant("accounts", json!({"name": "Acme"}));
    let about = |table: &str| format!("regardingobjectid_account_{table}@odata.bind");
    let bind = format!("/accounts({acme})");
    let call = company.plant("phonecalls", json!({"subject": "Called them", "description": "They want more.", about("phonecall"): bind}));
    company.plant("emails", json!({"subject": "Offer", "description": "<p>Here it <b>is</b>.</p>", about("email"): bind}));
    let note = company.plant("annotations", json!({"notetext": "A second seat.", "objectid_account@odata.bind": bind}));
    let read = spec("activities", &["kind", "subject", "description", "status", "regardingobjectid.account", "scheduledend"]);
    let (looks, cursor) = company.read_on(&read, None).await;
    let of = |kind: &str| looks.iter().find(|look| look.row["kind"] == kind).unwrap();
    assert_eq!((of("Phone call").id.as_str(), &of("Phone call").row["status"]), (format!("phonecall-{call}").as_str(), &json!("open")));
    assert_eq!(of("E-mail").row["description"], "Here it is.");
    let shown = &of("Note").row;
    assert_eq!(
        (&shown["description"], &shown["regardingobjectid.account"], &shown["status"]),
        (&json!("A second seat."), &json!(acme), &json!(null))
    );
    company.pass(60);
    company.sim.delete("annotations", &note, &company.person()).unwrap();
    let (looks, _) = company.read_on(&read, Some(cursor)).await;
    assert_eq!((looks[0].id.as_str(), &looks[0].existence), (format!("annotation-{note}").as_str(), &Existence::Deleted));
    let fetched = company.fetch(&read, &format!("phonecall-{call}")).await;
    assert_eq!(fetched.row["subject"], "Called them");
}

#[tokio::test]
async fn a_day_is_a_day_and_an_instant_is_in_utc() {
    let company = Company::open();
    let deal = company.plant("opportunities", json!({"name": "Deal", "estimatedclosedate": "2026-03-01", "estimatedvalue": 99.5}));
    let zoneless = json!({"@odata.type": "Microsoft.Dynamics.CRM.DateTimeAttributeMetadata", "SchemaName": "new_Opens", "DateTimeBehavior": {"Value": "TimeZoneIndependent"}, "Format": "DateAndTime"});
    company.sim.add_column("opportunities", &zoneless).unwrap();
    company.edit("opportunities", &deal, json!({"new_opens": "2026-03-01T09:00:00Z"}));
    company.sim.close("opportunities", &deal, 1, 3, &company.person()).unwrap();
    let look = company
        .fetch(&spec("opportunities", &["estimatedclosedate", "createdon", "new_opens", "is_won", "is_closed", "status"]), &deal)
        .await;
    let shown = json!({"estimatedclosedate": "2026-03-01", "createdon": "2026-01-05T10:00:00Z", "new_opens": "2026-03-01T09:00:00", "is_won": true, "is_closed": true, "status": "won"});
    assert_eq!(serde_json::Value::Object(look.row), shown);
}
