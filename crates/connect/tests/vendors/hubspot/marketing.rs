//! Campaigns, forms, e-mails, lists and subscriptions.

use entente_connect::connector::Priority;
use entente_connect::error::Class;
use entente_connect::look::{Existence, Look};
use serde_json::{Value, json};

use super::portal::{Portal, contacts, oauth, settings};
use crate::stage::rows::{create, map, spec, update};

fn campaign(name: &str) -> serde_json::Map<String, Value> {
    map(json!({"hs_name": name, "hs_campaign_status": "in_progress", "hs_start_date": "2026-02-01", "hs_owner": "Dana"}))
}

fn named<'a>(looks: &'a [Look], field: &str) -> Vec<&'a str> {
    let mut names: Vec<&str> = looks.iter().filter_map(|look| look.row[field].as_str()).collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn campaigns_are_read_over_their_pages_and_polls_show_what_changed() {
    for version in ["v3", "2026-09"] {
        let mut chosen = settings(oauth());
        chosen.api_version = Some(version.to_owned());
        let portal = Portal::with(chosen, |_| {});
        let ids: Vec<String> = (0..120).map(|n| portal.sim.make_campaign(&campaign(&format!("Spring {n}"))).unwrap()).collect();
        portal.sim.book(&ids[0], 5_000.0, 1_250.5, 0.0);
        // Older than what a poll looks back over.
        portal.pass(400);
        let read =
            spec("campaigns", &["hs_name", "hs_start_date", "hs_end_date", "hs_budget_items_sum_amount", "hs_spend_items_sum_amount"]);
        let (looks, cursor) = portal.read_on(&read, None).await;
        assert_eq!(looks.len(), 120, "{version}");
        let first = looks.iter().find(|look| look.id == ids[0]).unwrap();
        assert_eq!(first.row["hs_start_date"], "2026-02-01");
        assert_eq!((&first.row["hs_budget_items_sum_amount"], &first.row["hs_spend_items_sum_amount"]), (&json!("5000"), &json!("1250.5")));
        assert_eq!(first.row["hs_end_date"], Value::Null);
        portal.pass(900);
        let (quiet, cursor) = portal.read_on(&read, Some(cursor)).await;
        assert!(quiet.is_empty(), "{version}: {quiet:?}");
        portal.pass(900);
        portal.sim.change_campaign(&ids[7], &map(json!({"hs_name": "Summer"}))).unwrap();
        let (changed, _) = portal.read_on(&read, Some(cursor)).await;
        assert_eq!(named(&changed, "hs_name"), ["Summer"]);
    }
}

#[tokio::test]
async fn what_a_campaign_cost_and_brought_in_is_asked_for_only_if_it_is_mapped() {
    let portal = Portal::open();
    let id = portal.sim.make_campaign(&campaign("Spring")).unwrap();
    portal.sim.book(&id, 5_000.0, 1_250.0, 9_000.0);
    let (_, _) = portal.read_on(&spec("campaigns", &["hs_name"]), None).await;
    let dear =
        |portal: &Portal| portal.sim.calls().by_route.keys().filter(|route| route.contains("budget") || route.contains("revenue")).count();
    assert_eq!(dear(&portal), 0);
    let read = spec("campaigns", &["budget.remaining", "revenue.amount", "revenue.deals"]);
    let looks = portal.crm.fetch(&read, &[id, "0000-gone".to_owned()], Priority::Update).await.unwrap();
    assert_eq!(json!(looks[0].row), json!({"budget.remaining": "3750.0", "revenue.amount": "9000.0", "revenue.deals": "1"}));
    assert_eq!(looks[1].existence, Existence::Deleted);
    let error = portal.crm.page(&spec("campaigns", &["hs_color"]), None, Priority::Update).await.unwrap_err();
    assert_eq!((error.class, error.field.as_deref()), (Class::Configuration, Some("hs_color")));
}

#[tokio::test]
async fn campaigns_are_changed_and_none_is_made_twice_because_none_is_made() {
    let portal = Portal::open();
    let id = portal.sim.make_campaign(&campaign("Spring")).unwrap();
    let outcomes = portal
        .write(
            "campaigns",
            &[
                update(&id, json!({"hs_campaign_status": "paused", "hs_end_date": "2026-05-01"})),
                update(&id, json!({"hs_campaign_status": "odd"})),
            ],
        )
        .await;
    assert!(outcomes[0].is_ok());
    assert_eq!(outcomes[1].as_ref().unwrap_err().class, Class::Data);
    let looks = portal
        .crm
        .fetch(&spec("campaigns", &["hs_campaign_status", "hs_end_date"]), std::slice::from_ref(&id), Priority::Update)
        .await
        .unwrap();
    assert_eq!(json!(looks[0].row), json!({"hs_campaign_status": "paused", "hs_end_date": "2026-05-01"}));
    for refused in [create("cmp_1", json!({"hs_name": "New"})), update(&id, json!({"hs_budget_items_sum_amount": 1}))] {
        let error = portal.crm.write(&super::portal::target("campaigns"), &[refused], Priority::Update).await.unwrap_err();
        assert_eq!(error.class, Class::Configuration);
    }
}

