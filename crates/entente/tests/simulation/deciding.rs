//! At the end of a world people go through everything that waits for them, until nothing does: conflicts, reviews, addresses that two have,
//! parts of erasures that only a person can do. What the sync leaves to people is no excuse for two sides that differ for ever.

use entente_engine::privacy::requests::{self, Confirmation, ErasureQuery};
use entente_engine::records::conflicts::{self, ConflictQuery, Resolution};
use entente_engine::records::reviews::{self, Review, ReviewQuery, ReviewSide};
use entente_engine::records::unmerge::unmerge;
use entente_store::Viewer;
use rand::Rng;

use crate::hub::{SALESFORCE, ZENDESK};
use crate::second_desk::SECOND;
use crate::world::World;

/// Rounds after which nothing new comes up by deciding.
const ROUNDS: usize = 6;
/// Minutes in which a decision has reached every side: a poll, and what follows.
const SEEN_IN: i64 = 35;

impl World {
    /// People decide until nothing waits for them.
    pub async fn people_decide(&mut self) {
        for _ in 0..ROUNDS {
            let decided = [self.decide_conflicts().await, self.decide_reviews().await, self.do_their_part_of_erasures().await];
            if !decided.contains(&true) {
                self.decided = true;
                return;
            }
            self.hub.run_for(SEEN_IN).await;
        }
        self.decided = true;
    }

    fn person(&self) -> Viewer {
        Viewer::new("petra", "admin")
    }

    async fn decide_conflicts(&mut self) -> bool {
        let (engine, viewer) = (self.hub.engine.clone(), self.person());
        let page = conflicts::list(&engine, &viewer, ConflictQuery::default()).await.unwrap();
        for conflict in &page.items {
            let at = self.parting.random_range(0..conflict.sides.len());
            let side = Resolution { side: Some(conflict.sides[at].side.clone()), value: None };
            // The sides may agree by now.
            let _done = conflicts::resolve(&engine, &viewer, &conflict.id, side).await;
        }
        !page.items.is_empty()
    }

    async fn decide_reviews(&mut self) -> bool {
        let (engine, viewer) = (self.hub.engine.clone(), self.person());
        let page = reviews::list(&engine, &viewer, ReviewQuery::default()).await.unwrap();
        for review in &page.items {
            let accepts = self.parting.random_range(0..2) == 0;
            if review.kind == "merge" {
                self.end_half_a_merge(review, accepts).await;
            } else if accepts && reviews::accept(&engine, &viewer, &review.id).await.is_ok() {
                continue;
            }
            // One decision may have answered another question.
            let _done = reviews::reject(&engine, &viewer, &review.id).await;
        }
        !page.items.is_empty()
    }

    /// Two that were merged at one platform alone are merged at the others, or parted again.
    async fn end_half_a_merge(&mut self, review: &Review, everywhere: bool) {
        let (goes, stays) = match (review.first.state.as_str(), review.second.state.as_str()) {
            ("merged", _) => (&review.first, &review.second),
            (_, "merged") => (&review.second, &review.first),
            _ => return,
        };
        let row = |side: &ReviewSide, connection: &str| {
            side.links.iter().find(|link| link.connection == connection).map(|link| link.external_id.clone())
        };
        if !everywhere && !self.nature.departures {
            let _refused = unmerge(&self.hub.engine, &self.person(), &goes.record, true).await;
            return;
        }
        if let (Some(goes), Some(stays)) = (row(goes, SALESFORCE), row(stays, SALESFORCE))
            && self.hub.salesforce.merge("Contact", &stays, &[&goes], &self.hub.rep()).is_ok()
        {
            self.contacts.retain(|id| *id != goes);
            self.departed.merged_contacts.push((goes, stays));
        }
        let number = |id: String| id.parse::<u64>().unwrap();
        if let (Some(goes), Some(stays)) = (row(goes, ZENDESK).map(number), row(stays, ZENDESK).map(number))
            && self.hub.zendesk.merge_users(goes, stays, self.hub.agent()).is_ok()
        {
            self.departed.merged_users.push((goes, stays));
        }
        if let (Some(gone), Some(kept)) = (row(goes, SECOND).map(number), row(stays, SECOND).map(number))
            && self.second().merge_contacts(kept, gone).is_ok()
        {
            self.departed.merged_second.push((gone, kept, row(goes, SALESFORCE).unwrap_or_default()));
        }
    }

    async fn do_their_part_of_erasures(&mut self) -> bool {
        let (engine, viewer) = (self.hub.engine.clone(), self.person());
        let mut done = false;
        for erasure in requests::list(&engine, &viewer, ErasureQuery::default()).await.unwrap().items {
            let detail = requests::show(&engine, &viewer, &erasure.id).await.unwrap();
            for flag in detail.flags.iter().filter(|flag| flag.done_at.is_none()) {
                requests::confirm(&engine, &viewer, &erasure.id, &Confirmation { flag: flag.number }).await.unwrap();
                done = true;
            }
        }
        done
    }
}
