//! Records as columns of distinct values: a value is tidied, encoded and counted once, however many records have it.

use std::collections::HashMap;

use super::compare;
use super::field::{Field, Kind};
use super::level::Level;
use super::mix::{below, mix};
use super::pattern::{FIELDS_MAX, Pattern};
use super::term::{self, Term};

/// Number of a record in its table, in the order of adding.
pub type Row = u32;

/// Which of two sets a record belongs to. Records of one set are compared with those of the other only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The first set.
    Left,
    /// The second set.
    Right,
}

/// What cannot be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// More fields than a pattern holds.
    #[error("more than {FIELDS_MAX} fields are compared; leave out those that tell customers least apart")]
    TooManyFields,
    /// More records than a row number counts.
    #[error("more than {} records in one table; split them, by country for instance", u32::MAX)]
    TooManyRows,
}

/// One field of all records. Term zero stands for no value.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub kind: Kind,
    pub terms: Vec<Term>,
    ids: Vec<u32>,
}

impl Column {
    pub(super) fn id(&self, row: Row) -> u32 {
        self.ids[row as usize]
    }

    /// The value of a record.
    pub(super) fn term(&self, row: Row) -> Option<&Term> {
        match self.id(row) {
            0 => None,
            id => self.terms.get(id as usize),
        }
    }
}

/// Records being read into a table.
#[derive(Debug)]
pub struct TableBuilder {
    fields: Vec<Field>,
    columns: Vec<Column>,
    known: Vec<HashMap<Box<str>, u32>>,
    right: Vec<bool>,
    phonetic: rphonetic::DoubleMetaphone,
}

impl TableBuilder {
    /// For records with these fields.
    ///
    /// # Errors
    /// When there are more than [`FIELDS_MAX`].
    pub fn new(fields: Vec<Field>) -> Result<Self, TableError> {
        if fields.len() > FIELDS_MAX {
            return Err(TableError::TooManyFields);
        }
        let columns = fields.iter().map(|field| Column {
            kind: field.kind,
            terms: vec![Term::new(field.kind, "", &term::phonetic())],
            ids: Vec::new(),
        });
        Ok(Self {
            columns: columns.collect(),
            known: vec![HashMap::new(); fields.len()],
            fields,
            right: Vec::new(),
            phonetic: term::phonetic(),
        })
    }

    /// Adds a record: its values in the order of the fields, blank where it has none.
    ///
    /// # Errors
    /// When the table is full.
    pub fn add<'a>(&mut self, side: Side, values: impl IntoIterator<Item = &'a str>) -> Result<Row, TableError> {
        let row = u32::try_from(self.right.len()).map_err(|_| TableError::TooManyRows)?;
        let mut values = values.into_iter();
        for (column, known) in self.columns.iter_mut().zip(&mut self.known) {
            let id = match values.next().and_then(|raw| term::tidy(column.kind, raw)) {
                None => 0,
                Some(text) => match known.get(text.as_str()) {
                    Some(id) => *id,
                    None => {
                        // No more terms than rows, whose number fits.
                        let id = u32::try_from(column.terms.len()).map_err(|_| TableError::TooManyRows)?;
                        column.terms.push(Term::new(column.kind, &text, &self.phonetic));
                        known.insert(text.into(), id);
                        id
                    }
                },
            };
            column.ids.push(id);
            column.terms[id as usize].count += 1;
        }
        self.right.push(side == Side::Right);
        Ok(row)
    }

    /// The table of all that was added.
    #[must_use]
    pub fn finish(mut self) -> Table {
        drop(self.known);
        for column in &mut self.columns {
            column.terms.shrink_to_fit();
            if matches!(column.kind, Kind::Company | Kind::Text) {
                rarest_words(&mut column.terms);
            }
        }
        let swap = |kind| self.fields.iter().position(|field| field.kind == kind);
        let names = swap(Kind::GivenName).zip(swap(Kind::FamilyName));
        let lefts = self.right.iter().filter(|right| !**right).count();
        Table { fields: self.fields, columns: self.columns, lefts, rights: self.right.len() - lefts, right: self.right, names }
    }
}

/// Gives every value the key of the word of it that the fewest records have.
fn rarest_words(terms: &mut [Term]) {
    let mut counts: HashMap<Box<str>, u32> = HashMap::new();
    for term in terms.iter() {
        for word in term.text.split(' ') {
            match counts.get_mut(word) {
                Some(count) => *count += term.count,
                None => drop(counts.insert(word.into(), term.count)),
            }
        }
    }
    for term in terms.iter_mut() {
        let rarest = term.text.split(' ').min_by_key(|word| (counts.get(*word).copied().unwrap_or_default(), *word));
        term.group = rarest.filter(|word| !word.is_empty()).map_or(0, super::mix::hash);
    }
}

/// Records that are compared: with each other when all are of one side, else across sides.
#[derive(Debug, Clone)]
pub struct Table {
    fields: Vec<Field>,
    pub(super) columns: Vec<Column>,
    right: Vec<bool>,
    lefts: usize,
    rights: usize,
    /// Given and family name, which may stand in each other's place.
    names: Option<(usize, usize)>,
}

