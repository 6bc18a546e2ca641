//! Platforms full of contacts, at their real pace.

use entente_connect::settings::{Auth, ConnectionSettings, Secret, WebhookSettings};
use entente_model::mapping::Role;
use entente_sims::clock::SimClock;
use entente_sims::faults::Faults;
use entente_sims::mailroom::Mailroom;
use entente_sims::profile::Profile;
use entente_sims::{dynamics, freshdesk, hubspot, intercom, pipedrive, salesforce, zendesk};
use serde_json::{Map, Value, json};

use crate::fault::{Fault, Result};

/// Makes contact number `n`; its id.
type Plant = Box<dyn Fn(usize) -> std::result::Result<String, String>>;
/// Renames a contact.
type Rename = Box<dyn Fn(&str, &str) -> std::result::Result<(), String>>;

/// One platform.
pub struct Crowd {
    pub settings: ConnectionSettings,
    pub router: axum::Router,
    pub mail: Mailroom,
    pub profile: Profile,
    pub plant: Plant,
    pub rename: Rename,
    /// Sets up webhooks as a person does, where the connector cannot.
    pub listen: Box<dyn Fn(&str)>,
    /// The platform's name of contacts, of their names, addresses, and of Entente's id.
    pub object: &'static str,
    pub name: &'static str,
    pub email: &'static str,
    pub key: &'static str,
    /// Contacts that one call reads, at most, whichever call that is.
    pub rows_per_read: u64,
    /// Contacts that one call writes, at most, whoever makes it.
    pub rows_per_write: u64,
    /// Where writes are jobs: how many of them run at once, so that one question tells how all of them stand.
    pub jobs_at_once: Option<u64>,
}

impl Crowd {
    /// Calls without which nobody can read so many contacts.
    pub fn least_reads(&self, contacts: u64) -> u64 {
        contacts.div_ceil(self.rows_per_read)
    }

    /// Calls without which nobody can write so many contacts.
    pub fn least_writes(&self, contacts: u64) -> u64 {
        let calls = contacts.div_ceil(self.rows_per_write);
        calls + self.jobs_at_once.map_or(0, |jobs| calls.div_ceil(jobs))
    }
}

fn map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn settings(platform: &str, role: Role, base: &str, auth: Auth) -> Result<ConnectionSettings> {
    let base_url = base.parse().map_err(|error: url::ParseError| Fault::of(&error))?;
    Ok(ConnectionSettings {
        name: platform.to_owned(),
        platform: platform.to_owned(),
        role,
        base_url,
        login_url: None,
        follow_instance_url: false,
        api_version: None,
        headers: std::collections::BTreeMap::new(),
        proxy: None,
        auth,
        webhooks: WebhookSettings::default(),
        actors: std::collections::BTreeMap::new(),
        daily_calls: None,
        description: None,
        salesforce: entente_connect::settings::SalesforceSettings::default(),
        hubspot: entente_connect::settings::HubSpotSettings::default(),
    })
}

fn address(n: usize) -> String {
    format!("p{n}@crowd.example")
}

/// Starts a platform; `None` for one that has no crowd.
pub fn start(platform: &str, clock: SimClock, seed: u64) -> Result<Option<Crowd>> {
    Ok(Some(match platform {
        "salesforce" => of_salesforce(clock, seed)?,
        "hubspot" => of_hubspot(clock, seed)?,
        "pipedrive" => of_pipedrive(clock, seed)?,
        "dynamics" => of_dynamics(clock, seed)?,
        "zendesk" => of_zendesk(clock, seed)?,
        "freshdesk" => of_freshdesk(clock, seed)?,
        "intercom" => of_intercom(clock, seed)?,
        _ => return Ok(None),
    }))
}

fn of_salesforce(clock: SimClock, seed: u64) -> Result<Crowd> {
    let (profile, faults) = (Profile::salesforce_real(), Faults::none(seed));
    let mail = Mailroom::new(clock.clone(), faults.clone());
    let org = salesforce::Salesforce::new(salesforce::SalesforceOptions::new(clock, profile.clone(), seed, faults, mail.clone()));
    let auth = Auth::ClientCredentials { client_id: "sim-client".to_owned(), client_secret: Secret::new("sim-secret") };
    let mut settings = settings("salesforce", Role::Crm, "https://acme.my.salesforce.com", auth)?;
    settings.webhooks.path_secret = Secret::new("path-secret");
    let by = org.users().sales.first().cloned().unwrap_or_default();
    let (planted, renamed, listening, seller) = (org.clone(), org.clone(), org.clone(), by.clone());
    Ok(Crowd {
        settings,
        router: org.router(),
        mail,
        profile,
        plant: Box::new(move |n| {
            let row = map(json!({"LastName": format!("Person {n}"), "Email": address(n)}));
            planted.insert("Contact", &row, &by).map_err(|error| error.message)
        }),
        rename: Box::new(move |id, name| {
            renamed.update("Contact", id, &map(json!({"LastName": name})), &seller).map_err(|error| error.message)
        }),
        listen: Box::new(move |url| {
            listening.subscribe_outbound(
                "Contact",
                url,
                &["Id", "LastName", "Email", "LastModifiedById", "LastModifiedDate", "SystemModstamp"],
            );
        }),
        object: "Contact",
        name: "LastName",
        email: "Email",
        key: "Entente_Id__c",
        rows_per_read: 2_000,
        rows_per_write: 1_000,
        jobs_at_once: None,
    })
}

