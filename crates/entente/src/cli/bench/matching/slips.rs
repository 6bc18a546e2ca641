//! What goes wrong when a person is entered a second time.

use rand::Rng;
use rand::seq::IndexedRandom;

use super::names;
use super::people::{BIRTH, CITY, COMPANY, EMAIL, FIRST_NAME, LAST_NAME, PHONE, POSTCODE, STREET, Values};

/// Slips in a copy at most; each number up to it is as likely.
const SLIPS_MAX: usize = 4;

/// Changes a copy of a person's values.
pub fn make(rng: &mut impl Rng, values: &mut Values) {
    for _ in 0..rng.random_range(0..=SLIPS_MAX) {
        match rng.random_range(0..100) {
            0..12 => typo(rng, &mut values[FIRST_NAME]),
            12..26 => typo(rng, &mut values[LAST_NAME]),
            26..36 => {
                if let Some(short) = names::short_form(rng, &values[FIRST_NAME]) {
                    values[FIRST_NAME] = short;
                }
            }
            36..40 => values.swap(FIRST_NAME, LAST_NAME),
            40..43 => values[FIRST_NAME] = values[FIRST_NAME].chars().take(1).collect(),
            43..46 => values[LAST_NAME] = names::family(rng),
            46..54 => digit(rng, &mut values[BIRTH]),
            54..64 => typo(rng, &mut values[EMAIL]),
            64..70 => values[EMAIL] = names::mailbox(rng, &values[FIRST_NAME].clone(), &values[LAST_NAME].clone(), None),
            70..74 => digit(rng, &mut values[PHONE]),
            74..80 => values[PHONE] = format!("+1{}555{:04}", rng.random_range(201..990), rng.random_range(0..10_000)),
            80..85 => {
                // Without its legal form.
                if let Some((name, _)) = values[COMPANY].rsplit_once(' ') {
                    values[COMPANY] = name.to_owned();
                }
            }
            85..88 => typo(rng, &mut values[COMPANY]),
            88..92 => typo(rng, &mut values[STREET]),
            92..95 => {
                let town = names::town(rng);
                values[STREET] = format!("{} {}", rng.random_range(1..200), names::street(rng));
                values[POSTCODE] = format!("{:03}{:02}", town.area, rng.random_range(0..100));
                values[CITY] = town.name;
            }
            95..98 => typo(rng, &mut values[CITY]),
            _ => digit(rng, &mut values[POSTCODE]),
        }
    }
}

/// One letter left out, doubled, mistaken, or in the place of its neighbour.
fn typo(rng: &mut impl Rng, text: &mut String) {
    let mut letters: Vec<char> = text.chars().collect();
    if letters.len() < 2 {
        return;
    }
    let at = rng.random_range(0..letters.len() - 1);
    match rng.random_range(0..4) {
        0 => drop(letters.remove(at)),
        1 => letters.insert(at, letters[at]),
        2 => letters[at] = char::from(rng.random_range(b'a'..=b'z')),
        _ => letters.swap(at, at + 1),
    }
    *text = letters.into_iter().collect();
}

/// One digit mistaken.
fn digit(rng: &mut impl Rng, text: &mut String) {
    let digits: Vec<usize> = text.char_indices().filter(|(_, c)| c.is_ascii_digit()).map(|(at, _)| at).collect();
    if let Some(at) = digits.choose(rng) {
        let other = rng.random_range(0..10).to_string();
        text.replace_range(*at..at + 1, &other);
    }
}
