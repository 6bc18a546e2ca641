//! Whatever one value is changed behind our back at any of three systems, the certificate does not hold, and says where. What it leaves out it
//! says itself.

use std::collections::{BTreeMap, BTreeSet};

use entente_engine::flaws::Flaws;
use entente_engine::reconcile::certificate::{Certificate, Side};
use entente_engine::reconcile::verify::{Part, RowDifference, Verdict, Verification, verify};
use entente_engine::reconcile::{Scope, finish, scan};
use entente_model::id::RecordId;
use entente_model::mapping::remote::RemoteKind;
use entente_sims::faults::DeliveryFault;
use entente_sims::intercom::Intercom;
use entente_sims::{freshdesk, zendesk};
use entente_store::{Link, LinkState, RecordQuery, RecordState, Viewer};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use crate::certified_intercom;
use crate::hub::{Circumstances, Hub, POLL_MS, SALESFORCE, START_MS, ZENDESK, fields, seed_customer};
use crate::second_desk::{Platform, SECOND};

/// Of how many changes one is looked for by reading everything again; for the others the rows of its range are.
const WHOLE_EVERY: u32 = 6;
/// What is added to the number of a row that gets another one.
const RENUMBERED_BY: u64 = 100_000;
/// Of how many fields one is changed where the database is a server: what is compared is in no database, and each look at the record's values is
/// another answer to wait for.
const FIELDS_EVERY: u32 = if crate::ON_POSTGRES { 5 } else { 1 };
/// Worlds: their second desk is at Freshdesk, at Intercom and at Freshdesk again.
const SEEDS: std::ops::Range<u64> = if crate::ON_POSTGRES { 61..63 } else { 61..64 };
/// A moment as Intercom keeps it.
const DAY_THERE: i64 = 1_935_817_689;
/// Records looked at.
const PAGE: usize = 1_000;
/// All objects that are mapped at all three of them.
const EVERYWHERE: [&str; 3] = ["account", "contact", "case"];

/// A change that was made, with what takes it back: the row that holds the value, its field there, and the value before.
struct Made {
    object: String,
    id: String,
    field: String,
    before: Value,
}

struct Company {
    hub: Hub,
    dice: ChaCha8Rng,
    certificate: Certificate,
    /// Rows of records in use, by connection and remote object.
    rows: BTreeMap<(String, String), Vec<Link>>,
    /// Kinds of remote fields, by connection, remote object and name.
    kinds: BTreeMap<(String, String, String), RemoteKind>,
}

