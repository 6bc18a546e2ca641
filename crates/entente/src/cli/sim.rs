//! `entente sim`: simulators of platforms behind sockets, to try Entente without an account.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use axum::Router;
use clap::{Args as ClapArgs, ValueEnum};
use entente_sims::clock::SimClock;
use entente_sims::dynamics::{Dynamics, DynamicsOptions};
use entente_sims::faults::Faults;
use entente_sims::freshdesk::{Freshdesk, FreshdeskOptions};
use entente_sims::hubspot::{HubSpot, HubSpotOptions};
use entente_sims::intercom::{Intercom, IntercomOptions};
use entente_sims::mailroom::Mailroom;
use entente_sims::pipedrive::{Pipedrive, PipedriveOptions};
use entente_sims::profile::Profile;
use entente_sims::receivers::SlackWorkspace;
use entente_sims::salesforce::{KEEPALIVE, Salesforce, SalesforceOptions};
use entente_sims::serve::{deliver_mail, serve};
use entente_sims::world::{self, World, WorldOptions};
use entente_sims::zendesk::{Zendesk, ZendeskOptions};
use serde_json::{Map, Value, json};

use super::context::Context;
use super::output::say;
use super::serve::stop_signal;
use crate::fault::{Fault, Result};

/// A platform that can be simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Platform {
    Salesforce,
    // One word, as everywhere else.
    #[value(name = "hubspot")]
    HubSpot,
    Pipedrive,
    Dynamics,
    Zendesk,
    Freshdesk,
    Intercom,
    /// The webhook of a channel and the Web API of a bot, for notices
    Slack,
}

/// How fast and how generous a simulator is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Speed {
    /// Latency and quotas as measured in production
    Real,
    /// No latency and no quotas
    Instant,
}

/// Options.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Platforms to simulate
    #[arg(value_enum, required = true, value_name = "PLATFORM")]
    platforms: Vec<Platform>,
    /// Port of Salesforce; 0 takes a free one
    #[arg(long, default_value_t = 0, value_name = "PORT")]
    salesforce_port: u16,
    /// Port of Salesforce's Pub/Sub API; 0 takes a free one
    #[arg(long, default_value_t = 0, value_name = "PORT")]
    salesforce_pubsub_port: u16,
    /// Objects of Salesforce whose changes its Pub/Sub API tells
    #[arg(long, value_delimiter = ',', value_name = "OBJECT", default_value = "Account,Contact,Opportunity,Case,Task")]
    salesforce_changes: Vec<String>,
    /// Port of HubSpot; 0 takes a free one
    #[arg(long, default_value_t = 0, value_name = "PORT")]
    hubspot_port: u16,
    /// Port of Pipedrive; 0 takes a free one
    #[arg(long, default_value_t = 0, value_name = "PORT")]
    pipedrive_port: u16,
    /// Port of Dynamics 365; 0 takes a free one
    #[arg(long, default_value_t = 0, value_name = "PORT")]
    dynamics_port: u16,
    /// Port of Zendesk; 0 takes a free one
    #[arg(long, default_value_t = 0, value_name = "PORT")]
    zendesk_port: u16,
    /// Port of Freshdesk; 0 takes a free one
    #[arg(long, default_value_t = 0, value_name = "PORT")]
    freshdesk_port: u16,
    /// Port of Intercom; 0 takes a free one
    #[arg(long, default_value_t = 0, value_name = "PORT")]
    intercom_port: u16,
    /// Customers to make up at Salesforce; Zendesk knows most of them already
    #[arg(long, default_value_t = 0, value_name = "N")]
    customers: usize,
    /// Seed of ids, names and faults
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// Latency and quotas
    #[arg(long, value_enum, default_value_t = Speed::Real)]
    profile: Speed,
    /// End when standard input ends: for programs that start simulators and may die
    #[arg(long)]
    with_parent: bool,
}

