//! Writes: nobody twice, nothing overwritten unseen, and what a customer must not read.

use entente_connect::connector::Priority;
use entente_connect::error::Class;
use entente_connect::look::Existence;
use entente_connect::write::Write;
use entente_sims::faults::Fault;
use entente_sims::freshdesk::Kind;
use serde_json::{Value, json};

use super::account::{Account, settings};
use crate::stage::rows::{create, delete, spec, update};

#[tokio::test]
async fn rows_are_made_with_the_types_that_their_fields_have() {
    let account = Account::open();
    let made = account
        .write(
            "company",
            &[create("acc_1", json!({"name": "Acme", "company_fields.plan": "Pro", "company_fields.arr": "1200.50", "note": null}))],
        )
        .await;
    let company = made[0].as_ref().unwrap();
    assert_eq!(company.created, Some(true));
    let row = account.row(Kind::Company, &company.id);
    assert_eq!(row["custom_fields"], json!({"entente_id": "acc_1", "plan": "Pro", "arr": 1200.5}));
    let contact = json!({"name": "Ann Lee", "email": "Ann@Customer.example", "company_id": company.id, "phone": "+49301234567", "contact_fields.crm_id": "003A"});
    let made = account.write("contact", &[create("con_1", contact)]).await;
    let contact = made[0].as_ref().unwrap();
    let look = contact.look.as_ref().unwrap();
    assert!(look.complete && look.row["company_id"] == json!(company.id) && look.row["contact_fields.crm_id"] == "003A");
    assert_eq!(account.row(Kind::Contact, &contact.id)["unique_external_id"], "con_1");
}

#[tokio::test]
async fn a_creation_whose_answer_was_lost_makes_nobody_twice() {
    let account = Account::open();
    let row = json!({"name": "Ann", "email": "ann@customer.example"});
    account.faults.order([Fault::TimeoutAfter]);
    let lost = account.write("contact", &[create("con_1", row.clone())]).await;
    assert_eq!(lost[0].as_ref().unwrap_err().code, "timeout");
    let again = account.write("contact", &[create("con_1", row)]).await;
    assert_eq!((again[0].as_ref().unwrap().created, account.sim.rows(Kind::Contact).len()), (Some(false), 1));
}

#[tokio::test]
async fn what_an_earlier_attempt_made_is_found_before_the_index_has_it() {
    let account = Account::with(settings(), |options| options.profile.index_lag_ms = 60_000);
    let company = account.plant(Kind::Company, json!({"name": "Acme before", "custom_fields": {"entente_id": "acc_1"}}));
    let made = account.write("company", &[create("acc_1", json!({"name": "Acme", "company_fields.plan": "Pro"}))]).await;
    assert_eq!((made[0].as_ref().unwrap().created, made[0].as_ref().unwrap().id.as_str()), (Some(false), company.as_str()));
    assert_eq!((account.row(Kind::Company, &company)["name"].as_str(), account.sim.rows(Kind::Company).len()), (Some("Acme"), 1));
    // The ticket is there, its note is not.
    let ticket = account.plant(
        Kind::Ticket,
        json!({"email": "a@b.example", "subject": "S", "description": "S", "status": 2, "priority": 1, "source": 2, "custom_fields": {"cf_entente_id": "cas_1"}}),
    );
    for _ in 0..2 {
        let row = json!({"subject": "S", "description": "[ ] call", "internal": true});
        let made = account.write("ticket", &[create("cas_1", row)]).await;
        assert_eq!((made[0].as_ref().unwrap().created, &made[0].as_ref().unwrap().id), (Some(false), &ticket));
    }
    assert_eq!(account.sim.said(ticket.parse().unwrap()), [("[ ] call".to_owned(), true)]);
    assert_eq!(account.sim.rows(Kind::Ticket).len(), 1);
}

