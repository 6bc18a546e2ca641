//! Short stories, each told to the whole engine without faults.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use entente_connect::settings::Secret;
use entente_engine::flaws::Flaws;
use entente_engine::notify::{Notifier, NotifierSettings, drain};
use entente_engine::sync::{poll, work};
use serde_json::{Value, json};

use crate::ambient::InProcess;
use crate::hub::{Hub, ZENDESK, fields, seed_customer};

/// A counter of all connections.
async fn counted(hub: &Hub, name: &'static str) -> i64 {
    let (from, to) = (entente_model::clock::Timestamp::UNIX_EPOCH, hub.engine.now());
    hub.store.read(move |tx| tx.counted(name, None, from, to)).await.unwrap()
}

/// Recipients of the notices of a kind.
async fn told(hub: &Hub, kind: &str) -> Vec<String> {
    let notices = hub.store.read(|tx| tx.notices(entente_store::NoticeState::Pending, 100, None)).await.unwrap();
    notices.into_iter().filter(|notice| notice.notice.kind == kind).map(|notice| notice.notice.recipient).collect()
}

/// Sends what is pending by Slack, where these channels do not say otherwise.
async fn send(hub: &Hub, channels: BTreeMap<String, Vec<String>>) {
    let slack = axum::Router::new().fallback(|| async { "ok" });
    let wire = Arc::new(InProcess { router: slack, fuse: Arc::clone(&hub.fuse) });
    let settings = NotifierSettings { slack: Some(Secret::new("http://slack.sim/hook")), channels, ..NotifierSettings::default() };
    let notifier = Notifier::new(settings, wire).unwrap();
    assert!(drain(&hub.engine, &notifier).await.unwrap() > 0);
}

