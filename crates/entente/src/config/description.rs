//! The description of a platform that a connection names: a YAML file beside the configuration.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use entente_connect::vendors::rest::description::Description;
use entente_connect::vendors::rest::description::load::read;

use super::connection::ConnectionTable;
use super::flaw::{Flaw, Place};
use super::secret::Resolver;

/// Platform key of what is described.
pub const DESCRIBED: &str = "rest";

/// Reads the description of a connection. What is wrong is with the resolver.
pub fn of(table: &ConnectionTable, resolver: &mut Resolver<'_>) -> Option<Arc<Description>> {
    let described = table.platform.get_ref() == DESCRIBED;
    let path = match (&table.description, described) {
        (None, false) => return None,
        (None, true) => {
            let remedy = "name the YAML file that describes the platform; docs/connectors.md shows how one is written";
            resolver.flaw(table.platform.span(), "connection.description", "the platform `rest` needs `description`", remedy);
            return None;
        }
        (Some(path), false) => {
            let reason = format!("`{}` is a platform that needs no description", table.platform.get_ref());
            resolver.flaw(path.span(), "connection.description", reason, "take it out, or set platform = \"rest\"");
            return None;
        }
        (Some(path), true) => path,
    };
    let full = resolver.folder.join(path.get_ref());
    match std::fs::read_to_string(&full) {
        Ok(text) => match check(&full, &text) {
            Ok(description) => Some(Arc::new(description)),
            Err(flaws) => {
                resolver.flaws.extend(flaws);
                None
            }
        },
        Err(error) => {
            let reason = format!("the description {} cannot be read: {error}", full.display());
            resolver.flaw(path.span(), "connection.description", reason, "check the path; it starts at the folder of this file");
            None
        }
    }
}

/// Reads the text of a description.
///
/// # Errors
/// Every mistake, with line and column.
pub fn check(file: &Path, text: &str) -> Result<Description, Vec<Flaw>> {
    read(text).map_err(|faults| {
        let counted = |number: u64| usize::try_from(number).ok();
        faults
            .into_iter()
            .map(|fault| Flaw {
                place: Place { file: PathBuf::from(file), line: counted(fault.line), column: counted(fault.column), key: fault.field },
                reason: fault.reason,
                remedy: fault.remedy,
            })
            .collect()
    })
}
