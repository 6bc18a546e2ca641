//! The signature of webhooks.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

/// Fixed secret of deliveries made by "test webhook" before the webhook is saved.
pub(crate) const TEST_SECRET: &str = "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==";

/// Base64 of HMAC-SHA256 over timestamp and raw body; the secret's text itself is the key, not what it decodes to.
#[must_use]
pub fn sign(secret: &str, timestamp: &str, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let mut context = hmac::Context::with_key(&key);
    context.update(timestamp.as_bytes());
    context.update(body);
    STANDARD.encode(context.sign())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_vectors_hold() {
        let at = "2024-05-06T08:47:46Z";
        let body = br#"{"ticket":{"id":35436,"status":"open","updated_at":"2024-05-06T08:47:45Z"}}"#;
        assert_eq!(sign(TEST_SECRET, at, body), "zBOGSPFIImWQOYCMGwxBJGUSMd3dCyG7SGyEhe/QR+8=");
        assert_eq!(sign(TEST_SECRET, at, b""), "kv49iJGFZGD2DenytKvbLJGbhsr3H4s75wPbjVTKqkc=");
        let old = sign("HRkRd4BeOAoUkfZr-mhauJT64rvBASlJRoIyPsd3zeA=", "2021-07-25T10:00:00Z", br#"{"say": "hello"}"#);
        assert_eq!(old, "Rry/4TtIdFyawtXXp8QdI6tlAUUQ/5kL1OTp5qo/ZIk=");
    }
}