fn of_hubspot(clock: SimClock, seed: u64) -> Result<Crowd> {
    let profile = Profile::hubspot_real();
    let options = hubspot::HubSpotOptions::new(clock, profile.clone(), seed);
    let mail = options.mailroom.clone();
    let portal = hubspot::HubSpot::new(options);
    let auth = Auth::RefreshToken {
        client_id: "hubspot-client".to_owned(),
        client_secret: Secret::new("hubspot-secret"),
        refresh_token: Secret::new("hubspot-refresh"),
    };
    let mut settings = settings("hubspot", Role::Crm, "https://api.hubapi.com", auth)?;
    settings.webhooks.organization = Some("62515".to_owned());
    let hand = portal.owners().first().map_or(hubspot::Hand::Person(0), |owner| hubspot::Hand::Person(owner.user_id));
    let (planted, renamed, listening) = (portal.clone(), portal.clone(), portal.clone());
    Ok(Crowd {
        settings,
        router: portal.router(),
        mail,
        profile,
        plant: Box::new(move |n| {
            let row = map(json!({"lastname": format!("Person {n}"), "email": address(n)}));
            planted.create("contacts", &row, hand).map_err(|error| format!("{error:?}"))
        }),
        rename: Box::new(move |id, name| {
            renamed.update("contacts", id, &map(json!({"lastname": name})), hand).map_err(|error| format!("{error:?}"))
        }),
        listen: Box::new(move |url| drop(listening.subscribe(url, &["contact.propertyChange:lastname"]))),
        object: "contacts",
        name: "lastname",
        email: "email",
        key: "entente_id",
        // What its search gives; a list has 100.
        rows_per_read: 200,
        rows_per_write: 100,
        jobs_at_once: None,
    })
}

fn of_pipedrive(clock: SimClock, seed: u64) -> Result<Crowd> {
    let profile = Profile::pipedrive_real();
    let options = pipedrive::PipedriveOptions::new(clock, profile.clone(), seed);
    let mail = options.mailroom.clone();
    let company = pipedrive::Pipedrive::new(options);
    let auth = Auth::RefreshToken {
        client_id: "pipedrive-client".to_owned(),
        client_secret: Secret::new("pipedrive-secret"),
        refresh_token: Secret::new("pipedrive-refresh"),
    };
    let settings = settings("pipedrive", Role::Crm, "https://acme.pipedrive.com", auth)?;
    let (planted, renamed) = (company.clone(), company.clone());
    let hand = pipedrive::Hand::Person(company.sales_person());
    Ok(Crowd {
        settings,
        router: company.router(),
        mail,
        profile,
        plant: Box::new(move |n| {
            let row = json!({"name": format!("Person {n}"), "emails": [{"value": address(n), "primary": true, "label": "work"}]});
            planted.create(pipedrive::Kind::Person, &row, hand).map_err(|error| format!("{error:?}"))
        }),
        rename: Box::new(move |id, name| {
            renamed.update(pipedrive::Kind::Person, id, &json!({"name": name}), hand).map_err(|error| format!("{error:?}"))
        }),
        listen: Box::new(|_| {}),
        object: "persons",
        name: "name",
        email: "email",
        key: "entente_id",
        rows_per_read: 500,
        rows_per_write: 1,
        jobs_at_once: None,
    })
}

fn of_dynamics(clock: SimClock, seed: u64) -> Result<Crowd> {
    let profile = Profile::dynamics_real();
    let options = dynamics::DynamicsOptions::new(clock, profile.clone(), seed);
    let (mail, tenant) = (options.mailroom.clone(), options.tenant_id.clone());
    let environment = dynamics::Dynamics::new(options);
    let auth = Auth::ClientCredentials { client_id: "dynamics-client".to_owned(), client_secret: Secret::new("dynamics-secret") };
    let mut settings = settings("dynamics", Role::Crm, "https://acme.crm.dynamics.com", auth)?;
    settings.login_url = format!("https://login.microsoftonline.com/{tenant}").parse().ok();
    let (planted, renamed) = (environment.clone(), environment.clone());
    let by = dynamics::Hand::Person(environment.sales_person());
    let seller = by.clone();
    Ok(Crowd {
        settings,
        router: environment.router(),
        mail,
        profile,
        plant: Box::new(move |n| {
            let row = json!({"lastname": format!("Person {n}"), "emailaddress1": address(n)});
            planted.create("contacts", &row, &by).map_err(|error| error.to_string())
        }),
        rename: Box::new(move |id, name| {
            renamed.update("contacts", id, &json!({"lastname": name}), &seller).map_err(|error| error.to_string())
        }),
        listen: Box::new(|_| {}),
        object: "contacts",
        name: "lastname",
        email: "emailaddress1",
        key: "entente_id",
        // As large a batch as the connector makes; the platform takes a thousand, and slows everybody down who sends that many.
        rows_per_read: 5_000,
        rows_per_write: 1_000,
        jobs_at_once: None,
    })
}

