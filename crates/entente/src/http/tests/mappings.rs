//! An admin changes a mapping while the product runs.

use entente_engine::metadata;
use entente_engine::sync::provision::provision;
use entente_sims::clock::SimClock;
use entente_sims::faults::Faults;
use entente_sims::mailroom::Mailroom;
use entente_sims::profile::Profile;
use entente_sims::salesforce::{Salesforce, SalesforceOptions};
use entente_sims::serve::serve;
use entente_sims::world::{self, WorldOptions};
use entente_sims::zendesk::{Zendesk, ZendeskOptions};

use super::*;

/// A server with both platforms behind it, as their vendors ship them.
pub(super) async fn with_bare_platforms() -> (Server, Salesforce, Zendesk) {
    let clock = SimClock::wall();
    let faults = Faults::none(1);
    let mailroom = Mailroom::new(clock.clone(), faults.clone());
    let crm = SalesforceOptions::new(clock.clone(), Profile::instant(), 1, faults, mailroom);
    let desk = ZendeskOptions::new(clock, Profile::instant(), 1);
    let auth = |id: &str, secret: &str| Auth::ClientCredentials { client_id: id.to_owned(), client_secret: Secret::new(secret) };
    let auths = [auth(&crm.client_id, &crm.client_secret), auth(&desk.client_id, &desk.client_secret)];
    let (salesforce, zendesk) = (Salesforce::new(crm), Zendesk::new(desk));
    let mut connections = vec![connection("salesforce", "salesforce", Role::Crm), connection("zendesk", "zendesk", Role::Support)];
    for (settings, (router, auth)) in connections.iter_mut().zip([salesforce.router(), zendesk.router()].into_iter().zip(auths)) {
        let (address, _) = serve(router, "127.0.0.1:0".parse().unwrap()).await.unwrap();
        settings.base_url = Url::parse(&format!("http://{address}")).unwrap();
        settings.auth = auth;
    }
    (server_with(LISTEN, None, connections).await, salesforce, zendesk)
}

/// The same with a few customers and the fields that the shipped mappings need.
async fn with_platforms() -> Server {
    let (server, salesforce, zendesk) = with_bare_platforms().await;
    world::seed(&WorldOptions { customers: 5, ..WorldOptions::default() }, &salesforce, &zendesk).unwrap();
    let needs = provision(&server.app.engine, true).await.unwrap();
    assert!(needs.iter().all(|need| need.state == "present" || need.state == "created"), "{needs:?}");
    server
}

/// A second engine on the same store, as the command line is one.
async fn another_process(engine: &entente_engine::Engine) -> entente_engine::Engine {
    let connections = engine.connections().values().map(|ready| (ready.settings.clone(), ready.connector.clone())).collect();
    let parts = entente_engine::Parts {
        store: engine.store().clone(),
        time: engine.time().clone(),
        options: engine.options().clone(),
        connections,
        seed: 2,
        flaws: entente_engine::flaws::Flaws::none(),
    };
    entente_engine::Engine::assemble(parts).await.unwrap()
}

impl Server {
    /// The mapping of accounts at Zendesk, as it is in force.
    async fn accounts_at_zendesk(&self) -> Json {
        let (status, list) = self.get("/api/v1/mappings?connection=zendesk&object=account").await;
        assert_eq!(status, StatusCode::OK, "{list}");
        list[0]["mapping"].clone()
    }

    async fn save(&self, mapping: &Json, more: Json) -> (StatusCode, Json) {
        let mut body = json!({ "mapping": mapping });
        for (key, value) in more.as_object().unwrap() {
            body[key] = value.clone();
        }
        self.post("/api/v1/mappings/zendesk", body).await
    }
}

fn add(mapping: &Json, line: Json) -> Json {
    let mut mapping = mapping.clone();
    mapping["fields"].as_array_mut().unwrap().push(line);
    mapping
}

