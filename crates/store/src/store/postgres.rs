//! PostgreSQL: a pool, closures on threads that may block, and wake-ups between processes.

use std::sync::{Arc, Weak};
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use futures::StreamExt;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::runtime::Handle;
use tokio_postgres::config::SslMode;
use tokio_postgres::{AsyncMessage, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{Shared, Step};
use crate::error::{Result, StoreError};
use crate::migrate;
use crate::options::StoreOptions;
use crate::scrub::{self, Scrubbed};
use crate::sql::postgres::PostgresConn;
use crate::tx::Tx;

/// Times a transaction is run again after a deadlock or a serialisation failure.
const ATTEMPTS: u32 = 5;

/// Wait before it is run again, times the number of the attempt.
const BACKOFF: Duration = Duration::from_millis(10);

/// How long to wait for a free connection, or for a new one to be made.
const POOL_WAIT: Duration = Duration::from_secs(30);

/// Other processes are woken at most this often: every notification makes the committers of the whole server queue.
const NOTIFY_EVERY: Duration = Duration::from_millis(50);

/// Wait before the listener connects again.
const LISTEN_AGAIN: Duration = Duration::from_secs(2);

/// Name of the notification channel.
const CHANNEL: &str = "entente_work";

pub(super) struct Postgres {
    pool: Pool,
    config: tokio_postgres::Config,
    tls: Option<MakeRustlsConnect>,
    shared: Arc<Shared>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Drop for Postgres {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// TLS with the given authorities, on the one crypto provider of the product.
fn tls(pem: &str) -> Result<MakeRustlsConnect> {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(|error| StoreError::BadUrl(format!("postgres_ca is not PEM: {error}")))?;
        roots.add(certificate).map_err(|error| StoreError::BadUrl(format!("postgres_ca: {error}")))?;
    }
    if roots.is_empty() {
        return Err(StoreError::BadUrl("postgres_ca holds no certificate".into()));
    }
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| StoreError::BadUrl(format!("TLS: {error}")))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

impl Postgres {
    pub(super) async fn open(url: &str, options: &StoreOptions, shared: &Arc<Shared>) -> Result<Self> {
        let mut config: tokio_postgres::Config =
            url.parse().map_err(|_| StoreError::BadUrl("expected postgres://user:password@host:port/database?sslmode=…".into()))?;
        if config.get_application_name().is_none() {
            config.application_name("entente");
        }
        let tls = options.postgres_ca.as_deref().map(tls).transpose()?;
        if tls.is_none() && !matches!(config.get_ssl_mode(), SslMode::Disable | SslMode::Prefer) {
            return Err(StoreError::BadUrl(
                "TLS is required but no authority is given; set postgres_ca to the server's CA certificate (PEM)".into(),
            ));
        }
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = match tls.clone() {
            Some(tls) => Manager::from_config(config.clone(), tls, recycling),
            None => Manager::from_config(config.clone(), NoTls, recycling),
        };
        let pool = Pool::builder(manager)
            .max_size(options.pool_size.max(2))
            .wait_timeout(Some(POOL_WAIT))
            .create_timeout(Some(POOL_WAIT))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        let mut client = pool.get().await?;
        let transaction = client.transaction().await?;
        let runtime = Handle::current();
        // The connection goes to the blocking thread and back with its transaction, so this is awaited in place.
        migrate::postgres(&transaction).await?;
        transaction.commit().await?;
        drop(client);

        let tasks = vec![
            runtime.spawn(listen(config.clone(), tls.clone(), Arc::downgrade(shared))),
            runtime.spawn(notify(pool.clone(), shared.committed.subscribe(), Arc::downgrade(shared))),
        ];
        Ok(Self { pool, config, tls, shared: Arc::clone(shared), tasks })
    }

    pub(super) async fn write<T, F>(&self, body: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        let mut client = self.pool.get().await?;
        let (shared, runtime) = (Arc::clone(&self.shared), Handle::current());
        tokio::task::spawn_blocking(move || {
            for attempt in 1.. {
                let transaction = runtime.block_on(client.transaction())?;
                let mut conn = PostgresConn { transaction, runtime: runtime.clone() };
                let ran = Tx::new(&mut conn, shared.key()).run(&body);
                let PostgresConn { transaction, .. } = conn;
                let done = match ran {
                    Ok(_) if !shared.survives(Step::BeforeCommit) => {
                        runtime.block_on(transaction.rollback())?;
                        return Err(StoreError::Crashed);
                    }
                    Ok(answer) => runtime.block_on(transaction.commit()).map(|()| answer).map_err(StoreError::from),
                    Err(error) => {
                        runtime.block_on(transaction.rollback())?;
                        Err(error)
                    }
                };
                match done {
                    Ok((answer, woke)) => {
                        if woke {
                            shared.committed();
                        }
                        return if shared.survives(Step::AfterCommit) { Ok(answer) } else { Err(StoreError::Crashed) };
                    }
                    Err(StoreError::Busy(reason)) if attempt < ATTEMPTS => {
                        tracing::debug!(attempt, reason, "transaction lost a race and is run again");
                        std::thread::sleep(BACKOFF * attempt);
                    }
                    Err(error) => return Err(error),
                }
            }
            Err(StoreError::Busy("too many attempts".into()))
        })
        .await
        .map_err(|error| StoreError::Panicked(error.to_string()))?
    }

    pub(super) async fn read<T, F>(&self, body: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        let mut client = self.pool.get().await?;
        let (shared, runtime) = (Arc::clone(&self.shared), Handle::current());
        tokio::task::spawn_blocking(move || {
            let transaction = runtime.block_on(client.build_transaction().read_only(true).start())?;
            let mut conn = PostgresConn { transaction, runtime: runtime.clone() };
            let answer = Tx::new(&mut conn, shared.key()).run(body);
            runtime.block_on(conn.transaction.rollback())?;
            Ok(answer?.0)
        })
        .await
        .map_err(|error| StoreError::Panicked(error.to_string()))?
    }
}

impl Postgres {
    pub(super) async fn scrub(&self) -> Result<Scrubbed> {
        match self.tls.clone() {
            Some(tls) => scrub::postgres(&self.config, tls).await,
            None => scrub::postgres(&self.config, NoTls).await,
        }
    }

    /// Bytes of what a scrub writes anew.
    pub(super) async fn scrub_bytes(&self) -> Result<u64> {
        let client = self.pool.get().await?;
        let sql = format!("select coalesce(sum(pg_total_relation_size(oid)), 0)::bigint from ({}) as tables", scrub::TABLES);
        let bytes: i64 = client.query_one(&sql, &[]).await?.try_get(0)?;
        Ok(u64::try_from(bytes).unwrap_or(0))
    }
}

/// Tells other processes that this one committed work.
async fn notify(pool: Pool, mut committed: tokio::sync::watch::Receiver<u64>, shared: Weak<Shared>) {
    while committed.changed().await.is_ok() {
        if shared.upgrade().is_none() {
            return;
        }
        let sent = async {
            let client = pool.get().await?;
            client.batch_execute(&format!("notify {CHANNEL}")).await?;
            Ok::<_, StoreError>(())
        };
        if let Err(error) = sent.await {
            tracing::debug!(%error, "other processes were not woken; they look by the clock");
        }
        tokio::time::sleep(NOTIFY_EVERY).await;
    }
}

/// Wakes this process when another one committed work.
async fn listen(config: tokio_postgres::Config, tls: Option<MakeRustlsConnect>, shared: Weak<Shared>) {
    loop {
        let heard = match tls.clone() {
            Some(tls) => hear(&config, tls, &shared).await,
            None => hear(&config, NoTls, &shared).await,
        };
        if shared.upgrade().is_none() {
            return;
        }
        if let Err(error) = heard {
            tracing::debug!(%error, "not listening for wake-ups; trying again");
        }
        tokio::time::sleep(LISTEN_AGAIN).await;
    }
}

async fn hear<T>(config: &tokio_postgres::Config, tls: T, shared: &Weak<Shared>) -> Result<()>
where
    T: tokio_postgres::tls::MakeTlsConnect<tokio_postgres::Socket>,
{
    let (client, mut connection) = config.connect(tls).await?;
    let sql = format!("listen {CHANNEL}");
    let mut messages = futures::stream::poll_fn(move |context| connection.poll_message(context));
    let mut listening = std::pin::pin!(client.batch_execute(&sql));
    let mut started = false;
    loop {
        tokio::select! {
            answer = &mut listening, if !started => { answer?; started = true; }
            message = messages.next() => match message {
                Some(Ok(AsyncMessage::Notification(_))) => match shared.upgrade() {
                    Some(shared) => shared.wake(),
                    None => return Ok(()),
                },
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error.into()),
                None => return Err(StoreError::Unavailable("the listener's connection ended".into())),
            },
        }
    }
}
