//! Reconciliation: both sides read in bulk and compared field by field with what Entente holds, so that what no webhook and no poll told
//! of is found, put right by the owner rules, and what could not be is listed. It ends with a signed certificate that can be checked again.
//!
//! It writes to no platform: what it finds becomes looks and hints, and converge does the rest. A read that was not complete says nothing
//! about rows that it did not show, and one that was only has them fetched.

pub mod cause;
pub mod certificate;
mod classify;
mod compare;
pub mod cost;
mod fingerprint;
mod gaps;
mod object_read;
mod place;
mod read;
mod repair;
pub mod report;
mod run;
pub mod scan;
pub mod schedule;
mod second_look;
pub(crate) mod signing;
pub mod verify;

pub use place::Scope;
pub use run::{COMPARED, FOUND, Outcome, RESOLVED, Running, finish, reconcile, running};
pub use scan::{Scan, scan};

/// Asked between pages: whether to stop there.
pub type Stop<'a> = &'a (dyn Fn() -> bool + Send + Sync);

/// Told after each page: connection, remote object, rows read so far.
pub type OnPage<'a> = &'a (dyn Fn(&str, &str, u64) + Send + Sync);
