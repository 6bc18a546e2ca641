//! Judging what must be true of any world at rest: it is quiet, everything is accounted for, nobody is there twice, the ledger is whole.

use std::collections::{BTreeMap, BTreeSet};

use entente_sims::world::agreement;
use entente_store::{ConflictState, DeadLetter, DeadLetterFilter, DeadLetterState, ReviewState, Viewer};

use crate::world::World;

/// Why nothing is made for somebody whose address is another's.
const ADDRESS_TAKEN: &str = "address_taken";
/// Findings listed of each sort at most.
const LISTED: usize = 1_000;

/// What people still have to decide, in stories in which nobody does: rows (by external id) and our fields that may differ until then; `*`
/// stands for every field. In seeded worlds people have decided everything at the end, and nobody is excused.
pub struct Excused(BTreeSet<(String, String)>);

impl Excused {
    /// Whether a row's field may differ.
    pub fn has(&self, row: &str, field: &str) -> bool {
        [field, "*"].iter().any(|field| self.0.contains(&(row.to_owned(), (*field).to_owned())))
    }
}

impl World {
    /// Which promises are broken.
    pub async fn judge(&mut self) -> Vec<String> {
        let mut broken = Vec::new();
        self.judge_quiet(&mut broken).await;
        let excused = self.judge_accounting(&mut broken).await;
        let kept = self.kept().await;
        self.judge_fields(&excused, &kept, &mut broken);
        self.judge_flows(&excused, &mut broken);
        self.judge_second_desk(&excused, &kept, &mut broken);
        self.judge_departed(&mut broken).await;
        self.judge_talk(&mut broken).await;
        self.judge_twins(&mut broken);
        self.judge_losses(&mut broken).await;
        self.judge_clocks(&mut broken).await;
        self.judge_undone(&mut broken).await;
        self.judge_ledger(&mut broken).await;
        if !broken.is_empty() {
            if std::env::var_os("ENTENTE_SIM_TRACE").is_some() {
                self.hub.ledger_lines().await.iter().for_each(|line| println!("{line}"));
            }
            broken.push(format!("what is left: {}", self.hub.backlog().await));
        }
        broken
    }

    /// Quiet: nobody edits, so nothing is written any more.
    pub async fn judge_quiet(&mut self, broken: &mut Vec<String>) {
        let before = self.writes();
        self.hub.run_for(40).await;
        let after = self.writes();
        if self.hub.livelock {
            broken.push(format!("quiet: the world does not come to rest: {}", self.hub.backlog().await));
        }
        if before != after {
            broken.push(format!("quiet: writes went on, {before:?} -> {after:?}"));
        }
    }

    /// Calls that wrote something at either side. Signing in again is none.
    pub fn writes(&self) -> (u64, u64, usize) {
        let crm = self.hub.salesforce.calls();
        let crm = crm.by_kind.iter().filter(|(kind, _)| kind.contains("write") || kind.contains("collections"));
        let desk = self.hub.zendesk.calls();
        let desk = desk.by_route.iter().filter(|(route, _)| !route.starts_with("GET") && !route.contains("tokens"));
        let second = self.hub.second.as_ref().map_or(0, |second| second.writes());
        (crm.map(|(_, count)| count).sum(), desk.map(|(_, count)| count).sum(), second)
    }

