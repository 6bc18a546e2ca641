//! In seeded worlds whose hub keeps what is said on tickets, customers and agents talk there, also on the tickets of others; and of whoever is
//! forgotten not a word is left. These moments have dice of their own, so that everything else happens as it did without them.

use entente_store::{RecordQuery, RecordState, Viewer};
use rand::Rng;

use crate::world::{World, text};

/// Of how many edits one comes with somebody who says something.
const TALKS_EVERY: u32 = 3;
/// Of how many words one is an agent's.
const AGENTS_EVERY: u32 = 4;
/// What every word of a customer's begins with.
const WORD: &str = "Word";

impl World {
    /// Somebody may say something on a ticket.
    pub fn talk(&mut self) {
        if !self.nature.ticket_activities || self.talking.random_range(0..TALKS_EVERY) != 0 {
            return;
        }
        let (tickets, users) = (self.tickets(), self.users());
        let (at, by) = (self.talking.random_range(0..1_000_usize), self.talking.random_range(0..1_000_usize));
        let is_agent = self.talking.random_range(0..AGENTS_EVERY) == 0;
        let (Some((ticket, _)), Some((user, _))) = (tickets.get(at % tickets.len().max(1)), users.get(by % users.len().max(1))) else {
            return;
        };
        self.words += 1;
        let (by, stem) = if is_agent { (self.hub.agent(), "Answer") } else { (*user, WORD) };
        // A ticket may be closed.
        let _refused = self.hub.zendesk.add_comment(*ticket, &format!("{stem}{} of {by}", self.words), !is_agent, by);
    }

    /// Nothing that a person wrote who was forgotten is left, on whoever's ticket and here; what the others wrote is.
    pub async fn judge_talk(&self, broken: &mut Vec<String>) {
        if !self.nature.ticket_activities {
            return;
        }
        let query = RecordQuery { object: Some("activity".to_owned()), state: Some(RecordState::Active), ..RecordQuery::default() };
        let kept = self.hub.store.read(move |tx| tx.list_records(&Viewer::system(), &query, 1_000)).await.unwrap().records;
        let kept: Vec<String> = kept.iter().map(|record| entente_model::value::get(&record.data, "body").display()).collect();
        // Who was merged into somebody, or somebody into them, may have been erased as one of the two alone.
        let was_merged = |user: u64| self.departed.merged_users.iter().any(|(gone, stays)| [*gone, *stays].contains(&user));
        let forgotten: Vec<u64> = self.departed.forgotten.iter().filter_map(|one| one.user).filter(|user| !was_merged(*user)).collect();
        let mut said = 0;
        for (ticket, row) in self.tickets() {
            for comment in self.hub.zendesk.comments(ticket) {
                let body = text(&comment, "body");
                let author = comment["author_id"].as_u64().unwrap_or_default();
                if !body.starts_with(WORD) {
                    continue;
                }
                said += 1;
                let is_known = kept.contains(&body);
                let of_forgotten = row["requester_id"].as_u64().is_some_and(|requester| self.departed.has_forgotten(requester));
                if forgotten.contains(&author) && of_forgotten {
                    // It may have been said on the ticket of somebody who was forgotten before anybody read it: that is never taken in.
                    continue;
                }
                if forgotten.contains(&author) {
                    broken.push(format!(
                        "talk: `{body}` of user {author} stands on ticket {ticket}, who was forgotten; kept here: {is_known}"
                    ));
                } else if !is_known && !of_forgotten && !self.departed.has_user(author) && !was_merged(author) {
                    broken.push(format!("talk: `{body}` of user {author} on ticket {ticket} is not kept"));
                }
            }
        }
        for body in kept.iter().filter(|body| body.starts_with(WORD)) {
            if forgotten.iter().any(|user| body.ends_with(&format!(" of {user}"))) {
                broken.push(format!("talk: `{body}` is kept of somebody who was forgotten"));
            }
        }
        if std::env::var_os("ENTENTE_SIM_TRACE").is_some() {
            println!("{} words were said, {said} of customers stand", self.words);
        }
    }
}