/// Customers with people, tickets at both desks, deals and calls, in agreement at three systems and certified.
async fn company(seed: u64) -> Company {
    let second = if seed.is_multiple_of(2) { Platform::Intercom } else { Platform::Freshdesk };
    let circumstances = Circumstances { clocks: (0, 0), lag: false, second_desk: Some(second), flaws: Flaws::none() };
    let mut hub = Hub::with(seed, circumstances).await;
    // Amounts are in a currency of their own.
    hub.salesforce.activate_currencies(&[("USD", 1.0), ("EUR", 0.9)], "USD").unwrap();
    hub.restart().await;
    let rep = hub.rep();
    let (mut accounts, mut contacts) = (Vec::new(), Vec::new());
    for name in ["Acme", "Globex", "Initech"] {
        let people = [
            ("Ana", "One", format!("ana@{}.example", name.to_lowercase())),
            ("Bea", "Two", format!("bea@{}.example", name.to_lowercase())),
        ];
        let people = people.each_ref().map(|(first, last, email)| (*first, *last, email.as_str()));
        let (account, of_it) = seed_customer(&hub, name, &people);
        accounts.push(account);
        contacts.extend(of_it);
    }
    let crm = |object: &str, id: &str, edit: Value| hub.salesforce.update(object, id, &fields(edit), &rep).unwrap();
    crm("Account", &accounts[1], json!({ "ParentId": accounts[0], "NumberOfEmployees": 12 }));
    crm("Contact", &contacts[1], json!({ "ReportsToId": contacts[0], "Phone": "(415) 555-0123", "Marketing_Consent__c": true }));
    let deal =
        json!({ "Name": "More seats", "AccountId": accounts[0], "StageName": "Prospecting", "CloseDate": "2026-02-01", "Amount": 100 });
    hub.salesforce.insert("Opportunity", &fields(deal), &rep).unwrap();
    let call =
        json!({ "Subject": "Hello", "TaskSubtype": "Call", "Status": "Completed", "WhatId": accounts[0], "ActivityDate": "2026-01-05" });
    hub.salesforce.insert("Task", &fields(call), &rep).unwrap();
    hub.run_for(40).await;
    open_tickets(&hub, &contacts);
    hub.run_for(60).await;
    let scan = scan(&hub.engine, &Scope::default(), true, "a test", &|_, _, _| {}, &|| false).await.unwrap();
    let found = format!("{:?}", scan.found());
    hub.run_for(3).await;
    let outcome = finish(&hub.engine, scan).await.unwrap();
    assert!(outcome.report.exceptions.is_empty(), "seed {seed}: {found}; {:?}; {}", outcome.report.exceptions, hub.backlog().await);
    let rows = rows(&hub).await;
    let kinds = kinds(&hub, &outcome.certificate).await;
    Company { hub, dice: ChaCha8Rng::seed_from_u64(seed), certificate: outcome.certificate, rows, kinds }
}

/// Customers ask at both desks, agents answer and solve, and customers are content.
fn open_tickets(hub: &Hub, contacts: &[String]) {
    let (agent, second) = (hub.agent(), hub.second.as_ref().unwrap());
    if second.intercom.is_some() {
        certified_intercom::open(hub, &contacts[..2]);
    }
    for contact in &contacts[..2] {
        let user: u64 = hub.salesforce.get("Contact", contact).unwrap()["Support_Id__c"].as_str().unwrap().parse().unwrap();
        let ticket = json!({
            "subject": "It is on fire", "requester_id": user, "priority": "high", "type": "incident", "tags": ["fire", "category_heat"],
            "comment": { "body": "Help" },
        });
        let ticket = hub.zendesk.create_ticket(&fields(ticket), user).unwrap();
        hub.zendesk.update_ticket(ticket, &fields(json!({ "assignee_id": agent })), agent).unwrap();
        hub.zendesk.add_comment(ticket, "Water is on its way", true, agent).unwrap();
        hub.zendesk.solve(ticket, agent).unwrap();
        hub.zendesk.rate(ticket, "good", None).unwrap();
        let Some(freshdesk) = &second.freshdesk else { continue };
        let person: u64 = second.contact_of(contact).unwrap().id.parse().unwrap();
        let by = freshdesk.agents()[1].id;
        let ticket = json!({
            "subject": "It is wet now", "requester_id": person, "description": "Help!", "status": 2, "priority": 3, "source": 3, "type": "Question",
            "tags": ["water", "category_cold"], "responder_id": by,
        });
        let ticket = freshdesk.create(freshdesk::Kind::Ticket, &fields(ticket)).unwrap();
        freshdesk.reply(ticket, "A towel is on its way", by, false).unwrap();
        freshdesk.update(freshdesk::Kind::Ticket, ticket, &fields(json!({ "status": 4 }))).unwrap();
    }
}

async fn rows(hub: &Hub) -> BTreeMap<(String, String), Vec<Link>> {
    let read = hub.store.read(|tx| {
        let query = RecordQuery { state: Some(RecordState::Active), ..RecordQuery::default() };
        let ids: Vec<RecordId> = tx.list_records(&Viewer::system(), &query, PAGE)?.records.into_iter().map(|record| record.id).collect();
        tx.links_of(&ids)
    });
    let mut rows: BTreeMap<(String, String), Vec<Link>> = BTreeMap::new();
    for link in read.await.unwrap().into_iter().filter(|link| link.state == LinkState::Present) {
        rows.entry((link.connection.clone(), link.remote_object.clone())).or_default().push(link);
    }
    rows
}

