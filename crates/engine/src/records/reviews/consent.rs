//! Consent in a merge: where two records that become one answer differently, neither answer is taken over, and a person decides. The field stands
//! still meanwhile.

use entente_model::plan::NATIVE;
use entente_model::plan::consent::answer;
use entente_model::plan::policy::Kind;
use entente_model::value::{Value, get};
use entente_store::{ConflictSide, Link, LinkState, NewConflict, Record, Result, Tx};
use jiff::Timestamp;

use crate::catalog::Catalog;
use crate::sync::task::Task;

/// Two records that answer differently.
pub(super) struct Dispute {
    pub(super) field: String,
    sides: [ConflictSide; 2],
}

/// What one record says of a consent, and who says it: what it holds, else what a counterpart shows.
fn said(record: &Record, links: &[&Link], field: &str) -> Option<(String, Value)> {
    let shown = || links.iter().map(|link| (link.connection.clone(), get(&Task::believed(link), field).clone()));
    let Some(held) = answer(get(&record.data, field)).cloned() else { return shown().find(|(_, value)| answer(value).is_some()) };
    let by = shown().find(|(_, value)| *value == held).map(|(connection, _)| connection);
    Some((by.unwrap_or_else(|| NATIVE.to_owned()), held))
}

/// The consents about which both have an answer, and another one. To be asked before counterparts go over.
pub(super) fn disputes(tx: &mut Tx<'_>, catalog: &Catalog, survivor: &Record, absorbed: &Record) -> Result<Vec<Dispute>> {
    let links = tx.links_of(&[survivor.id.clone(), absorbed.id.clone()])?;
    let of = |record: &Record| links.iter().filter(|link| link.record == record.id && link.state == LinkState::Present).collect::<Vec<_>>();
    let (ours, theirs) = (of(survivor), of(absorbed));
    let mut found = Vec::new();
    for policy in catalog.policy(&survivor.object).iter().filter(|policy| policy.kind == Kind::Consent) {
        let (Some((our_side, our_value)), Some((their_side, their_value))) =
            (said(survivor, &ours, &policy.field), said(absorbed, &theirs, &policy.field))
        else {
            continue;
        };
        if our_value == their_value {
            continue;
        }
        // A side has one present value: what another row of the same platform said is known by the record that it was of.
        let their_side = if their_side == our_side { absorbed.id.to_string() } else { their_side };
        let side = |side: String, value: Value| ConflictSide { side, value, at: None, by: "unknown".to_owned(), who: None };
        found.push(Dispute { field: policy.field.clone(), sides: [side(our_side, our_value), side(their_side, their_value)] });
    }
    Ok(found)
}

/// Has a person asked.
pub(super) fn ask(tx: &mut Tx<'_>, survivor: &Record, disputes: Vec<Dispute>, now: Timestamp) -> Result<()> {
    for dispute in disputes {
        let opened = tx.open_conflicts(&[NewConflict {
            record: survivor.id.clone(),
            object: survivor.object.clone(),
            field: dispute.field,
            base: Value::Null,
            sides: dispute.sides.into(),
            suggested: None,
            opened_at: now,
        }])?;
        if opened.iter().any(|(_, fresh)| *fresh) {
            tx.count(now, &[("conflicts", "", 1)])?;
        }
    }
    Ok(())
}
