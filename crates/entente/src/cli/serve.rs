//! `entente serve`: the HTTP server and, with it, the sync.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args as ClapArgs;
use entente_connect::transport::http::HttpWire;
use entente_engine::metadata::refresh;
use entente_engine::notify::mail::{MailEncryption, MailSettings};
use entente_engine::notify::{Notifier, NotifierSettings, drain};
use entente_engine::reports::meter::{Meter, measure_network};
use entente_engine::sync::presence;
use entente_engine::{Engine, sync};
use entente_store::WorkerSeat;
use tokio::net::TcpListener;
use tokio::sync::watch as signal;
use tokio::task::JoinSet;

use super::context::Context;
use crate::assemble;
use crate::config::Config;
use crate::config::tables::Encryption;
use crate::fault::{Fault, Result};
use crate::http::{App, router};
use crate::tokens;

/// Time between writes of the call counts: what a crash may lose of them.
const METER_EVERY: Duration = Duration::from_secs(10);

/// Time between looks for notices to send.
const NOTIFY_EVERY: Duration = Duration::from_secs(5);

/// Time between measurements of the network: a thousand and more a day make a fair mean.
const NETWORK_EVERY: Duration = Duration::from_secs(60);

/// Time between looks for mappings that another process saved.
const REFRESH_EVERY: Duration = Duration::from_secs(2);

/// How long requests in flight may take once the server is told to stop. Event streams never end by themselves.
const GRACE: Duration = Duration::from_secs(10);

/// Options.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Listen here instead of server.listen
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Serve the API and webhooks only, and leave the sync to other processes (PostgreSQL)
    #[arg(long)]
    no_sync: bool,
}

pub async fn run(args: Args, context: &Context) -> Result<ExitCode> {
    let mut config = context.config()?;
    config.listen = args.listen.unwrap_or(config.listen);
    let store = assemble::store(&config).await?;
    let notifier = notifier(&config)?;
    let app_access = |engine: Engine| App::new(engine, config.listen, config.public_url.clone()).with_notifier(notifier.clone());
    let engine = assemble::engine(&config, store).await?;
    let app = app_access(engine.clone());
    if !app.open_access && !tokens::any(engine.store()).await? {
        let what = if app.loopback {
            "server.public_url makes this server reachable from elsewhere"
        } else {
            "server.listen is reachable from other machines"
        };
        return Err(Fault::new(
            format!("{what}, and there is no API token"),
            "make one with `entente token create NAME`, or listen on 127.0.0.1 without a public address",
        ));
    }
    let listener = TcpListener::bind(config.listen).await.map_err(|error| {
        Fault::new(
            format!("{} cannot be listened on: {error}", config.listen),
            "stop what listens there, or choose another port with server.listen or --listen",
        )
    })?;
    let bound = listener.local_addr()?;
    let work = if args.no_sync { None } else { Some(Work::start(&config, &engine)?) };
    let (end_refresh, ended) = signal::channel(false);
    // A server without a sync shows mappings and judges proposals all the same.
    let refresh = args.no_sync.then(|| tokio::spawn(every(REFRESH_EVERY, ended, engine.clone(), take_up_mappings)));
    tracing::info!(address = %bound, connections = engine.connections().len(), "Entente is at http://{bound}");
    if engine.connections().is_empty() {
        tracing::warn!("there is no connection yet; add [[connection]] tables to {}", config.file.display());
    }
    let (stop, mut stopped) = signal::channel(false);
    let mut aside = JoinSet::new();
    if work.is_none() {
        aside.spawn(presence::keep(engine.clone(), place(), stop.subscribe()));
        aside.spawn(count_calls(engine.clone(), stop.subscribe()));
    }
    let server = tokio::spawn(async move {
        axum::serve(listener, router(app))
            .with_graceful_shutdown(async move {
                // An error means that the sender is gone, which is the end as well.
                let _ended = stopped.changed().await;
            })
            .await
    });
    let abort = server.abort_handle();
    stop_signal().await;
    tracing::info!("stopping; work in hand is finished first");
    stop.send_replace(true);
    if tokio::time::timeout(GRACE, server).await.is_err() {
        abort.abort();
    }
    while aside.join_next().await.is_some() {}
    if let Some(work) = work {
        work.stop().await?;
    }
    end_refresh.send_replace(true);
    if let Some(refresh) = refresh {
        refresh.await.map_err(|error| Fault::new(format!("the server ended by a defect: {error}"), "report this with the log"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Which process this is, for people: its host and number.
fn place() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").or_else(|_| std::fs::read_to_string("/etc/hostname"));
    let host = host.map(|name| name.trim().to_owned()).unwrap_or_default();
    format!("process {} on {}", std::process::id(), if host.is_empty() { "this host" } else { &host })
}

/// Completes when the process is told to stop.
pub async fn stop_signal() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut terminate) => {
                tokio::select! {
                    _ = interrupt => {}
                    _ = terminate.recv() => {}
                }
                return;
            }
            Err(error) => tracing::warn!(%error, "SIGTERM cannot be heard; only Ctrl-C stops this process"),
        }
    }
    let _either_way = interrupt.await;
}

