//! Signed assertions of the JWT bearer grant.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey};
use serde_json::Value;

/// Seconds that an assertion may live, at most (the vendor: three minutes), with the same again for clocks that differ.
const EXPIRY_S_MAX: i64 = 2 * 3 * 60;

/// Whose assertions are accepted.
#[derive(Debug, Clone, Default)]
pub enum JwtTrust {
    /// Any signature, even none.
    #[default]
    Any,
    /// RS256 by the key of this `SubjectPublicKeyInfo`, as PEM text.
    Pem(String),
    /// RS256 by the key of this `SubjectPublicKeyInfo`, as DER bytes.
    Der(Vec<u8>),
    /// RS256 by the key with this modulus and exponent, big-endian bytes.
    Rsa {
        /// Modulus.
        n: Vec<u8>,
        /// Public exponent.
        e: Vec<u8>,
    },
}

/// What an assertion claims.
pub(crate) struct Claims {
    pub issuer: String,
    pub subject: String,
    pub audience: String,
}

/// Reads an assertion; `Err` is the vendor's `error_description`.
pub(crate) fn read(assertion: &str, trust: &JwtTrust, now_ms: i64) -> Result<Claims, &'static str> {
    const INVALID: &str = "invalid assertion";
    let mut parts = assertion.split('.');
    let (Some(header), Some(body), Some(signature), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return Err(INVALID);
    };
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).map_err(|_| INVALID);
    let object = |part: &str| serde_json::from_slice::<Value>(&decode(part)?).map_err(|_| INVALID);
    let header_json = object(header)?;
    if !matches!(trust, JwtTrust::Any) {
        let signed = &assertion.as_bytes()[..header.len() + 1 + body.len()];
        let genuine = header_json["alg"] == "RS256" && verify(trust, signed, &decode(signature)?);
        if !genuine {
            return Err(INVALID);
        }
    }
    let claims = object(body)?;
    let text = |name: &str| claims[name].as_str().map(str::to_owned);
    let expires = claims["exp"].as_i64().or_else(|| claims["exp"].as_str()?.parse().ok()).ok_or(INVALID)?;
    let now = now_ms.div_euclid(1000);
    if expires <= now {
        return Err("expired authorization code");
    }
    if expires > now + EXPIRY_S_MAX {
        return Err(INVALID);
    }
    let audience = match &claims["aud"] {
        Value::Array(list) => list.first().and_then(Value::as_str).map(str::to_owned),
        other => other.as_str().map(str::to_owned),
    };
    Ok(Claims {
        issuer: text("iss").ok_or(INVALID)?,
        subject: text("sub").or_else(|| text("prn")).ok_or(INVALID)?,
        audience: audience.ok_or("audience is invalid")?,
    })
}

fn verify(trust: &JwtTrust, message: &[u8], signature: &[u8]) -> bool {
    let by_info = |der: &[u8]| {
        rsa_key(der).is_some_and(|key| UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key).verify(message, signature).is_ok())
    };
    match trust {
        JwtTrust::Any => true,
        JwtTrust::Der(der) => by_info(der),
        JwtTrust::Pem(pem) => {
            let base64: String = pem.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
            STANDARD.decode(base64).is_ok_and(|der| by_info(&der))
        }
        JwtTrust::Rsa { n, e } => RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok(),
    }
}

/// The RSA key inside a `SubjectPublicKeyInfo`: SEQUENCE { SEQUENCE algorithm, BIT STRING key }.
fn rsa_key(der: &[u8]) -> Option<&[u8]> {
    let (outer, _) = element(der, 0x30)?;
    let (_, after_algorithm) = element(outer, 0x30)?;
    let (bits, _) = element(after_algorithm, 0x03)?;
    bits.split_first().filter(|(unused, _)| **unused == 0).map(|(_, key)| key)
}

/// One DER element with this tag: its content and what follows it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    let (&length, rest) = rest.split_first()?;
    if first != tag {
        return None;
    }
    let (size, rest) = if length < 0x80 {
        (usize::from(length), rest)
    } else {
        let digits = usize::from(length & 0x7f);
        if digits > 4 || digits > rest.len() {
            return None;
        }
        let (head, tail) = rest.split_at(digits);
        (head.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), tail)
    };
    (size <= rest.len()).then(|| rest.split_at(size))
}
