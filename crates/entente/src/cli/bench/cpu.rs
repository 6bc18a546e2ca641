//! What reading costs this machine: contacts of HubSpot read, normalised and stored, by the processor's time and not by the clock's.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use entente_connect::registry;
use entente_connect::settings::{Auth, ConnectionSettings, Secret, WebhookSettings};
use entente_connect::transport::Surroundings;
use entente_connect::transport::http::HttpWire;
use entente_engine::flaws::Flaws;
use entente_engine::sync::{poll, provision};
use entente_engine::{Engine, Options, Parts};
use entente_model::mapping::Role;
use entente_sims::clock::SimClock;
use entente_sims::hubspot::{Hand, HubSpot, HubSpotOptions};
use entente_sims::profile::Profile;
use entente_store::{MasterKey, Store, StoreOptions, StoreUrl};
use serde_json::json;

use super::Setting;
use super::table::Row;
use crate::assemble::{MachineTime, StoreVault};
use crate::cli::status_text::number;
use crate::fault::{Fault, Result};

/// Name of the simulator's thread, whose work is not ours.
const SIMULATOR: &str = "simulator";
/// Ticks of a second in which Linux counts the processor's time for programs (`USER_HZ`).
const TICKS: u64 = 100;

/// Processor time of all threads but the simulator's, in ticks, where the system tells.
fn ticks() -> Option<u64> {
    let mut sum = 0;
    for thread in std::fs::read_dir("/proc/self/task").ok()?.flatten() {
        // A thread that ended meanwhile has nothing to tell.
        let Ok(stat) = std::fs::read_to_string(thread.path().join("stat")) else { continue };
        let (name, numbers) = stat.rsplit_once(')')?;
        if name.ends_with(&format!("({SIMULATOR}")) {
            continue;
        }
        // Fields 14 and 15, time in programs and time in the system; the first after the name is field 3.
        let numbers: Vec<&str> = numbers.split_whitespace().collect();
        sum += numbers.get(11)?.parse::<u64>().ok()? + numbers.get(12)?.parse::<u64>().ok()?;
    }
    Some(sum)
}

/// A portal full of contacts behind a socket, in a thread of its own.
fn portal(contacts: usize, seed: u64) -> Result<SocketAddr> {
    let (tell, told) = std::sync::mpsc::channel();
    let serve = move || -> std::result::Result<(), String> {
        let portal = HubSpot::new(HubSpotOptions::new(SimClock::wall(), Profile::instant(), seed));
        let by = portal.owners().first().map_or(Hand::Person(0), |owner| Hand::Person(owner.user_id));
        for n in 0..contacts {
            let row = json!({"firstname": format!("Ada {n}"), "lastname": "Lovelace", "email": format!("p{n}@cpu.example"), "phone": "+46 8 123 456"});
            portal.create("contacts", row.as_object().unwrap_or(&serde_json::Map::new()), by).map_err(|error| format!("{error:?}"))?;
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
        runtime.block_on(async {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            let (bound, task) = entente_sims::serve::serve(portal.router(), address).await.map_err(|error| error.to_string())?;
            // The receiver waits for exactly this.
            let _received = tell.send(bound);
            task.await.map_err(|error| error.to_string())
        })
    };
    std::thread::Builder::new().name(SIMULATOR.to_owned()).spawn(serve)?;
    told.recv().map_err(|_| Fault::new("the simulated portal does not start", "report this: it is a mistake in the benchmark"))
}

pub async fn hubspot(setting: Setting) -> Result<Vec<Row>> {
    let contacts = setting.memory_customers;
    let seed = setting.seed;
    let address = tokio::task::spawn_blocking(move || portal(contacts, seed)).await.map_err(|error| Fault::of(&error))??;
    let base_url = format!("http://{address}").parse().map_err(|error: url::ParseError| Fault::of(&error))?;
    let settings = ConnectionSettings {
        name: "hubspot".to_owned(),
        platform: "hubspot".to_owned(),
        role: Role::Crm,
        base_url,
        login_url: None,
        follow_instance_url: false,
        api_version: None,
        headers: std::collections::BTreeMap::new(),
        proxy: None,
        auth: Auth::AccessToken { token: Secret::new("pat-na1-sim-key") },
        webhooks: WebhookSettings::default(),
        actors: std::collections::BTreeMap::new(),
        daily_calls: None,
        description: None,
        salesforce: entente_connect::settings::SalesforceSettings::default(),
        hubspot: entente_connect::settings::HubSpotSettings::default(),
    };
    let store = Store::open(&StoreUrl::Temporary, StoreOptions::new(MasterKey::generate()?)).await?;
    let surroundings = Surroundings {
        wire: Arc::new(HttpWire::new(None)?),
        time: Arc::new(MachineTime),
        vault: Arc::new(StoreVault::new(store.clone())?),
        latency_target: Duration::from_secs(3),
    };
    let connector = registry::connect(settings.clone(), surroundings)?;
    let parts = Parts {
        store,
        time: Arc::new(MachineTime),
        options: Options::default(),
        connections: vec![(settings, connector)],
        seed,
        flaws: Flaws::none(),
    };
    let engine = Engine::assemble(parts).await?;
    provision::provision(&engine, true).await?;
    let (began, before) = (Instant::now(), ticks());
    let polled = poll::poll(&engine, "hubspot", "contacts", &|_, _, _, _| {}, &|| false).await?;
    let took = began.elapsed();
    let spent = ticks().zip(before).map(|(now, before)| now.saturating_sub(before).max(1));
    let rate = spent.map(|ticks| polled.rows as u64 * TICKS / ticks);
    let shown = rate.map_or_else(|| "the processor's time is not told here".to_owned(), |rate| format!("{} per CPU-second", number(rate)));
    Ok(vec![Row {
        measure: format!("{} contacts of HubSpot read, normalised and stored, without latency", number(contacts as u64)),
        now: "reading only, on 2 cores: dlt 6,700, tap-hubspot 1,590, airbyte-source-hubspot 423 per CPU-second".to_owned(),
        to_reach: "≥ 20,000 per CPU-second".to_owned(),
        measured: format!("{shown}; {} rows in {:.1} s", number(polled.rows as u64), took.as_secs_f64()),
        numbers: json!({"rows": polled.rows, "seconds": took.as_secs_f64(), "cpu_ticks": spent, "per_cpu_second": rate}),
        explained: None,
    }])
}
