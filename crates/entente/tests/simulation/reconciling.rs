//! Reconciliation and its certificate between the real connectors and both simulators.

use entente_engine::flaws::Flaws;
use entente_engine::reconcile::cause::Cause;
use entente_engine::reconcile::certificate::Certificate;
use entente_engine::reconcile::verify::{Part, Verdict, Verification, verify};
use entente_engine::reconcile::{Outcome, Scope, finish, scan};
use entente_engine::records;
use entente_model::id::RecordId;
use entente_store::Viewer;
use serde_json::{Value, json};

use crate::hub::{Hub, SALESFORCE, ZENDESK, fields, seed_customer};

/// Customers with people and tickets, in agreement. Returns accounts and contacts.
async fn company(seed: u64, customers: usize) -> (Hub, Vec<String>, Vec<String>) {
    let mut hub = Hub::new(seed, Flaws::none()).await;
    let (mut accounts, mut contacts) = (Vec::new(), Vec::new());
    for number in 0..customers {
        let name = format!("Customer{number}");
        let email = format!("ada@customer{number}.example");
        let (account, people) = seed_customer(&hub, &name, &[("Ada", &format!("Number{number}"), &email)]);
        accounts.push(account);
        contacts.extend(people);
    }
    hub.run_for(40).await;
    for contact in contacts.iter().take(2) {
        let user = support_id(&hub, "Contact", contact);
        let ticket = json!({ "subject": "It is on fire", "requester_id": user, "tags": ["fire", "smoke"], "comment": { "body": "Help" } });
        hub.zendesk.create_ticket(&fields(ticket), user).unwrap();
    }
    hub.run_for(40).await;
    (hub, accounts, contacts)
}

fn support_id(hub: &Hub, object: &str, id: &str) -> u64 {
    hub.salesforce.get(object, id).unwrap()["Support_Id__c"].as_str().unwrap().parse().unwrap()
}

/// Every webhook under way is lost.
fn lose_mail(hub: &Hub) {
    for mail in &hub.mail {
        while let Some(due) = mail.next_due_ms() {
            hub.clock.fetch_max(due, std::sync::atomic::Ordering::SeqCst);
            drop(mail.take_due());
        }
    }
}

async fn reconciled(hub: &mut Hub) -> (Vec<(String, Option<String>, Cause)>, Outcome) {
    let scan = scan(&hub.engine, &Scope::default(), true, "a test", &|_, _, _| {}, &|| false).await.unwrap();
    let mut found: Vec<_> = scan.found().iter().map(|found| (found.connection.clone(), found.field.clone(), found.cause)).collect();
    found.sort();
    hub.run_for(3).await;
    (found, finish(&hub.engine, scan).await.unwrap())
}

async fn checked(hub: &Hub, certificate: &Certificate, part: Part) -> Verification {
    verify(&hub.engine, certificate, &part, &|_, _, _| {}, &|| false).await.unwrap()
}

async fn record_of(hub: &Hub, object: &str, id: &str) -> RecordId {
    records::find(&hub.engine, &Viewer::system(), &format!("{SALESFORCE}/{object}/{id}")).await.unwrap()
}

#[tokio::test]
async fn a_company_in_agreement_is_certified_without_exception_and_the_certificate_holds_in_every_part() {
    let (mut hub, accounts, _) = company(41, 3).await;
    let (found, outcome) = reconciled(&mut hub).await;
    assert!(found.is_empty(), "{found:?}; {}", hub.backlog().await);
    assert!(outcome.report.exceptions.is_empty(), "{:?}", outcome.report);
    assert!(outcome.report.complete && outcome.report.compared >= 3 * 4 + 2 * 2, "{:?}", outcome.report);
    let certificate = outcome.certificate;
    let whole = checked(&hub, &certificate, Part::Everything).await;
    assert_eq!((whole.verdict, whole.differing.len()), (Verdict::Holds, 0), "{whole:?}");
    // What a bulk read shows and what a fetch by id shows is the same.
    for range in 0..=255 {
        let part = checked(&hub, &certificate, Part::Range(range)).await;
        assert_eq!(part.verdict, Verdict::Holds, "{part:?}");
    }
    let record = record_of(&hub, "Account", &accounts[0]).await;
    assert_eq!(checked(&hub, &certificate, Part::Record(record)).await.rows, 2, "one row at each side");
}