#[tokio::test]
async fn a_mapping_is_saved_with_who_and_why_put_in_force_and_shown_on_the_dashboard() {
    let server = with_platforms().await;
    server.account("Analytical Engines").await;
    let mapping = add(&server.accounts_at_zendesk().await, json!({ "field": "kind", "remote": "details", "owner": "crm" }));
    let (status, checked) = server.post("/api/v1/mappings/zendesk/check", json!({ "mapping": mapping })).await;
    assert_eq!(status, StatusCode::OK, "{checked}");
    // What the shipped mapping has already is told, and is nothing new.
    assert!(checked["errors"].as_array().unwrap().iter().all(|error| error["known"] == true), "{checked}");
    assert_eq!((checked["losses"].clone(), checked["added"].clone()), (json!([]), json!(["kind"])), "{checked}");
    assert!(checked["rows"].as_u64().unwrap() > 0, "{checked}");
    let (status, saved) = server.save(&mapping, json!({ "note": "agents asked for it" })).await;
    assert_eq!(status, StatusCode::CREATED, "{saved}");
    assert_eq!((saved["version"].as_i64(), saved["note"].as_str()), (Some(2), Some("agents asked for it")));
    assert_eq!(saved["saved_by"], "local");
    assert_eq!(saved["records"], 1);
    let catalog = server.app.engine.catalog();
    assert!(catalog.mapped("zendesk", "account").unwrap().writable.contains("kind"), "it is in force at once");
    let columns = server.app.engine.store().read(|tx| tx.settings("column/")).await.unwrap();
    assert_eq!(columns["column/zendesk/account"]["columns"], json!(["details"]), "a field that was never read is read now, and it alone");
    let (status, rollouts) = server.get("/api/v1/rollouts").await;
    let unverified = (&rollouts[0]["stage"], &rollouts[0]["version"], &rollouts[0]["previous"]);
    assert_eq!((status, unverified), (StatusCode::OK, (&json!("all"), &json!(2), &json!(1))), "{rollouts}");
    let (_, dashboard) = server.get("/api/v1/dashboard").await;
    let recent = &dashboard["mappings"]["recent"][0];
    assert_eq!((recent["label"].as_str(), recent["connection"].as_str()), (Some("Account: Type"), Some("zendesk")), "{dashboard}");

    let (_, versions) = server.get("/api/v1/mappings/zendesk/account/versions").await;
    assert_eq!(
        versions.as_array().unwrap().iter().map(|version| version["active"].as_bool()).collect::<Vec<_>>(),
        [Some(true), Some(false)]
    );
    let (status, active) = server.post("/api/v1/mappings/zendesk/account/activate", json!({ "version": 1 })).await;
    assert_eq!((status, active["version"].as_i64()), (StatusCode::OK, Some(1)), "{active}");
    assert!(!server.app.engine.catalog().mapped("zendesk", "account").unwrap().writable.contains("kind"));
    let (status, error) = server.post("/api/v1/mappings/zendesk/account/activate", json!({ "version": 9 })).await;
    assert_eq!((status, error["error"]["remedy"].as_str()), (StatusCode::NOT_FOUND, Some("there are: 2, 1")), "{error}");
}

#[tokio::test]
async fn everything_that_is_wrong_is_named_with_its_line_and_nothing_is_saved() {
    let server = with_platforms().await;
    let good = server.accounts_at_zendesk().await;
    let lines = good["fields"].as_array().unwrap().len();
    for (line, wrong) in [
        (
            json!({ "field": "shoe_size", "remote": "details", "owner": "crm" }),
            format!("line {} (`shoe_size`): `account` has no field `shoe_size`", lines + 1),
        ),
        (
            json!({ "field": "kind", "remote": "nope", "owner": "crm" }),
            format!("line {} (`kind`): `organization` has no field `nope`", lines + 1),
        ),
        (
            json!({ "field": "kind", "remote": "organization_fields.Industry", "owner": "crm" }),
            "did you mean `organization_fields.industry`?".to_owned(),
        ),
        (
            json!({ "field": "kind", "remote": "details", "owner": "support" }),
            "its owner is `support` here and `crm` in the mapping of salesforce".to_owned(),
        ),
        (json!({ "field": "kind", "remote": "details", "owner": "crm", "get": "UPPER(detials)", "put": "kind" }), "^^^".to_owned()),
    ] {
        let (status, error) = server.save(&add(&good, line.clone()), json!({})).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{line}: {error}");
        let message = error["error"]["message"].as_str().unwrap();
        assert!(message.contains(&wrong), "{line}: {message}");
        assert_eq!(error["error"]["remedy"], "nothing was saved: correct this and save again");
    }
    let mut strange = good.clone();
    strange["object"] = json!("unicorn");
    assert!(server.save(&strange, json!({})).await.1["error"]["message"].as_str().unwrap().contains("there is no object `unicorn`"));
    let (status, error) = server.save(&json!({ "object": "account", "colour": "red" }), json!({})).await;
    assert!(status.is_client_error() && error["error"]["message"].as_str().unwrap().contains("colour"), "{error}");
    assert_eq!(server.get("/api/v1/mappings/zendesk/account/versions").await.1.as_array().unwrap().len(), 1);
    assert_eq!(server.accounts_at_zendesk().await, good);
}

