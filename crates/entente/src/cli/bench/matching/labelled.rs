//! Labelled files of a thousand records, made as the generators of FEBRL and Splink make theirs: persons, and copies of them with slips of
//! the keyboard, the ear and the scanner, values that are missing or in each other's place, nick-names, and homes that were left.

use std::path::Path;

use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::names;

/// Slips of a copy, and of one value, at most.
const SLIPS: usize = 4;
const SLIPS_OF_A_VALUE: usize = 2;
/// Letters that the ear takes for each other, and signs that the scanner does.
const SOUNDS: &[(&str, &str)] = &[("ph", "f"), ("ck", "k"), ("th", "t"), ("y", "i"), ("ie", "y"), ("oo", "u"), ("c", "k"), ("z", "s")];
const SHAPES: &[(&str, &str)] = &[("l", "1"), ("o", "0"), ("m", "rn"), ("5", "s"), ("8", "b"), ("g", "q"), ("h", "b"), ("cl", "d")];
const STATES: &[&str] = &["nsw", "vic", "qld", "wa", "sa", "tas", "act", "nt"];

/// The columns of FEBRL's files.
const FEBRL: &[&str] = &[
    "rec_id",
    "given_name",
    "surname",
    "street_number",
    "address_1",
    "address_2",
    "suburb",
    "postcode",
    "state",
    "date_of_birth",
    "soc_sec_id",
];
/// Places in them, the id left out.
const GIVEN: usize = 0;
const SURNAME: usize = 1;
const NUMBER: usize = 2;
const ADDRESS: usize = 3;
const SUBURB: usize = 5;
const POSTCODE: usize = 6;
const STATE: usize = 7;
const BORN: usize = 8;
/// Shares of values that nobody knows, as in FEBRL's files.
const FEBRL_UNKNOWN: [f64; 10] = [0.1, 0.03, 0.04, 0.02, 0.12, 0.01, 0.0, 0.05, 0.06, 0.0];

/// The columns of Splink's file, which knows neither homes nor numbers.
const SPLINK: &[&str] = &["unique_id", "first_name", "surname", "dob", "city", "email", "cluster"];
const SPLINK_UNKNOWN: [f64; 5] = [0.17, 0.18, 0.0, 0.19, 0.21];
const SPLINK_BORN: usize = 2;
const CITY: usize = 3;
const EMAIL: usize = 4;

fn write(path: &Path, head: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    let mut file = csv::Writer::from_path(path).unwrap();
    file.write_record(head).unwrap();
    rows.for_each(|row| file.write_record(&row).unwrap());
    file.flush().unwrap();
}

fn home(rng: &mut impl Rng, values: &mut [String]) {
    let town = names::town(rng);
    values[NUMBER] = rng.random_range(1..400).to_string();
    values[ADDRESS] = names::street(rng);
    values[ADDRESS + 1] = if rng.random_bool(0.4) { names::family(rng) } else { String::new() };
    values[SUBURB] = town.name;
    values[POSTCODE] = format!("{:04}", 2_000 + town.area * 20 + rng.random_range(0..20));
    values[STATE] = (*STATES.choose(rng).unwrap()).to_owned();
}

fn person(rng: &mut impl Rng) -> Vec<String> {
    let mut values = vec![String::new(); FEBRL.len() - 1];
    values[GIVEN] = names::given(rng);
    values[SURNAME] = names::family(rng);
    home(rng, &mut values);
    values[BORN] = format!("{}{:02}{:02}", rng.random_range(1900..2000), rng.random_range(1..=12), rng.random_range(1..=28));
    values[BORN + 1] = rng.random_range(1_000_000..10_000_000).to_string();
    values.iter_mut().for_each(|value| *value = value.to_lowercase());
    values
}

fn forget(rng: &mut impl Rng, values: &mut [String], unknown: &[f64]) {
    for (value, share) in values.iter_mut().zip(unknown) {
        if rng.random_bool(*share) {
            value.clear();
        }
    }
}