/// As the platforms describe them.
async fn kinds(hub: &Hub, certificate: &Certificate) -> BTreeMap<(String, String, String), RemoteKind> {
    let mut kinds = BTreeMap::new();
    for side in &certificate.statement.sides {
        let described = hub.engine.connection(&side.connection).unwrap().connector.describe(&side.object).await.unwrap();
        for field in described.fields {
            kinds.insert((side.connection.clone(), side.object.clone(), field.name), field.kind);
        }
    }
    kinds
}

fn range_of(record: &RecordId) -> u8 {
    digest(&SHA256, record.as_str().as_bytes()).as_ref()[0]
}

/// Another value in place of one.
fn another(before: &Value, kind: RemoteKind, serial: u32) -> Value {
    let text = before.as_str();
    match (before, kind) {
        (Value::Bool(flag), _) => json!(!flag),
        (Value::Number(number), _) => number.as_i64().map_or_else(|| json!(number.as_f64().unwrap() + 1.0), |number| json!(number + 1)),
        (Value::Array(items), _) => items.iter().cloned().chain([json!(format!("silent{serial}"))]).collect(),
        (Value::Null, RemoteKind::Boolean) => json!(true),
        (Value::Null, RemoteKind::Number) => json!(7),
        (Value::Null, RemoteKind::MultiPicklist) => json!([format!("silent{serial}")]),
        (_, RemoteKind::Date) => json!("2031-05-06"),
        (_, RemoteKind::Datetime) => json!("2031-05-06T07:08:09Z"),
        (_, RemoteKind::Email) => json!(format!("silent{serial}@mail.example")),
        _ if text.is_some_and(|text| text.parse::<jiff::Timestamp>().is_ok()) => json!("2031-05-06T07:08:09Z"),
        _ if text.is_some_and(|text| text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok()) => json!("2031-05-06"),
        _ => json!(format!("{} silent{serial}", text.unwrap_or_default())),
    }
}

impl Company {
    async fn checked(&self, part: Part) -> Verification {
        verify(&self.hub.engine, &self.certificate, &part, &|_, _, _| {}, &|| false).await.unwrap()
    }

    /// Puts another value in place of one that a row shows, and tells nobody. `None` where this row has nothing to be changed there.
    fn change(&self, link: &Link, field: &str, serial: u32, stamped: bool) -> Option<Made> {
        let kind = self.kinds.get(&(link.connection.clone(), link.remote_object.clone(), field.to_owned())).copied();
        let (object, id, held) = self.held_at(link, field)?;
        let kind = kind.unwrap_or(RemoteKind::Text);
        let before = self.value(&link.connection, &object, &id, &held);
        let intercom = self.intercom().filter(|_| link.connection == SECOND);
        let there = intercom.and_then(|there| certified_intercom::another(there, &id, &held, &before));
        let to = match (link.connection.as_str(), kind) {
            _ if there.is_some() => there?,
            // Days are kept as seconds there.
            (SECOND, RemoteKind::Date | RemoteKind::Datetime) if intercom.is_some() && held.contains("_attributes.") => json!(DAY_THERE),
            (SALESFORCE, RemoteKind::Reference) => self.another_row(&held, &before)?,
            // Far from the numbers of all others.
            _ if held == "id" => json!(before.as_u64()? + RENUMBERED_BY),
            (_, RemoteKind::Reference) if before.is_null() => json!(7),
            _ => another(&before, kind, serial),
        };
        let before = self.put(&link.connection, &object, &id, &held, &to, stamped)?;
        Some(Made { object, id, field: held, before })
    }

