//! Stories of a world without any sync: what is made, judged and measured.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::{Value, json};

use super::seeding::map;
use super::*;
use crate::clock::SimClock;
use crate::faults::Faults;
use crate::profile::Profile;
use crate::salesforce::SalesforceOptions;
use crate::zendesk::ZendeskOptions;

/// 2026-01-15T12:00:00Z.
const NOON_MS: i64 = 1_768_478_400_000;

struct Stage {
    world: World,
    time: Arc<AtomicI64>,
}

impl Stage {
    fn of(customers: usize, seed: u64) -> Self {
        let time = Arc::new(AtomicI64::new(NOON_MS));
        let clock = SimClock::virtual_at(Arc::clone(&time));
        let faults = Faults::none(1);
        let mail = Mailroom::new(clock.clone(), faults.clone());
        let salesforce = Salesforce::new(SalesforceOptions::new(clock.clone(), Profile::instant(), 1, faults, mail.clone()));
        let zendesk = Zendesk::new(ZendeskOptions::new(clock, Profile::instant(), 1));
        let world = World::new(salesforce, zendesk, vec![mail]);
        world.seed(&WorldOptions { customers, seed, ..WorldOptions::default() }).unwrap();
        Self { world, time }
    }

    fn salesforce(&self) -> &Salesforce {
        &self.world.0.salesforce
    }

    fn zendesk(&self) -> &Zendesk {
        &self.world.0.zendesk
    }

    /// Every record of both sides as text.
    fn dump(&self) -> String {
        let mut text = String::new();
        for object in ["Account", "Contact", "Opportunity", "Task"] {
            self.salesforce().each(object, &mut |_, record| text.push_str(&json!(record).to_string()));
        }
        self.zendesk().each_organization(&mut |_, record| text.push_str(&json!(record).to_string()));
        self.zendesk().each_user(&mut |_, record| text.push_str(&json!(record).to_string()));
        self.zendesk().each_ticket(&mut |_, record| text.push_str(&json!(record).to_string()));
        text
    }

    /// Does by hand what a sync would: pairs everybody by phone, and makes the desk equal to the CRM.
    fn sync_by_hand(&self) {
        let (salesforce, zendesk) = (self.salesforce(), self.zendesk());
        let phone = |value: &Value| super::correspondence::canonical(super::correspondence::Form::Phone, value);
        let mut users = std::collections::HashMap::new();
        zendesk.each_user(&mut |id, user| {
            users.insert(phone(&user["phone"]), id);
        });
        let mut accounts = Vec::new();
        salesforce.each("Account", &mut |id, record| accounts.push((id.to_owned(), record.clone())));
        let mut contacts = Vec::new();
        salesforce.each("Contact", &mut |id, record| contacts.push((id.to_owned(), record.clone())));
        let names: std::collections::HashMap<String, Value> =
            accounts.iter().map(|(id, record)| (id.clone(), record["Name"].clone())).collect();
        let mut organizations = std::collections::HashMap::new();
        for (id, account) in &accounts {
            let owner = salesforce.get("User", account["OwnerId"].as_str().unwrap()).unwrap();
            let mut fields = serde_json::Map::new();
            for (crm, desk, _) in super::correspondence::ACCOUNT {
                fields.insert((*desk).to_owned(), account.get(*crm).cloned().unwrap_or_default());
            }
            let parent = account.get("ParentId").and_then(Value::as_str).and_then(|id| names.get(id)).cloned().unwrap_or_default();
            fields.insert("ae_name".to_owned(), owner["Name"].clone());
            fields.insert("ae_email".to_owned(), owner["Email"].clone());
            fields.insert("parent_name".to_owned(), parent);
            fields.insert("crm_id".to_owned(), json!(id));
            let organization = map(json!({"name": format!("{} (new)", account["Name"].as_str().unwrap())}));
            let made = zendesk.create_organization(&organization, 0).unwrap();
            organizations.insert(id.clone(), (made, account["Name"].clone(), fields));
        }
        // Names are free again once every organization of the seed is renamed.
        let mut old = Vec::new();
        zendesk.each_organization(&mut |id, record| {
            if !record["name"].as_str().unwrap().ends_with("(new)") {
                old.push(id);
            }
        });
        for id in old {
            zendesk.update_organization(id, &map(json!({"name": format!("old {id}")})), 0).unwrap();
        }
        for (id, (made, name, fields)) in &organizations {
            zendesk.update_organization(*made, &map(json!({"name": name, "organization_fields": fields})), 0).unwrap();
            let mut back = map(json!({"Support_Id__c": made.to_string()}));
            back.insert("Support_VIP__c".to_owned(), json!(fields["support_vip"] == json!(true)));
            salesforce.update("Account", id, &back, "").unwrap();
        }
        for (id, contact) in &contacts {
            let organization = organizations[contact["AccountId"].as_str().unwrap()].0;
            let name = contact["Name"].clone();
            let mut fields = map(json!({
                "name": name, "organization_id": organization, "user_fields": {"job_title": contact["Title"], "crm_id": id},
            }));
            let user = match users.get(&phone(&contact["Phone"])) {
                Some(user) => zendesk.update_user(*user, &fields, 0).unwrap(),
                None => {
                    fields.insert("phone".to_owned(), contact["Phone"].clone());
                    zendesk.create_user(&fields, 0).unwrap()
                }
            };
            if let Some(email) = contact.get("Email").and_then(Value::as_str) {
                zendesk.set_primary_email(user, email, 0).unwrap();
            }
            let shown = zendesk.user(user).unwrap();
            let back = json!({"Support_Id__c": user.to_string(), "Email": shown["email"], "Time_Zone__c": shown["iana_time_zone"], "Language__c": shown["locale"]});
            salesforce.update("Contact", id, &map(back), "").unwrap();
        }
    }
}