/// A file as FEBRL's first: half originals, and a copy of each.
pub fn febrl(path: &Path, records: usize, seed: u64) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut rows = Vec::with_capacity(records);
    for number in 0..records / 2 {
        let mut original = person(&mut rng);
        forget(&mut rng, &mut original, &FEBRL_UNKNOWN);
        let mut copy = original.clone();
        match rng.random_range(0..20) {
            0 => copy.swap(GIVEN, SURNAME),
            1 => home(&mut rng, &mut copy),
            2..=3 => nick_name(&mut rng, &mut copy[GIVEN]),
            _ => {}
        }
        slips(&mut rng, &mut copy);
        for (kind, values) in [("org", original), ("dup-0", copy)] {
            rows.push([vec![format!("rec-{number}-{kind}")], values].concat());
        }
    }
    write(path, FEBRL, rows.into_iter());
}

/// A file as Splink's: a few records of each person, of whom little is known, and that little with more slips.
pub fn splink(path: &Path, records: usize, seed: u64) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut rows: Vec<Vec<String>> = Vec::with_capacity(records);
    let mut cluster = 0;
    while rows.len() < records {
        let (first, last) = (names::given(&mut rng), names::family(&mut rng));
        let born = format!("{}-{:02}-{:02}", rng.random_range(1960..2010), rng.random_range(1..=12), rng.random_range(1..=28));
        let email = names::mailbox(&mut rng, &first, &last, None);
        let truth = vec![first, last, born, names::town(&mut rng).name, email];
        for copy in 0..rng.random_range(2..=6).min(records - rows.len()) {
            let mut values = truth.clone();
            if copy > 0 {
                match rng.random_range(0..20) {
                    0 => values.swap(GIVEN, SURNAME),
                    1 => values[CITY] = names::town(&mut rng).name,
                    2..=4 => nick_name(&mut rng, &mut values[GIVEN]),
                    5 => values[EMAIL] = names::mailbox(&mut rng, &values[GIVEN].clone(), &values[SURNAME].clone(), None),
                    6 => values[SPLINK_BORN] = swapped_day(&values[SPLINK_BORN]),
                    _ => {}
                }
                slips(&mut rng, &mut values);
            }
            forget(&mut rng, &mut values, &SPLINK_UNKNOWN);
            rows.push([vec![rows.len().to_string()], values, vec![cluster.to_string()]].concat());
        }
        cluster += 1;
    }
    write(path, SPLINK, rows.into_iter());
}

fn nick_name(rng: &mut impl Rng, given: &mut String) {
    let mut proper: String = given.chars().take(1).flat_map(char::to_uppercase).collect();
    proper.extend(given.chars().skip(1));
    if let Some(short) = names::short_form(rng, &proper) {
        *given = if *given == proper { short } else { short.to_lowercase() };
    }
}

/// Day and month in each other's place.
fn swapped_day(born: &str) -> String {
    match born.split('-').collect::<Vec<_>>()[..] {
        [year, month, day] if day <= "12" => format!("{year}-{day}-{month}"),
        _ => born.to_owned(),
    }
}

/// Slips in a few values.
fn slips(rng: &mut impl Rng, values: &mut [String]) {
    let mut left = rng.random_range(1..=SLIPS);
    while left > 0 {
        let value = rng.random_range(0..values.len());
        for _ in 0..rng.random_range(1..=SLIPS_OF_A_VALUE).min(left) {
            slip(rng, &mut values[value]);
            left -= 1;
        }
    }
}

fn slip(rng: &mut impl Rng, text: &mut String) {
    let heard =
        |of: &[(&str, &str)], text: &str| of.iter().find(|(from, _)| text.contains(from)).map(|(from, to)| text.replacen(from, to, 1));
    let mut letters: Vec<char> = text.chars().collect();
    if letters.is_empty() {
        return;
    }
    let at = rng.random_range(0..letters.len());
    match rng.random_range(0..16) {
        0..=1 => letters.clear(),
        2..=3 => {
            *text = heard(SOUNDS, text).unwrap_or_else(|| text.clone());
            return;
        }
        4..=5 => {
            *text = heard(SHAPES, text).unwrap_or_else(|| text.clone());
            return;
        }
        6..=7 => drop(letters.remove(at)),
        8..=9 => letters.insert(at, letters[at]),
        10 => letters.insert(at, ' '),
        11..=13 => {
            letters[at] = if letters[at].is_ascii_digit() {
                char::from(rng.random_range(b'0'..=b'9'))
            } else {
                char::from(rng.random_range(b'a'..=b'z'))
            };
        }
        _ => {
            let next = (at + 1).min(letters.len() - 1);
            letters.swap(at, next);
        }
    }
    *text = letters.into_iter().collect();
}
