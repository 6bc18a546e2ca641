//! How tests call what serves on this machine.

use std::time::Duration;

/// An HTTP client for this machine.
pub fn client() -> reqwest::Client {
    // Whoever was faster has installed the same provider; an error says just that.
    let _already = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap()
}
