//! Carrying an undo out: the earlier values become an edit of the person who asked, and the next look writes them to every side.

use std::collections::BTreeSet;

use entente_model::actor::Actor;
use entente_model::clock::Timestamp;
use entente_model::value::Fields;
use entente_store::{Entry, EntryId, LinkState, NewHint, Tx};

use super::Asked;
use super::judge::Judged;
use crate::catalog::Catalog;
use crate::engine::Engine;
use crate::records::overrule::overruled;
use crate::sync::edit::{self, Edit};

/// Cause of the entries.
const CAUSE: &str = "undo";

/// Whether an entry is an undo, and not what a look that an undo caused took in: that says nothing of itself.
pub(super) fn is_undo(entry: &Entry) -> bool {
    entry.cause == CAUSE && !entry.detail.is_empty()
}

/// Puts a record's values back. Every side is fetched before it is written to, so that nothing is overwritten unseen.
pub(super) fn carry(
    tx: &mut Tx<'_>,
    engine: &Engine,
    catalog: &Catalog,
    asked: &Asked,
    judged: &Judged,
    now: Timestamp,
) -> entente_store::Result<Option<EntryId>> {
    let fields: Fields = judged.restored().map(|(field, inverse)| (field.clone(), inverse.then.clone())).collect();
    if fields.is_empty() {
        return Ok(None);
    }
    let record = &judged.record;
    if !engine.flaws().undo_heeds_owners {
        tx.put_links(&overruled(engine, catalog, record, &judged.links, &fields))?;
    }
    let edit = Edit {
        record: record.id.clone(),
        fields,
        actor: Actor::Person,
        actor_name: asked.viewer.name.clone(),
        cause: CAUSE.to_owned(),
        detail: asked.why.clone(),
        lane: asked.lane,
        window_ms: 0,
    };
    let entry = edit::apply(tx, catalog, &edit, now)?;
    let present: BTreeSet<String> =
        judged.links.iter().filter(|link| link.state == LinkState::Present).map(|link| link.connection.clone()).collect();
    tx.hint(&[NewHint {
        subject: record.id.to_string(),
        object: record.object.clone(),
        lane: asked.lane,
        due_at: now,
        cause: CAUSE.to_owned(),
        fetch: present,
        origin_at: Some(now),
        is_news: true,
        at: now,
    }])?;
    Ok(entry)
}