pub async fn run(args: Args, _: &Context) -> Result<ExitCode> {
    let real = args.profile == Speed::Real;
    let clock = SimClock::wall();
    let faults = Faults::none(args.seed);
    let mailroom = Mailroom::new(clock.clone(), faults.clone());
    let profile = if real { Profile::salesforce_real() } else { Profile::instant() };
    let crm = SalesforceOptions::new(clock.clone(), profile, args.seed, faults, mailroom.clone());
    let profile = if real { Profile::zendesk_real() } else { Profile::instant() };
    let desk = ZendeskOptions::new(clock.clone(), profile, args.seed);
    let profile = if real { Profile::hubspot_real() } else { Profile::instant() };
    let portal = HubSpotOptions::new(clock.clone(), profile, args.seed);
    let profile = if real { Profile::pipedrive_real() } else { Profile::instant() };
    let company = PipedriveOptions::new(clock.clone(), profile, args.seed);
    let profile = if real { Profile::dynamics_real() } else { Profile::instant() };
    let environment = DynamicsOptions::new(clock.clone(), profile, args.seed);
    let profile = if real { Profile::freshdesk_real() } else { Profile::instant() };
    let second_desk = FreshdeskOptions::new(clock.clone(), profile, args.seed);
    let profile = if real { Profile::intercom_real() } else { Profile::instant() };
    let third_desk = IntercomOptions::new(clock, profile, args.seed);
    let mailrooms = vec![
        mailroom,
        desk.mailroom.clone(),
        portal.mailroom.clone(),
        company.mailroom.clone(),
        environment.mailroom.clone(),
        second_desk.mailroom.clone(),
        third_desk.mailroom.clone(),
    ];
    let credentials = json!({
        "salesforce": { "kind": "client_credentials", "client_id": crm.client_id, "client_secret": crm.client_secret, "username": crm.username, "password": crm.password },
        "hubspot": {
            "kind": "refresh_token", "client_id": portal.client_id, "client_secret": portal.client_secret, "refresh_token": portal.refresh_token,
            "token": portal.service_key, "developer_key": portal.developer_key, "app_id": portal.app_id,
        },
        "pipedrive": {
            "kind": "refresh_token", "client_id": company.client_id, "client_secret": company.client_secret, "refresh_token": company.refresh_token,
            "token": company.api_token,
        },
        "dynamics": {
            "kind": "client_credentials", "client_id": environment.client_id, "client_secret": environment.client_secret,
            "tenant_id": environment.tenant_id,
        },
        "zendesk": { "kind": "client_credentials", "client_id": desk.client_id, "client_secret": desk.client_secret, "email": desk.agent_email, "token": desk.api_token },
        "freshdesk": { "kind": "access_token", "token": second_desk.api_key },
        "intercom": {
            "kind": "access_token", "token": third_desk.token, "client_id": third_desk.client_id, "client_secret": third_desk.client_secret,
            "code": third_desk.code,
        },
    });
    let (salesforce, zendesk) = (Salesforce::new(crm), Zendesk::new(desk));
    if args.customers > 0 {
        let options = WorldOptions { customers: args.customers, seed: args.seed, ..WorldOptions::default() };
        world::seed(&options, &salesforce, &zendesk).map_err(|error| Fault::of(&error))?;
    }
    let world = World::new(salesforce.clone(), zendesk.clone(), mailrooms.clone());
    let mut ready = Map::new();
    if args.platforms.contains(&Platform::Salesforce) {
        let control = salesforce.control_router().nest("/world", world::control_router(world.clone()));
        let address = start(salesforce.router(), control, args.salesforce_port).await?;
        ready.insert("salesforce".to_owned(), Value::String(format!("http://{address}")));
        let objects: Vec<&str> = args.salesforce_changes.iter().map(String::as_str).collect();
        salesforce.select_changes(&objects);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, args.salesforce_pubsub_port));
        let (address, _) = salesforce.serve_pubsub(address, KEEPALIVE).await.map_err(|error| taken(address.port(), &error))?;
        ready.insert("salesforce_pubsub".to_owned(), Value::String(format!("http://{address}")));
    }
    if args.platforms.contains(&Platform::HubSpot) {
        let hubspot = HubSpot::new(portal);
        let address = start(hubspot.router(), hubspot.control_router(), args.hubspot_port).await?;
        ready.insert("hubspot".to_owned(), Value::String(format!("http://{address}")));
    }
    if args.platforms.contains(&Platform::Pipedrive) {
        let pipedrive = Pipedrive::new(company);
        let address = start(pipedrive.router(), pipedrive.control_router(), args.pipedrive_port).await?;
        ready.insert("pipedrive".to_owned(), Value::String(format!("http://{address}")));
    }
    if args.platforms.contains(&Platform::Dynamics) {
        let dynamics = Dynamics::new(environment);
        let address = start(dynamics.router(), dynamics.control_router(), args.dynamics_port).await?;
        ready.insert("dynamics".to_owned(), Value::String(format!("http://{address}")));
    }
    if args.platforms.contains(&Platform::Zendesk) {
        let control = zendesk.control_router().nest("/world", world::control_router(world));
        let address = start(zendesk.router(), control, args.zendesk_port).await?;
        ready.insert("zendesk".to_owned(), Value::String(format!("http://{address}")));
    }
    if args.platforms.contains(&Platform::Freshdesk) {
        let freshdesk = Freshdesk::new(second_desk);
        let address = start(freshdesk.router(), freshdesk.control_router(), args.freshdesk_port).await?;
        ready.insert("freshdesk".to_owned(), Value::String(format!("http://{address}")));
    }
    if args.platforms.contains(&Platform::Intercom) {
        let intercom = Intercom::new(third_desk);
        let address = start(intercom.router(), intercom.control_router(), args.intercom_port).await?;
        ready.insert("intercom".to_owned(), Value::String(format!("http://{address}")));
    }
    if args.platforms.contains(&Platform::Slack) {
        let slack = SlackWorkspace::behind("");
        let address = start(slack.router(), slack.control_router(), 0).await?;
        ready.insert("slack".to_owned(), Value::String(format!("http://{address}")));
        ready.insert("slack_webhook".to_owned(), Value::String(format!("http://{address}{}", slack.address)));
        ready.insert("slack_api".to_owned(), Value::String(format!("http://{address}{}", slack.api)));
        ready.insert("slack_token".to_owned(), Value::String(SlackWorkspace::BOT.to_owned()));
    }
    let chosen = credentials
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, _)| ready.contains_key(*name))
        .map(|(name, known)| (name.clone(), known.clone()));
    let chosen: Map<String, Value> = chosen.collect();
    ready.insert("credentials".to_owned(), Value::Object(chosen));
    let client = client()?;
    for mailroom in mailrooms {
        tokio::spawn(deliver_mail(mailroom, client.clone()));
    }
    // One line, whatever the form of other answers: programs wait for it.
    say(&Value::Object(ready).to_string());
    if args.with_parent {
        tokio::select! {
            () = stop_signal() => {}
            () = input_end() => {}
        }
    } else {
        stop_signal().await;
    }
    Ok(ExitCode::SUCCESS)
}