#[tokio::test]
async fn a_row_of_somebody_else_is_looked_at_and_not_overwritten() {
    let account = Account::open();
    let contact = account.contact("Ann Old", "ann@customer.example");
    account.plant(Kind::Company, json!({"name": "Acme", "note": "Ours"}));
    let outcomes = account.write("contact", &[create("con_1", json!({"name": "Ann New", "email": "ann@customer.example"}))]).await;
    assert_eq!(outcomes[0].as_ref().unwrap_err().class.name(), "look_again");
    assert_eq!(account.row(Kind::Contact, &contact)["name"], "Ann Old");
    let outcomes = account.write("company", &[create("acc_1", json!({"name": "Acme"}))]).await;
    assert_eq!(outcomes[0].as_ref().unwrap_err().field.as_deref(), Some("name"));
}

#[tokio::test]
async fn an_address_that_cannot_be_had_says_why() {
    let account = Account::open();
    let gone = account.contact("Gone", "gone@customer.example");
    account.sim.delete(Kind::Contact, gone.parse().unwrap()).unwrap();
    let outcomes = account
        .write(
            "contact",
            &[
                create("con_1", json!({"name": "Back", "email": "gone@customer.example"})),
                create("con_2", json!({"name": "Ada", "email": "ada@acme.example"})),
                create("con_3", json!({"name": "Fine", "email": "fine@customer.example"})),
            ],
        )
        .await;
    let codes: Vec<&str> = outcomes.iter().map(|outcome| outcome.as_ref().map_or_else(|error| error.code.as_str(), |_| "fine")).collect();
    assert_eq!(codes, ["deleted_holder", "agent_address", "fine"]);
    assert!(outcomes[..2].iter().all(|outcome| outcome.as_ref().unwrap_err().class.name() == "data"));
}

#[tokio::test]
async fn a_ticket_for_colleagues_hides_its_text_in_a_note() {
    let account = Account::open();
    let company = account.plant(Kind::Company, json!({"name": "Acme"}));
    let row = json!({"subject": "Onboarding: Acme", "description": "[ ] call\n[ ] train", "tags": ["onboarding"], "company_id": company,
                     "requester_agent_email": "Ben@acme.example", "internal": true});
    let made = account.write("ticket", &[create("cas_1", row)]).await;
    let id = made[0].as_ref().unwrap().id.clone();
    let ticket = account.row(Kind::Ticket, &id);
    assert_eq!(ticket["description_text"], "Onboarding: Acme");
    assert_eq!(
        (&ticket["requester"]["email"], &ticket["company_id"]),
        (&json!("ben@acme.example"), &json!(company.parse::<u64>().unwrap()))
    );
    assert_eq!(account.sim.said(id.parse().unwrap()), [("[ ] call\n[ ] train".to_owned(), true)]);
    assert!(account.sim.rows(Kind::Contact).is_empty(), "nobody is made for it");
}

#[tokio::test]
async fn an_update_of_a_row_that_has_moved_on_is_not_made() {
    let account = Account::open();
    let id = account.plant(Kind::Company, json!({"name": "Acme"}));
    let write = |version: &str| Write { expect: Some(version.to_owned()), ..update(&id, json!({"note": "from us"})) };
    account.pass(10);
    account.edit(Kind::Company, &id, json!({"note": "from them"}));
    let refused = account.write("company", &[write("2026-01-05T10:00:00Z")]).await;
    assert_eq!(refused[0].as_ref().unwrap_err().code, "moved_on");
    assert_eq!(account.row(Kind::Company, &id)["note"], "from them");
    let written = account.write("company", &[write("2026-01-05T10:00:10Z")]).await;
    assert_eq!(written[0].as_ref().unwrap().version.as_deref(), Some("2026-01-05T10:00:10Z"));
    assert_eq!(account.row(Kind::Company, &id)["note"], "from us");
}

#[tokio::test]
async fn the_looks_of_batches_side_by_side_do_not_all_leave_before_their_writes() {
    let account = Account::open();
    let ids: Vec<String> = (0..60).map(|number| account.plant(Kind::Company, json!({"name": format!("Acme {number}")}))).collect();
    let change = |id: &String| Write { expect: Some("2026-01-05T10:00:00Z".to_owned()), ..update(id, json!({"note": "from us"})) };
    let batches: Vec<Vec<Write>> = ids.chunks(5).map(|ids| ids.iter().map(change).collect()).collect();
    let written = futures::future::join_all(batches.iter().map(|batch| account.write("company", batch))).await;
    assert!(written.iter().flatten().all(Result::is_ok), "{written:?}");

    let (mut ahead, mut most) = (0_usize, 0);
    for (call, _) in account.line.sent.lock().unwrap().iter().filter(|(call, _)| call.contains("/companies/")) {
        if call.starts_with("GET") {
            ahead += 1
        } else {
            ahead -= 1
        }
        most = most.max(ahead);
    }
    assert!(ahead == 0 && most <= account.desk.spec().concurrency, "{most} looks were made before their writes");
}

