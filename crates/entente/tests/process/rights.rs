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