#[test]
fn equal_seeds_make_equal_worlds() {
    assert_eq!(Stage::of(300, 7).dump(), Stage::of(300, 7).dump());
    assert_ne!(Stage::of(300, 7).dump(), Stage::of(300, 8).dump());
}

#[test]
fn most_customers_are_known_to_the_desk_and_everything_lies_in_the_past() {
    let stage = Stage::of(2_410, 1);
    let agreement = stage.world.agreement();
    assert_eq!((agreement.customers, agreement.linked, agreement.twins), (2_410, 0, 0), "{:?}", agreement.twin_list);
    assert_eq!(stage.zendesk().count(crate::zendesk::Kind::User), 2_300);
    assert_eq!(stage.salesforce().clock().now_ms(), NOON_MS, "the clock is back in the present");
    let mut newest = String::new();
    stage.salesforce().each("Contact", &mut |_, record| newest = newest.clone().max(record["SystemModstamp"].as_str().unwrap().to_owned()));
    assert!(newest.as_str() < "2025-12", "{newest}");
    stage.zendesk().each_ticket(&mut |_, ticket| assert!(ticket["updated_at"].as_str().unwrap() < "2026-01-15T11"));
    let mut solved = 0;
    stage.zendesk().each_ticket(&mut |_, ticket| solved += usize::from(matches!(ticket["status"].as_str(), Some("solved" | "closed"))));
    assert!(solved > 20, "{solved} tickets are solved");
}

#[test]
fn a_world_that_agrees_is_told_from_one_with_a_planted_difference() {
    let stage = Stage::of(100, 3);
    stage.sync_by_hand();
    let before = stage.world.agreement();
    assert_eq!((before.linked, before.in_agreement, before.twins), (100, 100, 0), "{:?} {:?}", before.disagreements, before.twin_list);
    let mut contact = None;
    stage.salesforce().each("Contact", &mut |id, _| {
        contact.get_or_insert(id.to_owned());
    });
    stage.salesforce().update("Contact", &contact.unwrap(), &map(json!({"Title": "Astronaut"})), "").unwrap();
    let after = stage.world.agreement();
    assert_eq!((after.linked, after.in_agreement), (100, 99));
    assert!(after.disagreements[0].contains("Title") && after.disagreements[0].contains("Astronaut"), "{:?}", after.disagreements);
}

