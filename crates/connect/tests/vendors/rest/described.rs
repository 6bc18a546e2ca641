//! A company at Pipedrive, seen through the description that is shipped as an example.

use std::sync::Arc;

use entente_connect::settings::ConnectionSettings;
use entente_connect::vendors::rest::description::Description;
use entente_connect::vendors::rest::description::load::read;
use entente_model::mapping::Role;

use crate::pipedrive::company::{Company, token};
use crate::stage;

/// The description.
pub fn description() -> Arc<Description> {
    let text = include_str!("../../../../../docs/examples/pipedrive.yaml");
    match read(text) {
        Ok(description) => Arc::new(description),
        Err(faults) => panic!("{}", faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
    }
}

pub fn settings() -> ConnectionSettings {
    let described = stage::settings("rest", Role::Crm, "https://acme.pipedrive.com", token());
    ConnectionSettings { description: Some(description()), ..described }
}

pub fn company() -> Company {
    Company::with(settings(), |_| {})
}
