//! The signed assertion of the OAuth 2 JWT bearer grant (RFC 7523), RS256.
//!
//! The key is read by `jsonwebtoken` and the signature made by `ring`, the one crypto library of the binary, without installing a
//! process-wide provider.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use entente_model::clock::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde::Serialize;

use crate::settings::Secret;

/// Seconds an assertion is good for: Salesforce takes at most about three minutes, and a clock that is a little ahead must not break it.
const LIFETIME_S: i64 = 150;

/// Who asserts what to whom.
#[derive(Debug, Clone, Copy)]
pub struct Claims<'a> {
    /// Client id.
    pub issuer: &'a str,
    /// User name.
    pub subject: &'a str,
    /// Login host.
    pub audience: &'a str,
}

/// Why no assertion could be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AssertionError {
    /// Not an RSA key in PEM.
    #[error("the private key is not an RSA key in PEM form")]
    Key,
    /// The key cannot sign.
    #[error("the private key cannot sign: it must be an RSA key of 2048 to 4096 bits")]
    Sign,
}

#[derive(Serialize)]
struct Payload<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
}

/// A key that signs assertions.
pub struct Signer(RsaKeyPair);

impl Signer {
    /// Reads an RSA private key in PEM (PKCS#1 or PKCS#8).
    ///
    /// # Errors
    /// When the text is no such key, or is too short or too long to sign with.
    pub fn from_pem(pem: &Secret) -> Result<Self, AssertionError> {
        let key = EncodingKey::from_rsa_pem(pem.reveal().as_bytes()).map_err(|_| AssertionError::Key)?;
        RsaKeyPair::from_der(key.as_bytes()).map(Self).map_err(|_| AssertionError::Sign)
    }

    /// Signs an assertion that starts `now` by the vendor's clock.
    ///
    /// # Errors
    /// When the key cannot sign.
    pub fn sign(&self, claims: Claims<'_>, now: Timestamp) -> Result<Secret, AssertionError> {
        let iat = now.as_second();
        let payload = Payload { iss: claims.issuer, sub: claims.subject, aud: claims.audience, iat, exp: iat + LIFETIME_S };
        let part =
            |json: Result<Vec<u8>, serde_json::Error>| json.map(|bytes| URL_SAFE_NO_PAD.encode(bytes)).map_err(|_| AssertionError::Sign);
        let head = part(serde_json::to_vec(&Header::new(Algorithm::RS256)))?;
        let message = format!("{head}.{}", part(serde_json::to_vec(&payload))?);
        let mut signature = vec![0; self.0.public().modulus_len()];
        self.0.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature).map_err(|_| AssertionError::Sign)?;
        Ok(Secret::new(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))))
    }
}
