//! The webhooks journal: what happened in the account, fetched by us, for hubs that no webhook can reach.
//!
//! HubSpot writes what an app subscribed to into files. Each has an offset, and whoever knows one is told the next; files can be fetched for
//! three days. A poll reads what the journal has behind the offset in its cursor. The cursor is kept together with what the events say, so
//! every event is acted upon at least once. Events only say which rows to look at: they are fetched, so that their order, their doubles and
//! their values do not matter. The calls are the app's own and cost the account nothing.
//!
//! An offset is first taken over by a search that begins after it was received; since search is behind, one more search follows when it has
//! caught up. An offset that HubSpot no longer knows is made good by a search from the last instant that was seen, and by a look through the
//! archived rows.

mod dialect;
mod page;
mod reader;
mod subscribe;
mod trial;
mod window;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use entente_model::clock::Timestamp;
use tokio::sync::{Notify, OnceCell};

use super::SPEC;
use super::paths::Paths;
use crate::error::{Class, VendorError};
use crate::registry::SetupError;
use crate::scopes::listed;
use crate::settings::{Auth, ConnectionSettings};
use crate::transport::Surroundings;
use crate::transport::client::Client;
use crate::transport::wire::Wire;
pub(super) use page::SETTLE;
use window::Window;

/// One app's journal, as far as it is about this connection's account.
pub(super) struct Journal {
    /// Signs in as the app itself.
    client: Client,
    /// Fetches files, which need no credential.
    wire: Arc<dyn Wire>,
    window: tokio::sync::Mutex<Window>,
    /// Objects that have something for their next poll.
    news: Mutex<BTreeSet<String>>,
    /// Fields of each object that the app is subscribed to.
    subscribed: tokio::sync::Mutex<BTreeMap<String, BTreeSet<String>>>,
    /// Lists whose comings and goings the app is subscribed to.
    lists: tokio::sync::Mutex<BTreeSet<u64>>,
    portal: OnceCell<u64>,
    bell: Arc<Notify>,
    looking: AtomicBool,
    look_at: Mutex<Option<Timestamp>>,
}

impl Journal {
    /// The journal of a connection's app; makes no call.
    pub fn new(settings: &ConnectionSettings, surroundings: &Surroundings, paths: Paths) -> Result<Self, SetupError> {
        let Auth::RefreshToken { client_id, client_secret, .. } = &settings.auth else {
            return Err(SetupError {
                connection: settings.name.clone(),
                reason: "the webhooks journal is read by an OAuth app, and service keys belong to none".to_owned(),
                remedy: "use `refresh_token` credentials, or set `hubspot.changes` to `webhooks`".to_owned(),
            });
        };
        let auth = Auth::ClientCredentials { client_id: client_id.clone(), client_secret: client_secret.clone() };
        // What the account may spend in a day is not the app's own.
        let settings = ConnectionSettings { auth, daily_calls: None, ..settings.clone() };
        let client = Client::new(settings, surroundings.clone(), &SPEC, Arc::new(dialect::JournalDialect { paths }))?;
        Ok(Self {
            client,
            wire: Arc::clone(&surroundings.wire),
            window: tokio::sync::Mutex::default(),
            news: Mutex::default(),
            subscribed: tokio::sync::Mutex::default(),
            lists: tokio::sync::Mutex::default(),
            portal: OnceCell::new(),
            bell: Arc::default(),
            looking: AtomicBool::new(false),
            look_at: Mutex::default(),
        })
    }

    /// Which of the journal's scopes the app has, asked by signing in as the app: the account's token does not show them. They are asked for
    /// together, so either all are there or none is known to be.
    ///
    /// # Errors
    /// What the vendor and the wire say, except that the app may not ask for these scopes.
    pub async fn granted(&self) -> Result<Vec<String>, VendorError> {
        match self.client.session().await {
            Ok(_) => Ok(listed(dialect::SCOPES)),
            Err(error) if error.class == Class::Configuration && matches!(error.status, 400 | 403) => {
                tracing::debug!(%error, "the app may not ask for the scopes of the journal");
                Ok(Vec::new())
            }
            Err(error) => Err(error),
        }
    }

    fn news(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Objects that have something for their next poll.
    pub fn stirred(&self) -> Vec<String> {
        self.news().iter().cloned().collect()
    }
}