    /// Accounting: no hint is left, nothing waits for what is there, and what did not converge is listed. Answers what is excused where nobody
    /// decides: a waiting conflict excuses its field, a waiting match review the whole record.
    pub async fn judge_accounting(&mut self, broken: &mut Vec<String>) -> Excused {
        let now = self.hub.engine.now();
        let read = self.hub.store.read(move |tx| {
            let viewer = Viewer::system();
            let mut excused = BTreeSet::new();
            let mut waiting: Vec<String> = Vec::new();
            for conflict in tx.conflicts(&viewer, ConflictState::Waiting, LISTED, None)? {
                waiting.push(format!("a conflict about {} of {}", conflict.conflict.field, conflict.conflict.record));
                for link in tx.links_of(std::slice::from_ref(&conflict.conflict.record))? {
                    excused.insert((link.external_id, conflict.conflict.field.clone()));
                }
            }
            for review in tx.reviews(&viewer, ReviewState::Waiting, LISTED, None)? {
                waiting.push(format!("a review of {} and {}", review.review.record, review.review.other));
                for record in [Some(review.review.record), review.review.other.parse().ok()].into_iter().flatten() {
                    excused.extend(tx.links_of(&[record])?.into_iter().map(|link| (link.external_id, "*".to_owned())));
                }
            }
            let letters = tx.dead_letters(&viewer, &DeadLetterFilter::default(), LISTED)?;
            let taken = |letter: &&DeadLetter| letter.letter.error_code == ADDRESS_TAKEN && letter.state == DeadLetterState::Open;
            for letter in letters.iter().filter(taken) {
                let Ok(record) = letter.letter.subject.parse() else { continue };
                excused.extend(tx.links_of(&[record])?.into_iter().map(|link| (link.external_id, "*".to_owned())));
            }
            Ok((tx.hint_counts(now)?, excused, waiting, letters, tx.inbox_counts()?))
        });
        let (hints, excused, waiting, letters, inbox) = read.await.unwrap();
        if self.decided {
            broken.extend(waiting.into_iter().map(|what| format!("people: {what} waits although everything was decided")));
        }
        let left: u64 = hints.values().map(|lane| lane.waiting + lane.retrying + lane.leased).sum();
        if left > 0 {
            broken.push(format!("accounting: {left} hints never ended: {hints:?}"));
        }
        if inbox.keys().any(|(_, state)| *state != entente_store::DeliveryState::Done) {
            broken.push(format!("accounting: webhooks were not read: {inbox:?}"));
        }
        // Two who are two and share an address have one row at a desk: no sync can make the second before people give one of them another
        // address. Until they do, it is listed.
        let shares = |letter: &DeadLetter| letter.letter.error_code == ADDRESS_TAKEN;
        for letter in letters.iter().filter(|letter| letter.state == DeadLetterState::Open && (self.decided || !shares(letter))) {
            let (subject, message) = (&letter.letter.subject, &letter.letter.message);
            broken.push(format!("accounting: a dead letter although everything works again: {subject} {message}"));
        }
        let died_of_data = |letter: &&DeadLetter| letter.letter.error_class == "data" && !shares(letter);
        for letter in letters.iter().filter(died_of_data).filter(|_| !self.refused_values) {
            broken.push(format!("accounting: nothing refused values, yet {} died of {}", letter.letter.subject, letter.letter.message));
        }
        Excused(if self.decided { BTreeSet::new() } else { excused })
    }

    /// No twins: nobody was created twice, by their keys, their addresses, and their counterparts.
    pub fn judge_twins(&self, broken: &mut Vec<String>) {
        // Two desks count their tickets each for itself: theirs are told apart by their subjects. And somebody whom the second desk alone knows,
        // because the address is another's at the first, has the second's id in the CRM.
        let at_second: Vec<String> = self.hub.second.iter().flat_map(|second| second.agents.people()).map(|person| person.id).collect();
        let of_two_desks = |twin: &String| {
            let tickets = self.nature.second_desk.is_some() && twin.starts_with("task of one ticket");
            tickets || twin.starts_with("user of one contact") && at_second.iter().any(|id| twin.contains(id.as_str()))
        };
        let twins = agreement(&self.hub.salesforce, &self.hub.zendesk).twin_list.into_iter().filter(|twin| !of_two_desks(twin));
        broken.extend(twins.map(|twin| format!("twins: {twin}")));
        let mut names: BTreeMap<String, usize> = BTreeMap::new();
        for (_, organization) in self.organizations() {
            *names.entry(format!("organization {}", organization["name"])).or_default() += 1;
        }
        for (_, ticket) in
            self.tickets().iter().filter(|(_, ticket)| ticket["subject"].as_str().is_some_and(|name| name.starts_with("Onb")))
        {
            *names.entry(format!("checklist {}", ticket["subject"])).or_default() += 1;
        }
        for (what, count) in names.iter().filter(|(_, count)| **count > 1) {
            broken.push(format!("twins: {what} stands {count} times"));
        }
    }

    /// The ledger is whole.
    pub async fn judge_ledger(&self, broken: &mut Vec<String>) {
        let now = self.hub.engine.now();
        while self.hub.store.write(move |tx| tx.seal(now, 10_000)).await.unwrap().is_some() {}
        let verdict = self.hub.store.verify(|_| {}).await.unwrap();
        if !matches!(verdict, entente_store::Verdict::Intact(_)) {
            broken.push(format!("ledger: {verdict:?}"));
        }
    }
}
