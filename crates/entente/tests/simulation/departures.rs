//! Rows that go: people delete, restore and merge.

use rand::Rng;
use serde_json::{Map, Value, json};

use crate::hub::fields;
use crate::second_desk::Person;
use crate::world::{Forgotten, Side, World, text};

/// Milliseconds before somebody asks to be forgotten in which something was entered of them: longer than every try again takes.
const ENTERED_BEFORE_MS: i64 = 6 * 60 * 1000;

impl World {
    /// Somebody deletes, restores or merges something.
    pub fn depart(&mut self) {
        if self.nature.second_desk.is_some() && self.dice.random_range(0..3) == 0 {
            return self.depart_at_second_desk();
        }
        match self.dice.random_range(0..7) {
            0 => self.delete_contact(),
            1 => self.restore_contact(),
            2 => self.merge_contacts(),
            3 => self.delete_user(),
            4..=5 => self.merge_users(),
            _ => self.delete_ticket(),
        }
    }

    /// Somebody of whom something was entered a while ago asks to be forgotten, if there is anybody; then that must have left a trace. Otherwise
    /// something is entered of somebody who will ask later.
    pub fn will_ask_to_be_forgotten(&mut self) {
        let now = self.hub.now();
        if let Some(at) = self.asking.iter().position(|(_, at)| now - at > ENTERED_BEFORE_MS) {
            let (contact, _) = self.asking.remove(at);
            if self.contacts.contains(&contact) {
                self.forget(contact);
            }
            return;
        }
        let Some(contact) = self.pick(&self.contacts.clone()) else { return };
        let title = self.fresh("LastWord");
        if self.hub.salesforce.update("Contact", &contact, &fields(json!({ "Title": title })), &self.hub.rep()).is_ok() {
            self.note(Side::Crm, &contact, "job_title", title);
            self.asking.push((contact, now));
        }
    }

    /// Somebody asks to be forgotten, and a sales person marks it in the CRM.
    pub fn ask_to_be_forgotten(&mut self) {
        if let Some(contact) = self.pick(&self.contacts.clone()) {
            self.forget(contact);
        }
    }

    fn forget(&mut self, contact: String) {
        let row = self.hub.salesforce.get("Contact", &contact).unwrap();
        let mark = fields(json!({ "Erasure_Requested__c": true }));
        if self.hub.salesforce.update("Contact", &contact, &mark, &self.hub.rep()).is_ok() {
            self.contacts.retain(|id| *id != contact);
            let (account, email) = (text(&row, "AccountId"), text(&row, "Email"));
            // A row whose id the CRM does not show yet names its contact, and one that nobody has linked yet is known by its address.
            let named = self.user_of(&row).filter(|user| self.hub.zendesk.user(*user).is_some());
            let theirs = |user: &Map<String, Value>| user["user_fields"]["crm_id"] == contact || user["email"] == email.to_lowercase();
            let user = named.or_else(|| self.users().into_iter().find(|(_, user)| theirs(user)).map(|(id, _)| id));
            let second = self.hub.second.as_ref().map(|second| second.agents.people()).unwrap_or_default();
            let theirs = |person: &&Person| person.crm_id == contact || person.email == email.to_lowercase();
            let person = second.iter().find(theirs).map(|person| person.id.clone());
            self.departed.forgotten.push(Forgotten { contact, account, user, person, email });
        }
    }

    fn delete_contact(&mut self) {
        let Some(contact) = self.pick(&self.contacts.clone()) else { return };
        if self.hub.salesforce.delete("Contact", &contact, &self.hub.rep()).is_ok() {
            self.contacts.retain(|id| *id != contact);
            self.departed.contacts.insert(contact);
        }
    }

    fn restore_contact(&mut self) {
        let binned: Vec<String> = self.departed.contacts.iter().cloned().collect();
        let Some(contact) = self.pick(&binned) else { return };
        if self.hub.salesforce.undelete("Contact", &contact, &self.hub.rep()).is_ok() {
            self.departed.contacts.remove(&contact);
            self.contacts.push(contact);
        }
    }

    fn merge_contacts(&mut self) {
        let (Some(stays), Some(goes)) = (self.pick(&self.contacts.clone()), self.pick(&self.contacts.clone())) else { return };
        if stays != goes && self.hub.salesforce.merge("Contact", &stays, &[&goes], &self.hub.rep()).is_ok() {
            self.contacts.retain(|id| *id != goes);
            self.departed.merged_contacts.push((goes, stays));
        }
    }

    fn delete_user(&mut self) {
        let users = self.users();
        let Some((id, _)) = self.pick(&users) else { return };
        // Refused while the user has open tickets.
        if self.hub.zendesk.delete_user(id, self.hub.agent()).is_ok() {
            self.departed.users.insert(id);
        }
    }

    fn merge_users(&mut self) {
        let users = self.users();
        let (Some((goes, _)), Some((stays, _))) = (self.pick(&users), self.pick(&users)) else { return };
        if self.hub.zendesk.merge_users(goes, stays, self.hub.agent()).is_ok() {
            self.departed.merged_users.push((goes, stays));
        }
    }

    fn delete_ticket(&mut self) {
        let tickets = self.tickets();
        let is_checklist =
            |ticket: &Map<String, Value>| ticket["tags"].as_array().is_some_and(|tags| tags.iter().any(|tag| tag == "onboarding"));
        let plain: Vec<u64> = tickets.iter().filter(|(_, ticket)| !is_checklist(ticket)).map(|(id, _)| *id).collect();
        if let Some(id) = self.pick(&plain) {
            let _refused = self.hub.zendesk.delete_ticket(id, self.hub.agent());
        }
    }
}
