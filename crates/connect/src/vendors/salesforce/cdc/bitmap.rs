//! Bitmaps: which fields of an event were changed, emptied, or are told as a difference.
//!
//! `0x650004E0` names fields of the event by their places, the lowest bit the first; `4-0x10` names fields within the field at place 4.

use std::collections::BTreeSet;

/// A field by its place, and within a compound field by its place there.
pub(super) type Place = (usize, Option<usize>);

/// Reads the entries of one list. What is no bitmap is `None`: then nothing is known of what the event says.
pub(super) fn places<'a>(entries: impl IntoIterator<Item = &'a str>) -> Option<BTreeSet<Place>> {
    let mut places = BTreeSet::new();
    for entry in entries {
        match entry.split_once('-') {
            None => places.extend(bits(entry)?.into_iter().map(|bit| (bit, None))),
            Some((parent, inner)) => {
                let parent = parent.trim().parse().ok()?;
                places.extend(bits(inner)?.into_iter().map(|bit| (parent, Some(bit))));
            }
        }
    }
    Some(places)
}

/// Places of the bits that are set, lowest first.
fn bits(text: &str) -> Option<Vec<usize>> {
    let digits = text.trim().strip_prefix("0x").or_else(|| text.trim().strip_prefix("0X"))?;
    let mut bits = Vec::new();
    for (at, digit) in digits.chars().rev().enumerate() {
        let value = digit.to_digit(16)?;
        bits.extend((0..4).filter(|bit| value & (1 << bit) != 0).map(|bit| at * 4 + bit));
    }
    Some(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bitmaps_name_fields_by_place() {
        assert_eq!(bits("0x02"), Some(vec![1]));
        assert_eq!(bits("0x650004E0"), Some(vec![5, 6, 7, 10, 24, 26, 29, 30]));
        assert_eq!(bits("0x"), Some(Vec::new()));
        let long = format!("0x1{}", "0".repeat(40));
        assert_eq!(bits(&long), Some(vec![160]), "objects have more fields than a machine word has bits");
        assert_eq!(places(["0x02", "4-0x11"]), Some([(1, None), (4, Some(0)), (4, Some(4))].into()));
    }

    #[test]
    fn what_is_no_bitmap_tells_nothing() {
        for text in ["Name", "0xZZ", "x-0x1", "4-2"] {
            assert_eq!(places([text]), None, "{text}");
        }
    }
}
