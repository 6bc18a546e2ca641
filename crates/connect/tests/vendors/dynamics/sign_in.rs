//! Signing in at Entra for one environment.

use entente_connect::error::Class;

use crate::dynamics::company::{Company, accounts, settings};

#[tokio::test]
async fn the_application_says_who_it_is_and_its_token_is_renewed_when_it_ends() {
    let company = Company::open();
    let me = company.crm.check().await.unwrap();
    assert_eq!((me.user.as_str(), me.user_id.len(), me.organization.len()), ("integration@acme.example", 36, 36));
    company.plant("accounts", serde_json::json!({"name": "Acme"}));
    company.sim.expire_sessions();
    let (looks, _) = company.read_on(&accounts(&["name"]), None).await;
    assert!(looks.iter().all(|look| look.row["name"] == "Acme") && !looks.is_empty());
    assert_eq!(company.calls("POST oauth2/v2.0/token"), 2);
    let sent = company.line.sent.lock().unwrap();
    assert!(!sent.iter().any(|(path, _)| path.contains("secret")), "no secret in an address");
}

#[tokio::test]
async fn a_wrong_secret_and_a_stranger_are_told_with_their_remedy() {
    let wrong = Company::with(settings("wrong-secret"), |_| {}).unwrap().crm.check().await.unwrap_err();
    assert_eq!(wrong.class, Class::Reauthenticate);
    assert!(wrong.message.contains("AADSTS7000215") && !wrong.message.contains("wrong-secret"), "{wrong}");
    let company = Company::with(settings("dynamics-secret"), |options| options.is_member = false).unwrap();
    let stranger = company.crm.check().await.unwrap_err();
    assert_eq!((stranger.class, stranger.code.as_str()), (Class::Configuration, "0x80072560"));
    assert!(stranger.advice.contains("application user"));
    let mut elsewhere = settings("dynamics-secret");
    elsewhere.login_url = "https://login.microsoftonline.com/nobody".parse().ok();
    let tenant = Company::with(elsewhere, |_| {}).unwrap().crm.check().await.unwrap_err();
    assert!(tenant.message.contains("AADSTS90002"), "{tenant}");
}

#[tokio::test]
async fn settings_that_do_not_fit_say_what_is_missing() {
    let mut bare = settings("dynamics-secret");
    bare.login_url = "https://login.microsoftonline.com/".parse().ok();
    let reason = Company::with(bare, |_| {}).err().unwrap();
    assert!(reason.contains("`login_url` names no directory") && reason.contains("TENANT"), "{reason}");
}

#[tokio::test]
async fn behind_a_gateway_tokens_are_asked_for_the_environment_and_links_go_through_the_gateway() {
    let mut settings = settings("dynamics-secret");
    settings.base_url = "https://gateway.example.com/crm".parse().unwrap();
    settings.login_url =
        "https://login.microsoftonline.com/7c1f6d1e-6a5b-4d1b-9f0e-2b6c7d8e9f01?resource=https://acme.crm.dynamics.com".parse().ok();
    let company = Company::with(settings, |_| {}).unwrap();
    let error = company.crm.check().await.unwrap_err();
    // The simulated environment knows no path before its own; what counts is where the calls went.
    assert_eq!(error.class, Class::Configuration, "{error}");
    let sent = company.line.sent.lock().unwrap();
    assert!(sent.iter().any(|(path, _)| path == "GET /crm/api/data/v9.2/WhoAmI"), "{sent:?}");
}
