//! Judging what became of rows that people deleted or merged: the record says so, the other side stays as the mapping wants it, and
//! nobody comes back to life because of us.

use entente_store::{Erasure, ErasureState, Link, LinkState, MatchKey, Record, RecordState, RemoteKey, Viewer};

use crate::hub::{SALESFORCE, ZENDESK};
use crate::world::{Forgotten, World, text};

/// What an erasure says of an address that blocks nobody.
const SHARED_ADDRESS: &str = "is that of somebody else too";

impl World {
    /// Deletions and merges were followed.
    pub async fn judge_departed(&self, broken: &mut Vec<String>) {
        self.judge_forgotten(broken).await;
        for contact in &self.departed.contacts {
            self.judge_deleted(SALESFORCE, "Contact", contact, broken).await;
        }
        for user in &self.departed.users {
            // A row that was adopted and left before anybody looked again has nothing to end.
            self.judge_deleted(ZENDESK, "user", &user.to_string(), broken).await;
            self.judge_still_in_crm(*user, broken).await;
        }
        for (gone, stays) in &self.departed.merged_contacts {
            self.judge_merged(SALESFORCE, "Contact", gone, stays, broken).await;
        }
        for (gone, stays) in &self.departed.merged_users {
            self.judge_merged(ZENDESK, "user", &gone.to_string(), &stays.to_string(), broken).await;
        }
    }

    /// Whoever asked to be forgotten is, and nobody brought them back.
    async fn judge_forgotten(&self, broken: &mut Vec<String>) {
        let viewer = Viewer::system();
        let erasures = self.hub.store.read(move |tx| tx.erasures(&viewer, None, 1_000, None)).await.unwrap();
        if erasures.len() != self.departed.forgotten.len() {
            broken.push(format!("forgotten: {} people asked, and {} were erased", self.departed.forgotten.len(), erasures.len()));
        }
        // Of two who share an address, as people have found, one asks to be forgotten and the other does not: the address stays with the other,
        // who would be unknown without it, and a person is asked to look. Nothing else of the one who asked is left.
        let (shared, alone): (Vec<_>, Vec<_>) = erasures.iter().partition(|erasure| {
            let done = erasure.state == ErasureState::Done || erasure.state == ErasureState::People && !self.decided;
            done && erasure.work.to_string().contains(SHARED_ADDRESS)
        });
        // What a webhook brought in again since waits a while for another scrub.
        let is_scrubbed = |erasure: &Erasure| !erasure.work["scrub"].is_null();
        for erasure in alone.into_iter().filter(|erasure| erasure.state != ErasureState::Done || !is_scrubbed(erasure)) {
            broken.push(format!("forgotten: erasure {} is {}: {}", erasure.id, erasure.state, erasure.work));
        }
        for Forgotten { contact, user, email, .. } in &self.departed.forgotten {
            if self.hub.salesforce.get("Contact", contact).is_some() {
                broken.push(format!("forgotten: contact {contact} is there"));
            }
            if self.held(SALESFORCE, "Contact", contact).await.is_some() {
                broken.push(format!("forgotten: a record still knows contact {contact}"));
            }
            if let Some(row) = user.and_then(|user| self.hub.zendesk.user(user))
                && row["email"] == email.as_str()
            {
                broken.push(format!("forgotten: user {user:?} still has the address"));
            }
            let key = MatchKey::new("email", email.to_lowercase());
            let hits = self.hub.store.read(move |tx| tx.match_records("contact", std::slice::from_ref(&key))).await.unwrap();
            let is_shared = shared.iter().any(|erasure| erasure.work.to_string().contains(contact.as_str()));
            if !hits.is_empty() && !is_shared {
                broken.push(format!("forgotten: {contact} is back as {hits:?}"));
            }
        }
    }

    /// The link of a row, with its record.
    async fn held(&self, connection: &'static str, object: &'static str, id: &str) -> Option<(Link, Record)> {
        let key = RemoteKey::new(connection, object, id);
        let read = self.hub.store.read(move |tx| {
            let Some(link) = tx.links_at(std::slice::from_ref(&key))?.remove(&key) else { return Ok(None) };
            Ok(tx.record(&Viewer::system(), &link.record)?.map(|record| (link, record)))
        });
        read.await.unwrap()
    }

    async fn judge_deleted(&self, connection: &'static str, object: &'static str, id: &str, broken: &mut Vec<String>) {
        let Some((link, record)) = self.held(connection, object, id).await else { return };
        if link.state == LinkState::Present && record.state != RecordState::Merged {
            broken.push(format!("departed: {connection} {object} {id} was deleted, and {} takes it for alive", record.id));
        }
    }

    /// The shipped mappings unlink: a user's deletion leaves the contact where it is.
    async fn judge_still_in_crm(&self, user: u64, broken: &mut Vec<String>) {
        let Some((_, record)) = self.held(ZENDESK, "user", &user.to_string()).await else { return };
        let links = self.hub.store.read(move |tx| tx.links_of(&[record.id])).await.unwrap();
        for link in links.iter().filter(|link| link.connection == SALESFORCE) {
            let id = &link.external_id;
            if !self.departed.has_contact(id) && self.hub.salesforce.get("Contact", id).is_none() {
                broken.push(format!("departed: user {user} was deleted by a person, and contact {id} by us"));
            }
        }
    }

    /// The loser's record points to the survivor's, or the survivor's row took the loser's place. The survivor's record may have been merged
    /// itself, at the other side: then a person is asked.
    async fn judge_merged(&self, connection: &'static str, object: &'static str, gone: &str, stays: &str, broken: &mut Vec<String>) {
        let Some((link, record)) = self.held(connection, object, gone).await else { return };
        if link.state == LinkState::Present && record.state == RecordState::Active {
            broken.push(format!("departed: {connection} {object} {gone} was merged into {stays}, and {} takes it for alive", record.id));
        }
        if record.state == RecordState::Merged && record.merged_into.is_none() {
            broken.push(format!("departed: {} was merged into nobody", record.id));
        }
        let survivor = self.held(connection, object, stays).await;
        let alive = connection == ZENDESK && !self.departed.has_user(stays.parse().unwrap_or_default())
            || connection == SALESFORCE && !self.departed.has_contact(stays);
        if alive && survivor.is_none_or(|(link, record)| link.state != LinkState::Present || record.state == RecordState::Deleted) {
            let words = self.hub.zendesk.user(stays.parse().unwrap_or_default()).map(|user| text(&user, "email"));
            broken.push(format!("departed: {connection} {object} {stays} survived a merge, and nobody holds it ({words:?})"));
        }
    }
}
