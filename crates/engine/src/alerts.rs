//! Alerts: what operators are told of, once when it begins and once when it is over.
//!
//! An alert is a row of the store, open from the moment something began until it is over; its notices commit together with it, so that a
//! restart neither doubles nor loses one. Two ways lead to one:
//!
//! - The watch ([`watch`](crate::reports::watch)) looks at the state of the sync every few seconds. What is so becomes an alert, and what is
//!   so no longer ends it. Whoever knows of something that stands still adds its [`Signal`]s in `signals`.
//! - Whatever happens at one moment (a hold that was opened, an erasure that was asked for) raises its alert in its own transaction with
//!   [`raise::raise`]. Kinds that the watch does not see end with [`raise::end`].

pub mod burn;
mod clocks;
mod connections;
mod explained;
pub mod kind;
pub mod list;
mod queues;
pub mod quiet;
pub mod raise;
mod rates;
pub(crate) mod signals;

pub use kind::AlertKind;
pub use raise::Signal;
