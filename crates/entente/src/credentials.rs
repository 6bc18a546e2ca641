//! Credentials that `entente connect` put into the database, encrypted, where the configuration says `stored = true`.

use entente_connect::settings::{Auth, ConnectionSettings, Secret};
use entente_store::Store;
use serde::{Deserialize, Serialize};

use crate::fault::{Fault, Result};

/// The secrets of a connection's `auth`, by their keys.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Kept {
    /// OAuth client secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
    /// Refresh token that signing in gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// A key or token that goes out alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Password of the user who logs in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// Security token that goes behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_token: Option<String>,
    /// RSA private key, PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_key: Option<String>,
}

fn name(connection: &str) -> String {
    format!("credentials/{connection}")
}

/// Keeps the credentials of a connection in place of those that were there.
pub async fn keep(store: &Store, connection: &str, kept: &Kept) -> Result<()> {
    let (name, bytes) = (name(connection), serde_json::to_vec(kept)?);
    Ok(store.write(move |tx| tx.put_secret(&name, &bytes)).await?)
}

/// The credentials that are kept of a connection.
pub async fn load(store: &Store, connection: &str) -> Result<Option<Kept>> {
    let name = name(connection);
    let Some(bytes) = store.read(move |tx| tx.secret(&name)).await? else { return Ok(None) };
    let unreadable =
        |_| Fault::new(format!("the credentials kept for `{connection}` cannot be read"), "run `entente connect` again for it");
    serde_json::from_slice(&bytes).map(Some).map_err(unreadable)
}

fn slots<'a>(auth: &'a mut Auth, kept: &Kept) -> Vec<(&'static str, &'a mut Secret, Option<String>)> {
    match auth {
        Auth::ClientCredentials { client_secret, .. } => vec![("client_secret", client_secret, kept.client_secret.clone())],
        Auth::RefreshToken { client_secret, refresh_token, .. } => {
            vec![("client_secret", client_secret, kept.client_secret.clone()), ("refresh_token", refresh_token, kept.refresh_token.clone())]
        }
        Auth::JwtBearer { private_key, .. } => vec![("private_key", private_key, kept.private_key.clone())],
        Auth::Password { password, security_token, .. } => {
            let mut slots = vec![("password", password, kept.password.clone())];
            // Trusted networks need none.
            if kept.security_token.is_some() {
                slots.push(("security_token", security_token, kept.security_token.clone()));
            }
            slots
        }
        Auth::ApiToken { token, .. } | Auth::AccessToken { token } => vec![("token", token, kept.token.clone())],
    }
}

/// Puts kept secrets where the configuration has none.
///
/// # Errors
/// When one is not kept either.
pub fn fill(settings: &mut ConnectionSettings, kept: Option<&Kept>) -> Result<()> {
    let nothing = Kept::default();
    let name = settings.name.clone();
    for (key, secret, known) in slots(&mut settings.auth, kept.unwrap_or(&nothing)).into_iter().filter(|(_, secret, _)| secret.is_empty()) {
        *secret = Secret::new(known.ok_or_else(|| {
            Fault::new(
                format!("connection `{name}`: the database keeps no `{key}`, though auth.stored says so"),
                format!("sign in with `entente connect PLATFORM --name {name}`"),
            )
        })?);
    }
    Ok(())
}

/// Whether the database keeps secrets of a connection, so that its settings lack them.
pub fn are_stored(settings: &ConnectionSettings) -> bool {
    slots(&mut settings.auth.clone(), &Kept::default()).iter().any(|(_, secret, _)| secret.is_empty())
}

/// Puts the secrets that the database keeps into the settings of a connection.
///
/// # Errors
/// When the store fails, or a secret is not there.
pub async fn complete(store: &Store, settings: &mut ConnectionSettings) -> Result<()> {
    if !are_stored(settings) {
        return Ok(());
    }
    let kept = load(store, &settings.name).await?;
    fill(settings, kept.as_ref())
}
