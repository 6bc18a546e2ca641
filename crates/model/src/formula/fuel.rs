//! The limit on what one evaluation may cost.

use std::ops::Range;

use super::error::Fault;

/// Bytes of text that cost one unit, because handling a text takes time in proportion to its length.
const BYTES_PER_UNIT: usize = 64;

/// Longest text a formula may build, in bytes: the longest long-text field of the big platforms holds 131,072 characters.
pub(super) const TEXT_MAX_BYTES: usize = 524_288;

/// What one evaluation may still spend: one unit per step, and one per 64 bytes of text handled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fuel {
    left: u64,
    spent: u64,
}

impl Default for Fuel {
    /// 100,000 units: some milliseconds, and far above what a formula written by hand needs.
    fn default() -> Self {
        Self::new(100_000)
    }
}

impl Fuel {
    /// A tank of so many units.
    #[must_use]
    pub fn new(units: u64) -> Self {
        Self { left: units, spent: 0 }
    }

    /// Units spent so far.
    #[must_use]
    pub fn spent(&self) -> u64 {
        self.spent
    }

    pub(super) fn spend(&mut self, units: u64, position: &Range<usize>) -> Result<(), Box<Fault>> {
        let Some(left) = self.left.checked_sub(units) else {
            return Err(Fault::new(position, "the formula does too much work", "shorten it, or shorten the texts it handles"));
        };
        self.left = left;
        self.spent += units;
        Ok(())
    }

    /// Pays for a text before it is built.
    pub(super) fn text(&mut self, bytes: usize, position: &Range<usize>) -> Result<(), Box<Fault>> {
        if bytes > TEXT_MAX_BYTES {
            let message = format!("the text would have {bytes} bytes and the most is {TEXT_MAX_BYTES}");
            return Err(Fault::new(position, message, "take a part of it with LEFT(text, count)"));
        }
        self.spend((bytes / BYTES_PER_UNIT) as u64, position)
    }
}
