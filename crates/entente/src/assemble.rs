//! Putting the parts together: from a configuration to a store, connectors and an engine. Here the ambient things come in: the
//! machine's clock, its randomness, the network, and the vault for tokens.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use entente_connect::registry;
use entente_connect::settings::{ConnectionSettings, Secret};
use entente_connect::transport::Surroundings;
use entente_connect::transport::http::HttpWire;
use entente_connect::transport::wire::{Time, TokenVault, Tokens};
use entente_engine::flaws::Flaws;
use entente_engine::sync::provision::subscriptions::complete;
use entente_engine::{Engine, Parts};
use entente_model::clock::{Clock, Timestamp};
use entente_store::{Durability, MasterKey, Store, StoreOptions};
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};

use crate::config::{Config, KeySource, tables};
use crate::fault::{Fault, Result};

/// The machine's time. The one place that asks for it.
#[derive(Debug, Clone, Copy, Default)]
pub struct MachineTime;

impl Clock for MachineTime {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

#[async_trait]
impl Time for MachineTime {
    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// Tokens of connections, encrypted in the store.
pub struct StoreVault {
    store: Store,
    /// Name under which this process renews tokens.
    holder: String,
}

impl StoreVault {
    /// The vault of one process.
    pub fn new(store: Store) -> Result<Self> {
        Ok(Self { store, holder: format!("vault-{:016x}", seed()?) })
    }
}

/// Name of the lease under which one process renews the tokens of a connection.
fn lease_name(connection: &str) -> String {
    format!("tokens/{connection}")
}

/// Tokens as they are kept.
#[derive(Serialize, Deserialize)]
struct KeptTokens {
    access: String,
    refresh: Option<String>,
    instance_url: Option<String>,
    expires_at: Option<Timestamp>,
}

fn secret_name(connection: &str) -> String {
    format!("tokens/{connection}")
}

#[async_trait]
impl TokenVault for StoreVault {
    async fn load(&self, connection: &str) -> Result<Option<Tokens>, String> {
        let name = secret_name(connection);
        let kept = self.store.read(move |tx| tx.secret(&name)).await.map_err(|error| error.to_string())?;
        let Some(kept) = kept else { return Ok(None) };
        let kept: KeptTokens =
            serde_json::from_slice(&kept).map_err(|_| "the tokens kept for this connection cannot be read".to_owned())?;
        Ok(Some(Tokens {
            access: Secret::new(kept.access),
            refresh: kept.refresh.map(Secret::new),
            instance_url: kept.instance_url,
            expires_at: kept.expires_at,
        }))
    }

    async fn save(&self, connection: &str, tokens: &Tokens) -> Result<(), String> {
        let kept = KeptTokens {
            access: tokens.access.reveal().to_owned(),
            refresh: tokens.refresh.as_ref().map(|refresh| refresh.reveal().to_owned()),
            instance_url: tokens.instance_url.clone(),
            expires_at: tokens.expires_at,
        };
        let bytes = serde_json::to_vec(&kept).map_err(|error| error.to_string())?;
        let name = secret_name(connection);
        self.store.write(move |tx| tx.put_secret(&name, &bytes)).await.map_err(|error| error.to_string())
    }

    async fn hold(&self, connection: &str, lasting: Duration) -> Result<bool, String> {
        let (name, holder, now) = (lease_name(connection), self.holder.clone(), MachineTime.now());
        let until = now.checked_add(lasting).map_err(|error| error.to_string())?;
        let term = self.store.write(move |tx| tx.lead(&name, &holder, now, until)).await.map_err(|error| error.to_string())?;
        Ok(term.is_some())
    }