/// The sync at work: its loops, and the ones that count calls, send notices and watch over it.
pub struct Work {
    stop: signal::Sender<bool>,
    loops: JoinSet<()>,
    sync: tokio::task::JoinHandle<entente_engine::Result<()>>,
    _seat: WorkerSeat,
}

impl Work {
    /// Starts everything.
    pub fn start(config: &Config, engine: &Engine) -> Result<Self> {
        let on_page = Arc::new(|connection: &str, object: &str, rows: u64, total: Option<u64>| {
            tracing::debug!(connection, object, rows, total, "read");
        });
        Self::start_watched(config, engine, on_page)
    }

    /// Starts everything, and tells of each page that is read.
    pub fn start_watched(config: &Config, engine: &Engine, on_page: sync::poll::Progress) -> Result<Self> {
        let seat = engine.store().worker_seat()?;
        let notifier = notifier(config)?;
        let (stop, stopped) = signal::channel(false);
        let sync = tokio::spawn(sync::run::run(engine.clone(), stopped.clone(), on_page));
        let mut loops = JoinSet::new();
        loops.spawn(presence::keep(engine.clone(), place(), stopped.clone()));
        loops.spawn(count_calls(engine.clone(), stopped.clone()));
        loops.spawn(every(NOTIFY_EVERY, stopped.clone(), engine.clone(), move |engine| {
            let notifier = notifier.clone();
            async move {
                if let Err(error) = drain(&engine, &notifier).await {
                    tracing::error!(%error, "notices could not be sent; trying again");
                }
            }
        }));
        loops.spawn(every(REFRESH_EVERY, stopped.clone(), engine.clone(), take_up_mappings));
        loops.spawn(every(NETWORK_EVERY, stopped, engine.clone(), |engine| async move {
            if let Err(error) = measure_network(&engine).await {
                tracing::warn!(%error, "the network's latency could not be noted");
            }
        }));
        Ok(Self { stop, loops, sync, _seat: seat })
    }

    /// Ends it; work in hand is finished.
    pub async fn stop(mut self) -> Result<()> {
        self.stop.send_replace(true);
        let ended =
            self.sync.await.map_err(|error| Fault::new(format!("the sync ended by a defect: {error}"), "report this with the log"))?;
        while self.loops.join_next().await.is_some() {}
        Ok(ended?)
    }
}

/// Puts mappings in force that another process saved.
async fn take_up_mappings(engine: Engine) {
    match refresh(&engine).await {
        Ok(true) => tracing::info!("mappings that were saved meanwhile are in force"),
        Ok(false) => {}
        Err(error) => tracing::error!(%error, "saved mappings could not be put in force; the ones before stay"),
    }
}

async fn every<F, S>(pause: Duration, mut stopped: signal::Receiver<bool>, engine: Engine, step: F)
where
    F: Fn(Engine) -> S,
    S: Future<Output = ()>,
{
    while !*stopped.borrow() {
        step(engine.clone()).await;
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stopped.changed() => {}
        }
    }
}

async fn count_calls(engine: Engine, mut stopped: signal::Receiver<bool>) {
    let mut meter = Meter::default();
    loop {
        let last = *stopped.borrow();
        if let Err(error) = meter.write(&engine).await {
            tracing::warn!(%error, "call counts could not be written; they are kept for the next time");
        }
        if last {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(METER_EVERY) => {}
            _ = stopped.changed() => {}
        }
    }
}

/// The notifier of the configuration.
pub fn notifier(config: &Config) -> Result<Notifier> {
    let notify = &config.notify;
    let mail = notify.smtp.as_ref().zip(notify.from.as_ref()).map(|(smtp, from)| MailSettings {
        host: smtp.host.clone(),
        port: smtp.port,
        encryption: match smtp.encryption {
            Encryption::Starttls => MailEncryption::StartTls,
            Encryption::Tls => MailEncryption::Tls,
            Encryption::None => MailEncryption::None,
        },
        credentials: smtp.credentials.clone(),
        from: from.clone(),
    });
    let settings = NotifierSettings {
        slack: notify.slack_webhook.clone(),
        slack_bot: notify.slack_bot.clone(),
        teams: notify.teams_webhook.clone(),
        webhooks: notify.webhooks.clone(),
        quiet: notify.quiet.clone(),
        mail,
        channels: notify.channels.clone(),
        link_base: config.public_url.as_ref().map(|url| url.as_str().trim_end_matches('/').to_owned()),
    };
    Notifier::new(settings, Arc::new(HttpWire::new(None)?)).map_err(|error| Fault::of(&error))
}
