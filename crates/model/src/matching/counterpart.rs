//! Judging the few candidates of one row while a sync runs, by the weights of [`super::linkage`].
//!
//! What is compared stands in the order of certainty: e-mail, phone, company, person. The weights are those that most companies' contacts
//! bear out, until a store has enough records to learn its own from.

use serde::{Deserialize, Serialize};

use super::linkage::{
    Belief, Blocks, Common, Crowd, Doubt, Effort, Field, FieldModel, Judge, Kind, Known, Lesson, Level, LevelOdds, Model, Row, Side,
    TableBuilder, TableError, Verdict, Waterfall, learn_from,
};
use super::{KeyKind, Profile, company, domain, emails, mailbox, person, phones};
use crate::value;

/// Probability that two records taken at random are one customer, before anything is known of a store: each has a counterpart among
/// five thousand as likely as not.
const PRIOR: f64 = 1e-4;
/// Share of rows that have a counterpart in the store: as likely as not.
const WITH_COUNTERPART: f64 = 0.5;
/// Bounds of the prior, whatever the number of records: a store of two is no proof that they are one.
const PRIORS: std::ops::RangeInclusive<f64> = 1e-8..=PRIOR;
/// Records that the prior stands for.
const RECORDS: f64 = WITH_COUNTERPART / PRIOR;
/// Pairs of colleagues and of relatives for every pair of a match.
const CROWD_PAIRS: f64 = 1.0;
/// Matches that the built-in weights count for: a store with fewer says less than they do.
const BELIEVED_PAIRS: f64 = 1_000.0;
/// How much rarer than believed equal values may be among what was learned to be matches, and how much more frequent different ones.
/// Beyond, colleagues or relatives were learned to recognise, and no customers.
const SANE_EXACT: f64 = 0.5;
const SANE_DIFFERENT: f64 = 3.0;
/// Bits for equal values, as a share of those built in, and for different ones, that learned weights may not fall short of: a field in
/// which strangers hardly ever differ teaches nothing about customers.
const TELLING_SHARE: f64 = 0.4;
const TELLING_DIFFERENT: f64 = -0.5;

/// From this probability on, a pair is worth a person's look.
pub const REVIEW_FROM: f64 = 0.5;
/// From this probability on, two rows of one platform are shown to a person as duplicates.
pub const DUPLICATE_FROM: f64 = 0.9;
/// Pairs that are held at least before the less likely ones are let go.
const HELD: usize = 4_096;
/// Records of an object from which their weights can be learned.
pub const LEARN_FROM: usize = 2_000;

/// What was learned of an object's records.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Learned {
    /// Weights.
    pub model: Model,
    /// Values that many records share.
    pub common: Common,
}

/// Judges candidates of one object.
#[derive(Debug, Clone, PartialEq)]
pub struct Matcher {
    object: String,
    learned: Learned,
    /// Whether `learned` was learned rather than built in.
    from_store: bool,
    threshold: f64,
}

/// Records that have a match key.
pub type Count<'a> = &'a dyn Fn(KeyKind, &str) -> u32;

/// The judgement on one candidate.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// The surest key that both share, if any.
    pub key: Option<KeyKind>,
    /// Whether the two may be linked without asking.
    pub certain: bool,
    /// How it came about, step by step, and where it ends.
    pub waterfall: Waterfall,
}

impl Judgement {
    /// Probability that both are one customer.
    #[must_use]
    pub fn probability(&self) -> f64 {
        self.waterfall.verdict.probability
    }

    /// Whether a person should look at the pair. Who shares an address or a web domain is shown however little else agrees: a platform
    /// that knows people by their address would make one of them.
    #[must_use]
    pub fn is_worth_a_look(&self) -> bool {
        self.probability() >= REVIEW_FROM || matches!(self.key, Some(KeyKind::Email | KeyKind::Domain))
    }

    /// What agrees, and how sure that makes it, in one line.
    #[must_use]
    pub fn in_words(&self) -> String {
        let agreeing = self.waterfall.steps.iter().filter(|step| step.weight > 0.0 && step.level != Level::Missing);
        let words: Vec<String> = agreeing.map(|step| format!("{} {}", step.field.replace('_', " "), step.words)).collect();
        let sure = format!("{:.1} %", (self.probability() * 1_000.0).floor() / 10.0);
        if words.is_empty() { sure } else { format!("{} ({sure})", words.join(", ")) }
    }
}