    async fn let_go(&self, connection: &str) -> Result<(), String> {
        let (name, holder) = (lease_name(connection), self.holder.clone());
        self.store.write(move |tx| tx.resign(&name, &holder)).await.map(drop).map_err(|error| error.to_string())
    }
}

/// The master key: given, or from its file, which is made when there is none.
pub fn master_key(source: &KeySource) -> Result<MasterKey> {
    let path = match source {
        KeySource::Given(key) => return Ok(key.clone()),
        KeySource::File(path) => path,
    };
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(MasterKey::parse(&text).map_err(|error| {
            Fault::new(format!("{}: {error}", path.display()), "put the right key into this file, from your copy of it")
        })?),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => make_key(path),
        Err(error) => {
            Err(Fault::new(format!("the master key {} cannot be read: {error}", path.display()), "check that this user may read it"))
        }
    }
}

fn make_key(path: &Path) -> Result<MasterKey> {
    use std::io::Write;
    let key = MasterKey::generate()?;
    let failed = |error: std::io::Error| {
        Fault::new(
            format!("the master key {} cannot be written: {error}", path.display()),
            "check the folder's permissions, or set store.key",
        )
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(failed)?;
    // Whole or not at all, readable by this user alone. Two processes may start at once: the key of the first is the key of both.
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    file.write_all(format!("{}\n", key.to_base64()).as_bytes()).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
    match file.persist_noclobber(path) {
        Ok(_) => {}
        Err(taken) if taken.error.kind() == std::io::ErrorKind::AlreadyExists => return master_key(&KeySource::File(path.to_owned())),
        Err(error) => return Err(failed(error.error)),
    }
    tracing::warn!(path = %path.display(), "a master key was made; keep a copy of it elsewhere, without it the history and the tokens cannot be read");
    Ok(key)
}

/// Opens the store.
pub async fn store(config: &Config) -> Result<Store> {
    let folder = config.data_folder();
    std::fs::create_dir_all(&folder).map_err(|error| {
        Fault::new(format!("the folder {} cannot be made: {error}", folder.display()), "check store.url and the permissions")
    })?;
    let mut options = StoreOptions::new(master_key(&config.key)?);
    options.durability = match config.durability {
        tables::Durability::Full => Durability::Full,
        tables::Durability::Normal => Durability::Normal,
    };
    options.postgres_ca.clone_from(&config.postgres_ca);
    Ok(Store::open(&config.store, options).await?)
}

/// Keeps no tokens: for connectors that are built and never used.
struct NoVault;

#[async_trait]
impl TokenVault for NoVault {
    async fn load(&self, _: &str) -> Result<Option<Tokens>, String> {
        Ok(None)
    }

    async fn save(&self, _: &str, _: &Tokens) -> Result<(), String> {
        Ok(())
    }
}

/// Builds the connector of a connection and lets it go again: what its platform does not take of its settings is told before it is used. Makes no
/// call.
///
/// # Errors
/// When the settings do not fit the platform.
pub fn try_out(settings: &ConnectionSettings, config: &Config) -> Result<()> {
    let surroundings = Surroundings {
        wire: Arc::new(HttpWire::new(settings.proxy.as_ref())?),
        time: Arc::new(MachineTime),
        vault: Arc::new(NoVault),
        latency_target: Duration::from_millis(config.sync.latency_target_ms),
    };
    registry::connect(settings.clone(), surroundings)?;
    Ok(())
}

/// Builds the engine on an open store. Makes no call.
pub async fn engine(config: &Config, store: Store) -> Result<Engine> {
    let time: Arc<dyn Time> = Arc::new(MachineTime);
    let vault: Arc<dyn TokenVault> = Arc::new(StoreVault::new(store.clone())?);
    let mut connections = Vec::with_capacity(config.connections.len());
    for settings in &config.connections {
        let mut settings = settings.clone();
        complete(&store, &settings.name, &mut settings.webhooks).await?;
        crate::credentials::complete(&store, &mut settings).await?;
        let surroundings = Surroundings {
            wire: Arc::new(HttpWire::new(settings.proxy.as_ref())?),
            time: Arc::clone(&time),
            vault: Arc::clone(&vault),
            latency_target: Duration::from_millis(config.sync.latency_target_ms),
        };
        connections.push((settings.clone(), registry::connect(settings, surroundings)?));
    }
    let parts = Parts { store, time, options: config.sync.clone(), connections, seed: seed()?, flaws: Flaws::none() };
    Ok(Engine::assemble(parts).await?)
}

/// A seed from the operating system.
pub fn seed() -> Result<u64> {
    let mut bytes = [0_u8; 8];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| Fault::new("the system has no secure randomness", "check that /dev/urandom can be read"))?;
    Ok(u64::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use entente_store::StoreUrl;

    #[test]
    fn the_first_start_makes_a_key_that_only_its_owner_reads() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data").join("entente.key");
        let made = master_key(&KeySource::File(path.clone())).unwrap();
        assert_eq!(master_key(&KeySource::File(path.clone())).unwrap(), made);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        std::fs::write(&path, "damaged").unwrap();
        assert!(master_key(&KeySource::File(path)).unwrap_err().remedy.contains("from your copy"));
    }

    #[tokio::test]
    async fn tokens_survive_and_are_not_kept_in_the_clear() {
        let store = Store::open(&StoreUrl::Temporary, StoreOptions::new(MasterKey::generate().unwrap())).await.unwrap();
        let vault = StoreVault::new(store.clone()).unwrap();
        assert_eq!(vault.load("sf").await.unwrap(), None);
        let tokens = Tokens {
            access: Secret::new("abc"),
            refresh: Some(Secret::new("def")),
            instance_url: Some("https://x.example".into()),
            expires_at: None,
        };
        vault.save("sf", &tokens).await.unwrap();
        assert_eq!(vault.load("sf").await.unwrap(), Some(tokens));
        assert_eq!(store.read(|tx| tx.secret_names()).await.unwrap(), ["tokens/sf"]);
    }

    #[tokio::test]
    async fn one_process_at_a_time_renews_the_tokens_of_a_connection() {
        let store = Store::open(&StoreUrl::Temporary, StoreOptions::new(MasterKey::generate().unwrap())).await.unwrap();
        let (first, second) = (StoreVault::new(store.clone()).unwrap(), StoreVault::new(store).unwrap());
        let minute = Duration::from_secs(60);
        assert!(first.hold("sf", minute).await.unwrap());
        assert!(!second.hold("sf", minute).await.unwrap());
        assert!(second.hold("zendesk", minute).await.unwrap(), "another connection is another matter");
        first.let_go("sf").await.unwrap();
        assert!(second.hold("sf", Duration::ZERO).await.unwrap());
        assert!(first.hold("sf", minute).await.unwrap(), "whoever died holds nobody up for ever");
    }

    #[test]
    fn processes_that_start_at_once_have_one_key() {
        let folder = tempfile::tempdir().expect("a folder");
        let source = KeySource::File(folder.path().join("keys").join("entente.key"));
        let keys: Vec<String> = std::thread::scope(|scope| {
            let starting: Vec<_> = (0..8).map(|_| scope.spawn(|| master_key(&source).expect("a key").to_base64())).collect();
            starting.into_iter().map(|one| one.join().expect("a key")).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]));
    }
}