#[tokio::test]
async fn an_account_without_marketing_goes_on_with_everything_else() {
    let portal = Portal::open();
    portal.sim.make_campaign(&campaign("Hidden")).unwrap();
    portal.sim.grant(&["crm.objects.contacts.read", "crm.objects.companies.read"]);
    let (looks, cursor) = portal.read_on(&spec("campaigns", &["hs_name"]), None).await;
    assert!(looks.is_empty());
    portal.plant("notes", json!({"hs_note_body": "Hello", "hs_timestamp": "2026-01-05T09:00:00Z"}));
    let (notes, _) = portal.read_on(&spec("engagements", &["body"]), None).await;
    assert_eq!(named(&notes, "body"), ["Hello"], "forms that we may not see stop nothing");
    // Once it is granted, what was there before is read as well.
    portal.sim.grant(&["marketing.campaigns.read"]);
    let (looks, _) = portal.read_on(&spec("campaigns", &["hs_name"]), Some(cursor)).await;
    assert_eq!(named(&looks, "hs_name"), ["Hidden"]);
}

#[tokio::test]
async fn e_mails_are_read_with_what_became_of_them_and_forms_with_their_names() {
    let portal = Portal::open();
    for n in 0..8 {
        portal.plant("contacts", json!({"email": format!("{n}@example.com")}));
    }
    portal.sim.opt_out("3@example.com").unwrap();
    let made = portal.send("POST", "/marketing/v3/emails", json!({"name": "News", "subject": "What is new", "campaign": "abc"})).await;
    portal.send("POST", &format!("/marketing/v3/emails/{}/publish", made["id"].as_str().unwrap()), json!({})).await;
    let read = spec("marketing_emails", &["name", "subject", "state", "publishDate", "stats.sent", "stats.open"]);
    let (looks, _) = portal.read_on(&read, None).await;
    let expected = json!({
        "name": "News", "subject": "What is new", "state": "PUBLISHED", "publishDate": "2026-01-05T10:00:00Z", "stats.sent": "7", "stats.open": "3",
    });
    assert_eq!(json!(looks[0].row), expected, "whoever does without e-mails got none");
    portal.sim.make_form(&map(json!({"name": "Contact us"}))).unwrap();
    let (forms, _) = portal.read_on(&spec("forms", &["name", "formType"]), None).await;
    assert_eq!(json!(forms[0].row), json!({"name": "Contact us", "formType": "hubspot"}));
}

#[tokio::test]
async fn what_people_send_with_forms_is_an_activity_of_theirs() {
    let portal = Portal::open();
    let company = portal.plant("companies", json!({"name": "Northwind"}));
    let ada = portal.plant("contacts", json!({"email": "ada@example.com"}));
    portal.sim.associate(("contacts", &ada), ("companies", &company), true, portal.person()).unwrap();
    let form = portal.sim.make_form(&map(json!({"name": "Contact us"}))).unwrap();
    let sent = |email: &str, text: &str| {
        let fields = json!([{"name": "email", "value": email}, {"name": "message", "value": text}]);
        portal.sim.submit(&form, &json!({"fields": fields, "context": {"pageUri": "https://acme.example/contact"}})).unwrap();
    };
    sent("Ada@example.com", "Call me");
    // Older than what a round looks back over.
    portal.pass(700);
    let read = spec("engagements", &["kind", "subject", "body", "hs_timestamp", "associations.contacts", "associations.companies"]);
    let (looks, cursor) = portal.read_on(&read, None).await;
    let submission = looks.iter().find(|look| look.row["kind"] == "Form submission").unwrap();
    let expected = json!({
        "kind": "Form submission", "subject": "Contact us", "body": "email: Ada@example.com\nmessage: Call me\npage: https://acme.example/contact",
        "hs_timestamp": "2026-01-05T10:00:00Z", "associations.contacts": ada, "associations.companies": company,
    });
    assert_eq!(json!(submission.row), expected);
    assert_eq!(submission.mark.by, entente_model::actor::Actor::Customer);
    let again = portal.crm.fetch(&read, std::slice::from_ref(&submission.id), Priority::Update).await.unwrap();
    assert_eq!(json!(again[0].row), expected);

    // They are gone through once an hour, and what was read is not read again.
    portal.pass(1_800);
    for n in 0..60 {
        sent("new@example.com", &format!("{n}"));
    }
    let (early, cursor) = portal.read_on(&read, Some(cursor)).await;
    assert!(early.iter().all(|look| look.row["kind"] != "Form submission"));
    portal.pass(1_900);
    let (later, _) = portal.read_on(&read, Some(cursor)).await;
    let bodies: std::collections::BTreeSet<&str> = later.iter().filter_map(|look| look.row["body"].as_str()).collect();
    assert_eq!((later.len(), bodies.len()), (60, 60), "two pages, and not the first one of all");
}