/// The compared fields of an object, surest first; none for objects that are linked by id alone.
#[must_use]
pub fn fields(object: &str) -> Vec<Field> {
    let fields: &[(&str, Kind)] = if super::is_person(object) {
        &[
            ("email", Kind::Email),
            ("phone", Kind::Phone),
            ("company", Kind::Company),
            ("first_name", Kind::GivenName),
            ("last_name", Kind::FamilyName),
        ]
    } else if object == "account" {
        &[("domain", Kind::Domain), ("phone", Kind::Phone), ("name", Kind::Company)]
    } else {
        &[]
    };
    fields.iter().map(|(name, kind)| Field::new(*name, *kind)).collect()
}

/// The values of a record, in the order of [`fields`]. Of several addresses or numbers it is the one that `other` has too, or the first.
#[must_use]
pub fn values(object: &str, profile: &Profile<'_>, other: Option<&Profile<'_>>) -> Vec<String> {
    let shared = |own: Vec<String>, theirs: Option<Vec<String>>| {
        let common = theirs.and_then(|theirs| own.iter().find(|value| theirs.contains(value)).cloned());
        common.or_else(|| own.into_iter().next()).unwrap_or_default()
    };
    let phone = shared(phones(profile.fields), other.map(|other| phones(other.fields)));
    if super::is_person(object) {
        let email = shared(emails(profile.fields), other.map(|other| emails(other.fields)));
        let (given, family) = person::Name::of(profile.fields).map(person::Name::into_parts).unwrap_or_default();
        vec![email, phone, company(profile).unwrap_or_default(), given, family]
    } else if object == "account" {
        let name = value::get(profile.fields, "name").as_text().unwrap_or_default().to_owned();
        vec![domain(profile.fields).unwrap_or_default(), phone, name]
    } else {
        Vec::new()
    }
}

impl Matcher {
    /// A matcher for an object: by what was learned from the store, or by the built-in weights. From the probability `threshold` on, a
    /// pair is linked without asking.
    #[must_use]
    pub fn new(object: &str, learned: Option<Learned>, threshold: f64) -> Self {
        let fitting = learned.filter(|learned| learned.model.fields.iter().map(|field| &field.field).eq(fields(object).iter()));
        let from_store = fitting.is_some();
        let learned =
            fitting.unwrap_or_else(|| Learned { model: built_in(object), common: Common { records: RECORDS, values: Vec::new() } });
        Self { object: object.to_owned(), learned, from_store, threshold }
    }

    /// Judges candidates for a row, in their order. `count` tells how many records have a key, as far as that is known.
    ///
    /// # Errors
    /// When there are more candidates than a table holds.
    pub fn judge(&self, row: &Profile<'_>, candidates: &[Profile<'_>], count: Count<'_>) -> Result<Vec<Judgement>, TableError> {
        let fields = fields(&self.object);
        if fields.is_empty() {
            return Ok(Vec::new());
        }
        let mut builder = TableBuilder::new(fields.clone())?;
        let mut pairs = Vec::with_capacity(candidates.len());
        for candidate in candidates {
            let (mine, theirs) = (values(&self.object, row, Some(candidate)), values(&self.object, candidate, Some(row)));
            let one = builder.add(Side::Left, mine.iter().map(String::as_str))?;
            pairs.push((one, builder.add(Side::Left, theirs.iter().map(String::as_str))?));
        }
        let table = builder.finish();
        let counted = |field: usize, text: &str| {
            let now = fields.get(field).and_then(|field| key(&self.object, field.kind)).map_or(0, |kind| match kind {
                // Keys hold the number as it is dialled.
                KeyKind::Phone => count(kind, &format!("+{text}")),
                _ => count(kind, text),
            });
            now.max(self.learned.common.count(field, text))
        };
        let known = Known { records: self.learned.common.records, rare: self.from_store, count: &counted };
        let judge = Judge::knowing(&table, &self.learned.model, &known, self.threshold);
        Ok(pairs.into_iter().map(|(one, two)| self.judged(judge.explain(one, two), &fields, table_role(&table, one))).collect())
    }

    /// Pairs of records that are likely one customer, from [`DUPLICATE_FROM`] on, the likeliest first, `most` at most: pairs among `these`,
    /// or, where there are `those`, of one of each. Records hold their values in the order of [`fields`]; pairs are told by their places,
    /// counted on from `these` to `those`. Pairs that are `known` take nobody's place.
    ///
    /// # Errors
    /// When there are more records than a table holds.
    pub fn duplicates(
        &self,
        these: &[Vec<String>],
        those: &[Vec<String>],
        most: usize,
        known: impl Fn(usize, usize) -> bool,
    ) -> Result<Vec<(usize, usize, Judgement)>, TableError> {
        let fields = fields(&self.object);
        let mut builder = TableBuilder::new(fields.clone())?;
        for (side, records) in [(Side::Left, these), (Side::Right, those)] {
            for values in records {
                builder.add(side, values.iter().map(String::as_str))?;
            }
        }
        let table = builder.finish();
        let blocks = Blocks::of(&table, Effort { all_pairs_max: 0.0, ..Effort::default() });
        let counted = |field: usize, text: &str| self.learned.common.count(field, text);
        let of_store = Known { records: self.learned.common.records, rare: self.from_store, count: &counted };
        let judge = Judge::knowing(&table, &self.learned.model, &of_store, self.threshold);
        let mut found = Vec::new();
        blocks.pairs(&table, 0..blocks.len(), |one, two| {
            let probability = judge.verdict(one, two).probability;
            if probability >= DUPLICATE_FROM && !known(one as usize, two as usize) {
                found.push((probability, one, two));
                if found.len() >= most.saturating_mul(2).max(HELD) {
                    keep_likeliest(&mut found, most);
                }
            }
        });
        keep_likeliest(&mut found, most);
        let explained = found.into_iter().map(|(_, one, two)| {
            let judgement = self.judged(judge.explain(one, two), &fields, table_role(&table, one));
            (one as usize, two as usize, judgement)
        });
        Ok(explained.collect())
    }

    fn judged(&self, mut waterfall: Waterfall, fields: &[Field], role: bool) -> Judgement {
        let exact = |kind: Kind| {
            let at = fields.iter().position(|field| field.kind == kind);
            at.is_some_and(|at| waterfall.steps[at].level == Level::Exact)
        };
        let person = super::is_person(&self.object);
        let key = [
            (Kind::Email, KeyKind::Email),
            (Kind::Domain, KeyKind::Domain),
            (Kind::Phone, KeyKind::Phone),
            (Kind::Company, if person { KeyKind::NameAtCompany } else { KeyKind::Company }),
        ]
        .into_iter()
        .find(|(kind, _)| exact(*kind))
        .map(|(_, key)| key);
        let reached = (exact(Kind::Email) && !role) || exact(Kind::Phone);
        let Verdict { probability, doubt, .. } = &mut waterfall.verdict;
        if person && doubt.is_none() && *probability >= self.threshold && !reached {
            *doubt = Some(Doubt::Namesakes);
            *probability = super::linkage::bounded(*probability, self.threshold, *doubt);
        }
        let certain = waterfall.verdict.doubt.is_none() && waterfall.verdict.probability >= self.threshold;
        Judgement { key, certain, waterfall }
    }
}

