//! Below the connectors: the wire, sign-in, pacing and counting.
//!
//! A connector builds one [`client::Client`] with its [`dialect::Dialect`] and makes every call through it, so that all platforms
//! sign in, wait, count and fail the same way.

pub(crate) mod address;
pub mod assertion;
pub mod call;
pub mod client;
pub mod count;
pub mod dialect;
pub mod gate;
pub mod http;
pub mod offset;
pub mod pace;
pub mod round_trip;
pub mod sign_in;
pub(crate) mod token_refusal;
pub mod wire;

use std::sync::Arc;

use wire::{Time, TokenVault, Wire};

/// What surrounds a connector: everything ambient, as arguments.
#[derive(Clone)]
pub struct Surroundings {
    /// Carries requests.
    pub wire: Arc<dyn Wire>,
    /// Tells and passes time.
    pub time: Arc<dyn Time>,
    /// Keeps tokens across restarts.
    pub vault: Arc<dyn TokenVault>,
}
