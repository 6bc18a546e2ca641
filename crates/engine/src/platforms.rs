//! What the platforms can do, and how soon a change of each mapped field is seen.

mod acting;
mod described;
mod fields;

pub use acting::{Acted, Offered, Wish, act, offers, rates, waiting};
pub use described::{DetectionDescribed, FieldRule, LimitDescribed, ObjectDescribed, PlatformDescribed};
pub use fields::{Bound, FieldBound, bounds, usual_bounds};

use entente_connect::registry;

use crate::engine::Engine;
use crate::error::{EngineError, Result};
use crate::words;

/// Every platform there is, with the connections to it where there is an engine that has some; and those that a description makes, under the
/// names of their connections.
#[must_use]
pub fn list(engine: Option<&Engine>) -> Vec<PlatformDescribed> {
    let built_in = registry::ALL.iter().map(|platform| PlatformDescribed::of(platform.spec, engine));
    let connections = engine.into_iter().flat_map(|engine| engine.connections().values());
    let described = connections.filter_map(|connection| {
        let spec = connection.connector.spec();
        let own = !registry::ALL.iter().any(|platform| std::ptr::eq(platform.spec, spec));
        let name = || connection.name.clone();
        own.then(|| PlatformDescribed { key: name(), connections: vec![name()], ..PlatformDescribed::of(spec, None) })
    });
    built_in.chain(described).collect()
}

/// One platform, or one that a description makes by the name of its connection.
///
/// # Errors
/// When there is none of that name.
pub fn one(engine: Option<&Engine>, key: &str) -> Result<PlatformDescribed> {
    list(engine).into_iter().find(|platform| platform.key == key).ok_or_else(|| unknown(key))
}

fn unknown(key: &str) -> EngineError {
    let remedy = words::remedy(key, registry::ALL.iter().map(|platform| platform.spec.key));
    EngineError::Unknown { what: "platform", name: key.to_owned(), remedy }
}