/// Puts the likeliest pairs first, and lets go of those beyond `most`.
fn keep_likeliest(found: &mut Vec<(f64, Row, Row)>, most: usize) {
    found.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    found.truncate(most);
}

/// Whether a record's address stands for a function.
fn table_role(table: &super::linkage::Table, row: Row) -> bool {
    table.value(0, row).is_some_and(mailbox::is_role)
}

/// The kind of match key that a field's value is, for counting. A person's company is no key of its own.
fn key(object: &str, kind: Kind) -> Option<KeyKind> {
    match kind {
        Kind::Email => Some(KeyKind::Email),
        Kind::Domain => Some(KeyKind::Domain),
        Kind::Phone => Some(KeyKind::Phone),
        Kind::Company if object == "account" => Some(KeyKind::Company),
        _ => None,
    }
}

/// Learns the weights of an object from its records, each with its values in the order of [`fields`]. `None` when there are too few.
///
/// # Errors
/// When there are more records than a table holds.
pub fn learn<'a>(object: &str, records: impl IntoIterator<Item = &'a [String]>) -> Result<Option<Learned>, TableError> {
    let mut builder = TableBuilder::new(fields(object))?;
    for values in records {
        builder.add(Side::Left, values.iter().map(String::as_str))?;
    }
    let table = builder.finish();
    if table.rows() < LEARN_FROM || table.fields().is_empty() {
        return Ok(None);
    }
    let believed = built_in(object);
    // Pairs that share nothing are known from the random ones; what is looked for are copies.
    let blocks = Blocks::of(&table, Effort { all_pairs_max: 0.0, ..Effort::default() });
    let belief = Belief { model: &believed, pairs: BELIEVED_PAIRS };
    let mut model = learn_from(belief, &table, &blocks, Lesson::default(), |learned| is_of_customers(learned, &believed));
    // Records of a store that was matched before are nearly all of different customers. A row that comes in has a counterpart more often.
    model.prior = (WITH_COUNTERPART / table.rows() as f64).clamp(*PRIORS.start(), *PRIORS.end());
    for (field, known) in model.fields.iter_mut().zip(&believed.fields) {
        keep_telling(field, known);
    }
    Ok(Some(Learned { model, common: Common::of(&table) }))
}

