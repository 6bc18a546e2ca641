//! Conflicts of one kind: the same field, changed by the same kinds of hand at the same sides; and what people decided about them.

use std::collections::BTreeMap;

use entente_model::actor::Actor;
use entente_model::id::RecordId;
use entente_model::plan::Reason;
use entente_model::plan::policy::Adopted;
use entente_store::{Conflict, ConflictSide, ConflictState, PAGE_ROWS_MAX, StoreError, Tx};
use jiff::Timestamp;

/// Bytes of a digest that make an id.
const ID_BYTES: usize = 16;

/// A kind of conflict.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Kind {
    pub(super) object: String,
    pub(super) field: String,
    /// Whose hand it was at each side that changed the field.
    pub(super) sides: BTreeMap<String, Actor>,
}

impl Kind {
    /// The kind of a conflict; none when a hand is of no known name.
    pub(super) fn of(conflict: &Conflict) -> Option<Self> {
        let mut sides = BTreeMap::new();
        for side in present(&conflict.conflict.sides) {
            let by: Actor = serde_json::from_value(serde_json::Value::String(side.by.clone())).ok()?;
            sides.insert(side.side.clone(), by);
        }
        Some(Self { object: conflict.conflict.object.clone(), field: conflict.conflict.field.clone(), sides })
    }

    /// The rule that lets a side win; its id is the same whenever the same is proposed.
    pub(super) fn rule(&self, winner: &str) -> Result<Adopted, StoreError> {
        let sides = serde_json::to_string(&self.sides).map_err(|error| StoreError::Invalid(error.to_string()))?;
        let text = format!("{}\n{}\n{sides}\n{winner}", self.object, self.field);
        let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
        let bits = digest.as_ref().iter().take(ID_BYTES).fold(0_u128, |sum, byte| (sum << 8) | u128::from(*byte));
        Ok(Adopted { id: RecordId::new("rule", bits).to_string(), sides: self.sides.clone(), winner: winner.to_owned() })
    }
}

/// What each side shows now: what it showed before follows after, and decides nothing.
pub(super) fn present(sides: &[ConflictSide]) -> Vec<&ConflictSide> {
    let is_present = |at: usize| sides[..at].iter().all(|one| one.side != sides[at].side);
    (0..sides.len()).filter(|at| is_present(*at)).map(|at| &sides[at]).collect()
}

/// How a conflict ended, or that it has not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// A rule decided, by its name.
    Rule(String),
    /// A person decided, for this side; none where it was another value, or one that several sides had.
    Person(Option<String>),
    /// The sides came to agree, or there was nothing left to be decided.
    Itself,
    /// It waits for a person.
    Waits,
}

impl End {
    pub(crate) fn of(conflict: &Conflict) -> Self {
        if conflict.state == ConflictState::Waiting {
            return Self::Waits;
        }
        match conflict.resolved_by.as_deref().and_then(|by| by.strip_prefix("rule ")) {
            // One that is adopted decides what waits as well, by an entry of the ledger as a person does.
            Some(rule) if conflict.entry.is_none() || rule == Reason::Adopted.name() => Self::Rule(rule.to_owned()),
            // A person's decision is an entry of the ledger.
            _ if conflict.entry.is_some() => Self::Person(winner(conflict)),
            _ => Self::Itself,
        }
    }
}

fn winner(conflict: &Conflict) -> Option<String> {
    let value = conflict.resolution.as_ref()?;
    let mut sides = present(&conflict.conflict.sides).into_iter().filter(|side| side.value.agrees(value));
    let first = sides.next()?;
    sides.next().is_none().then(|| first.side.clone())
}

/// Every conflict opened within a range, oldest first.
pub(super) fn opened(tx: &mut Tx<'_>, from: Timestamp, to: Timestamp) -> Result<Vec<Conflict>, StoreError> {
    let (mut all, mut after) = (Vec::new(), 0);
    loop {
        let page = tx.conflicts_opened(from, to, after)?;
        let is_last = page.len() < PAGE_ROWS_MAX;
        after = page.last().map_or(after, |last| last.id);
        all.extend(page);
        if is_last {
            return Ok(all);
        }
    }
}