#[tokio::test]
async fn a_mapping_that_moves_is_judged_in_every_line_and_what_provisioning_makes_is_told() {
    let server = with_platforms().await;
    let (_, list) = server.get("/api/v1/mappings?connection=salesforce&object=case").await;
    let mut mapping = list[0]["mapping"].clone();
    mapping["remote"] = json!("Case");
    let save = async |mapping: &Json| server.post("/api/v1/mappings/salesforce", json!({ "mapping": mapping, "accept_loss": true })).await;
    // Its lines are as they were; the object that they name the fields of is another.
    let (status, error) = save(&mapping).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{error}");
    let message = error["error"]["message"].as_str().unwrap();
    for (field, missing) in [("account", "WhatId"), ("contact", "WhoId")] {
        let told = format!("(`{field}`): `Case` has no field `{missing}`; pick another, or create it there");
        assert!(message.contains(&told), "{message}");
    }
    assert!(!message.contains("__c"), "what provisioning makes is no mistake: {message}");

    for (field, remote) in [("account", "AccountId"), ("contact", "ContactId")] {
        let lines = mapping["fields"].as_array_mut().unwrap();
        lines.iter_mut().find(|line| line["field"] == field).unwrap()["remote"] = json!(remote);
    }
    let (status, saved) = save(&mapping).await;
    assert!(status.is_success(), "{saved}");
    let made = ["CSAT__c", "Entente_Id__c", "First_Response_Minutes__c", "Resolution_Minutes__c", "Ticket_Agent__c", "Ticket_Category__c"];
    assert_eq!(saved["judgement"]["to_provision"], json!(made));
    assert_eq!(saved["judgement"]["errors"], json!([]));
    let needs = provision(&server.app.engine, true).await.unwrap();
    let created = needs.iter().filter(|need| need.object == "Case" && need.state == "created").map(|need| need.field.as_str());
    assert_eq!(created.collect::<Vec<_>>(), made, "what was told is what is made");
    let (status, saved) = save(&mapping).await;
    assert!(status.is_success() && saved["judgement"]["to_provision"] == json!([]), "{saved}");
}

#[tokio::test]
async fn a_mapping_that_loses_something_needs_a_word() {
    let server = with_platforms().await;
    let mut mapping = server.accounts_at_zendesk().await;
    for line in mapping["fields"].as_array_mut().unwrap() {
        if line["field"] == "industry" {
            line["values"] = json!([["Banking", "Finance"], ["Insurance", "Finance"]]);
        }
    }
    let (status, error) = server.save(&mapping, json!({})).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{error}");
    assert!(error["error"]["message"].as_str().unwrap().contains("`industry`: two list values become one"), "{error}");
    let (status, saved) = server.save(&mapping, json!({ "accept_loss": true })).await;
    assert_eq!(status, StatusCode::CREATED, "{saved}");
    assert_eq!((saved["judgement"]["changed"].clone(), saved["version"].as_i64()), (json!(["industry"]), Some(2)), "{saved}");
    let (status, again) = server.save(&mapping, json!({})).await;
    assert_eq!(status, StatusCode::CREATED, "a loss that was accepted before is not asked about again: {again}");
}

#[tokio::test]
async fn a_running_process_takes_up_what_another_one_saved() {
    let server = with_platforms().await;
    let another = another_process(&server.app.engine).await;
    assert!(!metadata::refresh(&server.app.engine).await.unwrap(), "nothing has changed");
    let mapping = add(&server.accounts_at_zendesk().await, json!({ "field": "kind", "remote": "details", "owner": "crm" }));
    let proposal = serde_json::from_value::<metadata::mappings::Proposal>(json!({ "mapping": mapping, "accept_loss": true })).unwrap();
    let viewer = entente_store::Viewer::new("ada", "admin");
    metadata::mappings::save(&another, &viewer, "zendesk", proposal).await.unwrap();
    let has_it = || server.app.engine.catalog().mapped("zendesk", "account").unwrap().writable.contains("kind");
    assert!(!has_it());
    assert!(metadata::refresh(&server.app.engine).await.unwrap());
    assert!(has_it());
}

#[tokio::test]
async fn what_a_saved_mapping_has_looked_at_again_is_looked_at_by_that_mapping() {
    let server = with_platforms().await;
    let engine = &server.app.engine;
    let id = server.account("Analytical Engines").await;
    let another = another_process(engine).await;
    let mut mapping = add(&server.accounts_at_zendesk().await, json!({ "field": "kind", "remote": "details", "owner": "crm" }));
    // A line that changes has the rows read as a whole.
    mapping["rules"] = json!([{ "must": "TRUE", "message": "always so" }]);
    let proposal = serde_json::from_value::<metadata::mappings::Proposal>(json!({ "mapping": mapping, "accept_loss": true })).unwrap();
    metadata::mappings::save(&another, &entente_store::Viewer::new("ada", "admin"), "zendesk", proposal).await.unwrap();
    // The hints are claimed before anything told this process of the mapping.
    let hints = entente_engine::sync::work::claim(engine).await.unwrap();
    assert!(hints.iter().any(|hint| hint.subject == id), "{hints:?}");
    entente_engine::sync::work::work(engine, hints).await.unwrap();
    assert!(engine.catalog().mapped("zendesk", "account").unwrap().writable.contains("kind"));
}

