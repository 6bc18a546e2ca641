//! `entente doctor` says what a connection may do at its platform, what it lacks, and what then will not work.

use serde_json::{Value, json};

use crate::hub::Folder;
use crate::pair::{configuration, provision};
use crate::people::{dynamics, freshdesk, hubspot, intercom, pipedrive, salesforce, zendesk};
use crate::sims::Sims;

/// What `entente doctor` says of a connection: state, text and remedy.
async fn told(folder: &Folder, area: &str) -> Vec<(String, String, String)> {
    let output = folder.run(&["doctor", "--output", "json"]).await;
    let checks: Value = serde_json::from_slice(&output.stdout).expect("checks");
    let text = |check: &Value, name: &str| check[name].as_str().unwrap_or_default().to_owned();
    let of = checks.as_array().unwrap().iter().filter(|check| check["area"] == area);
    of.map(|check| (text(check, "state"), text(check, "text"), text(check, "remedy"))).collect()
}

fn has(told: &[(String, String, String)], state: &str, part: &str) -> bool {
    told.iter().any(|(held, text, _)| held == state && text.contains(part))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_granted_what_is_missing_and_what_follows_is_told_for_each_platform() {
    let platforms = ["salesforce", "hubspot", "zendesk"];
    let sims = Sims::start(&platforms, &[]).await;
    let auths = [("salesforce", salesforce::auth(&sims)), ("hubspot", hubspot::auth(&sims)), ("zendesk", zendesk::auth(&sims))];
    let folder = Folder::new(&configuration(&sims, &auths, 600_000));
    for platform in platforms {
        let told = told(&folder, platform).await;
        assert!(has(&told, "ok", "it may do there what it must"), "{platform}: {told:?}");
        assert!(told.iter().all(|(_, text, _)| !text.contains("was not granted")), "{platform}: {told:?}");
        assert!(has(&told, "ok", "API calls are left"), "{platform}: {told:?}");
    }

    sims.steer("salesforce", "grant", &json!(["id"])).await;
    sims.steer("zendesk", "grant", &json!(["read"])).await;
    let contacts_alone = json!([
        "oauth",
        "crm.objects.contacts.read",
        "crm.objects.contacts.write",
        "crm.objects.companies.read",
        "crm.objects.owners.read"
    ]);
    sims.steer("hubspot", "grant", &contacts_alone).await;

    let crm = told(&folder, "salesforce").await;
    assert!(has(&crm, "fail", "the right api or full was not granted: nothing can be read or written over the API"), "{crm:?}");
    assert!(!has(&crm, "fail", "refresh_token"), "nothing is renewed by a token here: {crm:?}");
    let desk = told(&folder, "zendesk").await;
    let lacking =
        desk.iter().find(|(state, text, _)| state == "fail" && text.contains("the right write was not granted")).expect("a failure");
    assert!(lacking.1.contains("`entente provision` cannot make fields") && lacking.2.contains("entente connect zendesk"), "{lacking:?}");
    let portal = told(&folder, "hubspot").await;
    assert!(has(&portal, "fail", "crm.objects.deals.read was not granted: deals are not read: won deals onboard nobody"), "{portal:?}");
    assert!(has(&portal, "warn", "marketing.campaigns.read was not granted: campaigns are not read"), "{portal:?}");
    assert!(!format!("{portal:?}").contains("crm.objects.leads"), "nobody asked for leads: {portal:?}");
    let with_leads = configuration(&sims, &auths, 600_000).replace("[sync]", "[sync]\nleads = true");
    let portal_with_leads = self::told(&Folder::new(&with_leads), "hubspot").await;
    assert!(
        has(&portal_with_leads, "warn", "the right crm.objects.leads.read was not granted: leads are not read"),
        "{portal_with_leads:?}"
    );
    let secrets = ["hubspot-secret", "hubspot-refresh", "zendesk-client-secret"];
    let shown = format!("{crm:?} {desk:?} {portal:?}");
    assert!(secrets.iter().all(|secret| !shown.contains(secret)), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn platforms_that_do_not_tell_are_said_not_to() {
    let sims = Sims::start(&["pipedrive", "dynamics", "freshdesk", "intercom"], &[]).await;
    let crms = [("pipedrive", pipedrive::auth(&sims)), ("freshdesk", freshdesk::auth(&sims))];
    let folder = Folder::new(&configuration(&sims, &crms, 600_000));
    assert!(has(&told(&folder, "pipedrive").await, "ok", "it may do there what it must"));
    assert!(has(
        &told(&folder, "freshdesk").await,
        "warn",
        "what it may do there is not known: Freshdesk's API keys have the rights of their agent"
    ));
    let others = [("intercom", intercom::auth(&sims)), ("dynamics", dynamics::auth(&sims))];
    let second = Folder::new(&(configuration(&sims, &others, 600_000) + &dynamics::login(&sims)));
    let environment = told(&second, "dynamics").await;
    assert!(has(&environment, "ok", "it may do there what it must (18 of 18 rights"), "{environment:?}");
    assert!(has(&told(&second, "intercom").await, "warn", "what it may do there is not known: Intercom does not tell"));
    sims.steer("pipedrive", "scopes", &json!({"scopes": "base,contacts:full,deals:full,activities:full,users:read,admin"})).await;
    // The session of before is kept; what it may do now is said with a new one.
    let company = told(&folder, "pipedrive").await;
    assert!(has(&company, "fail", "search:read was not granted: nobody is found by e-mail before a creation"), "{company:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_that_a_desk_lacks_are_named_until_they_were_made() {
    let desks = [
        ("zendesk", "organization lacks", "organization_fields.account_tier"),
        ("freshdesk", "company lacks", "company_fields.customer_tier"),
        ("intercom", "company lacks", "custom_attributes.customer_tier"),
    ];
    let sims = Sims::start(&["zendesk", "freshdesk", "intercom"], &[]).await;
    let auths = [("zendesk", zendesk::auth(&sims)), ("freshdesk", freshdesk::auth(&sims)), ("intercom", intercom::auth(&sims))];
    for ((platform, lacks, field), auth) in desks.into_iter().zip(auths) {
        let folder = Folder::new(&configuration(&sims, &[auth], 600_000));
        let before = told(&folder, platform).await;
        let lacking = before.iter().find(|(state, text, _)| state == "fail" && text.contains(lacks)).expect("a failure");
        assert!(lacking.1.contains(field) && lacking.2.contains("entente provision --apply"), "{platform}: {lacking:?}");
        assert!(!format!("{before:?}").contains("metric_set") && !format!("{before:?}").contains("stats."), "{before:?}");
        let plan = folder.run(&["provision", "--output", "json"]).await;
        let plan: Value = serde_json::from_slice(&plan.stdout).expect("a plan");
        let planned = plan["fields"].as_array().unwrap().iter().filter(|need| need["state"] == "missing");
        let named: Vec<&str> = planned.map(|need| need["field"].as_str().unwrap()).collect();
        let all = before.iter().filter(|(state, text, _)| state == "fail" && text.contains(" lacks ")).map(|(_, text, _)| text.as_str());
        let all = all.collect::<Vec<_>>().join("; ");
        assert!(named.len() > 30 && named.iter().all(|name| all.contains(name)), "{platform}: {named:?} and {all}");

        provision(&folder).await;
        let after = told(&folder, platform).await;
        assert!(!format!("{after:?}").contains(" lacks "), "{platform}: {after:?}");
        let object = lacks.split(' ').next().unwrap();
        let there = after.iter().find(|(state, text, _)| state == "ok" && text.starts_with(&format!("{object}: "))).expect("a count");
        assert!(there.1.ends_with("mapped fields are there"), "{platform}: {there:?}");
    }
}

/// The configuration of one connection with further settings of it.
fn alone(sims: &Sims, platform: &str, auth: String, further: &str) -> Folder {
    let name = format!("name = \"{platform}\"\n");
    Folder::new(&configuration(sims, &[(platform, auth)], 600_000).replace(&name, &format!("{name}{further}")))
}

/// What the mappings of a folder read of Salesforce, as its Pub/Sub API takes it.
async fn read_objects(folder: &Folder) -> String {
    let told = told(folder, "salesforce").await;
    let described = told.iter().filter(|(state, text, _)| state == "ok" && text.ends_with(" mapped fields are there"));
    // Activities have no stream of their own: those of tasks and events tell of them.
    let own = |object: &str| if object == "Activity" { "Event".to_owned() } else { object.to_owned() };
    described.filter_map(|(_, text, _)| text.split_once(':').map(|(object, _)| own(object))).collect::<Vec<_>>().join(",")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stream_of_an_org_is_tried_object_by_object() {
    let first = Sims::start(&["salesforce"], &["--salesforce-changes", "Account"]).await;
    let settings = |sims: &Sims, changes: &str| {
        format!("salesforce.changes = \"{changes}\"\nsalesforce.pubsub_url = \"{}\"\n", sims.base("salesforce_pubsub"))
    };
    let folder = alone(&first, "salesforce", salesforce::auth(&first), &settings(&first, "cdc"));
    provision(&folder).await;
    let unselected = told(&folder, "salesforce").await;
    assert!(has(&unselected, "ok", "the stream of changes of Account can be read"), "{unselected:?}");
    let lacking =
        unselected.iter().find(|(state, text, _)| state == "fail" && text.contains("the stream of changes of Contact cannot be read"));
    let (_, _, remedy) = lacking.unwrap_or_else(|| panic!("{unselected:?}"));
    assert!(remedy.contains("Setup, Change Data Capture"), "{remedy}");

    // Whoever does not insist is told what happens instead, and nothing has failed.
    let easy = alone(&first, "salesforce", salesforce::auth(&first), &settings(&first, "auto"));
    let easy = told(&easy, "salesforce").await;
    assert!(has(&easy, "warn", "the stream of changes of Contact cannot be read, so that polls bring its changes"), "{easy:?}");
    assert!(!has(&easy, "fail", "stream"), "{easy:?}");
    let without = alone(&first, "salesforce", salesforce::auth(&first), "");
    assert!(!format!("{:?}", told(&without, "salesforce").await).contains("stream of changes"), "nobody asked for one");

    let secret = [("ENTENTE_CLIENT_SECRET", first.credential("salesforce", "client_secret"))];
    let (id, base) = (first.credential("salesforce", "client_id"), first.base("salesforce"));
    let again = ["connect", "salesforce", "--with", "client", "--client-id", id, "--base-url", base, "--from-env", "--output", "json"];
    let output = folder.run_with(&again, &secret).await;
    let connected: Value = serde_json::from_slice(&output.stdout).expect("an answer");
    assert!(!output.status.success(), "{connected}");
    assert!(connected["lacking"].to_string().contains("the stream of changes of Contact: pubsub_NotFound"), "{connected}");

    let all = read_objects(&folder).await;
    let second = Sims::start(&["salesforce"], &["--salesforce-changes", &all]).await;
    let folder = alone(&second, "salesforce", salesforce::auth(&second), &settings(&second, "cdc"));
    let told_of_all = told(&folder, "salesforce").await;
    assert!(has(&told_of_all, "ok", "the stream of changes of Contact"), "{told_of_all:?}");
    assert!(!format!("{told_of_all:?}").contains("cannot be read"), "{told_of_all:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_journal_of_a_portal_is_tried() {
    let sims = Sims::start(&["hubspot"], &[]).await;
    let folder = alone(&sims, "hubspot", hubspot::auth(&sims), "hubspot.changes = \"journal\"\n");
    let both = "the webhooks journal, the subscriptions of the webhooks journal can be read";
    let empty = told(&folder, "hubspot").await;
    assert!(has(&empty, "ok", both), "nothing ever stood in it: {empty:?}");

    // An app may be cut off from the journal while its accounts let it in.
    sims.steer("hubspot", "grant_app", &json!(["oauth"])).await;
    let refused = told(&folder, "hubspot").await;
    let lacking = refused.iter().find(|(state, text, _)| state == "fail" && text.contains("the webhooks journal cannot be read"));
    let (_, _, remedy) = lacking.unwrap_or_else(|| panic!("{refused:?}"));
    assert!(remedy.contains("developer.webhooks_journal.read") && remedy.contains("hubspot.changes"), "{remedy}");
    assert!(has(&refused, "ok", "signed in as"), "{refused:?}");

    let plain = alone(&sims, "hubspot", hubspot::auth(&sims), "");
    assert!(!format!("{:?}", told(&plain, "hubspot").await).contains("journal"), "nobody reads it");
}
