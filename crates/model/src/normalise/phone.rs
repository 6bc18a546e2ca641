//! Phone numbers in E.164, so that the same number typed in five ways is one value.

use std::cell::RefCell;
use std::collections::HashMap;

use phonenumber::country::Id;
use phonenumber::{Mode, PhoneNumber};

use super::text::composed;

/// Numbers remembered per thread. Reading one takes some ten microseconds, and a sync sees the same numbers over and over.
const REMEMBERED_MAX: usize = 8_192;
/// Digits of an international number (ITU-T E.164): 15 at most; shorter than 7 are short codes.
const DIGITS: std::ops::RangeInclusive<usize> = 7..=15;
/// National digits from which a number typed without country code is taken for a full one rather than for an extension.
const NATIONAL_DIGITS_MIN: usize = 9;
/// Country codes whose national numbers may begin with a zero: elsewhere a zero there is a trunk prefix typed by mistake.
const ZERO_KEPT: &[&str] = &["225", "241", "242", "378", "379", "39"];

thread_local! {
    static REMEMBERED: RefCell<HashMap<(String, String), String>> = RefCell::new(HashMap::new());
}

/// A phone number as E.164 (`+14155550100`), with its extension (`+14155550100 x12`) if any. What is no number stays as tidied text.
pub(super) fn phone(text: &str, region: &str) -> String {
    let text = text.trim();
    if is_e164(text) {
        return text.to_owned();
    }
    let key = (region.to_owned(), text.to_owned());
    if let Some(known) = REMEMBERED.with_borrow(|known| known.get(&key).cloned()) {
        return known;
    }
    let tidy = composed(text.split_whitespace().collect::<Vec<_>>().join(" "));
    let result = read(&tidy, region).unwrap_or(tidy);
    REMEMBERED.with_borrow_mut(|known| {
        if known.len() >= REMEMBERED_MAX {
            known.clear();
        }
        known.insert(key, result.clone());
    });
    result
}

/// Whether the text is in our form already: plus, digits, and perhaps an extension.
fn is_e164(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('+') else { return false };
    let (digits, extension) = rest.split_once(" x").map_or((rest, None), |(digits, extension)| (digits, Some(extension)));
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let trunk_zero = digits.bytes().skip(1).take(3).any(|b| b == b'0') && !ZERO_KEPT.iter().any(|code| digits.starts_with(code));
    DIGITS.contains(&digits.len()) && all_digits(digits) && !digits.starts_with('0') && extension.is_none_or(all_digits) && !trunk_zero
}

/// Whether numbers without a country code can be read by this country (ISO 3166, two capital letters).
pub(super) fn is_region(region: &str) -> bool {
    region.parse::<Id>().is_ok()
}

fn read(text: &str, region: &str) -> Option<String> {
    // Two numbers in one field, or words: reading the first number would lose the rest.
    if text.contains(['/', ';', ',', '|', '&']) || !text.chars().any(|c| c.is_ascii_digit()) {
        return None;
    }
    let letters: String = text.chars().filter(|c| c.is_alphabetic()).flat_map(char::to_lowercase).collect();
    if !matches!(letters.as_str(), "" | "x" | "ext" | "extn" | "extension" | "tel" | "phone") {
        return None;
    }
    let country: Option<Id> = region.parse().ok();
    let number = phonenumber::parse(country, text).ok()?;
    let international = text.starts_with('+') || text.starts_with("tel:+") || text.starts_with("00") || text.starts_with("011");
    let plausible = international || number.national().to_string().len() >= NATIONAL_DIGITS_MIN || phonenumber::is_valid(&number);
    let e164 = without_trunk_zero(&number, number.format().mode(Mode::E164).to_string());
    let digits = e164.strip_prefix('+')?;
    if !plausible || !DIGITS.contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // Some forms are read differently when read again; only a form that stays put is of use for comparing.
    if !is_e164(&e164) {
        let again = phonenumber::parse(country, &e164).ok()?;
        if again.format().mode(Mode::E164).to_string() != e164 {
            return None;
        }
    }
    Some(match number.extension() {
        Some(extension) => format!("{e164} x{}", AsRef::<str>::as_ref(extension)),
        None => e164,
    })
}

/// Drops a trunk zero typed behind the country code (`+44 (0)20 7946 0958`), if that makes a valid number.
fn without_trunk_zero(number: &PhoneNumber, e164: String) -> String {
    let code = number.country().code().to_string();
    let Some(rest) = e164.strip_prefix('+').and_then(|digits| digits.strip_prefix(code.as_str())?.strip_prefix('0')) else { return e164 };
    if ZERO_KEPT.contains(&code.as_str()) || phonenumber::is_valid(number) {
        return e164;
    }
    let without = format!("+{code}{rest}");
    match phonenumber::parse(None, &without) {
        Ok(parsed) if phonenumber::is_valid(&parsed) => without,
        _ => e164,
    }
}

#[cfg(test)]
mod tests {
    use super::phone;

    #[test]
    fn the_same_number_typed_in_many_ways_is_one() {
        for text in ["+1 415 555 0100", "(415) 555-0100", "415.555.0100", "1-415-555-0100", "+14155550100", "tel:+1-415-555-0100"] {
            assert_eq!(phone(text, "US"), "+14155550100", "{text}");
        }
        assert_eq!(phone("030 901820", "DE"), "+4930901820");
        assert_eq!(phone("+44 (0)20 7946 0958", "US"), "+442079460958");
        assert_eq!(phone("+4402079460958", "US"), "+442079460958");
        assert_eq!(phone("+39 06 698 12345", "US"), "+390669812345");
    }

    #[test]
    fn an_extension_is_kept() {
        assert_eq!(phone("(415) 555-0100 ext. 12", "US"), "+14155550100 x12");
        assert_eq!(phone("+14155550100 x12", "US"), "+14155550100 x12");
    }

    #[test]
    fn what_is_no_number_stays_as_tidy_text() {
        for (text, kept) in [("1234", "1234"), ("ask  Bob", "ask Bob"), ("555-0100 / 555-0101", "555-0100 / 555-0101"), ("n/a", "n/a")] {
            assert_eq!(phone(text, "US"), kept);
        }
    }
}