#[test]
fn a_planted_twin_is_found_on_either_side() {
    let stage = Stage::of(100, 4);
    stage.sync_by_hand();
    let mut pair = None;
    stage.salesforce().each("Contact", &mut |id, record| {
        pair.get_or_insert((id.to_owned(), record.clone()));
    });
    let (id, record) = pair.unwrap();
    stage.zendesk().create_user(&map(json!({"name": "Twin", "user_fields": {"crm_id": id}})), 0).unwrap();
    assert_eq!(stage.world.agreement().twins, 1, "{:?}", stage.world.agreement().twin_list);
    let copy = json!({"LastName": "Twin", "AccountId": record["AccountId"], "Support_Id__c": record["Support_Id__c"]});
    stage.salesforce().insert("Contact", &map(copy), "").unwrap();
    let found = stage.world.agreement();
    assert!(found.twins >= 2, "{:?}", found.twin_list);
    assert!(found.twin_list.iter().any(|twin| twin.starts_with("contact of one user")), "{:?}", found.twin_list);
}

#[test]
fn an_edit_has_landed_when_the_other_side_commits_its_value() {
    let stage = Stage::of(50, 5);
    stage.sync_by_hand();
    let mut traffic = stage.world.traffic(TrafficOptions { kinds: vec![Kind::ContactTitle], ..TrafficOptions::default() });
    assert!(traffic.step());
    let edited = {
        let mut found = None;
        stage.salesforce().each("Contact", &mut |_, record| {
            if record["Title"].as_str().unwrap().starts_with("Head of Operations") {
                found = Some(record.clone());
            }
        });
        found.unwrap()
    };
    assert_eq!((stage.world.report().edits, stage.world.report().outstanding), (1, 1));
    stage.time.fetch_add(1_500, Ordering::SeqCst);
    let user = edited["Support_Id__c"].as_str().unwrap().parse().unwrap();
    stage.zendesk().update_user(user, &map(json!({"user_fields": {"job_title": "Something else"}})), 0).unwrap();
    assert_eq!(stage.world.report().landed, 0, "another value is not the edit");
    stage.zendesk().update_user(user, &map(json!({"user_fields": {"job_title": edited["Title"]}})), 0).unwrap();
    let report = stage.world.report();
    assert_eq!((report.landed, report.outstanding, report.latency.p95_ms), (1, 0, 1_500));
    assert_eq!((report.crm_to_support.count, report.support_to_crm.count), (1, 0));
}

#[test]
fn a_field_that_both_sides_change_is_expected_to_land_nowhere() {
    let stage = Stage::of(50, 6);
    stage.sync_by_hand();
    let mut traffic = stage.world.traffic(TrafficOptions::default());
    assert!(traffic.edit(Kind::Conflict));
    stage.time.fetch_add(1_000, Ordering::SeqCst);
    assert!(traffic.step());
    let report = stage.world.report();
    assert_eq!((report.edits, report.conflicting, report.outstanding), (3, 2, 1));
}

#[test]
fn a_won_deal_is_measured_until_the_support_id_is_back() {
    let stage = Stage::of(50, 7);
    let mut traffic = stage.world.traffic(TrafficOptions { kinds: vec![Kind::ClosedWon], ..TrafficOptions::default() });
    assert!(traffic.step());
    let mut account = None;
    stage.salesforce().each("Account", &mut |id, record| {
        if record["Type"] == "Prospect" {
            account = Some(id.to_owned());
        }
    });
    assert_eq!(stage.world.agreement().customers, 52, "two people came with the deal");
    stage.time.fetch_add(2_000, Ordering::SeqCst);
    stage.salesforce().update("Account", &account.unwrap(), &map(json!({"Support_Id__c": "1"})), "").unwrap();
    let report = stage.world.report();
    assert_eq!((report.new_customers.won, report.new_customers.latency.count, report.new_customers.latency.p50_ms), (1, 1, 2_000));
}

#[test]
fn every_kind_of_edit_finds_something_to_do_in_a_synced_world() {
    let stage = Stage::of(200, 8);
    stage.sync_by_hand();
    let mut numbers = Vec::new();
    stage.zendesk().each_ticket(&mut |id, _| numbers.push(id));
    for number in numbers {
        stage
            .salesforce()
            .insert("Task", &map(json!({"Subject": format!("[Ticket #{number}] x"), "Status": "In Progress", "Priority": "Normal"})), "")
            .unwrap();
    }
    let mut traffic = stage.world.traffic(TrafficOptions::default());
    // A ticket is solved before it is rated.
    for kind in Kind::all() {
        assert!(traffic.edit(kind), "{kind:?}");
    }
    let report = stage.world.report();
    assert_eq!(report.refused, 0);
    assert!(report.edits >= 22, "{}", report.edits);
}