#[tokio::test]
async fn lists_are_a_set_of_names_that_is_read_and_written() {
    let portal = Portal::open();
    let [ada, eve] = ["ada", "eve"].map(|name| portal.plant("contacts", json!({"email": format!("{name}@example.com"), "city": "Berlin"})));
    let manual = |name: &str| json!({"name": name, "objectTypeId": "0-1", "processingType": "MANUAL"});
    let partners = portal.sim.make_list(&manual("Partners")).unwrap();
    portal.sim.make_list(&manual("Press")).unwrap();
    let filter = json!({"filterType": "PROPERTY", "property": "city", "operation": {"operationType": "MULTISTRING", "operator": "IS_EQUAL_TO", "values": ["Berlin"]}});
    let branch = json!({"filterBranchType": "OR", "filterBranches": [{"filterBranchType": "AND", "filters": [filter]}]});
    portal
        .sim
        .make_list(&json!({"name": "Berliners", "objectTypeId": "0-1", "processingType": "DYNAMIC", "filterBranch": branch}))
        .unwrap();
    portal.sim.change_members(partners, std::slice::from_ref(&ada), &[]).unwrap();
    let read = contacts(&["email", "lists.names"]);
    let (looks, _) = portal.read_on(&read, None).await;
    let of = |looks: &[Look], id: &str| looks.iter().find(|look| look.id == id).unwrap().row["lists.names"].clone();
    assert_eq!((of(&looks, &ada), of(&looks, &eve)), (json!(["Berliners", "Partners"]), json!(["Berliners"])));
    assert_eq!(portal.calls("POST lists/records/memberships/batch/read"), 1, "one call for the page");

    let outcomes = portal
        .write(
            "contacts",
            &[
                update(&ada, json!({"lists.names": ["Press", "Berliners"]})),
                update(&eve, json!({"lists.names": ["Press", "Nobody"], "city": "Bonn"})),
            ],
        )
        .await;
    assert!(outcomes[0].is_ok(), "{outcomes:?}");
    assert_eq!(portal.sim.lists_of("contacts", &ada), ["Press", "Berliners"]);
    let error = outcomes[1].as_ref().unwrap_err();
    assert_eq!((error.class, error.field.as_deref()), (Class::Data, Some("lists.names")), "{error}");
    let refused = portal.write("contacts", &[update(&eve, json!({"lists.names": ["Berliners"]}))]).await.remove(0).unwrap_err();
    assert!(refused.message.contains("filter"), "{refused}");
    let unknown = portal.crm.page(&contacts(&["lists.sizes"]), None, Priority::Backfill).await.unwrap_err();
    assert_eq!(unknown.code, "unknown_field");
}

#[tokio::test]
async fn whoever_unsubscribes_is_seen_and_is_subscribed_again_by_nobody_else() {
    let portal = Portal::open();
    let [ada, eve] = ["ada", "eve"].map(|name| portal.plant("contacts", json!({"email": format!("{name}@example.com")})));
    portal.pass(400);
    let read = contacts(&["subscriptions.email", "hs_email_optout"]);
    let (_, cursor) = portal.read_on(&read, None).await;
    portal.pass(600);
    portal.sim.opt_out("ada@example.com").unwrap();
    let (looks, _) = portal.read_on(&read, Some(cursor)).await;
    assert_eq!(
        (looks.len(), looks[0].id.as_str(), &looks[0].row["subscriptions.email"]),
        (1, ada.as_str(), &json!(false)),
        "a poll sees it"
    );

    portal.write("contacts", &[update(&eve, json!({"subscriptions.email": false}))]).await.remove(0).unwrap();
    let one = contacts(&["subscriptions.email", "subscriptions.2208647"]);
    let looks = portal.crm.fetch(&one, std::slice::from_ref(&eve), Priority::Update).await.unwrap();
    assert_eq!(json!(looks[0].row), json!({"subscriptions.email": false, "subscriptions.2208647": false}));
    for field in ["subscriptions.email", "subscriptions.2208647"] {
        let refused = portal.write("contacts", &[update(&eve, json!({field: true}))]).await.remove(0).unwrap_err();
        assert_eq!((refused.class, refused.code.as_str(), refused.field.as_deref()), (Class::Data, "opted_out", Some(field)));
    }
    let zoe = portal.plant("contacts", json!({"email": "zoe@example.com"}));
    portal.write("contacts", &[update(&zoe, json!({"subscriptions.2208648": true}))]).await.remove(0).unwrap();
    let both = contacts(&["subscriptions.2208647", "subscriptions.2208648"]);
    let looks = portal.crm.fetch(&both, &[zoe], Priority::Update).await.unwrap();
    assert_eq!(json!(looks[0].row), json!({"subscriptions.2208647": null, "subscriptions.2208648": true}));
}