    /// Takes a change back.
    fn take_back(&self, link: &Link, made: &Made, stamped: bool) {
        let id = if made.field == "id" { renumbered(&made.id) } else { made.id.clone() };
        self.put(&link.connection, &made.object, &id, &made.field, &made.before, stamped).unwrap();
    }

    /// The row and the field of the simulator that hold what a field of a row shows; another row's, where it is shown of that one.
    fn held_at(&self, link: &Link, field: &str) -> Option<(String, String, String)> {
        let own = |held: &str| Some((link.remote_object.clone(), link.external_id.clone(), held.to_owned()));
        match link.connection.as_str() {
            SALESFORCE => {
                let object = if link.external_id.starts_with("00T") { "Task" } else { link.remote_object.as_str() };
                let row = self.hub.salesforce.get(object, &link.external_id)?;
                match field.split_once('.') {
                    Some((parent, of_it)) => {
                        let id = row.get(&format!("{parent}Id"))?.as_str()?.to_owned();
                        let object = if id.starts_with("005") { "User" } else { "Account" };
                        Some((object.to_owned(), id, of_it.to_owned()))
                    }
                    // What an activity is, is what its subtype says.
                    None => {
                        Some((object.to_owned(), link.external_id.clone(), if field == "Kind" { "TaskSubtype" } else { field }.to_owned()))
                    }
                }
            }
            ZENDESK => own(field),
            _ if self.intercom().is_some() => certified_intercom::held_at(self.intercom()?, link, field),
            _ => match field {
                "stats.last_reply_at" => own("stats.agent_responded_at"),
                "stats.first_response_minutes" => own("stats.first_responded_at"),
                "stats.resolution_minutes" => own("stats.resolved_at"),
                _ => match field.split_once('.') {
                    Some((list, key)) if list.ends_with("_fields") => own(&format!("custom_fields.{key}")),
                    _ => own(field),
                },
            },
        }
    }

    fn intercom(&self) -> Option<&Intercom> {
        self.hub.second.as_ref()?.intercom.as_ref()
    }

    /// What the simulator holds there.
    fn value(&self, connection: &str, object: &str, id: &str, field: &str) -> Value {
        let number = || id.parse::<u64>().unwrap();
        let row = match connection {
            SALESFORCE => return self.hub.salesforce.get(object, id).and_then(|row| row.get(field).cloned()).unwrap_or_default(),
            ZENDESK => match object {
                "user" => self.hub.zendesk.user(number()),
                "organization" => self.hub.zendesk.organization(number()),
                _ => self.hub.zendesk.ticket(number()),
            },
            _ if self.intercom().is_some() => {
                let held = self.intercom().and_then(|there| there.held(certified_intercom::kind(object), id, field));
                return held.unwrap_or_default();
            }
            _ => {
                let freshdesk = self.hub.second.as_ref().unwrap().freshdesk.as_ref().unwrap();
                freshdesk.get(freshdesk_kind(object), number()).and_then(|row| row.as_object().cloned())
            }
        };
        let row = Value::Object(row.unwrap_or_default());
        match field.split_once('.') {
            None => row[field].clone(),
            Some(("metric_set", name)) => {
                let shown = self.hub.zendesk.ticket_metrics(number()).unwrap_or_default();
                let value = shown.get(name).cloned().unwrap_or_default();
                if value.is_object() { value["calendar"].clone() } else { value }
            }
            Some(("custom_fields", key)) => {
                let held = &row["custom_fields"];
                held.get(key).or_else(|| held.get(format!("cf_{key}"))).cloned().unwrap_or_default()
            }
            Some((group, key)) => row[group][key].clone(),
        }
    }

