//! In seeded worlds people also decide which records are one customer, and part again what was merged, by them, by a creation or by a platform.
//! These moments have dice of their own, so that everything else happens as it did without them.

use std::future::Future;
use std::sync::Arc;

use entente_engine::records::reviews::{self, Review, ReviewQuery, ReviewSide};
use entente_engine::records::unmerge::unmerge;
use entente_store::{RecordQuery, RecordState, Viewer};
use rand::Rng;

use crate::hub::{SALESFORCE, ZENDESK};
use crate::second_desk::SECOND;
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
            let page = reviews::list(&engine, &seer, ReviewQuery::default()).await.unwrap();
            if let Some(review) = page.items.into_iter().next() {
                let asked = review.clone();
                let done = self.unless_it_dies(async move {
                    // Somebody may be faster, or the two may be one by now; and a platform may refuse, or not answer.
                    let _done = if accepts && asked.obstacle.is_none() {
                        reviews::accept(&engine, &seer, &asked.id).await
                    } else {
                        reviews::reject(&engine, &seer, &asked.id).await
                    };
                });
                done.await;
                self.note_merged(&review);
            }
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

    /// Notes which rows of two records their platforms have merged because we asked for it.
    pub fn note_merged(&mut self, review: &Review) {
        for (goes, stays) in [(&review.second, &review.first), (&review.first, &review.second)] {
            let row = |side: &ReviewSide, connection: &str| {
                side.links.iter().find(|link| link.connection == connection).map(|link| link.external_id.clone())
            };
            let both = |connection: &str| row(goes, connection).zip(row(stays, connection));
            if let Some((gone, kept)) = both(SALESFORCE)
                && !self.departed.has_contact(&gone)
                && self.hub.salesforce.get("Contact", &gone).is_none()
            {
                self.contacts.retain(|id| *id != gone);
                self.departed.merged_contacts.push((gone, kept));
            }
            if let Some((gone, kept)) = both(ZENDESK).and_then(|(gone, kept)| Some((gone.parse().ok()?, kept.parse().ok()?)))
                && self.hub.zendesk.user(gone).is_some_and(|user| user["active"] == false)
                && !self.departed.has_user(gone)
            {
                self.departed.merged_users.push((gone, kept));
            }
            if let Some((gone, kept)) = both(SECOND)
                && self.hub.second.as_ref().is_some_and(|second| second.agents.people().iter().all(|person| person.id != gone))
                && !self.departed.second.contains_key(&gone)
            {
                self.departed.merged_second.push((gone, kept, row(goes, SALESFORCE).unwrap_or_default()));
            }
        }
        self.accounts.retain(|id| self.hub.salesforce.get("Account", id).is_some());
    }

    /// What somebody does, unless the process dies on the way: then it starts again.
    pub async fn unless_it_dies<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
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