/// Completes when standard input ends, as it does when the process at its other end dies, whatever the way.
async fn input_end() {
    let (tell, told) = tokio::sync::oneshot::channel();
    // A thread of its own: it sleeps in the read for as long as the parent lives, and must hold no runtime back.
    std::thread::spawn(move || {
        // Whatever ends the input, a failure included, there is no parent left to serve.
        let _ended = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        let _gone = tell.send(());
    });
    let _either_way = told.await;
}

async fn start(vendor: Router, control: Router, port: u16) -> Result<SocketAddr> {
    let router = Router::new().nest("/_sim", control).fallback_service(vendor);
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let (bound, _) = serve(router, address).await.map_err(|error| taken(port, &error))?;
    Ok(bound)
}

fn taken(port: u16, error: &std::io::Error) -> Fault {
    Fault::new(format!("port {port} cannot be listened on: {error}"), "choose another port, or 0 for any")
}

fn client() -> Result<reqwest::Client> {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Whoever was faster has installed the same provider; an error says just that.
        let _already = rustls::crypto::ring::default_provider().install_default().is_err();
    }
    reqwest::Client::builder()
        .no_proxy()
        .build()
        .map_err(|error| Fault::new(format!("webhooks cannot be sent: {error}"), "check that this system has root certificates"))
}