#[tokio::test]
async fn changes_that_no_webhook_told_of_break_the_certificate_and_are_put_right_by_the_owner() {
    let (mut hub, accounts, contacts) = company(42, 6).await;
    let certificate = reconciled(&mut hub).await.1.certificate;
    let (rep, agent) = (hub.rep(), hub.agent());
    let organization = |hub: &Hub, number: usize| support_id(hub, "Account", &accounts[number]);
    let mut changed = Vec::new();
    for number in 0..6 {
        let record = match number {
            0 => {
                hub.salesforce.update("Account", &accounts[0], &fields(json!({ "Renewal_Date__c": "2027-06-30" })), &rep).unwrap();
                record_of(&hub, "Account", &accounts[0]).await
            }
            1 => {
                hub.salesforce.update("Contact", &contacts[1], &fields(json!({ "Title": "Countess" })), &rep).unwrap();
                record_of(&hub, "Contact", &contacts[1]).await
            }
            2 => {
                let edit = json!({ "organization_fields": { "plan": "Free forever" } });
                hub.zendesk.update_organization(organization(&hub, 2), &fields(edit), agent).unwrap();
                record_of(&hub, "Account", &accounts[2]).await
            }
            3 => {
                let edit = json!({ "phone": "+14155552671" });
                hub.zendesk.update_user(support_id(&hub, "Contact", &contacts[3]), &fields(edit), agent).unwrap();
                record_of(&hub, "Contact", &contacts[3]).await
            }
            4 => {
                let edit = json!({ "organization_fields": { "support_health_score": 3 } });
                hub.zendesk.update_organization(organization(&hub, 4), &fields(edit), agent).unwrap();
                record_of(&hub, "Account", &accounts[4]).await
            }
            _ => {
                hub.salesforce.update("Account", &accounts[5], &fields(json!({ "Support_Id__c": "0" })), &rep).unwrap();
                record_of(&hub, "Account", &accounts[5]).await
            }
        };
        lose_mail(&hub);
        let side = if matches!(number, 2..=4) { ZENDESK } else { SALESFORCE };
        let answer = checked(&hub, &certificate, Part::Record(record.clone())).await;
        assert_eq!((answer.verdict, answer.differing.len()), (Verdict::Broken, 1), "change {number}: {answer:?}");
        assert_eq!(answer.differing[0].connection, side, "change {number}");
        let other = record_of(&hub, "Contact", &contacts[5]).await;
        assert_eq!(checked(&hub, &certificate, Part::Record(other)).await.verdict, Verdict::Holds);
        changed.push((side, answer.differing[0].range, record));
    }
    let whole = checked(&hub, &certificate, Part::Everything).await;
    assert_eq!(whole.verdict, Verdict::Broken);
    for (side, range, record) in &changed {
        let named = whole.differing.iter().any(|found| {
            found.connection == *side
                && found.range == *range
                && found.rows.iter().any(|row| row.record.as_deref() == Some(record.as_str()))
        });
        assert!(named, "{side} {range} {record}: {whole:?}");
    }

    let (found, outcome) = reconciled(&mut hub).await;
    let field = |side: &str, field: &str, cause| (side.to_owned(), Some(field.to_owned()), cause);
    assert_eq!(
        found,
        [
            field(SALESFORCE, "job_title", Cause::NotTaken),
            field(SALESFORCE, "renewal_date", Cause::NotTaken),
            field(SALESFORCE, "support_id", Cause::AgainstOwner),
            field(ZENDESK, "health_score", Cause::AgainstOwner),
            field(ZENDESK, "phone", Cause::NotTaken),
            field(ZENDESK, "plan", Cause::AgainstOwner),
        ]
    );
    assert_eq!((outcome.report.resolved, outcome.report.exceptions.len()), (6, 0), "{:?}; {}", outcome.report, hub.backlog().await);
    let desk = |hub: &Hub, number: usize| hub.zendesk.organization(organization(hub, number)).unwrap()["organization_fields"].clone();
    assert!(desk(&hub, 0)["renewal_date"].as_str().unwrap().starts_with("2027-06-30"));
    assert_eq!(hub.zendesk.user(support_id(&hub, "Contact", &contacts[1])).unwrap()["user_fields"]["job_title"], "Countess");
    assert_eq!(desk(&hub, 2)["plan"], "Pro Annual");
    assert_eq!(hub.salesforce.get("Contact", &contacts[3]).unwrap()["Phone"], json!("+14155552671"));
    assert_ne!(desk(&hub, 4)["support_health_score"], Value::from(3));
    let again = checked(&hub, &outcome.certificate, Part::Everything).await;
    assert_eq!(again.verdict, Verdict::Holds, "{again:?}");
}
