//! Keys that records of one customer are likely to share.

use super::compare::{mailbox_key, tail};
use super::field::Kind;
use super::mix::{fold, hash, mix};
use super::table::{Row, Table};

/// Characters of a place or postal code that a key takes: enough to tell places apart, few enough to be spared by most slips.
const AREA_CHARS: usize = 3;

/// A part of a key: what of a field goes into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// The whole value.
    Whole(usize),
    /// How a name sounds.
    Sound(usize),
    /// What the value is filed under: the full form of a given name, a mail domain, the rarest word of a text.
    Group(usize),
    /// The first letter.
    Initial(usize),
    /// The first characters.
    Area(usize),
    /// The name of a mailbox, where it tells people apart.
    Mailbox(usize),
    /// The last digits of a phone number.
    Tail(usize),
    /// The year of a date.
    Year(usize),
    /// Month and day of a date.
    Day(usize),
    /// The sounds of both names, whichever stands first.
    EitherOrder(usize, usize),
}

impl Part {
    /// The part's key for a record, zero when it has none.
    fn of(self, table: &Table, row: Row) -> u32 {
        let term = |field: usize| table.columns.get(field).and_then(|column| column.term(row));
        let key = match self {
            Self::Whole(field) => table.columns.get(field).map(|column| match column.id(row) {
                0 => 0,
                id => fold(mix(1, u64::from(id))),
            }),
            Self::Sound(field) => term(field).map(|term| term.sound[0]),
            Self::Group(field) => term(field).map(|term| term.group),
            Self::Initial(field) => term(field).and_then(|term| term.text.chars().next()).map(u32::from),
            Self::Area(field) => term(field).map(|term| hash(&term.text.chars().take(AREA_CHARS).collect::<String>())),
            Self::Mailbox(field) => term(field).and_then(|term| mailbox_key(&term.text)).map(hash),
            Self::Tail(field) => term(field).map(|term| hash(tail(&term.text))),
            Self::Year(field) => term(field).map(|term| term.group >> 16),
            Self::Day(field) => term(field).map(|term| term.group & 0xffff),
            Self::EitherOrder(given, family) => {
                let sounds = [term(given).map_or(0, |term| term.sound[0]), term(family).map_or(0, |term| term.sound[0])];
                // A sum is the same in either order; one missing name makes no key.
                (!sounds.contains(&0)).then(|| fold(mix(2, u64::from(sounds[0]) + u64::from(sounds[1]))))
            }
        };
        key.unwrap_or_default()
    }
}

/// A blocking rule: records whose parts all agree are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Rule {
    /// Everybody with everybody.
    All,
    /// Those who share a key.
    Shared(Vec<Part>),
}

impl Rule {
    /// The rule's key for a record; zero when it has none and is compared with nobody by this rule.
    pub(super) fn key(&self, table: &Table, row: Row) -> u32 {
        let Self::Shared(parts) = self else { return 1 };
        let mut key = 0;
        for part in parts {
            match part.of(table, row) {
                0 => return 0,
                found => key = mix(key, u64::from(found)),
            }
        }
        fold(key)
    }
}

/// The rules that suit a table's fields, the most telling first.
pub(super) fn rules(table: &Table) -> Vec<Rule> {
    use Kind::{Category, Company, Date, Domain, Email, FamilyName, GivenName, Number, Phone, Place, Postcode, Text};
    let of = |kind: Kind| table.fields().iter().enumerate().filter(move |(_, field)| field.kind == kind).map(|(at, _)| at);
    let mut rules: Vec<Vec<Part>> = Vec::new();
    rules.extend(of(Number).chain(of(Email)).chain(of(Domain)).map(|field| vec![Part::Whole(field)]));
    rules.extend(of(Phone).map(|field| vec![Part::Tail(field)]));
    rules.extend(of(Email).map(|field| vec![Part::Mailbox(field)]));
    let (given, family) = (of(GivenName).next(), of(FamilyName).next());
    if let Some((given, family)) = given.zip(family) {
        for date in of(Date) {
            rules.push(vec![Part::EitherOrder(given, family), Part::Year(date)]);
        }
        for place in of(Postcode).chain(of(Place)) {
            rules.push(vec![Part::EitherOrder(given, family), Part::Area(place)]);
        }
        rules.push(vec![Part::EitherOrder(given, family)]);
    }
    let names: Vec<Part> = given.map(Part::Group).into_iter().chain(family.map(Part::Sound)).collect();
    for date in of(Date) {
        rules.push(vec![Part::Whole(date)]);
        rules.extend(names.iter().map(|name| vec![Part::Day(date), *name]));
        rules.extend(names.iter().map(|name| vec![Part::Year(date), *name]));
        rules.extend(of(Postcode).chain(of(Place)).map(|place| vec![Part::Day(date), Part::Area(place)]));
    }
    for place in of(Postcode) {
        rules.extend(names.iter().map(|name| vec![Part::Whole(place), *name]));
    }
    for text in of(Text) {
        rules.push(vec![Part::Whole(text)]);
        rules.extend(of(Category).map(|number| vec![Part::Group(text), Part::Whole(number)]));
        rules.extend(of(Postcode).chain(of(Place)).map(|place| vec![Part::Group(text), Part::Area(place)]));
        rules.extend(names.iter().map(|name| vec![Part::Group(text), *name]));
        rules.push(vec![Part::Group(text)]);
    }
    for company in of(Company) {
        rules.push(vec![Part::Whole(company)]);
        rules.extend(names.iter().map(|name| vec![Part::Group(company), *name]));
        rules.push(vec![Part::Group(company)]);
    }
    if let Some((given, family)) = given.zip(family) {
        rules.push(vec![Part::Sound(family), Part::Initial(given)]);
    }
    for place in of(Place) {
        rules.extend(names.iter().map(|name| vec![Part::Area(place), *name]));
    }
    for email in of(Email) {
        rules.extend(names.iter().map(|name| vec![Part::Group(email), *name]));
        rules.extend(of(Date).map(|date| vec![Part::Area(email), Part::Year(date)]));
        rules.extend(of(Postcode).chain(of(Place)).map(|place| vec![Part::Area(email), Part::Area(place)]));
    }
    // Broad rules, for what is left of the effort in tables of moderate size.
    rules.extend(names.iter().map(|name| vec![*name]));
    for date in of(Date) {
        rules.push(vec![Part::Day(date)]);
        rules.extend(of(Postcode).chain(of(Place)).map(|place| vec![Part::Year(date), Part::Area(place)]));
    }
    rules.extend(of(Postcode).map(|place| vec![Part::Whole(place)]));
    rules.into_iter().map(Rule::Shared).collect()
}
