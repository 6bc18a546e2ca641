//! Encryption and hashing: AES-256-GCM with random nonces, SHA-256, and the one place of this crate that draws randomness.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};

use crate::error::{Result, StoreError};
use crate::master_key::KEY_BYTES;

/// Bytes of SHA-256.
pub(crate) const HASH_BYTES: usize = 32;

/// A SHA-256 value.
pub(crate) type Hash = [u8; HASH_BYTES];

/// Random bytes from the system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| StoreError::BadKey("the system gives no randomness; check /dev/urandom".into()))?;
    Ok(bytes)
}

fn cipher(key: &[u8; KEY_BYTES]) -> Result<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, key).map(LessSafeKey::new).map_err(|_| StoreError::BadKey("not a key of AES-256".into()))
}

/// Encrypts; the answer is nonce, ciphertext and tag in one. `context` must be the same when it is opened.
pub(crate) fn seal(key: &[u8; KEY_BYTES], context: &[u8], plain: &[u8]) -> Result<Vec<u8>> {
    let nonce: [u8; NONCE_LEN] = random()?;
    let mut sealed = Vec::with_capacity(NONCE_LEN + plain.len() + AES_256_GCM.tag_len());
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(plain);
    let tag = cipher(key)?
        .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(context), &mut sealed[NONCE_LEN..])
        .map_err(|_| StoreError::BadKey("encryption failed".into()))?;
    sealed.extend_from_slice(tag.as_ref());
    Ok(sealed)
}

/// Decrypts what [`seal`] made; `None` when the key, the context or a byte is not the one it was.
pub(crate) fn open(key: &[u8; KEY_BYTES], context: &[u8], sealed: &[u8]) -> Result<Option<Vec<u8>>> {
    let Some((nonce, body)) = sealed.split_first_chunk::<NONCE_LEN>() else { return Ok(None) };
    let mut body = body.to_vec();
    let opened =
        cipher(key)?.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(context), &mut body).ok().map(|plain| plain.len());
    Ok(opened.map(|length| {
        body.truncate(length);
        body
    }))
}

/// SHA-256 over the parts one after the other.
pub(crate) fn sha256(parts: &[&[u8]]) -> Hash {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    for part in parts {
        context.update(part);
    }
    let mut hash = [0; HASH_BYTES];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|nibble| char::from(DIGITS[usize::from(nibble)])).collect()
}

/// Reads hexadecimal of either case.
pub(crate) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_opens_only_with_its_key_and_context() {
        let sealed = seal(&[1; 32], b"entry 1", b"Ada").unwrap();
        assert_eq!(open(&[1; 32], b"entry 1", &sealed).unwrap().as_deref(), Some(&b"Ada"[..]));
        assert_eq!(open(&[2; 32], b"entry 1", &sealed).unwrap(), None);
        assert_eq!(open(&[1; 32], b"entry 2", &sealed).unwrap(), None);
        let mut broken = sealed.clone();
        broken[14] ^= 1;
        assert_eq!(open(&[1; 32], b"entry 1", &broken).unwrap(), None);
        assert_eq!(open(&[1; 32], b"entry 1", &[]).unwrap(), None);
    }

    #[test]
    fn the_same_text_never_seals_to_the_same_bytes() {
        assert_ne!(seal(&[1; 32], b"", b"Ada").unwrap(), seal(&[1; 32], b"", b"Ada").unwrap());
    }

    #[test]
    fn hexadecimal_round_trips() {
        assert_eq!(from_hex(&hex(&[0, 15, 16, 255])), Some(vec![0, 15, 16, 255]));
        assert_eq!(from_hex("abc"), None);
        assert_eq!(from_hex("zz"), None);
    }
}