fn support_id(hub: &Hub, object: &str, id: &str) -> u64 {
    hub.salesforce.get(object, id).unwrap()["Support_Id__c"].as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_customer_of_the_crm_becomes_a_support_profile_and_its_ids_are_written_back() {
    let mut hub = Hub::new(1, Flaws::none()).await;
    let (account, contacts) = seed_customer(&hub, "Acme", &[("Ada", "Lovelace", "Ada@Acme.example")]);
    hub.run_for(40).await;
    let crm_account = hub.salesforce.get("Account", &account).unwrap();
    let organization: u64 = crm_account["Support_Id__c"].as_str().expect("support id written back").parse().unwrap();
    let organization = hub.zendesk.organization(organization).unwrap();
    assert_eq!(organization["name"], "Acme");
    assert_eq!(organization["organization_fields"]["account_tier"], "Pro");
    assert_eq!(organization["organization_fields"]["crm_id"], json!(account));
    let crm_contact = hub.salesforce.get("Contact", &contacts[0]).unwrap();
    let user: u64 = crm_contact["Support_Id__c"].as_str().expect("support id written back").parse().unwrap();
    let user = hub.zendesk.user(user).unwrap();
    assert_eq!(user["name"], "Ada Lovelace");
    assert_eq!(user["email"], "ada@acme.example");
    assert_eq!(user["organization_id"], organization["id"]);
}

#[tokio::test]
async fn an_edit_at_the_desk_reaches_the_crm_and_the_other_way_round() {
    let mut hub = Hub::new(2, Flaws::none()).await;
    let (_, contacts) = seed_customer(&hub, "Acme", &[("Ada", "Lovelace", "ada@acme.example")]);
    hub.run_for(40).await;
    let user: u64 = hub.salesforce.get("Contact", &contacts[0]).unwrap()["Support_Id__c"].as_str().unwrap().parse().unwrap();
    hub.zendesk.update_user(user, &fields(json!({ "name": "Ada King" })), hub.agent()).unwrap();
    hub.run_for(1).await;
    assert_eq!(hub.salesforce.get("Contact", &contacts[0]).unwrap()["LastName"], "King");
    hub.salesforce.update("Contact", &contacts[0], &fields(json!({ "Title": "Countess" })), &hub.rep()).unwrap();
    hub.run_for(1).await;
    assert_eq!(hub.zendesk.user(user).unwrap()["user_fields"]["job_title"], "Countess");
}

/// The message of a change of sales shows the whole account as it was then, and comes when an agent has changed it meanwhile.
#[tokio::test]
async fn a_message_that_comes_late_does_not_undo_what_came_after_it() {
    let mut hub = Hub::new(12, Flaws::none()).await;
    let (account, _) = seed_customer(&hub, "Acme", &[("Ada", "Lovelace", "ada@acme.example")]);
    hub.run_for(40).await;
    let organization: u64 = hub.salesforce.get("Account", &account).unwrap()["Support_Id__c"].as_str().unwrap().parse().unwrap();
    let shown = |hub: &Hub, field: &str| hub.zendesk.organization(organization).unwrap()["organization_fields"][field].clone();
    hub.salesforce.update("Account", &account, &fields(json!({ "Plan__c": "Enterprise" })), &hub.rep()).unwrap();
    hub.clock.fetch_add(1_000, Ordering::Relaxed);
    let on_the_wire = hub.leave_crm();
    assert_eq!(on_the_wire.len(), 1);
    let agent = hub.agent();
    let suspended = json!({ "organization_fields": { "account_status": "Suspended" } });
    hub.zendesk.update_organization(organization, &fields(suspended), agent).unwrap();
    hub.run_for(1).await;
    assert_eq!(hub.salesforce.get("Account", &account).unwrap()["Status__c"], "Suspended");
    hub.hand_over(&on_the_wire[0]).await;
    for _ in 0..200 {
        hub.run_until(hub.now() + 100).await;
        assert_eq!(hub.salesforce.get("Account", &account).unwrap()["Status__c"], "Suspended", "{}", hub.backlog().await);
    }
    assert_eq!(shown(&hub, "account_status"), "Suspended");
    assert_eq!(shown(&hub, "plan"), "Enterprise", "what sales changed has come too");
}

/// Two messages of one second, taken in together, show the account before and after the second edit; whichever came first on the wire.
#[tokio::test]
async fn of_messages_of_one_second_that_overtake_each_other_neither_undoes_the_other() {
    for (seed, in_order) in [(13, true), (14, false)] {
        let mut hub = Hub::new(seed, Flaws::none()).await;
        let (account, _) = seed_customer(&hub, "Acme", &[("Ada", "Lovelace", "ada@acme.example")]);
        hub.run_for(40).await;
        let start_of_second = hub.now() / 1_000 * 1_000 + 1_000;
        hub.run_until(start_of_second).await;
        let mut on_the_wire = Vec::new();
        for change in [json!({ "Plan__c": "Enterprise" }), json!({ "Account_Tier__c": "Free" })] {
            hub.salesforce.update("Account", &account, &fields(change), &hub.rep()).unwrap();
            hub.clock.fetch_add(200, Ordering::Relaxed);
            on_the_wire.extend(hub.leave_crm());
        }
        assert_eq!((on_the_wire.len(), hub.now() / 1_000 * 1_000), (2, start_of_second));
        if !in_order {
            on_the_wire.reverse();
        }
        for message in &on_the_wire {
            hub.hand_over(message).await;
        }
        hub.run_for(1).await;
        let organization = hub.zendesk.organization(support_id(&hub, "Account", &account)).unwrap()["organization_fields"].clone();
        assert_eq!((&organization["plan"], &organization["account_tier"]), (&json!("Enterprise"), &json!("Free")), "in order: {in_order}");
    }
}

/// Sales sets a value and sets it back. Of the two messages the later one comes first and has nothing to say; the other one is old by then.
#[tokio::test]
async fn a_message_that_comes_after_one_without_news_does_not_bring_back_what_was_set_back() {
    for (seed, together) in [(15, true), (16, false)] {
        let mut hub = Hub::new(seed, Flaws::none()).await;
        let (account, _) = seed_customer(&hub, "Acme", &[("Ada", "Lovelace", "ada@acme.example")]);
        hub.run_for(40).await;
        let mut on_the_wire = Vec::new();
        for tier in ["Free", "Pro"] {
            hub.salesforce.update("Account", &account, &fields(json!({ "Account_Tier__c": tier })), &hub.rep()).unwrap();
            hub.clock.fetch_add(5_000, Ordering::Relaxed);
            on_the_wire.extend(hub.leave_crm());
        }
        assert_eq!(on_the_wire.len(), 2);
        let organization = support_id(&hub, "Account", &account);
        for message in on_the_wire.iter().rev() {
            hub.hand_over(message).await;
            if !together {
                hub.run_for(1).await;
            }
        }
        for _ in 0..100 {
            hub.run_until(hub.now() + 100).await;
            let tier = hub.zendesk.organization(organization).unwrap()["organization_fields"]["account_tier"].clone();
            assert_eq!(tier, "Pro", "together: {together}; {}", hub.backlog().await);
        }
        assert_eq!(hub.salesforce.get("Account", &account).unwrap()["Account_Tier__c"], "Pro");
    }
}

#[tokio::test]
async fn a_ticket_becomes_an_activity_of_the_crm_and_moves_the_health_score() {
    let mut hub = Hub::new(3, Flaws::none()).await;
    let (account, contacts) = seed_customer(&hub, "Acme", &[("Ada", "Lovelace", "ada@acme.example")]);
    hub.run_for(40).await;
    let user: u64 = hub.salesforce.get("Contact", &contacts[0]).unwrap()["Support_Id__c"].as_str().unwrap().parse().unwrap();
    let ticket = json!({ "subject": "It is on fire", "requester_id": user, "priority": "urgent", "comment": { "body": "Help" } });
    let ticket = hub.zendesk.create_ticket(&fields(ticket), user).unwrap();
    hub.run_for(5).await;
    let mut tasks: Vec<Value> = Vec::new();
    hub.salesforce.each("Task", &mut |_, task| tasks.push(Value::Object(task.clone())));
    assert_eq!(tasks.len(), 1, "{tasks:?}; {}", hub.backlog().await);
    assert_eq!(tasks[0]["Subject"], format!("[Ticket #{ticket}] It is on fire"));
    assert_eq!(tasks[0]["WhatId"], json!(account));
    let score = hub.salesforce.get("Account", &account).unwrap()["Support_Health_Score__c"].clone();
    assert!(score.as_f64().is_some_and(|score| score < 100.0), "{score}");
    hub.zendesk.solve(ticket, hub.agent()).unwrap();
    hub.run_for(5).await;
    let mut statuses: Vec<Value> = Vec::new();
    hub.salesforce.each("Task", &mut |_, task| statuses.push(task["Status"].clone()));
    assert_eq!(statuses, [json!("Completed")]);
}

#[tokio::test]
async fn closed_won_makes_a_support_profile_a_checklist_and_a_first_health_score() {
    let mut hub = Hub::new(4, Flaws::none()).await;
    hub.run_for(20).await;
    let rep = hub.rep();
    let account = json!({ "Name": "Newcomer", "Type": "Prospect", "CSM_Email__c": "cora@vendor.example", "Status__c": "Active" });
    let account = hub.salesforce.insert("Account", &fields(account), &rep).unwrap();
    let contact = json!({ "FirstName": "Nell", "LastName": "Newby", "Email": "nell@newcomer.example", "AccountId": account });
    let contact = hub.salesforce.insert("Contact", &fields(contact), &rep).unwrap();
    let deal = json!({ "Name": "First deal", "AccountId": account, "StageName": "Prospecting", "CloseDate": "2026-02-01" });
    let deal = hub.salesforce.insert("Opportunity", &fields(deal), &rep).unwrap();
    hub.run_for(2).await;
    assert!(!hub.salesforce.get("Account", &account).unwrap().contains_key("Support_Id__c"), "a prospect has no support profile");
    hub.salesforce.update("Opportunity", &deal, &fields(json!({ "StageName": "Closed Won" })), &rep).unwrap();
    hub.run_for(2).await;
    let won = hub.salesforce.get("Account", &account).unwrap();
    assert!(won.contains_key("Support_Id__c"), "{won:?}; {}", hub.backlog().await);
    assert_eq!(won["Support_Health_Score__c"].as_f64(), Some(100.0));
    assert!(hub.salesforce.get("Contact", &contact).unwrap().contains_key("Support_Id__c"));
    let mut tickets = Vec::new();
    hub.zendesk.each_ticket(&mut |id, ticket| tickets.push((id, ticket.clone())));
    assert_eq!(tickets.iter().map(|(_, ticket)| &ticket["subject"]).collect::<Vec<_>>(), [&json!("Onboarding: Newcomer")]);
    let (id, checklist) = &tickets[0];
    let admin = hub.zendesk.agents()[0].id;
    assert_eq!(checklist["requester_id"], json!(admin), "the customer takes no part in it");
    assert_eq!(checklist["organization_id"].to_string(), won["Support_Id__c"].as_str().unwrap());
    assert!(hub.zendesk.comments(*id).iter().all(|comment| comment["public"] == false), "it is an internal note");
    assert_eq!(counted(&hub, "onboarding_checklists").await, 1);
    assert_eq!(counted(&hub, "onboarding_health").await, 1);
    assert_eq!(counted(&hub, "onboarding_notices").await, 0, "nobody has sent anything yet");
    hub.run_for(45).await;
    let waits = hub.store.read(|tx| tx.waits(10)).await.unwrap();
    assert!(waits.is_empty(), "the colleague who asks for it is nobody's contact, and not waited for: {waits:?}");
    let notices = hub.store.read(|tx| tx.notices(entente_store::NoticeState::Pending, 10, None)).await.unwrap();
    assert!(notices.iter().any(|notice| notice.notice.recipient == "cora@vendor.example"), "{notices:?}");
    send(&hub, BTreeMap::new()).await;
    assert_eq!(counted(&hub, "onboarding_notices").await, 1);
}

#[tokio::test]
async fn an_organization_keeps_the_group_that_the_desk_gave_it() {
    let mut hub = Hub::new(5, Flaws::none()).await;
    let group = hub.zendesk.add_group("Billing team");
    let known = json!({ "name": "Acme", "domain_names": ["acme.example"], "group_id": group, "notes": "Call before noon" });
    let organization = hub.zendesk.create_organization(&fields(known), hub.agent()).unwrap();
    let (account, _) = seed_customer(&hub, "Acme", &[("Ada", "Lovelace", "ada@acme.example")]);
    hub.run_for(40).await;
    assert_eq!(support_id(&hub, "Account", &account), organization, "{}", hub.backlog().await);
    assert_eq!(hub.zendesk.organization(organization).unwrap()["group_id"], json!(group));
    assert_eq!(hub.salesforce.get("Account", &account).unwrap()["Support_Notes__c"], "Call before noon");
}

#[tokio::test]
async fn what_the_crm_overwrites_at_the_first_link_is_in_the_ledger() {
    let mut hub = Hub::new(6, Flaws::none()).await;
    let known = json!({ "name": "Acme", "domain_names": ["acme.example"], "organization_fields": { "plan": "Handshake deal" } });
    let organization = hub.zendesk.create_organization(&fields(known), hub.agent()).unwrap();
    let (account, _) = seed_customer(&hub, "Acme", &[]);
    hub.run_for(40).await;
    assert_eq!(hub.zendesk.organization(organization).unwrap()["organization_fields"]["plan"], "Pro Annual");
    let record = hub.salesforce.get("Account", &account).unwrap()["Entente_Id__c"].as_str().unwrap().parse().unwrap();
    let viewer = entente_store::Viewer::system();
    let entries = hub.store.read(move |tx| tx.history(&viewer, &record, 100, None)).await.unwrap();
    let mut lost = Vec::new();
    for entry in entries {
        let entente_store::Changes::Open(changes) = entry.changes else { continue };
        let plan = changes.get("plan").cloned().into_iter();
        lost.extend(plan.flat_map(|plan| plan.lost.into_iter().map(move |lost| (lost.side, lost.value.display(), plan.rule.clone()))));
    }
    assert_eq!(lost, [(ZENDESK.to_owned(), "Handshake deal".to_owned(), Some("owner".to_owned()))], "once, with the rule");
}

#[tokio::test]
async fn tiers_are_routed_by_the_name_of_a_group_and_again_when_the_table_changes() {
    let mut hub = Hub::new(7, Flaws::none()).await;
    let (gold, rest) = (hub.zendesk.add_group("Enterprise support"), hub.zendesk.add_group("Everybody else"));
    let (account, _) = seed_customer(&hub, "Acme", &[]);
    hub.options.tier_groups = [("Enterprise".to_owned(), "Enterprise suport".to_owned())].into();
    hub.restart().await;
    hub.run_for(40).await;
    let group = |hub: &Hub| hub.zendesk.organization(support_id(hub, "Account", &account)).unwrap()["group_id"].clone();
    assert_eq!(group(&hub), Value::Null);
    assert_eq!(told(&hub, "configuration").await, ["ops"], "told once, however often it is tried");
    let error = entente_engine::automation::routing::check(&hub.engine).await.unwrap_err().to_string();
    for part in ["sync.tier_groups.Enterprise", "`Enterprise suport`", "Enterprise support", &gold.to_string()] {
        assert!(error.contains(part), "{error}");
    }
    hub.options.tier_groups = [("Enterprise".to_owned(), "enterprise support".to_owned()), ("Pro".to_owned(), rest.to_string())].into();
    hub.restart().await;
    hub.run_for(5).await;
    assert_eq!(group(&hub), json!(rest), "accounts that were there before are routed too: {}", hub.backlog().await);
    hub.salesforce.update("Account", &account, &fields(json!({ "Account_Tier__c": "Enterprise" })), &hub.rep()).unwrap();
    hub.run_for(5).await;
    assert_eq!(group(&hub), json!(gold));
    hub.options.tier_groups = [("Enterprise".to_owned(), "Everybody else".to_owned())].into();
    hub.restart().await;
    hub.run_for(5).await;
    assert_eq!(group(&hub), json!(rest));
}

#[tokio::test]
async fn a_customer_s_first_manager_is_told_and_so_is_every_later_one() {
    let mut hub = Hub::new(8, Flaws::none()).await;
    let (account, _) = seed_customer(&hub, "Acme", &[]);
    hub.salesforce.update("Account", &account, &fields(json!({ "CSM_Email__c": null })), &hub.rep()).unwrap();
    hub.run_for(40).await;
    assert!(told(&hub, "csm_assigned").await.is_empty());
    for manager in ["cora@vendor.example", "max@vendor.example"] {
        hub.salesforce.update("Account", &account, &fields(json!({ "CSM_Email__c": manager })), &hub.rep()).unwrap();
        hub.run_for(2).await;
    }
    let mut told = told(&hub, "csm_assigned").await;
    told.sort();
    assert_eq!(told, ["cora@vendor.example", "max@vendor.example"]);
}

#[tokio::test]
async fn health_ages_without_any_ticket_event() {
    let mut hub = Hub::new(9, Flaws::none()).await;
    let (calm, _) = seed_customer(&hub, "Calm", &[]);
    let (account, contacts) = seed_customer(&hub, "Acme", &[("Ada", "Lovelace", "ada@acme.example")]);
    hub.run_for(60).await;
    let score = |hub: &Hub, account: &str| hub.salesforce.get("Account", account).unwrap()["Support_Health_Score__c"].as_f64();
    assert_eq!(score(&hub, &calm), Some(100.0), "a customer who never wrote to support is judged too");
    let user = support_id(&hub, "Contact", &contacts[0]);
    let ticket = json!({ "subject": "Slow", "requester_id": user, "comment": { "body": "Help" }, "tags": ["category_speed"] });
    hub.zendesk.create_ticket(&fields(ticket), user).unwrap();
    hub.run_for(5).await;
    assert_eq!(score(&hub, &account), Some(97.0), "one open case");
    let mut categories = Vec::new();
    hub.salesforce.each("Task", &mut |_, task| categories.push(task["Ticket_Category__c"].clone()));
    assert_eq!(categories, [json!("speed")]);
    hub.run_for(2 * 24 * 60).await;
    assert_eq!(score(&hub, &account), Some(94.0), "and nobody has answered within a working day");
    let trend = |hub: &Hub| hub.salesforce.get("Account", &account).unwrap()["Support_Health_Trend__c"].clone();
    assert_eq!(trend(&hub), "declining");
    hub.run_for(7 * 24 * 60).await;
    assert_eq!(score(&hub, &account), Some(90.0), "now it is old as well");
    hub.run_for(9 * 24 * 60).await;
    assert_eq!((score(&hub, &account), trend(&hub)), (Some(90.0), json!("stable")), "a week without a change is no trend");
}

#[tokio::test]
async fn an_agent_s_status_wins_over_a_later_one_of_sales() {
    let mut hub = Hub::new(10, Flaws::none()).await;
    let (account, _) = seed_customer(&hub, "Acme", &[]);
    hub.run_for(40).await;
    let organization = support_id(&hub, "Account", &account);
    let suspended = json!({ "organization_fields": { "account_status": "Suspended" } });
    hub.zendesk.update_organization(organization, &fields(suspended), hub.agent()).unwrap();
    hub.clock.fetch_add(20_000, std::sync::atomic::Ordering::SeqCst);
    hub.salesforce.update("Account", &account, &fields(json!({ "Status__c": "Churned" })), &hub.rep()).unwrap();
    hub.run_for(5).await;
    assert_eq!(hub.salesforce.get("Account", &account).unwrap()["Status__c"], "Suspended", "{}", hub.backlog().await);
    assert_eq!(hub.zendesk.organization(organization).unwrap()["organization_fields"]["account_status"], "Suspended");
}

#[tokio::test]
async fn a_company_is_onboarded_once_and_later_deals_are_expansions() {
    let mut hub = Hub::new(11, Flaws::none()).await;
    let (account, _) = seed_customer(&hub, "Acme", &[]);
    hub.run_for(40).await;
    support_id(&hub, "Account", &account);
    let rep = hub.rep();
    let checklists = |hub: &Hub| {
        let mut subjects = Vec::new();
        hub.zendesk.each_ticket(&mut |_, ticket| subjects.push(ticket["subject"].clone()));
        subjects
    };
    for (name, stage) in [("Pilot", "Closed Won"), ("Add-on", "Prospecting")] {
        let deal =
            json!({ "Name": name, "AccountId": account, "StageName": stage, "CloseDate": "2026-02-01", "Description": "Asked for SSO" });
        let deal = hub.salesforce.insert("Opportunity", &fields(deal), &rep).unwrap();
        hub.run_for(5).await;
        if name == "Add-on" {
            hub.clock.fetch_add(24 * 3_600_000, std::sync::atomic::Ordering::SeqCst);
            hub.salesforce.update("Opportunity", &deal, &fields(json!({ "StageName": "Closed Won" })), &rep).unwrap();
            hub.run_for(5).await;
        }
    }
    assert_eq!(checklists(&hub), [json!("Onboarding: Acme")], "its first deal, although it had a support profile before");
    assert_eq!(told(&hub, "new_customer").await, ["cora@vendor.example"]);
    assert_eq!(told(&hub, "expansion").await, ["cora@vendor.example"]);
    send(&hub, BTreeMap::from([("cora@vendor.example".to_owned(), Vec::new())])).await;
    assert_eq!(counted(&hub, "onboarding_notices").await, 0, "there was no way to reach her");
    let organization = hub.zendesk.organization(support_id(&hub, "Account", &account)).unwrap();
    let context = organization["organization_fields"]["sales_context"].as_str().unwrap();
    for part in ["Won: Add-on · Closed Won", "stages: 2026-01-05 Prospecting → 2026-01-06 Closed Won", "notes: Asked for SSO"] {
        assert!(context.contains(part), "{context}");
    }
}

#[tokio::test]
async fn a_merge_at_one_side_asks_for_the_same_at_the_other() {
    let mut hub = Hub::new(12, Flaws::none()).await;
    let (_, contacts) = seed_customer(&hub, "Acme", &[("Nell", "Newby", "nell@acme.example"), ("Olga", "Orlov", "olga@acme.example")]);
    hub.run_for(40).await;
    let (winner, loser) = (support_id(&hub, "Contact", &contacts[0]), support_id(&hub, "Contact", &contacts[1]));
    hub.zendesk.merge_users(loser, winner, hub.agent()).unwrap();
    hub.run_for(40).await;
    let viewer = entente_store::Viewer::system();
    let reviews = hub.store.read(move |tx| tx.reviews(&viewer, entente_store::ReviewState::Waiting, 10, None)).await.unwrap();
    let merges: Vec<_> = reviews.iter().filter(|review| review.review.kind == "merge").collect();
    assert_eq!(merges.len(), 1, "{reviews:?}; {}", hub.backlog().await);
    let evidence = merges[0].review.evidence.to_string();
    assert!(evidence.contains(&contacts[0]) && evidence.contains(&contacts[1]), "both rows are named: {evidence}");
    assert_eq!(told(&hub, "merge").await, ["ops"]);
}

#[tokio::test]
async fn a_ticket_of_a_company_the_crm_does_not_know_is_an_activity_of_its_contact() {
    let mut hub = Hub::new(13, Flaws::none()).await;
    let (_, contacts) = seed_customer(&hub, "Acme", &[("Ada", "Lovelace", "ada@acme.example")]);
    hub.run_for(40).await;
    let agent = hub.agent();
    let unknown = hub.zendesk.create_organization(&fields(json!({ "name": "Nobody's firm" })), agent).unwrap();
    let user = support_id(&hub, "Contact", &contacts[0]);
    let ticket = json!({ "subject": "Help", "requester_id": user, "organization_id": unknown, "comment": { "body": "Help" } });
    hub.zendesk.create_ticket(&fields(ticket), user).unwrap();
    hub.run_for(40).await;
    let mut whose = Vec::new();
    hub.salesforce.each("Task", &mut |_, task| whose.push(task["WhoId"].clone()));
    assert_eq!(whose, [json!(contacts[0])], "{}", hub.backlog().await);
}

#[tokio::test]
async fn nobody_is_created_while_rows_of_the_first_read_wait_to_be_adopted() {
    let hub = Hub::new(31, Flaws::none()).await;
    seed_customer(&hub, "Globex", &[("Grace", "Hopper", "grace@globex.example")]);
    let user = json!({ "name": "Grace Hopper", "email": "grace@globex.example" });
    hub.zendesk.create_user(&fields(user), hub.agent()).unwrap();
    for connection in [crate::hub::SALESFORCE, crate::hub::ZENDESK] {
        for (object, _) in hub.engine.catalog().reads(connection) {
            poll::poll(&hub.engine, connection, &object, &|_, _, _, _| {}, &|| false).await.unwrap();
        }
    }
    // One worker holds the desk's rows; another one is quick with the CRM's.
    let (crm, desk): (Vec<_>, Vec<_>) =
        work::claim(&hub.engine).await.unwrap().into_iter().partition(|hint| hint.subject.starts_with("salesforce/"));
    assert!(!crm.is_empty() && !desk.is_empty());
    work::work(&hub.engine, crm).await.unwrap();
    // The account has its organization by now, and its people could follow.
    work::work(&hub.engine, work::claim(&hub.engine).await.unwrap()).await.unwrap();
    let made = |hub: &Hub| hub.zendesk.calls().by_route.keys().filter(|route| route.contains("users/create")).count();
    assert_eq!(made(&hub), 0, "the user who waits to be adopted may be the counterpart");
    work::work(&hub.engine, desk).await.unwrap();
    let mut users = 0;
    hub.zendesk.each_user(&mut |_, user| users += usize::from(user["email"] == "grace@globex.example"));
    assert_eq!(users, 1);
}
