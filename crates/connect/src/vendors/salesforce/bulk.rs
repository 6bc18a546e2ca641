//! Bulk API 2.0: jobs that read or write many rows, taken where they cost fewer calls than pages and collections do.
//!
//! Jobs are left to the vendor, which removes them after seven days: deleting each would cost a call.

mod csv_rows;
mod job;
mod read;
pub(super) mod rule;
mod write;

pub(super) use read::{BulkRead, Chunk};