/// A field whose learned weights do not tell customers apart has the built-in ones, and no level says more than equal values do.
fn keep_telling(field: &mut FieldModel, known: &FieldModel) {
    let weight = |field: &FieldModel, level: Level| field.odds(level).map_or(0.0, LevelOdds::weight);
    let exact = weight(field, Level::Exact);
    if exact < TELLING_SHARE * weight(known, Level::Exact) || weight(field, Level::Different) > TELLING_DIFFERENT {
        field.clone_from(known);
        return;
    }
    for odds in &mut field.levels {
        odds.u = odds.u.max(odds.m / exact.exp2());
    }
}

/// Whether what was learned to be matches agrees as customers do.
fn is_of_customers(learned: &Model, believed: &Model) -> bool {
    let m = |field: &FieldModel, level: Level| field.odds(level).map_or(0.0, |odds| odds.m);
    learned.fields.iter().zip(&believed.fields).all(|(field, known)| {
        m(field, Level::Exact) >= SANE_EXACT * m(known, Level::Exact)
            && m(field, Level::Different) <= SANE_DIFFERENT * m(known, Level::Different)
    })
}

/// How a field's levels are spread among matches and among others, where equal values are rare or common as its kind usually has them.
type Odds = [(Level, f64, f64)];

/// Judgements on business contacts. What is left to [`Level::Different`] is the rest.
fn odds(object: &str, kind: Kind) -> &'static Odds {
    use Level::{Domain, Exact, Near, Nickname, Part, Similar, Sound, Swapped};
    match kind {
        Kind::Email => &[(Exact, 0.70, 1e-6), (Near, 0.03, 1e-5), (Similar, 0.02, 1e-4), (Part, 0.07, 1e-4), (Domain, 0.06, 2e-3)],
        Kind::Phone => &[(Exact, 0.60, 1e-5), (Part, 0.05, 1e-5), (Near, 0.03, 1e-4)],
        // A company's own name is nearly unique; a person's company is that of many others.
        Kind::Company if object == "account" => &[(Exact, 0.80, 2e-6), (Near, 0.05, 2e-5), (Part, 0.07, 3e-3), (Similar, 0.03, 2e-3)],
        Kind::Company => &[(Exact, 0.80, 2e-3), (Near, 0.03, 5e-4), (Part, 0.06, 1e-3), (Similar, 0.03, 2e-3)],
        Kind::GivenName => &[
            (Exact, 0.78, 8e-3),
            (Swapped, 0.01, 2e-4),
            (Nickname, 0.05, 2e-3),
            (Near, 0.04, 2e-3),
            (Part, 0.04, 4e-3),
            (Sound, 0.02, 3e-3),
            (Similar, 0.02, 2e-2),
        ],
        Kind::FamilyName => &[
            (Exact, 0.86, 2e-3),
            (Swapped, 0.01, 2e-4),
            (Near, 0.04, 5e-4),
            (Part, 0.02, 1e-3),
            (Sound, 0.02, 2e-3),
            (Similar, 0.01, 2e-2),
        ],
        Kind::Domain => &[(Exact, 0.80, 1e-5), (Near, 0.02, 1e-4)],
        _ => &[(Exact, 0.80, 1e-2)],
    }
}

/// The built-in weights of an object.
fn built_in(object: &str) -> Model {
    let of_field = |field: Field| {
        let known = odds(object, field.kind);
        let rest = known.iter().fold((1.0, 1.0), |rest, (_, m, u)| (rest.0 - m, rest.1 - u));
        let of_level = |level: &Level| match known.iter().find(|(of, ..)| of == level) {
            Some((_, m, u)) => LevelOdds { level: *level, m: *m, u: *u },
            None => LevelOdds { level: *level, m: rest.0, u: rest.1 },
        };
        FieldModel { levels: field.kind.levels().iter().map(of_level).collect(), field }
    };
    let fields: Vec<FieldModel> = fields(object).into_iter().map(of_field).collect();
    // Companies have no colleagues.
    let crowds: &[Crowd] = if super::is_person(object) { &[Crowd::Relatives, Crowd::Colleagues] } else { &[] };
    Model::believed(PRIOR, fields, crowds, PRIOR * CROWD_PAIRS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_probabilities_are_all_there_is() {
        for object in ["contact", "account"] {
            for field in built_in(object).fields {
                let sums = field.levels.iter().fold((0.0, 0.0), |sums, odds| (sums.0 + odds.m, sums.1 + odds.u));
                assert!((sums.0 - 1.0).abs() < 1e-9 && (sums.1 - 1.0).abs() < 1e-9, "{object}: {field:?}");
                assert!(field.levels.iter().all(|odds| odds.m > 0.0 && odds.u > 0.0), "{object}: {field:?}");
            }
        }
    }
}