    fn put(&self, connection: &str, object: &str, id: &str, field: &str, to: &Value, stamped: bool) -> Option<Value> {
        match connection {
            SALESFORCE => self.hub.salesforce.change_silently(object, id, field, to, stamped),
            ZENDESK => self.hub.zendesk.change_silently(zendesk::Kind::named(object)?, id.parse().unwrap(), field, to, stamped),
            _ if self.intercom().is_some() => self.intercom()?.change_silently(certified_intercom::kind(object), id, field, to, stamped),
            _ => {
                let freshdesk = self.hub.second.as_ref()?.freshdesk.as_ref()?;
                freshdesk.change_silently(freshdesk_kind(object), id.parse().unwrap(), field, to, stamped)
            }
        }
    }

    /// Another row of the CRM that a reference may lead to.
    fn another_row(&self, field: &str, before: &Value) -> Option<Value> {
        let of = |object: &str| {
            let mut ids = Vec::new();
            self.hub.salesforce.each(object, &mut |id, _| ids.push(id.to_owned()));
            ids
        };
        let ids = match field {
            "OwnerId" => self.hub.salesforce.users().sales,
            "ReportsToId" | "WhoId" | "ContactId" => of("Contact"),
            _ => of("Account"),
        };
        ids.into_iter().find(|id| before != id).map(Value::String)
    }

    /// The fields of ours that are read of a remote field.
    fn read_of(&self, side: &Side, remote: &str) -> BTreeSet<String> {
        let catalog = self.hub.engine.catalog();
        let mapped = catalog.mappings(&side.connection).iter().filter(|mapped| mapped.mapping().remote == side.object);
        let lines = mapped.flat_map(|mapped| {
            let lines = mapped.mapping().fields.iter();
            lines.filter(move |line| line.remote == remote || mapped.lens.inputs(&line.field).any(|input| input == remote))
        });
        lines.map(|line| line.field.clone()).collect()
    }
}

/// The number that a row has after its own was changed.
fn renumbered(id: &str) -> String {
    (id.parse::<u64>().unwrap() + RENUMBERED_BY).to_string()
}

fn freshdesk_kind(object: &str) -> freshdesk::Kind {
    match object {
        "contact" => freshdesk::Kind::Contact,
        "company" => freshdesk::Kind::Company,
        _ => freshdesk::Kind::Ticket,
    }
}

/// What a check found of the row of a record.
fn of_row<'a>(answer: &'a Verification, link: &Link) -> Vec<&'a RowDifference> {
    let there = answer.differing.iter().filter(|found| found.connection == link.connection && found.object == link.remote_object);
    let there = there.filter(|found| found.range == range_of(&link.record));
    there.flat_map(|found| &found.rows).filter(|row| row.record.as_deref() == Some(link.record.as_str())).collect()
}

