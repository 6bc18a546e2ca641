//! A vendor says that our app was removed at its customer's. The connection rests as with any refused credentials: what waits goes on waiting,
//! people are told, and one call after each rest asks whether we are let in again.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use entente_connect::webhook::Incoming;

use crate::engine::Engine;
use crate::error::Result;

/// Takes in that call. Whether it is about this connection: an app may be installed elsewhere as well.
///
/// # Errors
/// When there is no such connection, or the call does not prove to come from the vendor. It is counted then like a webhook that was refused.
pub async fn removed(engine: &Engine, connection: &str, headers: BTreeMap<String, String>, body: Vec<u8>) -> Result<bool> {
    let ready = engine.connection(connection)?;
    let refusal = match ready.connector.removed(&Incoming { headers, body }).await {
        Ok(refusal) => refusal,
        Err(error) => {
            ready.refused.fetch_add(1, Ordering::Relaxed);
            return Err(error.into());
        }
    };
    let Some(refusal) = refusal else {
        tracing::info!(connection, "the app was removed elsewhere; this connection goes on");
        return Ok(false);
    };
    tracing::warn!(connection, advice = refusal.advice, "the vendor says that the app was removed; the connection rests");
    ready.pressure.shut(&refusal, engine.now());
    Ok(true)
}
