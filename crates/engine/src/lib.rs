//! Every use-case of Entente, grouped by what people do. HTTP, CLI and MCP call these functions and add no meaning of their own.

pub mod alerts;
pub mod automation;
pub mod catalog;
pub mod engine;
pub mod entry;
pub mod error;
pub mod files;
pub mod flaws;
pub mod metadata;
pub mod notify;
pub mod options;
pub mod platforms;
pub mod privacy;
pub mod reconcile;
pub mod records;
pub mod reports;
pub mod schema;
pub mod sync;
mod words;

pub use engine::{Connection, Engine, Parts};
pub use error::{EngineError, Result};
pub use options::Options;
