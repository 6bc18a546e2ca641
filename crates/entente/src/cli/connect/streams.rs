//! Whether a platform's own stream of changes can be read, where a connection reads one.

use entente_connect::connector::Tried;
use entente_engine::{Connection, Engine};

use super::Lacking;

/// Tries the streams of everything that the mappings read.
pub(in crate::cli) async fn tried_streams(engine: &Engine, connection: &Connection) -> Vec<Tried> {
    let objects: Vec<String> = engine.catalog().reads(&connection.name).into_iter().map(|(object, _)| object).collect();
    connection.connector.try_streams(&objects).await
}

/// What cannot be read, each with what follows: among what is missing where somebody insists on the stream, else among what could be granted.
pub(super) async fn try_all(engine: &Engine, connection: &Connection, lacking: &mut Vec<Lacking>, wanted: &mut Vec<Lacking>) {
    for Tried { stream, is_optional, outcome } in tried_streams(engine, connection).await {
        let Err(error) = outcome else { continue };
        let (list, without) = if is_optional {
            (&mut *wanted, "polls bring its changes, later and at the cost of calls")
        } else {
            (&mut *lacking, "what it would tell of is not read")
        };
        list.push(Lacking { what: format!("{stream}: {error}"), without: format!("{without}; {}", error.advice) });
    }
}
