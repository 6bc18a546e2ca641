//! In seeded worlds people also decide which records are one customer, and part again what was merged, by them, by a creation or by a platform.
//! These moments have dice of their own, so that everything else happens as it did without them.

use std::future::Future;
use std::sync::Arc;

use entente_engine::records::reviews::{self, ReviewQuery};
use entente_engine::records::unmerge::unmerge;
use entente_store::{RecordQuery, RecordState, Viewer};
use rand::Rng;

use crate::world::World;

/// Of how many edits one comes with somebody who decides a review, and with somebody who parts what was merged.
const DECIDES_EVERY: u32 = 6;
const PARTS_EVERY: u32 = 5;

impl World {
    /// Somebody may decide a review or part two records that were merged.
    pub async fn merge_or_part(&mut self) {
        let viewer = Viewer::new("petra", "admin");
        if self.parting.random_range(0..DECIDES_EVERY) == 0 {
            let engine = self.hub.engine.clone();
            let accepts = self.parting.random_range(0..2) == 0;
            let seer = viewer.clone();
            let done = self.unless_it_dies(async move {
                let Ok(page) = reviews::list(&engine, &seer, ReviewQuery::default()).await else { return };
                let Some(review) = page.items.first() else { return };
                // Somebody may be faster, or the two may be one by now.
                let _done = if accepts && review.obstacle.is_none() {
                    reviews::accept(&engine, &seer, &review.id).await
                } else {
                    reviews::reject(&engine, &seer, &review.id).await
                };
            });
            done.await;
        }
        if self.parting.random_range(0..PARTS_EVERY) == 0 {
            let merged = RecordQuery { state: Some(RecordState::Merged), ..RecordQuery::default() };
            let engine = self.hub.engine.clone();
            let roll = self.parting.random_range(0..1_000_usize);
            let parted = self.unless_it_dies(async move {
                let page = engine.store().read(move |tx| tx.list_records(&Viewer::system(), &merged, 100)).await.ok()?;
                let record = page.records.get(roll % page.records.len().max(1))?.id.to_string();
                unmerge(&engine, &viewer, &record, true).await.ok().filter(|report| report.entry.is_some())
            });
            if parted.await.flatten().is_some() {
                self.parted += 1;
            }
        }
    }

    /// What somebody does, unless the process dies on the way: then it starts again.
    async fn unless_it_dies<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let fuse = Arc::clone(&self.hub.fuse);
        let done = tokio::select! {
            biased;
            () = fuse.blows() => None,
            done = work => Some(done),
        };
        if self.hub.fuse.is_blown() {
            self.hub.die().await;
        }
        done
    }
}
