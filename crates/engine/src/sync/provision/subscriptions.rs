//! Subscriptions: the webhooks that each platform must send here, made over its API where it has one, and told to a person where not.
//! Signing secrets and the secret parts of addresses are kept encrypted in the store.

use std::collections::BTreeSet;

use entente_connect::settings::{Secret, WebhookSettings};
use entente_connect::webhook::{ByHand, Lack, Proof, Subscribed};
use entente_store::{Store, StoreError};
use serde::Serialize;
use utoipa::ToSchema;

use crate::engine::{Connection, Engine};
use crate::error::{EngineError, Result};

/// Stands in shown addresses for the part that is secret.
const HIDDEN: &str = "<path secret>";

/// An object whose changes are to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Watched {
    /// The platform's name of the object.
    pub object: String,
    /// Fields that each message should carry, where the platform lets one choose.
    pub fields: Vec<String>,
}

/// The webhooks of one connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Subscription {
    /// Connection.
    pub connection: String,
    /// Where they must be sent; a secret part is not shown. None while `server.public_url` is not set.
    pub address: Option<String>,
    /// Objects whose changes are to be sent.
    pub objects: Vec<Watched>,
    /// `present`, `missing`, `created`, `refused`, `manual` (a person sets it up at the platform) or `no_address`.
    pub state: String,
    /// Whether what comes in can be verified.
    pub verified: bool,
    /// What to do.
    pub note: Option<String>,
}

/// Name of the secret that keeps a connection's signing secret.
fn signing_name(connection: &str) -> String {
    format!("webhook_signing/{connection}")
}

/// Name of the secret that keeps the last part of a connection's webhook address.
fn path_name(connection: &str) -> String {
    format!("webhook_path/{connection}")
}

/// Adds what an earlier provisioning keeps to what the configuration says; the configuration wins.
///
/// # Errors
/// When the store fails.
pub async fn complete(store: &Store, connection: &str, webhooks: &mut WebhookSettings) -> Result<()> {
    for (name, secret) in [(signing_name(connection), &mut webhooks.signing_secret), (path_name(connection), &mut webhooks.path_secret)] {
        if secret.is_empty()
            && let Some(kept) = kept(store, name).await?
        {
            *secret = kept;
        }
    }
    Ok(())
}

async fn kept(store: &Store, name: String) -> Result<Option<Secret>> {
    let known = name.clone();
    let Some(bytes) = store.read(move |tx| tx.secret(&known)).await? else { return Ok(None) };
    let text = String::from_utf8(bytes).map_err(|_| StoreError::Corrupt { what: format!("secret {name}") })?;
    Ok(Some(Secret::new(text)))
}

async fn keep(store: &Store, name: String, secret: &Secret) -> Result<()> {
    let bytes = secret.reveal().as_bytes().to_vec();
    Ok(store.write(move |tx| tx.put_secret(&name, &bytes)).await?)
}

/// The address that a connection's webhooks are sent to, with its secret part.
#[must_use]
pub fn address(public_url: &str, connection: &str, path_secret: &Secret) -> Secret {
    let base = public_url.trim_end_matches('/');
    let plain = format!("{base}/hooks/{connection}");
    Secret::new(if path_secret.is_empty() { plain } else { format!("{plain}/{}", path_secret.reveal()) })
}

/// Compares the webhooks that are needed with those there are; with `apply`, makes what is missing. Asking twice makes nothing twice.
/// `public_url` is where this server is reached from outside; `fresh_secret` makes a new secret for an address that has none.
///
/// # Errors
/// When a platform cannot be asked, or the store fails. What it refuses is in the answer.
pub async fn subscriptions(
    engine: &Engine,
    public_url: Option<&str>,
    apply: bool,
    fresh_secret: &(dyn Fn() -> Result<Secret, StoreError> + Send + Sync),
) -> Result<Vec<Subscription>> {
    let mut found = Vec::new();
    for connection in engine.connections().values() {
        found.push(one(engine, connection, public_url, apply, fresh_secret).await?);
    }
    Ok(found)
}

/// The webhooks of one connection, as [`subscriptions`] tells of them, with nothing made.
///
/// # Errors
/// As there.
pub async fn look(engine: &Engine, connection: &Connection, public_url: Option<&str>) -> Result<Subscription> {
    one(engine, connection, public_url, false, &|| Err(StoreError::Invalid("nothing is made while looking".to_owned()))).await
}

