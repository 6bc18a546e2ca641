//! The three ambient things of a connector: network, time, and a place for tokens.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use entente_model::clock::{Clock, Timestamp};

use crate::settings::Secret;

/// Why there was no answer. Whether the vendor did the work is unknown, except for `Unreachable`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// No connection was made: nothing was sent.
    #[error("cannot reach {host}: {reason}")]
    Unreachable {
        /// Host and port.
        host: String,
        /// Why.
        reason: String,
    },
    /// Sent, but no answer in time.
    #[error("no answer from {host} within {seconds} s")]
    TimedOut {
        /// Host and port.
        host: String,
        /// How long we waited.
        seconds: u64,
    },
    /// Sent, but the answer broke off.
    #[error("the answer of {host} broke off: {reason}")]
    Broken {
        /// Host and port.
        host: String,
        /// Why.
        reason: String,
    },
}

/// Carries one request to a vendor. The network in production, a simulator in-process in tests.
#[async_trait]
pub trait Wire: Send + Sync {
    /// Sends a request and waits for the whole answer.
    async fn send(&self, request: http::Request<Bytes>, timeout: Duration) -> Result<http::Response<Bytes>, WireError>;
}

/// Time that can pass.
#[async_trait]
pub trait Time: Clock {
    /// Completes after `duration`; on a virtual clock, at once, having moved it.
    async fn sleep(&self, duration: Duration);
}

/// Tokens of one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokens {
    /// Access token.
    pub access: Secret,
    /// Refresh token, if the flow has one.
    pub refresh: Option<Secret>,
    /// Data host the vendor named with the token (Salesforce's `instance_url`).
    pub instance_url: Option<String>,
    /// When the access token ends, if the vendor says.
    pub expires_at: Option<Timestamp>,
}

/// Keeps tokens, encrypted, across restarts. A rotated refresh token is saved before its access token is used.
#[async_trait]
pub trait TokenVault: Send + Sync {
    /// The tokens kept for a connection.
    async fn load(&self, connection: &str) -> Result<Option<Tokens>, String>;
    /// Keeps tokens; returns only once they are durable.
    async fn save(&self, connection: &str, tokens: &Tokens) -> Result<(), String>;

    /// Takes the right to renew the tokens of a connection, among all processes that share this vault, for at most `lasting`. Whether
    /// it was free. A vault that only one process uses has nothing to ask.
    async fn hold(&self, _connection: &str, _lasting: Duration) -> Result<bool, String> {
        Ok(true)
    }

    /// Gives that right back.
    async fn let_go(&self, _connection: &str) -> Result<(), String> {
        Ok(())
    }
}