#[tokio::test]
async fn rows_that_are_set_aside_are_told_apart() {
    let account = Account::open();
    let (blocked, gone) = (account.contact("B", "b@customer.example"), account.contact("G", "g@customer.example"));
    account.sim.block_contact(blocked.parse().unwrap()).unwrap();
    account.sim.delete(Kind::Contact, gone.parse().unwrap()).unwrap();
    let writes = [&blocked, &gone, "77"].map(|id| update(id, json!({"job_title": "CEO"})));
    let outcomes = account.write("contact", &writes).await;
    let classes: Vec<&str> = outcomes.iter().map(|outcome| outcome.as_ref().unwrap_err().class.name()).collect();
    assert_eq!(classes, ["data", "look_again", "look_again"]);
    let blocked = outcomes[0].as_ref().unwrap_err();
    assert_eq!((blocked.code.as_str(), blocked.advice), ("set_aside", "unblock it at Freshdesk, or discard this change"));
    // Nor does a ticket that is deleted or spam take anything: it is looked at again, and is gone.
    let (spam, deleted) = (account.ticket("Spam"), account.ticket("Deleted"));
    account.sim.mark_spam(spam.parse().unwrap()).unwrap();
    account.sim.delete(Kind::Ticket, deleted.parse().unwrap()).unwrap();
    let outcomes = account.write("ticket", &[&spam, &deleted].map(|id| update(id, json!({"subject": "Too late"})))).await;
    assert!(outcomes.iter().all(|outcome| outcome.as_ref().unwrap_err().class == Class::LookAgain), "{outcomes:?}");
    for id in [&spam, &deleted] {
        let look = account.desk.fetch(&spec("ticket", &["subject"]), std::slice::from_ref(id), Priority::Update).await.unwrap().remove(0);
        assert_eq!(look.existence, Existence::Deleted);
    }
}

#[tokio::test]
async fn deleting_what_is_gone_has_worked() {
    let account = Account::open();
    let (company, ticket) = (account.plant(Kind::Company, json!({"name": "Acme"})), account.ticket("T"));
    for (object, id) in [("company", company), ("ticket", ticket)] {
        for _ in 0..2 {
            let outcome = account.write(object, &[delete(&id)]).await.remove(0).unwrap();
            assert_eq!(outcome.look.unwrap().existence, Existence::Deleted);
        }
    }
}

#[tokio::test]
async fn what_the_account_does_not_take_is_named() {
    let account = Account::with(settings(), |options| options.multiple_companies = false);
    let company = account.plant(Kind::Company, json!({"name": "Acme"}));
    let outcomes = account
        .write(
            "ticket",
            &[
                create("cas_1", json!({"subject": "S", "company_id": company})),
                create("cas_2", json!({"subject": "S", "ticket_fields.lost": 1})),
            ],
        )
        .await;
    let told: Vec<(&str, Option<&str>)> =
        outcomes.iter().map(|outcome| outcome.as_ref().unwrap_err()).map(|error| (error.class.name(), error.field.as_deref())).collect();
    assert_eq!(told, [("configuration", Some("company_id")), ("configuration", Some("ticket_fields.lost"))]);
    let refused = account.write("ticket", &[update("1", json!({"internal": true}))]).await;
    assert_eq!(refused[0].as_ref().unwrap_err().code, "immutable_field");
    let none = account.write("company", &[update(&company, json!({}))]).await;
    assert_eq!(none[0].as_ref().unwrap().look, None);
    assert_eq!(Value::Null, account.row(Kind::Company, &company)["note"]);
}
