//! One change event, taken apart.

use std::collections::{BTreeMap, BTreeSet};

use apache_avro::types::Value as Avro;
use entente_model::clock::Timestamp;
use serde_json::Value;

use super::super::describe::Described;
use super::avro::{inner, text, texts, value};
use super::bitmap::{Place, places};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Create,
    Update,
    Delete,
    Undelete,
    /// Something happened that the event does not tell.
    Gap,
    /// So much happened that the org does not tell which rows: everything since is to be read.
    Overflow,
}

/// A change event.
#[derive(Debug)]
pub(super) struct Change {
    pub kind: Kind,
    /// The rows that changed in the same way, in one transaction.
    pub ids: Vec<String>,
    /// Which program made it (`com/salesforce/api/rest/62.0;client=entente`).
    pub origin: String,
    /// The user who made it.
    pub user: Option<String>,
    /// When it was committed, by the org's clock.
    pub committed: Option<Timestamp>,
    /// Values that the event shows, as the REST API would give them: after a creation all that are set, after a change those that changed.
    pub values: BTreeMap<String, Value>,
    /// Fields that changed and are told as a difference to what was there.
    pub differences: BTreeSet<String>,
    /// Every field that an event of this object can show.
    pub carried: BTreeSet<String>,
    /// Whether the event says which fields changed.
    pub told: bool,
}

impl Change {
    /// Whether a program of this name made it.
    pub fn is_of(&self, client: &str) -> bool {
        self.origin.split(';').any(|part| part.trim() == client)
    }
}

/// Takes an event apart. `None` when it has no header: it is no change event.
pub(super) fn change(fields: &[(String, Avro)], described: &Described) -> Option<Change> {
    let (_, header) = fields.iter().find(|(name, _)| name == "ChangeEventHeader")?;
    let Avro::Record(header) = inner(header) else { return None };
    let of = |name: &str| header.iter().find(|(field, _)| field == name).map(|(_, value)| value);
    let kind = match of("changeType").and_then(text)? {
        "CREATE" => Kind::Create,
        "UPDATE" => Kind::Update,
        "DELETE" => Kind::Delete,
        "UNDELETE" => Kind::Undelete,
        "GAP_OVERFLOW" => Kind::Overflow,
        // Gaps, and whatever comes next: the rows themselves tell.
        _ => Kind::Gap,
    };
    let listed = |name: &str| places(of(name).map(texts).unwrap_or_default());
    let lists = listed("changedFields").zip(listed("nulledFields")).zip(listed("diffFields"));
    let told = lists.is_some();
    let ((changed, nulled), differing) = lists.unwrap_or_default();
    let mut change = Change {
        kind,
        ids: of("recordIds").map(texts).unwrap_or_default().into_iter().map(str::to_owned).collect(),
        origin: of("changeOrigin").and_then(text).unwrap_or_default().to_owned(),
        user: of("commitUser").and_then(text).map(str::to_owned),
        committed: of("commitTimestamp").and_then(|value| match inner(value) {
            Avro::Long(ms) | Avro::TimestampMillis(ms) => Timestamp::from_millisecond(*ms).ok(),
            _ => None,
        }),
        values: BTreeMap::new(),
        differences: BTreeSet::new(),
        carried: BTreeSet::new(),
        told,
    };
    let shows = |place: Place| changed.contains(&place) || nulled.contains(&place);
    for (at, (name, avro)) in fields.iter().enumerate().filter(|(_, (name, _))| name != "ChangeEventHeader") {
        let whole = kind == Kind::Create || shows((at, None));
        if differing.contains(&(at, None)) {
            change.carried.insert(name.clone());
            change.differences.insert(name.clone());
            continue;
        }
        match (inner(avro), is_compound(name, described)) {
            (Avro::Record(children), _) => {
                for (within, (child, avro)) in children.iter().enumerate() {
                    let full = part_of(name, child);
                    change.carried.insert(full.clone());
                    if whole || shows((at, Some(within))) {
                        change.values.insert(full.clone(), value(avro, described.kind(&full)));
                    }
                }
            }
            // A compound that is not there: its parts have no value, and are named only where the org's schema names them.
            (Avro::Null, true) => {
                for full in described.parts(name) {
                    change.carried.insert(full.to_owned());
                    if whole || changed.iter().chain(&nulled).any(|(parent, _)| *parent == at) {
                        change.values.insert(full.to_owned(), Value::Null);
                    }
                }
            }
            (plain, _) => {
                change.carried.insert(name.clone());
                if whole {
                    change.values.insert(name.clone(), value(plain, described.kind(name)));
                }
            }
        }
    }
    Some(change)
}

/// Whether a field of an event is a record of its own there.
fn is_compound(name: &str, described: &Described) -> bool {
    described.parts(name).next().is_some()
}

/// The field's own name of a part of a compound field (`City` of `MailingAddress` is `MailingCity`).
pub(in crate::vendors::salesforce) fn part_of(compound: &str, part: &str) -> String {
    if let Some(prefix) = compound.strip_suffix("Address") {
        return format!("{prefix}{part}");
    }
    match compound.strip_suffix("__c") {
        Some(location) => format!("{location}__{part}__s"),
        // `FirstName` of `Name`.
        None => part.to_owned(),
    }
}
