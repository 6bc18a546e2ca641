//! Record ids: 15 case-sensitive characters and their case-safe form of 18.

use std::fmt;

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const SUFFIX: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

/// An id in its 18-character form. Ids of one object sort in the order of their making.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SfId([u8; 18]);

impl SfId {
    /// The `serial`-th id of the object with `prefix` in the org marked `pod`.
    pub fn new(prefix: [u8; 3], pod: [u8; 3], serial: u64) -> Self {
        let mut id = [b'0'; 18];
        id[..3].copy_from_slice(&prefix);
        id[3..6].copy_from_slice(&pod);
        let mut rest = serial;
        for at in (6..15).rev() {
            id[at] = DIGITS[(rest % 62) as usize];
            rest /= 62;
        }
        seal(&mut id);
        Self(id)
    }

    /// Reads an id of 15 or 18 characters; `None` when it is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if !matches!(bytes.len(), 15 | 18) || !bytes.iter().all(u8::is_ascii_alphanumeric) {
            return None;
        }
        let mut id = [0; 18];
        id[..15].copy_from_slice(&bytes[..15]);
        seal(&mut id);
        let sealed = bytes.len() == 15 || bytes[15..].eq_ignore_ascii_case(&id[15..]);
        sealed.then_some(Self(id))
    }

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The 15-character form.
    pub fn short(&self) -> &str {
        &self.as_str()[..15]
    }

    pub fn prefix(&self) -> [u8; 3] {
        [self.0[0], self.0[1], self.0[2]]
    }

    pub fn pod(&self) -> [u8; 3] {
        [self.0[3], self.0[4], self.0[5]]
    }

    /// The number it was made from.
    pub fn serial(&self) -> u64 {
        self.0[6..15].iter().fold(0, |sum, byte| sum * 62 + digit(*byte))
    }
}

fn digit(byte: u8) -> u64 {
    u64::from(match byte {
        b'0'..=b'9' => byte - b'0',
        b'A'..=b'Z' => byte - b'A' + 10,
        _ => byte.wrapping_sub(b'a').wrapping_add(36),
    })
}

fn seal(id: &mut [u8; 18]) {
    for chunk in 0..3 {
        let bits = (0..5).filter(|k| id[chunk * 5 + k].is_ascii_uppercase()).fold(0_usize, |bits, k| bits | 1 << k);
        id[15 + chunk] = SUFFIX[bits];
    }
}

impl fmt::Display for SfId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for SfId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vendors_test_vector_gets_its_suffix() {
        let id = SfId::parse("001R0000005hDFY").unwrap();
        assert_eq!(id.as_str(), "001R0000005hDFYIA2");
        assert_eq!(SfId::parse("001R0000005hDFYIA2"), Some(id));
        assert_eq!(SfId::parse("001R0000005hDFYIA3"), None, "a wrong suffix is no id");
        assert_eq!(SfId::parse("001R0000005h-FY"), None);
    }

    #[test]
    fn later_ids_sort_after_earlier_ones() {
        let ids: Vec<SfId> = (0..4000).map(|n| SfId::new(*b"003", *b"xx0", n)).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(ids.iter().zip(0..).all(|(id, n)| id.serial() == n));
    }
}
