//! The webhook inbox: a webhook is verified, kept and answered in milliseconds; what it says is taken up from there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use entente_connect::look::{Existence, Look};
use entente_connect::webhook::{Event, Incoming, Receipt};
use entente_model::clock::Timestamp;
use entente_store::{Delivery as Kept, NewDelivery, RemoteKey, StoreError, Tx, Viewer};

use super::ingest::{Arrival, Sifted, Way, ingest, sift};
use crate::catalog::Catalog;
use crate::engine::Engine;
use crate::error::Result;
use crate::privacy::blocked::Blocked;
use crate::privacy::met::{Met, meets, note, turns};
use crate::privacy::schedule::brought_in;

/// Deliveries taken up in one transaction.
const BATCH: usize = 500;

/// Headers of a delivery that are kept, for people who ask what came. Never a signature, a token or a cookie.
const KEPT_HEADERS: &[&str] = &["content-type", "user-agent"];

/// Verifies a webhook and keeps it with what it says. Returns what to answer; a delivery that was kept before is answered the same and
/// dropped. One that is refused is counted in memory, so that forged ones cost no write; the counts go out with those of the calls.
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
    let delivery = match ready.connector.open(&incoming, path_secret, now) {
        Ok(delivery) => delivery,
        Err(error) => {
            ready.refused.fetch_add(1, Ordering::Relaxed);
            return Err(error.into());
        }
    };
    let Incoming { mut headers, body } = incoming;
    headers.retain(|name, _| KEPT_HEADERS.contains(&name.as_str()));
    let events = serde_json::to_value(&delivery.events).map_err(|error| StoreError::Invalid(error.to_string()))?;
    let told = delivery.events;
    let kept = NewDelivery { connection: connection.to_owned(), delivery_id: delivery.id, received_at: now, body, headers, events };
    let (engine_, catalog) = (engine.clone(), engine.catalog());
    engine
        .store()
        .write(move |tx| {
            let without = without_the_erased(tx, &engine_, &catalog, &kept, &told, now)?;
            let kept = without.as_ref().unwrap_or(&kept);
            // What is fresh is counted when it is taken up, many at once.
            let fresh = tx.deliver(kept)?.is_some();
            if fresh { Ok(()) } else { tx.count(now, &[("webhooks_repeated", &kept.connection, 1)]) }
        })
        .await?;
    Ok(ready.connector.receipt())
}

/// A delivery without what it says of somebody who was erased, if it says anything of one: not even its body is kept then.
fn without_the_erased(
    tx: &mut Tx<'_>,
    engine: &Engine,
    catalog: &Catalog,
    kept: &NewDelivery,
    told: &[Event],
    now: Timestamp,
) -> Result<Option<NewDelivery>, StoreError> {
    let blocked = Blocked::of(tx, engine)?;
    if blocked.is_empty() {
        return Ok(None);
    }
    let mut others = Vec::with_capacity(told.len());
    for event in told {
        let key = RemoteKey::new(&kept.connection, &event.object, &event.id);
        let met = meets(&blocked, catalog, &key, event.look.as_ref(), now);
        let met = match met {
            Some(met) => of_its_link(tx, &blocked, catalog, met, &key, event.look.as_ref(), now)?,
            None => None,
        };
        match met {
            Some(met) => {
                let existence = event.look.as_ref().map_or(&Existence::Deleted, |look| &look.existence);
                note(tx, engine, &met, &key, existence, now)?;
            }
            None => others.push(event),
        }
    }
    // Some vendors name a person in events that show nothing of the row itself.
    let named = addresses(&String::from_utf8_lossy(&kept.body)).any(|address| blocked.address(address).is_some());
    if others.len() == told.len() && !named {
        return Ok(None);
    }
    let events = serde_json::to_value(&others).map_err(|error| StoreError::Invalid(error.to_string()))?;
    let (connection, delivery_id) = (kept.connection.clone(), kept.delivery_id.clone());
    Ok(Some(NewDelivery { connection, delivery_id, received_at: kept.received_at, body: Vec::new(), headers: BTreeMap::new(), events }))
}

/// The meeting that it is where a record stands for the row; the same where none does.
fn of_its_link(
    tx: &mut Tx<'_>,
    blocked: &Blocked,
    catalog: &Catalog,
    met: Met,
    key: &RemoteKey,
    look: Option<&Look>,
    now: Timestamp,
) -> Result<Option<Met>, StoreError> {
    let links = tx.links_at(std::slice::from_ref(key))?;
    let Some(link) = links.get(key) else { return Ok(Some(met)) };
    let Some(record) = tx.record(&Viewer::system(), &link.record)? else { return Ok(None) };
    let deciding = catalog.deciding(record.id.as_str(), &record.object).map_or(catalog, |other| &**other);
    let (Some(mapped), Some(look)) = (deciding.mapped(&key.connection, &record.object), look) else { return Ok(None) };
    if look.existence != Existence::Present {
        return Ok(None);
    }
    let shown = mapped.lens.get(&look.row, &record.data, &|_, _| None, now).fields;
    Ok(turns(blocked, &record.object, link, &record.data, &shown))
}

/// Everything in a text that may be an e-mail address.
fn addresses(text: &str) -> impl Iterator<Item = &str> {
    let of_address = |letter: char| letter.is_alphanumeric() || "@.!#$%&'*+-/=?^_`{|}~".contains(letter);
    let words = text.split(move |letter| !of_address(letter)).map(|word| word.trim_matches('.'));
    words.filter(|word| word.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.')))
}

/// A delivery with what it says.
struct Opened {
    kept: Kept,
    arrivals: Result<Vec<Arrival>, String>,
}

impl Opened {
    fn of(engine: &Engine, kept: Kept) -> Self {
        let arrivals = arrivals_of(engine, &kept);
        Self { kept, arrivals }
    }
}

/// What deliveries say, in order.
fn arrivals_in<'a>(deliveries: impl Iterator<Item = &'a Opened>) -> Vec<&'a Arrival> {
    deliveries.flat_map(|opened| opened.arrivals.iter().flatten()).collect()
}

