//! Made-up people, as a company that has bought a few others holds them: relatives at one address, colleagues at one switchboard and
//! behind one `info@`, and copies of the same person with the slips that people and systems make.

use std::collections::HashSet;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::names;
use super::slips;

/// The fields of a person, as they head a CSV file.
pub const FIELDS: [&str; 9] = ["first_name", "last_name", "date_of_birth", "email", "phone", "company", "street", "postcode", "city"];

/// Places in [`FIELDS`] that slips and homes refer to.
pub const FIRST_NAME: usize = 0;
pub const LAST_NAME: usize = 1;
pub const BIRTH: usize = 2;
pub const EMAIL: usize = 3;
pub const PHONE: usize = 4;
pub const COMPANY: usize = 5;
pub const STREET: usize = 6;
pub const POSTCODE: usize = 7;
pub const CITY: usize = 8;

/// A record's values in the order of [`FIELDS`].
pub type Values = [String; FIELDS.len()];

/// Share of people who live with the one before.
const RELATIVE: f64 = 0.2;
/// Share of people of whom there are copies.
const COPIED: f64 = 0.15;
/// Chance of one more copy after each.
const ONE_MORE: f64 = 0.3;
/// Copies of a person at most.
const COPIES_MAX: usize = 6;
/// People who work at one company, on average.
const STAFF: usize = 12;
/// Share of people whose company is known.
const EMPLOYED: f64 = 0.6;
/// Share of the employed who are reached at the switchboard.
const SWITCHBOARD: f64 = 0.15;
/// Share of the employed who are reached behind a role address.
const ROLE_MAILBOX: f64 = 0.03;
/// Share of values that are not known, field by field.
const UNKNOWN: [f64; FIELDS.len()] = [0.03, 0.0, 0.4, 0.15, 0.25, 0.0, 0.2, 0.2, 0.1];

/// Makes records one after the other, the same ones under the same seed.
pub struct People {
    rng: ChaCha8Rng,
    left: usize,
    companies: usize,
    person: u64,
    truth: Values,
    copies: usize,
    /// Hashes of the mailboxes that somebody has: no two people have one.
    mailboxes: HashSet<u64>,
    hasher: BuildHasherDefault<DefaultHasher>,
}

/// A record and the person it is of.
pub struct Record {
    pub person: u64,
    pub values: Values,
}

impl People {
    /// As many records as are asked for.
    pub fn new(records: usize, seed: u64) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(seed);
        Self {
            rng,
            left: records,
            companies: records / STAFF + 1,
            person: 0,
            truth: Values::default(),
            copies: 0,
            mailboxes: HashSet::new(),
            hasher: BuildHasherDefault::default(),
        }
    }

    fn next_person(&mut self) {
        let rng = &mut self.rng;
        let relative = self.person > 0 && rng.random_bool(RELATIVE);
        let mut truth = Values::default();
        truth[FIRST_NAME] = names::given(rng);
        if relative {
            for field in [LAST_NAME, STREET, POSTCODE, CITY] {
                truth[field].clone_from(&self.truth[field]);
            }
        } else {
            truth[LAST_NAME] = names::family(rng);
            let town = names::town(rng);
            truth[STREET] = format!("{} {}", rng.random_range(1..200), names::street(rng));
            truth[POSTCODE] = format!("{:03}{:02}", town.area, rng.random_range(0..100));
            truth[CITY] = town.name;
        }
        truth[BIRTH] = format!("{}-{:02}-{:02}", rng.random_range(1940..2006), rng.random_range(1..=12), rng.random_range(1..=28));
        truth[PHONE] = format!("+1{}555{:04}", rng.random_range(201..990), rng.random_range(0..10_000));
        let at_work = rng.random_bool(EMPLOYED).then(|| names::Company::number(rng.random_range(0..self.companies)));
        let domain = at_work.as_ref().map(|company| company.domain.as_str());
        truth[EMAIL] = names::mailbox(rng, &truth[FIRST_NAME], &truth[LAST_NAME], domain);
        while !self.mailboxes.insert(self.hasher.hash_one(&truth[EMAIL])) {
            truth[EMAIL] = names::mailbox(rng, &truth[FIRST_NAME], &truth[LAST_NAME], domain);
        }
        if let Some(company) = at_work {
            if rng.random_bool(SWITCHBOARD) {
                truth[PHONE] = company.phone;
            }
            if rng.random_bool(ROLE_MAILBOX) {
                truth[EMAIL] = format!("{}@{}", ["info", "sales", "office"].choose(rng).unwrap_or(&"info"), company.domain);
            }
            truth[COMPANY] = company.name;
        }
        self.person += 1;
        self.truth = truth;
        self.copies = 1;
        if rng.random_bool(COPIED) {
            self.copies += 1;
            while self.copies <= COPIES_MAX && rng.random_bool(ONE_MORE) {
                self.copies += 1;
            }
        }
    }
}

impl Iterator for People {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        self.left = self.left.checked_sub(1)?;
        let first = self.copies == 0;
        if first {
            self.next_person();
        }
        self.copies -= 1;
        let mut values = self.truth.clone();
        if !first {
            slips::make(&mut self.rng, &mut values);
        }
        for (value, unknown) in values.iter_mut().zip(UNKNOWN) {
            if self.rng.random_bool(unknown) {
                value.clear();
            }
        }
        Some(Record { person: self.person, values })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_people() {
        let made = |seed| People::new(500, seed).map(|record| (record.person, record.values)).collect::<Vec<_>>();
        assert_eq!(made(7), made(7));
        assert_ne!(made(7), made(8));
        assert_eq!(made(7).len(), 500);
    }

    #[test]
    fn some_people_have_copies_and_some_share_a_home() {
        let records: Vec<Record> = People::new(2_000, 1).collect();
        let neighbours = || records.iter().zip(&records[1..]);
        let copies = neighbours().filter(|(one, two)| one.person == two.person).count();
        let relatives = neighbours()
            .filter(|(one, two)| one.person != two.person && one.values[STREET] == two.values[STREET] && !one.values[STREET].is_empty());
        assert!((200..700).contains(&copies), "{copies}");
        assert!(relatives.count() > 50);
    }

    #[test]
    fn no_two_people_have_one_mailbox() {
        let mut owners: HashMap<String, u64> = HashMap::new();
        let mut last = 0;
        for Record { person, values } in People::new(20_000, 1) {
            let role = ["info@", "sales@", "office@"].iter().any(|role| values[EMAIL].starts_with(role));
            // Copies have slips; a person's first record has none.
            if person != last && !values[EMAIL].is_empty() && !role {
                let owner = owners.insert(values[EMAIL].clone(), person);
                assert_eq!(owner, None, "{} is {person}'s as well", values[EMAIL]);
            }
            last = person;
        }
        assert!(owners.len() > 5_000);
    }
}