#[tokio::test]
async fn an_admin_sees_the_fields_of_both_sides_and_maps_a_new_one_in_one_step() {
    let server = with_platforms().await;
    let (status, fields) = server.get("/api/v1/mappings/zendesk/account/fields").await;
    assert_eq!((status, fields["remote"].as_str()), (StatusCode::OK, Some("organization")), "{fields}");
    let named = |side: &str, key: &str, name: &str| {
        fields[side].as_array().unwrap().iter().find(|field| field[key] == name).cloned().unwrap_or_else(|| panic!("no {name} in {fields}"))
    };
    assert_eq!(named("ours", "key", "industry")["owners"], json!({ "salesforce": "crm", "zendesk": "crm" }), "{fields}");
    assert_eq!(named("ours", "key", "kind")["owners"]["zendesk"], Json::Null, "it is not mapped there: {fields}");
    let details = named("theirs", "name", "details");
    assert_eq!((details["writable"].as_bool(), details["type"].as_str()), (Some(true), Some("long_text")), "{details}");

    let line = json!({ "field": "house_colour", "remote": "details", "owner": "support" });
    let mapping = add(&server.accounts_at_zendesk().await, line);
    let colour = json!([{ "key": "house_colour", "label": "House colour", "type": "text" }]);
    for (wrong, reason) in [
        (json!([{ "key": "House colour", "label": "House colour", "type": "text" }]), "`House colour` is no name of a field"),
        (json!([{ "key": "house_colour", "label": " ", "type": "text" }]), "`house_colour` has no label"),
        (json!([{ "key": "industry", "label": "Industry", "type": "text" }]), "`account` has a field `industry` already"),
    ] {
        let (status, error) = server.save(&mapping, json!({ "new_fields": wrong })).await;
        assert_eq!((status, &error["error"]["message"]), (StatusCode::BAD_REQUEST, &json!(reason)), "{error}");
        assert_eq!(error["error"]["field"], "new_fields");
    }
    let (status, checked) = server.post("/api/v1/mappings/zendesk/check", json!({ "mapping": mapping, "new_fields": colour })).await;
    assert_eq!((status, &checked["added"]), (StatusCode::OK, &json!(["house_colour"])), "{checked}");
    assert!(server.app.engine.catalog().object("account").unwrap().field("house_colour").is_none(), "judging changes nothing");

    let (status, saved) = server.save(&mapping, json!({ "new_fields": colour })).await;
    assert_eq!((status, saved["version"].as_i64()), (StatusCode::CREATED, Some(2)), "{saved}");
    assert!(server.app.engine.catalog().object("account").unwrap().field("house_colour").unwrap().custom);
    assert!(server.app.engine.catalog().mapped("zendesk", "account").unwrap().writable.contains("house_colour"));
    let (_, fields) = server.get("/api/v1/mappings/zendesk/account/fields").await;
    let known = fields["ours"].as_array().unwrap().iter().find(|field| field["key"] == "house_colour").cloned().unwrap();
    assert_eq!((&known["custom"], &known["owners"]), (&json!(true), &json!({ "zendesk": "support" })), "{known}");

    let (status, error) = server.get("/api/v1/mappings/zendesk/unicorn/fields").await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{error}");
}

#[tokio::test]
async fn a_draft_may_bring_a_new_field_and_a_trial_answers_as_it_is_described() {
    let server = with_platforms().await;
    server.account("Analytical Engines").await;
    let line = json!({ "field": "house_colour", "remote": "details", "owner": "support" });
    let mapping = add(&server.accounts_at_zendesk().await, line);
    let colour = json!([{ "key": "house_colour", "label": "House colour", "type": "text" }]);
    let (status, draft) = server.post("/api/v1/mappings/zendesk/draft", json!({ "mapping": mapping, "new_fields": colour })).await;
    assert_eq!((status, draft["active"].as_bool()), (StatusCode::CREATED, Some(false)), "{draft}");
    assert!(!server.app.engine.catalog().mapped("zendesk", "account").unwrap().writable.contains("house_colour"), "it is a draft");
    let (status, trial) = server.post("/api/v1/mappings/zendesk/account/try", json!({ "version": draft["version"] })).await;
    assert_eq!(status, StatusCode::OK, "{trial}");
    let described = serde_json::to_value(<super::openapi::Description as utoipa::OpenApi>::openapi()).unwrap();
    let answer = &described["paths"]["/api/v1/mappings/{connection}/{object}/try"]["post"]["responses"]["200"]["content"];
    let name = answer["application/json"]["schema"]["$ref"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    for part in described["components"]["schemas"][&name]["required"].as_array().unwrap() {
        assert!(trial.get(part.as_str().unwrap()).is_some(), "`{name}` says that the answer has {part}: {trial}");
    }
}