async fn every_change_is_found(seed: u64) {
    let mut company = company(seed).await;
    let whole = company.checked(Part::Everything).await;
    assert_eq!((whole.verdict, whole.differing.len()), (Verdict::Holds, 0), "seed {seed}: {whole:?}");
    let (mut serial, mut everywhere) = (0, BTreeMap::<String, BTreeSet<String>>::new());
    for side in company.certificate.statement.sides.clone() {
        let place = (side.connection.clone(), side.object.clone());
        let catalog = company.hub.engine.catalog();
        for mapped in catalog.mappings(&side.connection).iter().filter(|mapped| mapped.mapping().remote == side.object) {
            for field in &mapped.reads {
                let said = side.fields.contains(field) || side.outside.contains_key(field);
                assert!(said, "{field} of {place:?} is neither covered nor said to be outside");
            }
        }
        let Some(rows) = company.rows.get(&place).cloned() else { continue };
        for mapped in catalog.mappings(&side.connection).iter().filter(|mapped| mapped.mapping().remote == side.object) {
            everywhere.entry(mapped.mapping().object.clone()).or_default().insert(side.connection.clone());
        }
        for field in &side.fields {
            let mut rows = rows.clone();
            rows.shuffle(&mut company.dice);
            serial += 1;
            if company.dice.random_range(0..FIELDS_EVERY) != 0 {
                continue;
            }
            let stamped = company.dice.random_range(0..2) == 0;
            let made = rows.iter().find_map(|link| Some((link, company.change(link, field, serial, stamped)?)));
            let (link, made) = made.unwrap_or_else(|| panic!("nobody can change {field} of {place:?}"));
            let range = range_of(&link.record);
            let part = if company.dice.random_range(0..WHOLE_EVERY) == 0 { Part::Everything } else { Part::Range(range) };
            let answer = company.checked(part).await;
            let what = format!("seed {seed}, {field} of {place:?} {}, stamped {stamped}: {answer:?}", link.external_id);
            let found = of_row(&answer, link);
            assert_eq!((answer.verdict, found.len()), (Verdict::Broken, 1), "{what}");
            assert!(!found[0].known && !found[0].unread, "{what}");
            let named: BTreeSet<String> = found[0].fields.iter().cloned().collect();
            assert!(named.is_empty() || !named.is_disjoint(&company.read_of(&side, field)), "{what}");
            company.take_back(link, &made, stamped);
            let again = company.checked(Part::Range(range)).await;
            assert_eq!((again.verdict, again.differing.len()), (Verdict::Holds, 0), "after {what}\n{again:?}");
        }
    }
    for object in EVERYWHERE {
        assert_eq!(everywhere.get(object).map(BTreeSet::len), Some(3), "{object}: {everywhere:?}");
    }
    assert!(everywhere.contains_key("activity"), "{everywhere:?}");
    let whole = company.checked(Part::Everything).await;
    assert_eq!((whole.verdict, whole.differing.len()), (Verdict::Holds, 0), "seed {seed}: {whole:?}");
}

#[tokio::test]
async fn any_value_that_is_changed_behind_our_back_at_any_of_three_systems_breaks_the_certificate() {
    for seed in SEEDS {
        every_change_is_found(seed).await;
    }
}

#[tokio::test]
async fn a_write_of_ours_does_not_excuse_what_was_changed_before_it_behind_our_back() {
    for silently in [true, false] {
        let mut company = company(65).await;
        // Right after a poll, so that none comes between.
        let hub = &mut company.hub;
        let next = START_MS + ((hub.now() - START_MS) / POLL_MS + 1) * POLL_MS;
        hub.run_until(next + 60_000).await;
        let link = company.rows[&(ZENDESK.to_owned(), "user".to_owned())][0].clone();
        let user: u64 = link.external_id.parse().unwrap();
        if silently {
            // Written otherwise, it is the same name to us.
            let name = company.hub.zendesk.user(user).unwrap()["name"].as_str().unwrap().replace(' ', "  ");
            company.hub.zendesk.change_silently(zendesk::Kind::User, user, "name", &json!(name), true).unwrap();
        }
        // A change of the CRM is written there, and nothing comes back of it.
        company.hub.desk_faults.set_deliveries(DeliveryFault::Lost, 1_000);
        let contact = company.hub.zendesk.user(user).unwrap()["user_fields"]["crm_id"].as_str().unwrap().to_owned();
        let rep = company.hub.rep();
        company.hub.salesforce.update("Contact", &contact, &fields(json!({ "Title": "Countess" })), &rep).unwrap();
        company.hub.run_for(3).await;
        assert_eq!(company.hub.zendesk.user(user).unwrap()["user_fields"]["job_title"], "Countess");
        let answer = company.checked(Part::Record(link.record.clone())).await;
        let found = of_row(&answer, &link);
        assert_eq!((answer.verdict, found.len()), (Verdict::Unread, 1), "silently {silently}: {answer:?}");
        assert!(!found[0].known && found[0].unread, "{answer:?}");
        // The poll reads the row, whatever it holds.
        company.hub.run_for(16).await;
        let answer = company.checked(Part::Record(link.record.clone())).await;
        let found = of_row(&answer, &link);
        assert_eq!((answer.verdict, found.len()), (Verdict::MovedOn, 1), "silently {silently}: {answer:?}");
    }
}