/// Takes up what the inbox holds. Returns how many deliveries there were.
///
/// # Errors
/// When the store fails.
pub async fn take_up(engine: &Engine) -> Result<usize> {
    // They are opened, and what tells nothing is found, before the transaction: everybody who writes waits for its end.
    let (engine_, catalog) = (engine.clone(), engine.catalog());
    let prepared = engine.store().read(move |tx| {
        let opened: Vec<Opened> = tx.unread_deliveries(BATCH)?.into_iter().map(|kept| Opened::of(&engine_, kept)).collect();
        let sifted = sift(tx, &engine_, &catalog, &arrivals_in(opened.iter()))?;
        Ok((opened, sifted))
    });
    let (opened, sifted) = prepared.await?;
    if opened.is_empty() {
        return Ok(0);
    }
    let (engine_, catalog) = (engine.clone(), engine.catalog());
    let taken = engine
        .store()
        .write(move |tx| {
            let taken = tx.take_deliveries(opened.len())?;
            let as_opened = taken.iter().eq(opened.iter().map(|one| &one.kept.id));
            let anew = if as_opened { Vec::new() } else { tx.deliveries(&taken)? };
            let anew: Vec<Opened> = anew.into_iter().map(|kept| Opened::of(&engine_, kept)).collect();
            let (deliveries, sifted) = if as_opened { (&opened, &sifted) } else { (&anew, &Sifted::default()) };
            let mut finished = Vec::with_capacity(deliveries.len());
            for Opened { kept, arrivals } in deliveries {
                // It was verified and read when it came in: only a connection that is gone since ends here.
                if let Err(reason) = arrivals {
                    tracing::warn!(
                        connection = kept.delivery.connection,
                        delivery = kept.delivery.delivery_id,
                        reason,
                        "a delivery could not be taken up"
                    );
                }
                finished.push((kept.id, arrivals.as_ref().err().cloned()));
            }
            ingest(tx, &engine_, &catalog, &arrivals_in(deliveries.iter()), sifted, Way::Webhook)?;
            empty_of_the_erased(tx, &engine_, &catalog, deliveries)?;
            let bad = deliveries.iter().zip(&finished).filter(|(_, (_, reason))| reason.is_some());
            let mut counts: Vec<(&str, &str, i64)> =
                bad.map(|(opened, _)| ("webhooks_failed", opened.kept.delivery.connection.as_str(), 1)).collect();
            counts.extend(deliveries.iter().map(|opened| ("webhooks", opened.kept.delivery.connection.as_str(), 1)));
            tx.count(engine_.now(), &counts)?;
            tx.finish_deliveries(&finished)?;
            Ok(deliveries.len())
        })
        .await?;
    Ok(taken)
}

/// Empties deliveries that came in before somebody whom they tell of was erased.
fn empty_of_the_erased(tx: &mut Tx<'_>, engine: &Engine, catalog: &Catalog, deliveries: &[Opened]) -> Result<(), StoreError> {
    let blocked = Blocked::of(tx, engine)?;
    if blocked.is_empty() {
        return Ok(());
    }
    let mut told_of = BTreeSet::new();
    for Opened { kept, arrivals } in deliveries {
        let meets = |arrival: &Arrival| meets(&blocked, catalog, &arrival.key, arrival.look.as_ref(), engine.now());
        let shown: Vec<Met> = arrivals.iter().flatten().filter_map(meets).collect();
        let body = String::from_utf8_lossy(&kept.delivery.body);
        let named: Vec<i64> = addresses(&body).filter_map(|address| blocked.address(address)).collect();
        if !shown.is_empty() || !named.is_empty() {
            tx.empty_delivery(kept.id)?;
        }
        told_of.extend(shown.iter().filter_map(Met::tells_of).chain(named));
    }
    for erasure in told_of {
        brought_in(tx, erasure, engine.now())?;
    }
    Ok(())
}

/// What a delivery says, as it was read when it came in. Secrets may have been rotated since; it was verified then.
fn arrivals_of(engine: &Engine, kept: &Kept) -> Result<Vec<Arrival>, String> {
    let of = &kept.delivery;
    engine.connection(&of.connection).map_err(|error| error.to_string())?;
    let events: Vec<Event> =
        serde_json::from_value(of.events.clone()).map_err(|error| format!("what it says cannot be read: {:?} error", error.classify()))?;
    let arrivals = events.into_iter().map(|event| Arrival {
        key: RemoteKey::new(&of.connection, &event.object, &event.id),
        look: event.look,
        blanks: event.blanks,
        created: event.created,
        origin_at: Some(of.received_at),
    });
    Ok(arrivals.collect())
}

#[cfg(test)]
mod tests {
    use super::addresses;

    #[test]
    fn addresses_are_found_in_every_kind_of_body() {
        let json = r#"{"email":"Ada@Acme.example","name":"A @ B"}"#;
        assert_eq!(addresses(json).collect::<Vec<_>>(), ["Ada@Acme.example"]);
        let xml = "<sf:Email>ada+x@acme.example</sf:Email><sf:Note>or bob@acme.example.</sf:Note>";
        assert_eq!(addresses(xml).collect::<Vec<_>>(), ["ada+x@acme.example", "bob@acme.example"]);
    }
}
