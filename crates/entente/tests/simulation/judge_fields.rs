//! Judging agreement: every pair is equal in every field, by the platforms' own data.

use std::collections::BTreeSet;

use entente_sims::world::agreement;
use serde_json::{Map, Value};

use crate::hub::ZENDESK;
use crate::judge_kept::Kept;
use crate::judge_rest::Excused;
use crate::world::{World, text};

impl World {
    /// Agreement of contacts with users and of accounts with organizations.
    pub fn judge_fields(&self, excused: &Excused, kept: &Kept, broken: &mut Vec<String>) {
        let found = agreement(&self.hub.salesforce, &self.hub.zendesk);
        let linked: BTreeSet<&String> = self.contacts.iter().collect();
        for line in found.disagreements {
            let mut words = line.split(' ');
            let (what, id) = (words.next().unwrap_or_default(), words.next().unwrap_or_default().to_owned());
            let field = line.split("differ in ").nth(1).and_then(|rest| rest.split(':').next()).unwrap_or("*");
            let free = our_fields(what, field).iter().any(|field| excused.has(&id, field));
            // Both desks own what only they tell: the CRM shows what was said last.
            let of_both = self.nature.second_desk.is_some() && ["Adoption_Gaps__c", "Support_VIP__c"].contains(&field);
            let departed = what == "contact" && self.user_has_departed(&id);
            let shown = || text(&self.hub.salesforce.get("Contact", &id).unwrap_or_default(), field);
            let kept = kept.has(&id, ZENDESK, field) && shown().is_empty();
            if !free && !departed && !of_both && !kept {
                broken.push(format!("agreement: {line}"));
            }
        }
        for id in linked {
            let contact = self.hub.salesforce.get("Contact", id).unwrap();
            let Some(user) = self.user_of(&contact).and_then(|user| self.hub.zendesk.user(user)) else { continue };
            if user["active"] == true && !excused.has(id, "support_tags") {
                judge_tags(&format!("contact {id}"), &contact, &user, broken);
            }
        }
        for id in &self.accounts {
            let account = self.hub.salesforce.get("Account", id).unwrap();
            let there = text(&account, "Support_Id__c").parse().ok().and_then(|id| self.hub.zendesk.organization(id));
            let Some(organization) = there.filter(|_| !excused.has(id, "support_tags")) else { continue };
            judge_tags(&format!("account {id}"), &account, &organization, broken);
        }
    }

    /// Whether the user of a contact was deleted or merged by people, or is not told from that.
    fn user_has_departed(&self, contact: &str) -> bool {
        let row = self.hub.salesforce.get("Contact", contact).unwrap_or_default();
        self.user_of(&row).is_some_and(|user| self.departed.has_user(user) || self.is_of_second_desk(user, contact))
    }

    /// Whether the CRM shows the id of the second desk for a contact, because the first has nobody any more.
    fn is_of_second_desk(&self, id: u64, contact: &str) -> bool {
        let theirs = self.hub.second.as_ref().and_then(|second| second.contact_of(contact));
        let at_first = self.users().iter().any(|(_, user)| user["user_fields"]["crm_id"] == contact);
        theirs.is_some_and(|person| person.id == id.to_string()) && !at_first
    }
}

/// Tags at the desk are a text of the CRM, whatever their order.
fn judge_tags(what: &str, crm: &Map<String, Value>, desk: &Map<String, Value>, broken: &mut Vec<String>) {
    let there: BTreeSet<String> = desk["tags"].as_array().into_iter().flatten().filter_map(|tag| tag.as_str().map(str::to_owned)).collect();
    let here: BTreeSet<String> = text(crm, "Support_Tags__c").split(", ").filter(|tag| !tag.is_empty()).map(str::to_owned).collect();
    if here != there {
        broken.push(format!("agreement: tags of {what}: {here:?} in the CRM, {there:?} at the desk"));
    }
}

/// Our fields behind a field of the CRM.
fn our_fields(what: &str, crm: &str) -> &'static [&'static str] {
    match (what, crm) {
        ("contact", "Name") => &["first_name", "last_name"],
        (_, "Name") => &["name"],
        (_, "Email") => &["email"],
        (_, "Phone") => &["phone"],
        (_, "Time_Zone__c") => &["timezone"],
        (_, "Language__c") => &["language"],
        (_, "Title") => &["job_title"],
        (_, "Status__c") => &["status"],
        (_, "Support_VIP__c") => &["vip"],
        (_, "Plan__c") => &["plan"],
        (_, "Adoption_Gaps__c") => &["adoption_gaps"],
        _ => &["*"],
    }
}
