//! At the end of a world people go through everything that waits for them, until nothing does: conflicts, reviews, addresses that two have,
//! parts of erasures that only a person can do. What the sync leaves to people is no excuse for two sides that differ for ever.

use entente_engine::privacy::requests::{self, Confirmation, ErasureQuery};
use entente_engine::records::conflicts::{self, ConflictQuery, Resolution};
use entente_engine::records::dead_letters::{self, Discard};
use entente_engine::records::reviews::{self, Review, ReviewQuery, ReviewSide};
use entente_store::{DeadLetterFilter, DeadLetterState, Viewer};
use rand::Rng;
use serde_json::json;

use crate::hub::{SALESFORCE, ZENDESK, fields};
use crate::second_desk::{OfPerson, SECOND};
use crate::world::{Side, World};

/// Rounds after which nothing new comes up by deciding.
const ROUNDS: usize = 6;
/// Minutes in which a decision has reached every side: a poll, and what follows.
const SEEN_IN: i64 = 35;

impl World {
    /// People decide until nothing waits for them.
    pub async fn people_decide(&mut self) {
        for _ in 0..ROUNDS {
            let decided = [
                self.decide_conflicts().await,
                self.decide_reviews().await,
                self.give_other_addresses().await,
                self.do_their_part_of_erasures().await,
            ];
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
            let accepted = match review.kind.as_str() {
                // The platforms' merges answer it; to say that they are two parts them, also where there is nothing to merge, because the one
                // that stays has no row there.
                "merge" if self.parting.random_range(0..2) == 0 => accepts && self.merge_everywhere(review),
                _ => accepts && reviews::accept(&engine, &viewer, &review.id).await.is_ok(),
            };
            self.note_merged(review);
            if accepted {
                continue;
            }
            // One decision may have answered another question.
            let _done = reviews::reject(&engine, &viewer, &review.id).await;
        }
        !page.items.is_empty()
    }

    /// Merges the rows of two records that were merged at one platform alone wherever else both have one. Whether there was any such place.
    fn merge_everywhere(&mut self, review: &Review) -> bool {
        let (goes, stays) = match (review.first.state.as_str(), review.second.state.as_str()) {
            ("merged", _) => (&review.first, &review.second),
            (_, "merged") => (&review.second, &review.first),
            _ => return false,
        };
        // People at one platform need not keep the row that people at another have kept.
        let (goes, stays) = if self.parting.random_range(0..2) == 0 { (goes, stays) } else { (stays, goes) };
        let row = |side: &ReviewSide, connection: &str| {
            side.links.iter().find(|link| link.connection == connection).map(|link| link.external_id.clone())
        };
        let number = |id: String| id.parse::<u64>().unwrap();
        let mut merged = false;
        if let (Some(goes), Some(stays)) = (row(goes, SALESFORCE), row(stays, SALESFORCE))
            && self.hub.salesforce.merge("Contact", &stays, &[&goes], &self.hub.rep()).is_ok()
        {
            self.contacts.retain(|id| *id != goes);
            self.departed.merged_contacts.push((goes, stays));
            merged = true;
        }
        if let (Some(goes), Some(stays)) = (row(goes, ZENDESK).map(number), row(stays, ZENDESK).map(number))
            && self.hub.zendesk.merge_users(goes, stays, self.hub.agent()).is_ok()
        {
            self.departed.merged_users.push((goes, stays));
            merged = true;
        }
        if let (Some(gone), Some(kept)) = (row(goes, SECOND), row(stays, SECOND))
            && self.second().merge(&gone, &kept)
        {
            self.departed.merged_second.push((gone, kept, row(goes, SALESFORCE).unwrap_or_default()));
            merged = true;
        }
        merged
    }

    /// Of two who have one address, one gets another.
    async fn give_other_addresses(&mut self) -> bool {
        let filter = DeadLetterFilter { state: Some(DeadLetterState::Open), ..DeadLetterFilter::default() };
        let letters = self.hub.store.read(move |tx| tx.dead_letters(&Viewer::system(), &filter, 100)).await.unwrap();
        let mut given = false;
        for letter in letters.iter().filter(|letter| letter.letter.error_code == "address_taken") {
            let Ok(record) = letter.letter.subject.parse() else { continue };
            let links = self.hub.store.read(move |tx| tx.links_of(&[record])).await.unwrap();
            let email = self.fresh("other") + "@mail.example";
            let mut changed_somewhere = false;
            for link in links {
                let id = link.external_id.clone();
                let (side, changed) = match link.connection.as_str() {
                    SALESFORCE => {
                        let edit = fields(json!({ "Email": email }));
                        (Side::Crm, self.hub.salesforce.update("Contact", &id, &edit, &self.hub.rep()).is_ok())
                    }
                    ZENDESK => (Side::Desk, self.hub.zendesk.set_primary_email(id.parse().unwrap(), &email, self.hub.agent()).is_ok()),
                    _ => (Side::Second, self.second().change_person(&id, &OfPerson::Email(email.clone()))),
                };
                if changed {
                    self.note(side, id, "email", email.clone());
                    changed_somewhere = true;
                    break;
                }
            }
            if !changed_somewhere {
                // None of their rows is left anywhere: there is nobody to give an address to.
                let discard = Discard { reason: "nobody has a row of them any more".to_owned() };
                let _done = dead_letters::discard(&self.hub.engine, &self.person(), &letter.id.to_string(), discard).await;
            }
            given = true;
        }
        given
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