/// The webhooks of one connection, as [`subscriptions`] tells of all.
///
/// # Errors
/// As there.
pub async fn one(
    engine: &Engine,
    connection: &Connection,
    public_url: Option<&str>,
    apply: bool,
    fresh_secret: &(dyn Fn() -> Result<Secret, StoreError> + Send + Sync),
) -> Result<Subscription> {
    let objects = watched(engine, connection);
    let mut webhooks = connection.settings.webhooks.clone();
    complete(engine.store(), &connection.name, &mut webhooks).await?;
    let mut subscription = Subscription {
        connection: connection.name.clone(),
        address: None,
        objects,
        state: "no_address".to_owned(),
        verified: false,
        note: Some("set server.public_url to the address under which the platform reaches this server".to_owned()),
    };
    let Some(public_url) = public_url else { return Ok(subscription) };
    let names: Vec<String> = subscription.objects.iter().map(|watched| watched.object.clone()).collect();
    let url = address(public_url, &connection.name, &webhooks.path_secret);
    for (object, fields) in engine.catalog().reads(&connection.name) {
        connection.connector.reads(&object, &fields);
    }
    let asked = connection.connector.subscribed(url.reveal(), &names).await;
    let is_there = asked.map_err(|source| EngineError::vendor(&connection.name, source))?;
    match is_there {
        Subscribed::ByHand(by_hand) => manual(engine, connection, by_hand, &mut webhooks, &mut subscription, apply, fresh_secret).await?,
        Subscribed::Chosen { lacks, carries } => {
            carried(&mut subscription, carries);
            if apply && webhooks.path_secret.is_empty() {
                webhooks.path_secret = fresh_secret()?;
                keep(engine.store(), path_name(&connection.name), &webhooks.path_secret).await?;
            }
            chosen(connection, &lacks, &address(public_url, &connection.name, &webhooks.path_secret), &mut subscription, apply).await;
            subscription.verified = !webhooks.path_secret.is_empty();
        }
        Subscribed::Yes => over_the_api(engine, connection, true, &url, &mut webhooks, &mut subscription, apply).await?,
        Subscribed::No => over_the_api(engine, connection, false, &url, &mut webhooks, &mut subscription, apply).await?,
    }
    let shown =
        address(public_url, &connection.name, &if webhooks.path_secret.is_empty() { Secret::default() } else { Secret::new(HIDDEN) });
    subscription.address = Some(shown.reveal().to_owned());
    Ok(subscription)
}

/// Shows what every message carries first.
fn carried(subscription: &mut Subscription, carries: &[&str]) {
    for watched in &mut subscription.objects {
        watched.fields.retain(|field| !carries.contains(&field.as_str()));
        watched.fields.splice(0..0, carries.iter().map(|mark| (*mark).to_owned()));
    }
}

/// A platform whose messages are made with the fields that are chosen, to an address with a secret. `url` has the secret where it is known.
async fn chosen(connection: &Connection, lacks: &[Lack], url: &Secret, subscription: &mut Subscription, apply: bool) {
    let told: Vec<String> = lacks.iter().map(|lack| format!("{}: {}", lack.object, lack.what)).collect();
    subscription.note = Some(told.join("; ")).filter(|note| !note.is_empty());
    (if lacks.is_empty() { "present" } else { "missing" }).clone_into(&mut subscription.state);
    if !apply || lacks.is_empty() {
        return;
    }
    let names: Vec<String> = subscription.objects.iter().map(|watched| watched.object.clone()).collect();
    match connection.connector.subscribe(url.reveal(), &names).await {
        Ok(_) => {
            "created".clone_into(&mut subscription.state);
            subscription.note = Some(format!("made: {}", told.join("; ")));
        }
        Err(error) => {
            "refused".clone_into(&mut subscription.state);
            subscription.note = Some(format!("{error}; {}", error.advice));
        }
    }
}

