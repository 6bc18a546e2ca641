//! Rows of two records at one platform: the platform merges them by its own means, before the records become one.

use std::collections::BTreeSet;

use entente_connect::connector::Priority;
use entente_connect::merge::Merge;
use entente_model::id::RecordId;
use entente_store::{Link, LinkState, Viewer};

use super::{Review, ReviewSide, hint};
use crate::catalog::Catalog;
use crate::engine::Engine;
use crate::error::{EngineError, Result};
use crate::records::list::RecordLink;

/// Counterparts of both at one connection: of the one that stays, and of the one that goes.
pub(super) fn twice<'a>(stays: &'a ReviewSide, goes: &'a ReviewSide) -> impl Iterator<Item = (&'a RecordLink, &'a RecordLink)> {
    stays.links.iter().filter_map(|link| {
        let other = goes.links.iter().find(|other| other.connection == link.connection)?;
        Some((link, other))
    })
}

/// Whether a platform merges two rows of our object when we ask it to.
pub(super) fn merges(engine: &Engine, catalog: &Catalog, connection: &str, object: &str) -> bool {
    let mapped = catalog.mapped(connection, object);
    mapped.zip(engine.connection(connection).ok()).is_some_and(|(mapped, ready)| ready.connector.merges(&mapped.mapping().remote))
}

/// Has every platform merge the rows at which both records have one. Answers where that was.
///
/// # Errors
/// When a platform refuses, or does not answer: then both records are looked at, so that whatever has landed is followed.
pub(super) async fn merge_rows(engine: &Engine, review: &Review) -> Result<BTreeSet<String>> {
    let (stays, goes) = (&review.first, &review.second);
    let mut merged = BTreeSet::new();
    for (link, other) in twice(stays, goes) {
        let ready = engine.connection(&link.connection)?;
        let remote = engine.catalog().mapped(&link.connection, &review.object).map(|mapped| mapped.mapping().remote.clone());
        let merge = Merge {
            object: remote.unwrap_or_default(),
            goes: other.external_id.clone(),
            stays: link.external_id.clone(),
            key: stays.record.clone(),
        };
        if let Err(error) = ready.connector.merge(&merge, Priority::Urgent).await {
            look_at_both(engine, [stays, goes]).await?;
            return Err(EngineError::vendor(&link.connection, error));
        }
        merged.insert(link.connection.clone());
    }
    Ok(merged)
}

async fn look_at_both(engine: &Engine, sides: [&ReviewSide; 2]) -> Result<()> {
    let ids: Vec<RecordId> = sides.into_iter().filter_map(|side| side.record.parse().ok()).collect();
    let now = engine.now();
    let look = engine.store().write(move |tx| {
        let links = tx.links_of(&ids)?;
        let records = tx.records(&Viewer::system(), &ids)?;
        for (id, record) in &records {
            let present = |link: &&Link| link.record == *id && link.state == LinkState::Present;
            let fetch: BTreeSet<String> = links.iter().filter(present).map(|link| link.connection.clone()).collect();
            tx.hint(&[hint(record, fetch, now)])?;
        }
        Ok(())
    });
    Ok(look.await?)
}
