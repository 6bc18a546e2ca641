//! Entente itself as the demo and the benchmark run it: a fresh store in a folder that goes away, connections to the simulators, the
//! HTTP server and the sync, as `entente serve` runs them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use entente_connect::settings::{ConnectionSettings, Secret, WebhookSettings};
use entente_engine::Engine;
use entente_engine::catalog::shipped_mappings;
use entente_engine::options::Options;
use entente_engine::sync::poll::Progress;
use entente_model::mapping::Role;
use entente_model::mapping::remote::reference_of;
use entente_store::{MasterKey, StoreUrl};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::watch as signal;
use tokio::task::JoinHandle;
use url::Url;

use super::super::serve::Work;
use super::sims::Sims;
use crate::assemble;
use crate::config::tables::Durability;
use crate::config::{Config, KeySource, NotifySettings};
use crate::fault::{Fault, Result};
use crate::http::{App, router};

/// Name of the connection to the CRM.
const CRM: &str = "salesforce";
/// Name of the connection to the support desk.
const DESK: &str = "zendesk";

/// Fields of an outbound message that say how new it is and who made it so, beside those that the mapping reads.
const MARKS: &[&str] = &["LastModifiedById", "LastModifiedDate", "SystemModstamp"];

/// Time between polls: changes that send no webhook land within a short demo too.
const POLL_EVERY: Duration = Duration::from_secs(60);

/// Time that requests in flight may take at the end.
const GRACE: Duration = Duration::from_secs(3);

/// How Entente is set up.
#[derive(Debug, Clone)]
pub struct HubOptions {
    /// Where the HTTP server listens.
    pub listen: SocketAddr,
    /// Edit to landed, 95 of 100 changes.
    pub latency_target: Duration,
    /// Time between polls.
    pub poll_every: Duration,
}

impl Default for HubOptions {
    fn default() -> Self {
        Self { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), latency_target: Duration::from_secs(3), poll_every: POLL_EVERY }
    }
}

/// Rows read of each object of each connection, and rows in all if known.
pub type Read = BTreeMap<(String, String), (u64, Option<u64>)>;

/// A running Entente.
pub struct Hub {
    /// The engine.
    pub engine: Engine,
    /// Where the web app is.
    pub url: Url,
    read: Arc<Mutex<Read>>,
    work: Work,
    stop: signal::Sender<bool>,
    server: JoinHandle<std::io::Result<()>>,
    // The store's folder, removed at last.
    _folder: TempDir,
}

impl Hub {
    /// Starts everything: webhooks are subscribed before the first read, so that no change falls between the two.
    pub async fn start(sims: &Sims, options: HubOptions) -> Result<Self> {
        let listener = TcpListener::bind(options.listen).await.map_err(|error| {
            Fault::new(format!("{} cannot be listened on: {error}", options.listen), "choose another port with --port, or 0 for any")
        })?;
        let bound = listener.local_addr()?;
        let url = parsed(&format!("http://{bound}/"))?;
        let folder = tempfile::Builder::new().prefix("entente-demo-").tempdir()?;
        let config = configure(sims, &options, bound, &url, &folder).await?;
        let store = assemble::store(&config).await?;
        let engine = assemble::engine(&config, store).await?;
        let app = App::new(engine.clone(), bound, None);
        let (stop, mut stopped) = signal::channel(false);
        let server = tokio::spawn(async move {
            axum::serve(listener, router(app))
                .with_graceful_shutdown(async move {
                    // An error means that the sender is gone, which is the end as well.
                    let _ended = stopped.changed().await;
                })
                .await
        });
        let read = Arc::new(Mutex::new(Read::new()));
        let work = Work::start_watched(&config, &engine, watching(&read))?;
        Ok(Self { engine, url, read, work, stop, server, _folder: folder })
    }

    /// Rows read so far.
    pub fn read(&self) -> Read {
        self.read.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends it; work in hand is finished.
    pub async fn stop(self) -> Result<()> {
        self.stop.send_replace(true);
        let abort = self.server.abort_handle();
        // Event streams of open browsers never end by themselves.
        if tokio::time::timeout(GRACE, self.server).await.is_err() {
            abort.abort();
        }
        self.work.stop().await
    }
}

fn parsed(text: &str) -> Result<Url> {
    Url::parse(text).map_err(|error| Fault::new(format!("{text} is no address: {error}"), "report this; it is a defect"))
}

fn watching(read: &Arc<Mutex<Read>>) -> Progress {
    let read = Arc::clone(read);
    Arc::new(move |connection, object, rows, total| {
        let mut read = read.lock().unwrap_or_else(PoisonError::into_inner);
        read.insert((connection.to_owned(), object.to_owned()), (rows, total));
    })
}

/// The objects whose messages tell of what a mapping names, each with the fields that are selected there beside those of the mapping, and those
/// that it does not have: activities are tasks and events.
fn tellers(remote: &str) -> Vec<(&str, &'static [&'static str], &'static [&'static str])> {
    match remote {
        "Activity" => vec![
            ("Task", &["TaskSubtype"], &["Kind"]),
            ("Event", &["IsChild", "IsPrivate", "IsRecurrence", "GroupEventType"], &["Kind", "Status", "Entente_Id__c"]),
        ],
        other => vec![(other, &[], &[])],
    }
}

