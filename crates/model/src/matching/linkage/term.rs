//! A value as it is compared: in one form, with what is worked out once rather than for every pair.

use rphonetic::DoubleMetaphone;

use super::compare::mailbox_key;
use super::field::Kind;
use super::mix::hash;
use crate::matching::{fold_company, mailbox, nickname, web_domain};
use crate::normalise::fold;

/// Characters of a phonetic code. Four is what Double Metaphone was made with; longer codes tell more names apart.
const SOUND_CHARS: usize = 5;
/// Years that a date may be of; other digits are no date.
const YEARS: std::ops::RangeInclusive<u32> = 1800..=2199;

/// A distinct value of a field.
#[derive(Debug, Clone)]
pub(super) struct Term {
    /// In one form.
    pub text: Box<str>,
    /// Records that have it.
    pub count: u32,
    /// Keys of its pronunciation, primary and alternative; zero for none.
    pub sound: [u32; 2],
    /// By kind: key of the company's mail domain, of the full form of a given name, of the rarest word; a date as packed decimal.
    pub group: u32,
    /// Whether the name of an address's mailbox tells people apart.
    pub telling: bool,
    /// Groups of names that a given name stands in.
    pub forms: [u16; nickname::GROUPS_OF_A_NAME],
}

/// The one form of a value; `None` when there is nothing to compare.
pub(super) fn tidy(kind: Kind, raw: &str) -> Option<String> {
    let raw = raw.trim();
    let text = match kind {
        Kind::Email => Some(raw.to_lowercase()).filter(|text| text.contains('@')),
        Kind::Phone => Some(raw.chars().filter(char::is_ascii_digit).collect()).filter(|text: &String| text.len() >= 7),
        Kind::Date => packed_date(raw).map(|date| format!("{date:08x}")),
        Kind::Number | Kind::Postcode => Some(raw.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()),
        Kind::Company => Some(fold_company(raw)),
        Kind::Domain => web_domain(raw),
        Kind::GivenName | Kind::FamilyName | Kind::Place | Kind::Text | Kind::Category => Some(fold(raw)),
    };
    text.filter(|text| !text.is_empty())
}

impl Term {
    /// Works out what comparing needs of a text in its one form.
    pub(super) fn new(kind: Kind, text: &str, phonetic: &DoubleMetaphone) -> Self {
        let sound = match kind {
            Kind::GivenName | Kind::FamilyName => sounds(text, phonetic),
            _ => [0, 0],
        };
        let (group, forms) = match kind {
            Kind::GivenName => (hash(nickname::full_form(text)), nickname::groups(text)),
            Kind::Email => {
                (text.split_once('@').map_or(0, |(_, domain)| if mailbox::is_free_mail(domain) { 0 } else { hash(domain) }), [0; 3])
            }
            Kind::Date => (u32::from_str_radix(text, 16).unwrap_or_default(), [0; 3]),
            _ => (0, [0; 3]),
        };
        let telling = kind == Kind::Email && mailbox_key(text).is_some();
        Self { text: text.into(), count: 0, sound, group, telling, forms }
    }
}

/// Keys of a name's pronunciation: Double Metaphone (Philips 2000), which knows spellings of many languages.
fn sounds(text: &str, phonetic: &DoubleMetaphone) -> [u32; 2] {
    if !text.is_ascii() {
        return [0, 0];
    }
    let codes = phonetic.double_metaphone(text);
    let key = |code: String| if code.is_empty() { 0 } else { hash(&code) };
    let (primary, alternate) = (key(codes.primary()), key(codes.alternate()));
    [primary, if alternate == primary { 0 } else { alternate }]
}

/// The encoder that [`Term::new`] takes.
pub(super) fn phonetic() -> DoubleMetaphone {
    DoubleMetaphone::new(Some(SOUND_CHARS))
}

/// A date as packed decimal, `0x19900521`: one hexadecimal digit for each decimal one, so that digits compare at once. A year alone
/// has month and day zero. Days that no calendar has are kept, as a slip may have made them.
fn packed_date(raw: &str) -> Option<u32> {
    let parts: Vec<&str> = raw.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty()).collect();
    let number = |text: &str| text.parse::<u32>().ok();
    let pack = |year: u32, month: u32, day: u32| {
        let digits = [year / 1_000, year / 100 % 10, year / 10 % 10, year % 10, month / 10, month % 10, day / 10, day % 10];
        let fits = YEARS.contains(&year) && month < 100 && day < 100;
        fits.then(|| digits.iter().fold(0, |packed, digit| packed << 4 | digit))
    };
    match parts[..] {
        [year] if year.len() == 4 => pack(number(year)?, 0, 0),
        [date] if date.len() == 8 => pack(number(&date[..4])?, number(&date[4..6])?, number(&date[6..])?).or_else(|| {
            pack(number(&date[4..]).unwrap_or_default(), number(&date[2..4]).unwrap_or_default(), number(&date[..2]).unwrap_or_default())
        }),
        [year, month, day, ..] if year.len() == 4 => pack(number(year)?, number(month)?, number(day)?),
        [first, second, year, ..] if year.len() == 4 => {
            let (first, second) = (number(first)?, number(second)?);
            // 21/05 can only be a day first; with slashes and in doubt, the month comes first.
            let day_first = first > 12 || (second <= 12 && !raw.contains('/'));
            let (day, month) = if day_first { (first, second) } else { (second, first) };
            pack(number(year)?, month, day)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_as_people_write_them() {
        for (raw, packed) in [
            ("1990-05-21", Some(0x1990_0521)),
            ("19900521", Some(0x1990_0521)),
            ("21.05.1990", Some(0x1990_0521)),
            ("5/21/1990", Some(0x1990_0521)),
            ("21/5/1990", Some(0x1990_0521)),
            ("1990-05-21T00:00:00Z", Some(0x1990_0521)),
            ("1990", Some(0x1990_0000)),
            ("90", None),
            ("soon", None),
        ] {
            assert_eq!(packed_date(raw), packed, "{raw}");
        }
    }

    #[test]
    fn a_value_has_one_form() {
        assert_eq!(tidy(Kind::Email, " Ada@Acme.com ").as_deref(), Some("ada@acme.com"));
        assert_eq!(tidy(Kind::Phone, "+1 (415) 555-0100").as_deref(), Some("14155550100"));
        assert_eq!(tidy(Kind::Postcode, "sw1a 1aa"), tidy(Kind::Postcode, "SW1A1AA"));
        assert_eq!(tidy(Kind::Company, "Acme, Inc."), tidy(Kind::Company, "ACME"));
        assert_eq!((tidy(Kind::Email, "none"), tidy(Kind::Phone, "12"), tidy(Kind::Place, " ")), (None, None, None));
    }

    #[test]
    fn names_that_sound_alike_share_a_key() {
        let term = |text| Term::new(Kind::FamilyName, text, &phonetic());
        assert!(term("smith").sound.iter().any(|key| term("schmidt").sound.contains(key)));
        assert_eq!(term("stephens").sound[0], term("stevens").sound[0]);
        assert_ne!(term("jones").sound[0], term("miller").sound[0]);
    }
}