impl Table {
    /// The compared fields.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// A record's value of a field, in its one form.
    #[must_use]
    pub fn value(&self, field: usize, row: Row) -> Option<&str> {
        self.columns.get(field)?.term(row).map(|term| term.text.as_ref())
    }

    /// Number of records.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.right.len()
    }

    /// The numbers of the records.
    pub(super) fn numbers(&self) -> std::ops::Range<Row> {
        0..u32::try_from(self.rows()).unwrap_or(Row::MAX)
    }

    /// Number of pairs that could be one customer.
    #[must_use]
    pub fn pairs(&self) -> f64 {
        if self.two_sided() {
            self.lefts as f64 * self.rights as f64
        } else {
            let rows = self.rows() as f64;
            rows * (rows - 1.0).max(0.0) / 2.0
        }
    }

    /// Whether the records are of people rather than of companies.
    pub(super) fn of_people(&self) -> bool {
        self.fields.iter().any(|field| field.kind == Kind::GivenName)
    }

    fn two_sided(&self) -> bool {
        self.lefts > 0 && self.rights > 0
    }

    /// Whether two records may be compared: they are not one record, nor of one set when there are two.
    pub(super) fn may_pair(&self, one: Row, two: Row) -> bool {
        one != two && (!self.two_sided() || self.right[one as usize] != self.right[two as usize])
    }

    /// How often a record has others like itself that it may pair with, for a number of matches among all pairs.
    pub(super) fn matches_each(&self, prior: f64) -> f64 {
        2.0 * prior * self.pairs() / self.rows().max(1) as f64
    }

    /// The `counter`-th random pair under a seed; `None` when it drew two records that may not pair.
    pub(super) fn random_pair(&self, seed: u64, counter: u64) -> Option<(Row, Row)> {
        let draw = |counter| u32::try_from(below(mix(seed, counter), self.rows())).unwrap_or_default();
        let (one, two) = (draw(counter * 2), draw(counter * 2 + 1));
        self.may_pair(one, two).then_some((one, two))
    }

    /// How two records compare, field by field.
    pub(super) fn compare(&self, one: Row, two: Row) -> Pattern {
        let mut pattern = Pattern::default();
        for (field, column) in self.columns.iter().enumerate() {
            let (id_one, id_two) = (column.id(one), column.id(two));
            if id_one == 0 || id_two == 0 {
                continue;
            }
            let level = if id_one == id_two {
                Level::Exact
            } else {
                compare::level(column.kind, &column.terms[id_one as usize], &column.terms[id_two as usize])
            };
            pattern.set(field, level);
        }
        if let Some((given, family)) = self.names {
            self.look_for_a_swap(&mut pattern, (given, family), one, two);
            self.look_past_the_name(&mut pattern, (given, family), one, two);
        }
        pattern
    }

    /// Mailboxes of one name at two domains say nothing beyond the names of their owners where they are made of those: every Anna Schmidt is
    /// `anna.schmidt` at her company. At two companies they are two addresses like any others; where one is at a provider, it may be
    /// somebody's private one, and tells neither way.
    fn look_past_the_name(&self, pattern: &mut Pattern, (given, family): (usize, usize), one: Row, two: Row) {
        let agrees = |level| !matches!(level, Level::Missing | Level::Different | Level::Similar);
        for (field, column) in self.columns.iter().enumerate().filter(|(_, column)| column.kind == Kind::Email) {
            if pattern.level(field) != Level::Part || !(agrees(pattern.level(given)) || agrees(pattern.level(family))) {
                continue;
            }
            let (Some(here), Some(there)) = (column.term(one), column.term(two)) else { continue };
            let name = |at: usize, row: Row| self.columns[at].term(row).map_or("", |term| &*term.text);
            if [one, two].into_iter().any(|row| compare::is_named_after(&here.text, name(given, row), name(family, row))) {
                let private = here.group == 0 || there.group == 0;
                pattern.set(field, if private { Level::Missing } else { Level::Different });
            }
        }
    }

    /// Given and family name in each other's place: one piece of evidence, which stands at the given name. Where one side knows only
    /// one of the two names, it stands at the name that is known.
    fn look_for_a_swap(&self, pattern: &mut Pattern, (given, family): (usize, usize), one: Row, two: Row) {
        let agrees = |level| !matches!(level, Level::Missing | Level::Different | Level::Similar);
        if agrees(pattern.level(given)) || agrees(pattern.level(family)) {
            return;
        }
        let names = |row| (self.columns[given].term(row), self.columns[family].term(row));
        let ((given_one, family_one), (given_two, family_two)) = (names(one), names(two));
        let crossed = |one: Option<&Term>, two: Option<&Term>| one.zip(two).map(|(one, two)| compare::one_name(one, two));
        match (crossed(given_one, family_two), crossed(family_one, given_two)) {
            (Some(true), Some(true)) => {
                pattern.set(given, Level::Swapped);
                pattern.set(family, Level::Missing);
            }
            (Some(true), None) | (None, Some(true)) => {
                let (known, other) = if pattern.level(given) == Level::Missing { (family, given) } else { (given, family) };
                pattern.set(known, Level::Swapped);
                pattern.set(other, Level::Missing);
            }
            _ => {}
        }
    }
}
