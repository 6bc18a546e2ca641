//! Signing in: a user's own token, and OAuth.

use entente_connect::connector::Priority;
use entente_connect::error::Class;
use entente_connect::settings::{Auth, ConnectionSettings, Secret};
use entente_connect::webhook::{Incoming, WebhookError};
use entente_sims::faults::Fault;

use crate::pipedrive::company::{Company, oauth, persons, settings, token};

async fn fetch(company: &Company) -> Result<(), entente_connect::error::VendorError> {
    company.crm.fetch(&persons(&["email"]), &["1".to_owned()], Priority::Update).await.map(drop)
}

#[tokio::test]
async fn both_ways_lead_to_the_same_user() {
    for auth in [token(), oauth()] {
        let company = Company::with(settings(auth), |_| {});
        let me = company.crm.check().await.unwrap();
        assert_eq!((me.user_id.as_str(), me.user.as_str(), me.organization.as_str()), ("25760681", "integration@acme.example", "15043420"));
    }
}

#[tokio::test]
async fn a_session_is_renewed_with_the_newest_refresh_token() {
    let company = Company::with(settings(oauth()), |_| {});
    fetch(&company).await.unwrap();
    // Neither the end of a session nor one that ends in the middle is noticed by anybody.
    company.sim.expire_sessions();
    fetch(&company).await.unwrap();
    company.faults.order([Fault::ExpiredSession]);
    fetch(&company).await.unwrap();
    // Fifty days at a time: the sixty of a refresh token slide on with each use.
    for _ in 0..4 {
        company.pass(50 * 86_400);
        fetch(&company).await.unwrap();
    }
    company.pass(61 * 86_400);
    let error = fetch(&company).await.unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (Class::Reauthenticate, "invalid_grant"));
}

#[tokio::test]
async fn that_the_app_was_removed_ends_the_session_and_another_company_s_removal_does_not() {
    let company = Company::with(settings(oauth()), |_| {});
    company.sim.register_callback("https://hub.example/callback/crm");
    company.crm.check().await.unwrap();

    // The app is installed elsewhere as well, and was removed there.
    let told = |body: &str, proof: &str| Incoming {
        headers: [("authorization".to_owned(), proof.to_owned())].into(),
        body: body.as_bytes().to_vec(),
    };
    // `pipedrive-client:pipedrive-secret`
    let proof = "Basic cGlwZWRyaXZlLWNsaWVudDpwaXBlZHJpdmUtc2VjcmV0";
    assert_eq!(company.crm.removed(&told(r#"{"company_id": 7, "user_id": 1}"#, proof)).await, Ok(None));
    let renewals = || company.line.sent.lock().unwrap().iter().filter(|(call, _)| call == "POST /oauth/token").count();
    let before = renewals();
    fetch(&company).await.unwrap();
    assert_eq!(renewals(), before, "the session goes on");

    // A body of another form says nothing of a company: whether it is so is asked with a new token.
    let said = company.crm.removed(&told("client_id=pipedrive-client", proof)).await.unwrap().unwrap();
    assert_eq!((said.class, said.code.as_str()), (Class::Reauthenticate, "app_removed"));
    fetch(&company).await.unwrap();
    assert_eq!(renewals(), before + 1);
    let refused = company.crm.removed(&told("", "Basic eDp5")).await;
    assert!(matches!(refused, Err(WebhookError::Unverified { .. })), "{refused:?}");

    company.sim.uninstall();
    let letter = company.mail.take_due().remove(0);
    let headers = letter.headers.iter().cloned().collect();
    let said = company.crm.removed(&Incoming { headers, body: letter.body }).await.unwrap().unwrap();
    assert!(said.advice.contains("`entente connect pipedrive`"), "{said:?}");
    let error = fetch(&company).await.unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (Class::Reauthenticate, "invalid_grant"));
}

#[tokio::test]
async fn the_client_s_secret_goes_out_as_basic_credentials_alone() {
    let wrong = Auth::RefreshToken {
        client_id: "pipedrive-client".to_owned(),
        client_secret: Secret::new("another-secret"),
        refresh_token: Secret::new("pipedrive-refresh"),
    };
    let company = Company::with(settings(wrong), |_| {});
    let error = fetch(&company).await.unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (Class::Reauthenticate, "invalid_client"));
    let company = Company::with(settings(oauth()), |_| {});
    fetch(&company).await.unwrap();
    assert!(!format!("{:?}", company.line.sent.lock().unwrap()).contains("pipedrive-secret"));
}

#[tokio::test]
async fn the_company_s_own_host_is_followed_where_the_answer_names_it() {
    // Everybody signs in at one host; the answer says where the company is.
    let settings = ConnectionSettings { follow_instance_url: true, ..settings(oauth()) };
    let company = Company::with(settings, |_| {});
    company.crm.check().await.unwrap();
    let sent: Vec<String> = company.line.sent.lock().unwrap().iter().map(|(path, _)| path.clone()).collect();
    assert_eq!(sent[0], "POST /oauth/token");
}

#[tokio::test]
async fn a_token_that_was_withdrawn_asks_for_a_person() {
    let company = Company::with(settings(Auth::AccessToken { token: Secret::new("0123456789012345678901234567890123456789") }), |_| {});
    let error = fetch(&company).await.unwrap_err();
    assert_eq!((error.class, error.status), (Class::Reauthenticate, 401));
    let shown = format!("{error:?} {error}");
    assert!(!shown.contains("0123456789012345678901234567890123456789"), "{shown}");
}

#[tokio::test]
async fn settings_that_do_not_fit_are_refused_by_name() {
    let strange = Auth::ClientCredentials { client_id: "x".to_owned(), client_secret: Secret::new("y") };
    let why = Company::connect(settings(strange), |_| {}).err().unwrap();
    assert!(why.contains("access_token"), "{why}");
}
