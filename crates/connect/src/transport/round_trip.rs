//! The network's own part of a call's time: how long a connection to the host takes to open. Opening one is one round trip, and costs
//! no call of the vendor's quota.

use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout};

use crate::settings::ConnectionSettings;

/// A network slower than this is down for our purposes.
const PATIENCE: Duration = Duration::from_secs(5);

/// One round trip to the host of a connection. `None` when it cannot be reached, or when a proxy stands in between: then it would be
/// the way to the proxy.
pub async fn round_trip(settings: &ConnectionSettings) -> Option<Duration> {
    if settings.proxy.is_some() {
        return None;
    }
    let (host, port) = (settings.base_url.host_str()?, settings.base_url.port_or_known_default()?);
    let addresses: Vec<_> = timeout(PATIENCE, lookup_host((host.trim_matches(['[', ']']), port))).await.ok()?.ok()?.collect();
    let begun = Instant::now();
    timeout(PATIENCE, TcpStream::connect(addresses.as_slice())).await.ok()?.ok()?;
    Some(begun.elapsed())
}
