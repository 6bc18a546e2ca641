//! The three signatures of webhooks.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// v1: hex of SHA-256 over the app's secret and the body.
#[must_use]
pub fn v1(secret: &str, body: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, &[secret.as_bytes(), body].concat()).as_ref())
}

/// v2: hex of SHA-256 over the secret, the method, the whole address and the body.
#[must_use]
pub fn v2(secret: &str, method: &str, uri: &str, body: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, &[secret.as_bytes(), method.as_bytes(), uri.as_bytes(), body].concat()).as_ref())
}

/// v3: base64 of HMAC-SHA256 over the method, the address with its reserved characters decoded, the body and the timestamp.
#[must_use]
pub fn v3(secret: &str, method: &str, uri: &str, body: &[u8], timestamp_ms: i64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let mut context = hmac::Context::with_key(&key);
    context.update(method.as_bytes());
    context.update(decoded(uri).as_bytes());
    context.update(body);
    context.update(timestamp_ms.to_string().as_bytes());
    STANDARD.encode(context.sign())
}

/// The address as it is signed: only these escapes are undone.
fn decoded(uri: &str) -> String {
    const ESCAPES: &[(&str, &str)] = &[
        ("%3A", ":"),
        ("%2F", "/"),
        ("%3F", "?"),
        ("%40", "@"),
        ("%21", "!"),
        ("%24", "$"),
        ("%27", "'"),
        ("%28", "("),
        ("%29", ")"),
        ("%2A", "*"),
        ("%2C", ","),
        ("%3B", ";"),
    ];
    ESCAPES.iter().fold(uri.to_owned(), |text, (escape, plain)| text.replace(escape, plain).replace(&escape.to_lowercase(), plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy";
    const BODY: &[u8] = br#"[{"eventId":1,"subscriptionId":12345,"portalId":62515,"occurredAt":1564113600000,"subscriptionType":"contact.creation","attemptNumber":0,"objectId":123,"changeSource":"CRM","changeFlag":"NEW","appId":54321}]"#;

    #[test]
    fn published_vectors_hold() {
        assert_eq!(v1(SECRET, BODY), "232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de");
        assert_eq!(
            v2(SECRET, "GET", "https://www.example.com/webhook_uri", b""),
            "eee2dddcc73c94d699f5e395f4b9d454a069a6855fbfa152e91e88823087200e"
        );
        assert_eq!(
            v2(SECRET, "POST", "https://www.example.com/webhook_uri", br#"{"example_field":"example_value"}"#),
            "9569219f8ba981ffa6f6f16aa0f48637d35d728c7e4d93d0d52efaa512af7900"
        );
        assert_eq!(
            v3(SECRET, "POST", "https://crm.example.com/hooks/hubspot?tenant=1", BODY, 1_564_113_600_000),
            "IBs3HVX0StkH++4LHV9nnUxAgjwfswODLjWDgAiPbW4="
        );
        assert_eq!(
            v3("secret", "POST", "https://example.com/hook", b"[]", 1_700_000_000_000),
            "0/4DF+YUcmbqY3ggukl+oIJILQ/DMu3iavl4482uHT4="
        );
        assert_eq!(decoded("https://x.example/a%3Fb%2f%25"), "https://x.example/a?b/%25");
    }
}
