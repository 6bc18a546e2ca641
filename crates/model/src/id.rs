//! Ids that never change and never mix: a short prefix that tells the kind, and a UUIDv7 in lower-case base 32.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The alphabet of Crockford's base 32, lower case: no `i`, `l`, `o`, `u`, so an id survives being read aloud.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Characters that 128 bits take in base 32.
const BODY_CHARS: usize = 26;

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not an id: expected a prefix, an underscore and {BODY_CHARS} characters of base 32, such as con_01h455vb4pex5vsknk084sn02q"
)]
pub struct IdError {
    /// The text as it was given.
    pub text: String,
}

/// Id of a record that Entente holds, for instance `con_01h455vb4pex5vsknk084sn02q`. Sorts by time of creation within a prefix.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RecordId(String);

impl RecordId {
    /// Builds an id from a prefix (2 to 4 lower-case letters) and the 128 bits of a UUIDv7.
    #[must_use]
    pub fn new(prefix: &str, bits: u128) -> Self {
        Self(format!("{prefix}_{}", encode(bits)))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the underscore, which names the object.
    #[must_use]
    pub fn prefix(&self) -> &str {
        self.0.split_once('_').map_or("", |(prefix, _)| prefix)
    }

    /// When the id was made, in milliseconds since 1970, as its first 48 bits say.
    #[must_use]
    pub fn made_at_ms(&self) -> u64 {
        let body = self.0.split_once('_').map_or("", |(_, body)| body);
        let digit = |letter: u8| ALPHABET.iter().position(|known| *known == letter).map_or(0, |at| at as u128);
        let bits = body.bytes().fold(0_u128, |bits, letter| (bits << 5) | digit(letter));
        u64::try_from(bits >> 80).unwrap_or(0)
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RecordId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let fail = || IdError { text: text.to_owned() };
        let (prefix, body) = text.split_once('_').ok_or_else(fail)?;
        let prefix_ok = (2..=4).contains(&prefix.len()) && prefix.bytes().all(|b| b.is_ascii_lowercase());
        let body_ok = body.len() == BODY_CHARS && body.bytes().all(|b| ALPHABET.contains(&b));
        if prefix_ok && body_ok { Ok(Self(text.to_owned())) } else { Err(fail()) }
    }
}

impl TryFrom<String> for RecordId {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<RecordId> for String {
    fn from(id: RecordId) -> Self {
        id.0
    }
}

/// Encodes 128 bits as 26 characters of base 32, most significant first.
#[must_use]
pub fn encode(bits: u128) -> String {
    let mut out = [b'0'; BODY_CHARS];
    let mut rest = bits;
    for slot in out.iter_mut().rev() {
        *slot = ALPHABET[(rest & 31) as usize];
        rest >>= 5;
    }
    out.iter().map(|b| char::from(*b)).collect()
}

/// The 128 bits of a UUIDv7: milliseconds since 1970 and 74 random bits (RFC 9562 §5.7).
#[must_use]
pub fn uuid_v7(unix_ms: u64, random: u128) -> u128 {
    let time = u128::from(unix_ms & 0xffff_ffff_ffff) << 80;
    let rand_a = ((random >> 62) & 0x0fff) << 64;
    let rand_b = random & 0x3fff_ffff_ffff_ffff;
    time | (0x7 << 76) | rand_a | (0b10 << 62) | rand_b
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_its_text() {
        let id = RecordId::new("con", uuid_v7(1_700_000_000_000, 42));
        assert_eq!(id.to_string().parse::<RecordId>(), Ok(id.clone()));
        assert_eq!((id.prefix(), id.made_at_ms()), ("con", 1_700_000_000_000));
    }

    #[test]
    fn later_ids_sort_later() {
        let early = RecordId::new("con", uuid_v7(1_700_000_000_000, u128::MAX));
        let late = RecordId::new("con", uuid_v7(1_700_000_000_001, 0));
        assert!(early < late);
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "con", "con_", "con_123", "CON_01h455vb4pex5vsknk084sn02q", "con_01h455vb4pex5vsknk084sn02i"] {
            assert!(text.parse::<RecordId>().is_err(), "{text}");
        }
    }
}
