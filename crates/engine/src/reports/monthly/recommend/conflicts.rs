//! Conflicts that people decide the same way again and again.

use std::collections::BTreeMap;

use entente_model::mapping::Role;
use entente_store::{StoreError, Tx};

use super::{Found, Grounds};
use crate::records::conflicts::kind::End;
use crate::reports::mapped;

/// Decisions of one kind from which they are a pattern.
const DECISIONS_MIN: u64 = 3;

/// Share of the decisions that must be the same, in percent.
const SHARE_MIN: u64 = 80;

/// Decisions about a field: all of them, and how many were for the value of the CRM and of the desk.
#[derive(Default)]
struct Tally {
    all: u64,
    crm: u64,
    support: u64,
}

/// Fields whose conflicts an owner would decide as people do.
pub(super) fn owners(grounds: &Grounds<'_>, tx: &mut Tx<'_>) -> Result<Vec<Found>, StoreError> {
    let mut tallies: BTreeMap<(String, String), Tally> = BTreeMap::new();
    let mut after = 0;
    loop {
        let page = tx.conflicts_opened(grounds.range.from, grounds.range.to, after)?;
        let Some(last) = page.last() else { break };
        after = last.id;
        for conflict in &page {
            let (Some(value), End::Person(_)) = (&conflict.resolution, End::of(conflict)) else { continue };
            let role_of = |side: &str| grounds.engine.connections().get(side).map(|connection| connection.role);
            let chosen = |role: Role| {
                // The first value of a side is its present one; those of before follow.
                let side = conflict.conflict.sides.iter().find(|side| role_of(&side.side) == Some(role));
                side.is_some_and(|side| side.value.agrees(value))
            };
            let tally = tallies.entry((conflict.conflict.object.clone(), conflict.conflict.field.clone())).or_default();
            tally.all += 1;
            match (chosen(Role::Crm), chosen(Role::Support)) {
                (true, false) => tally.crm += 1,
                (false, true) => tally.support += 1,
                _ => {}
            }
        }
    }
    let catalog = grounds.engine.catalog();
    let found = tallies.into_iter().filter_map(|((object, field), tally)| {
        let (who, many) = if tally.crm >= tally.support { ("CRM", tally.crm) } else { ("support desk", tally.support) };
        if many < DECISIONS_MIN || many * 100 < tally.all * SHARE_MIN {
            return None;
        }
        let label = mapped::label(&catalog, &object, &field);
        Some(Found::new(
            "conflict_owner",
            60 + many.min(20),
            format!("Let the {who} own \"{label}\""),
            format!(
                "{many} of {} conflicts about it were decided for the {who}'s value; as its owner it needs no person to decide",
                tally.all
            ),
        ))
    });
    Ok(found.collect())
}