/// A platform that a person sets up. Where its messages are not signed, the address holds a secret, which is made here if there is none.
async fn manual(
    engine: &Engine,
    connection: &Connection,
    by_hand: ByHand,
    webhooks: &mut WebhookSettings,
    subscription: &mut Subscription,
    apply: bool,
    fresh_secret: &(dyn Fn() -> Result<Secret, StoreError> + Send + Sync),
) -> Result<()> {
    carried(subscription, by_hand.carries);
    "manual".clone_into(&mut subscription.state);
    if let Proof::Signature { known, source } = by_hand.proof {
        subscription.verified = known;
        subscription.note = Some(if known { by_hand.steps.to_owned() } else { format!("{}; {source}", by_hand.steps) });
        return Ok(());
    }
    if webhooks.path_secret.is_empty() && apply {
        webhooks.path_secret = fresh_secret()?;
        keep(engine.store(), path_name(&connection.name), &webhooks.path_secret).await?;
    }
    subscription.verified = !webhooks.path_secret.is_empty();
    subscription.note = Some(if subscription.verified {
        by_hand.steps.to_owned()
    } else {
        "--apply makes the secret part of the address; then set the messages up in the platform".to_owned()
    });
    Ok(())
}

async fn over_the_api(
    engine: &Engine,
    connection: &Connection,
    there: bool,
    url: &Secret,
    webhooks: &mut WebhookSettings,
    subscription: &mut Subscription,
    apply: bool,
) -> Result<()> {
    let names: Vec<String> = subscription.objects.iter().map(|watched| watched.object.clone()).collect();
    subscription.note = None;
    // The platform itself decides what its events carry.
    subscription.objects.iter_mut().for_each(|watched| watched.fields.clear());
    (if there { "present" } else { "missing" }).clone_into(&mut subscription.state);
    if apply {
        match connection.connector.subscribe(url.reveal(), &names).await {
            Ok(secret) => {
                if !there {
                    "created".clone_into(&mut subscription.state);
                }
                take_secret(engine, connection, secret, webhooks, subscription).await?;
            }
            Err(error) => {
                "refused".clone_into(&mut subscription.state);
                subscription.note = Some(format!("{error}; {}", error.advice));
            }
        }
    }
    subscription.verified = !webhooks.signing_secret.is_empty();
    if !subscription.verified && subscription.note.is_none() {
        subscription.note = Some("nothing can be verified without the signing secret; --apply reads and keeps it".to_owned());
    }
    Ok(())
}

/// Keeps the vendor's signing secret. One of the configuration goes first, and must be the same to be of any use.
async fn take_secret(
    engine: &Engine,
    connection: &Connection,
    secret: Option<Secret>,
    webhooks: &mut WebhookSettings,
    subscription: &mut Subscription,
) -> Result<()> {
    let Some(secret) = secret.filter(|secret| !secret.is_empty()) else { return Ok(()) };
    let in_use = &connection.settings.webhooks.signing_secret;
    let known = kept(engine.store(), signing_name(&connection.name)).await?;
    if known.as_ref() != Some(&secret) {
        keep(engine.store(), signing_name(&connection.name), &secret).await?;
    }
    if in_use.is_empty() || known.as_ref() == Some(in_use) && *in_use != secret {
        subscription.note = Some("a server that runs already verifies with the new signing secret once it is started again".to_owned());
    } else if *in_use != secret {
        subscription.note = Some(
            "webhooks.signing_secret of the configuration is not the one that the platform signs with; take it out, the right one is kept"
                .to_owned(),
        );
    }
    webhooks.signing_secret = secret;
    Ok(())
}

/// What is read at the connection is what changes must be told of. Fields of other rows cannot be part of a message.
fn watched(engine: &Engine, connection: &Connection) -> Vec<Watched> {
    let reads = engine.catalog().reads(&connection.name);
    // Of some objects no platform tells: polls see to them.
    let told = |object: &str| connection.connector.spec().capabilities(object).is_none_or(|able| !able.told.is_empty());
    let mut all: Vec<(String, BTreeSet<String>)> = Vec::new();
    for (object, fields) in reads.into_iter().filter(|(object, _)| told(object)) {
        for (own, fields) in connection.connector.told_as(&object, &fields) {
            // One that is read by itself may also be among those that another stands for.
            match all.iter_mut().find(|(known, _)| *known == own) {
                Some((_, known)) => known.extend(fields),
                None => all.push((own, fields.into_iter().collect())),
            }
        }
    }
    all.into_iter().map(|(object, fields)| Watched { object, fields: fields.into_iter().collect() }).collect()
}
