//! The webhook inbox: a webhook is verified, kept and answered in milliseconds; what it says is taken up from there.

use std::collections::BTreeMap;

use entente_connect::webhook::{Delivery, Incoming, Receipt};
use entente_store::{Delivery as Kept, DeliveryState, NewDelivery, RemoteKey};

use super::ingest::{Arrival, Way, ingest};
use crate::engine::Engine;
use crate::error::Result;

/// Deliveries taken up in one transaction.
const BATCH: usize = 500;

/// Verifies a webhook and keeps it. Returns what to answer; a delivery that was kept before is answered the same and dropped.
///
/// # Errors
/// When the connection does not exist, the webhook is not the vendor's or not readable, or the store fails. Nothing is kept then.
pub async fn receive(
    engine: &Engine,
    connection: &str,
    path_secret: &str,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
) -> Result<Receipt> {
    let ready = engine.connection(connection)?;
    let incoming = Incoming { headers, body };
    let now = engine.now();
    let name = connection.to_owned();
    let delivery = match ready.connector.open(&incoming, path_secret, now) {
        Ok(delivery) => delivery,
        Err(error) => {
            engine.store().write(move |tx| tx.count(now, &[("webhooks_refused", &name, 1)])).await?;
            return Err(error.into());
        }
    };
    let kept = NewDelivery {
        connection: connection.to_owned(),
        delivery_id: delivery.id,
        received_at: now,
        body: incoming.body,
        headers: incoming.headers,
    };
    engine
        .store()
        .write(move |tx| {
            let fresh = tx.deliver(&kept)?.is_some();
            let counter = if fresh { "webhooks" } else { "webhooks_repeated" };
            tx.count(now, &[(counter, &kept.connection, 1)])
        })
        .await?;
    Ok(ready.connector.receipt())
}

/// Takes up what the inbox holds. Returns how many deliveries there were.
///
/// # Errors
/// When the store fails.
pub async fn take_up(engine: &Engine) -> Result<usize> {
    let idle = engine.store().read(|tx| Ok(!tx.inbox_counts()?.keys().any(|(_, state)| *state == DeliveryState::New)));
    if idle.await? {
        return Ok(0);
    }
    let (engine_, catalog) = (engine.clone(), engine.catalog());
    let taken = engine
        .store()
        .write(move |tx| {
            let deliveries = tx.take_deliveries(BATCH)?;
            let mut arrivals = Vec::new();
            let mut finished = Vec::with_capacity(deliveries.len());
            for kept in &deliveries {
                match open(&engine_, kept) {
                    Ok(delivery) => {
                        arrivals.extend(arrivals_of(kept, delivery));
                        finished.push((kept.id, None));
                    }
                    // It was readable when it came in: only a connection that is gone since, or a changed secret, ends here.
                    Err(reason) => finished.push((kept.id, Some(reason))),
                }
            }
            ingest(tx, &engine_, &catalog, &arrivals, Way::Webhook)?;
            let bad = deliveries.iter().zip(&finished).filter(|(_, (_, reason))| reason.is_some());
            let bad: Vec<(&str, &str, i64)> = bad.map(|(kept, _)| ("webhooks_failed", kept.delivery.connection.as_str(), 1)).collect();
            tx.count(engine_.now(), &bad)?;
            tx.finish_deliveries(&finished)?;
            Ok(deliveries.len())
        })
        .await?;
    Ok(taken)
}

fn open(engine: &Engine, kept: &Kept) -> Result<Delivery, String> {
    let ready = engine.connection(&kept.delivery.connection).map_err(|error| error.to_string())?;
    let incoming = Incoming { headers: kept.delivery.headers.clone(), body: kept.delivery.body.clone() };
    let secret = ready.settings.webhooks.path_secret.reveal();
    // The signature's age was checked when it came in; what counts now is that it is the same body.
    ready.connector.open(&incoming, secret, kept.delivery.received_at).map_err(|error| error.to_string())
}

fn arrivals_of(kept: &Kept, delivery: Delivery) -> Vec<Arrival> {
    let events = delivery.events.into_iter().map(|event| Arrival {
        key: RemoteKey::new(&kept.delivery.connection, &event.object, &event.id),
        look: event.look,
        omits_blanks: event.omits_blanks,
        origin_at: Some(kept.delivery.received_at),
    });
    events.collect()
}
