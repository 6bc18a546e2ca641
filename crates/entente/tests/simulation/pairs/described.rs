//! Sales at Pipedrive, seen through the description that is shipped as an example.

use std::sync::Arc;

use entente_connect::settings::ConnectionSettings;
use entente_connect::vendors::rest::description::load::read;
use entente_sims::clock::SimClock;

use super::side::Started;

pub fn start(clock: SimClock) -> Started {
    let office = super::pipedrive::start(clock);
    let text = include_str!("../../../../../docs/examples/pipedrive.yaml");
    let description =
        read(text).unwrap_or_else(|faults| panic!("{}", faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")));
    let (name, platform) = ("rest".to_owned(), "rest".to_owned());
    Started { settings: ConnectionSettings { name, platform, description: Some(Arc::new(description)), ..office.settings }, ..office }
}