/// The fields that outbound messages carry: what the shipped mapping reads of each object, as an admin selects them in Salesforce.
/// Fields of parents (`Owner.Name`) cannot be selected there; the references to them (`OwnerId`) are.
pub(super) fn message_fields() -> Result<BTreeMap<String, Vec<String>>> {
    let mut fields: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mappings = shipped_mappings(CRM).map_err(|error| Fault::new(error.to_string(), "report this; it is a defect"))?;
    // The demo keeps no leads.
    for mapping in mappings.into_iter().filter(|mapping| mapping.object != "lead") {
        for (teller, beside, without) in tellers(&mapping.remote) {
            let of_object = fields.entry(teller.to_owned()).or_default();
            of_object.extend(MARKS.iter().chain(beside).map(|mark| (*mark).to_owned()));
            of_object.insert(mapping.key.clone());
            of_object.extend(mapping.also_read.iter().cloned());
            of_object.extend(mapping.fields.iter().map(|line| line.remote.clone()).filter(|name| !without.contains(&name.as_str())));
        }
    }
    let own = |name: String| name.split_once('.').map_or_else(|| name.clone(), |(parent, _)| reference_of(parent));
    let selected = |names: BTreeSet<String>| names.into_iter().map(own).collect::<BTreeSet<String>>().into_iter().collect();
    Ok(fields.into_iter().map(|(object, names)| (object, selected(names))).collect())
}

async fn configure(sims: &Sims, options: &HubOptions, bound: SocketAddr, url: &Url, folder: &TempDir) -> Result<Config> {
    let path_secret = format!("{:016x}{:016x}", assemble::seed()?, assemble::seed()?);
    let hook = |rest: &str| parsed(&format!("{url}hooks/{rest}"));
    let (organization, signing_secret) =
        sims.control.webhooks(&hook(&format!("{CRM}/{path_secret}"))?, &message_fields()?, &hook(DESK)?).await?;
    let connection = |name: &str, role: Role, base: &Url| ConnectionSettings {
        name: name.to_owned(),
        platform: name.to_owned(),
        description: None,
        role,
        base_url: base.clone(),
        login_url: None,
        follow_instance_url: false,
        api_version: None,
        headers: BTreeMap::new(),
        proxy: None,
        auth: if role == Role::Crm { sims.salesforce_auth.clone() } else { sims.zendesk_auth.clone() },
        webhooks: WebhookSettings::default(),
        actors: BTreeMap::new(),
        daily_calls: None,
        salesforce: entente_connect::settings::SalesforceSettings::default(),
        hubspot: entente_connect::settings::HubSpotSettings::default(),
    };
    let mut crm = connection(CRM, Role::Crm, &sims.salesforce);
    crm.webhooks.path_secret = Secret::new(path_secret);
    crm.webhooks.organization = Some(organization);
    crm.actors.clone_from(&sims.actors);
    let mut desk = connection(DESK, Role::Support, &sims.zendesk);
    desk.webhooks.signing_secret = Secret::new(signing_secret);
    let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    Ok(Config {
        file: folder.path().join("entente.toml"),
        listen: bound,
        public_url: None,
        store: StoreUrl::Sqlite(folder.path().join("entente.db")),
        key: KeySource::Given(MasterKey::generate()?),
        durability: Durability::Full,
        postgres_ca: None,
        sync: Options {
            latency_target_ms: ms(options.latency_target),
            poll_interval_ms: ms(options.poll_every),
            // Simulated people overwrite every customer again and again, which is nothing unusual here.
            hold_percent: 0,
            hold_overwrite_percent: 0,
            ..Options::default()
        },
        connections: vec![crm, desk],
        notify: NotifySettings::default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outbound_messages_carry_what_the_mapping_reads_and_how_new_it_is() {
        let fields = message_fields().unwrap();
        assert_eq!(fields.keys().collect::<Vec<_>>(), ["Account", "Campaign", "CampaignMember", "Contact", "Event", "Opportunity", "Task"]);
        assert!(fields["Event"].iter().any(|name| name == "Subject") && !fields["Event"].iter().any(|name| name == "Kind"));
        let contact = &fields["Contact"];
        for name in ["Email", "LastName", "AccountId", "Entente_Id__c", "SystemModstamp"] {
            assert!(contact.iter().any(|field| field == name), "{name}");
        }
        assert!(fields["Account"].iter().all(|name| !name.contains('.')));
        assert!(fields["Task"].iter().any(|name| name == "OwnerId"), "its owner's name is read");
    }
}