fn of_zendesk(clock: SimClock, seed: u64) -> Result<Crowd> {
    let profile = Profile::zendesk_real();
    let options = zendesk::ZendeskOptions::new(clock, profile.clone(), seed);
    let mail = options.mailroom.clone();
    let account = zendesk::Zendesk::new(options);
    let auth = Auth::ClientCredentials { client_id: "entente".to_owned(), client_secret: Secret::new("zendesk-client-secret") };
    let settings = settings("zendesk", Role::Support, "https://acme.zendesk.com", auth)?;
    let (planted, renamed) = (account.clone(), account.clone());
    let agent = account.agents().iter().find(|agent| agent.role == "agent").map_or(0, |agent| agent.id);
    Ok(Crowd {
        settings,
        router: account.router(),
        mail,
        profile,
        plant: Box::new(move |n| {
            let row = map(json!({"name": format!("Person {n}"), "email": address(n)}));
            planted.create_user(&row, agent).map(|id| id.to_string()).map_err(|error| error.to_string())
        }),
        rename: Box::new(move |id, name| {
            let id = id.parse().unwrap_or_default();
            renamed.update_user(id, &map(json!({"name": name})), agent).map(drop).map_err(|error| error.to_string())
        }),
        listen: Box::new(|_| {}),
        object: "user",
        name: "name",
        email: "email",
        key: "external_id",
        rows_per_read: 1_000,
        rows_per_write: 100,
        jobs_at_once: Some(30),
    })
}

fn of_freshdesk(clock: SimClock, seed: u64) -> Result<Crowd> {
    let profile = Profile::freshdesk_real();
    let options = freshdesk::FreshdeskOptions::new(clock, profile.clone(), seed);
    let mail = options.mailroom.clone();
    let account = freshdesk::Freshdesk::new(options);
    let auth = Auth::AccessToken { token: Secret::new("freshdesk-api-key") };
    let settings = settings("freshdesk", Role::Support, "https://acme.freshdesk.com", auth)?;
    let (planted, renamed) = (account.clone(), account.clone());
    Ok(Crowd {
        settings,
        router: account.router(),
        mail,
        profile,
        plant: Box::new(move |n| {
            let row = map(json!({"name": format!("Person {n}"), "email": address(n)}));
            planted.create(freshdesk::Kind::Contact, &row).map(|id| id.to_string()).map_err(|error| format!("{error:?}"))
        }),
        rename: Box::new(move |id, name| {
            let id = id.parse().unwrap_or_default();
            renamed.update(freshdesk::Kind::Contact, id, &map(json!({"name": name}))).map_err(|error| format!("{error:?}"))
        }),
        listen: Box::new(|_| {}),
        object: "contact",
        name: "name",
        email: "email",
        key: "unique_external_id",
        rows_per_read: 100,
        rows_per_write: 1,
        jobs_at_once: None,
    })
}

fn of_intercom(clock: SimClock, seed: u64) -> Result<Crowd> {
    let profile = Profile::intercom_real();
    let options = intercom::IntercomOptions::new(clock, profile.clone(), seed);
    let mail = options.mailroom.clone();
    let workspace = intercom::Intercom::new(options);
    let auth = Auth::AccessToken { token: Secret::new("intercom-token") };
    let mut settings = settings("intercom", Role::Support, "https://api.intercom.io", auth)?;
    settings.webhooks.signing_secret = Secret::new("intercom-client-secret");
    let (planted, renamed, listening) = (workspace.clone(), workspace.clone(), workspace.clone());
    Ok(Crowd {
        settings,
        router: workspace.router(),
        mail,
        profile,
        plant: Box::new(move |n| {
            let row = map(json!({"name": format!("Person {n}"), "email": address(n)}));
            planted.create(intercom::Kind::Contact, &row).map_err(|error| format!("{error:?}"))
        }),
        rename: Box::new(move |id, name| {
            renamed.update(intercom::Kind::Contact, id, &map(json!({"name": name}))).map_err(|error| format!("{error:?}"))
        }),
        listen: Box::new(move |url| listening.subscribe(url, None)),
        object: "contact",
        name: "name",
        email: "email",
        key: "external_id",
        rows_per_read: 150,
        rows_per_write: 1,
        jobs_at_once: None,
    })
}
