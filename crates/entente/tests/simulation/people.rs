//! What people do: sales in the CRM, agents and customers at the desk.

use rand::Rng;
use serde_json::{Map, Value, json};

use crate::hub::fields;
use crate::world::{Deal, Side, World, text};

/// Time zones, by the desk's names and by the CRM's.
const ZONES: &[(&str, &str)] = &[("Berlin", "Europe/Berlin"), ("Tokyo", "Asia/Tokyo"), ("London", "Europe/London")];
const LANGUAGES: &[&str] = &["de", "fr", "es"];
const TIERS: &[&str] = &["Free", "Pro", "Enterprise"];

impl World {
    /// Sales edits.
    pub fn edit_crm(&mut self) {
        let (contact, account) = (self.pick(&self.contacts.clone()), self.pick(&self.accounts.clone()));
        let (Some(contact), Some(account)) = (contact, account) else { return };
        match self.dice.random_range(0..13) {
            0..=1 => {
                let last = self.fresh("Name");
                self.enter_crm("Contact", &contact, "LastName", &last, "last_name", &last);
            }
            2 => {
                let first = self.fresh("First");
                self.enter_crm("Contact", &contact, "FirstName", &first, "first_name", &first);
            }
            3 => {
                let title = self.fresh("Title");
                self.enter_crm("Contact", &contact, "Title", &title, "job_title", &title);
            }
            4 => {
                let email = self.fresh("Sales").to_lowercase() + "@mail.example";
                self.enter_crm("Contact", &contact, "Email", &email.replace("sales", "Sales"), "email", &email);
            }
            5 => {
                let number = 1_000 + self.serial();
                let (written, kept) = (format!("(415) 555-{number}"), format!("+1415555{number}"));
                self.enter_crm("Contact", &contact, "Phone", &written, "phone", &kept);
            }
            6 => {
                let zone = ZONES[self.dice.random_range(0..ZONES.len())].1;
                let language = LANGUAGES[self.dice.random_range(0..LANGUAGES.len())];
                self.change_crm("Contact", &contact, json!({ "Time_Zone__c": zone, "Language__c": language }));
            }
            7 => {
                let plan = self.fresh("Plan");
                self.enter_crm("Account", &account, "Plan__c", &plan, "plan", &plan);
            }
            8 => {
                let status = self.fresh("Status");
                self.enter_crm("Account", &account, "Status__c", &status, "status", &status);
            }
            9 => {
                let manager = self.fresh("Manager");
                self.enter_crm("Account", &account, "CSM_Name__c", &manager, "csm_name", &manager);
            }
            10 => {
                let arr = 1_000 + self.serial();
                let tier = TIERS[self.dice.random_range(0..TIERS.len())];
                let day = format!("2027-{:02}-{:02}", self.dice.random_range(1..13), self.dice.random_range(1..29));
                self.change_crm("Account", &account, json!({ "ARR__c": arr, "Account_Tier__c": tier, "Renewal_Date__c": day }));
            }
            11 => {
                let name = self.fresh("Company");
                self.enter_crm("Account", &account, "Name", &name, "name", &name);
            }
            _ => {
                let last = self.fresh("New");
                let email = format!("{}@new.example", last.to_lowercase());
                let contact = json!({ "FirstName": "Nora", "LastName": last, "Email": email, "AccountId": account });
                let id = self.hub.salesforce.insert("Contact", &fields(contact), &self.hub.rep()).unwrap();
                self.contacts.push(id);
            }
        }
    }

    fn change_crm(&mut self, object: &str, id: &str, edit: Value) -> bool {
        // An admin may have restricted the field meanwhile: then it is refused, as it would be in the browser.
        self.hub.salesforce.update(object, id, &fields(edit), &self.hub.rep()).is_ok()
    }

    fn enter_crm(&mut self, object: &str, id: &str, remote: &str, written: &str, field: &'static str, kept: &str) {
        if self.change_crm(object, id, json!({ remote: written })) {
            self.note(Side::Crm, id, field, kept.to_owned());
        }
    }

    /// Agents and customers edit.
    pub fn edit_desk(&mut self) {
        let (users, organizations, tickets) = (self.users(), self.organizations(), self.tickets());
        let agent = self.hub.agent();
        match self.dice.random_range(0..16) {
            0..=1 => {
                let Some((id, user)) = self.pick(&users) else { return };
                let given = text(&user, "name").split(' ').next().unwrap_or("X").to_owned();
                let last = self.fresh("Desk");
                self.enter_user(id, json!({ "name": format!("{given} {last}") }), "last_name", last);
            }
            2 => {
                let Some((id, _)) = self.pick(&users) else { return };
                let number = 1_000 + self.serial();
                self.enter_user(id, json!({ "phone": format!("+1 415-777-{number}") }), "phone", format!("+1415777{number}"));
            }
            3 => {
                let Some((id, _)) = self.pick(&users) else { return };
                let email = self.fresh("agent") + "@mail.example";
                if self.hub.zendesk.set_primary_email(id, &email, agent).is_ok() {
                    self.note(Side::Desk, id, "email", email);
                }
            }
            4 => {
                let Some((id, _)) = self.pick(&users) else { return };
                let zone = ZONES[self.dice.random_range(0..ZONES.len())].0;
                let _refused = self.hub.zendesk.update_user(id, &fields(json!({ "time_zone": zone })), agent);
            }
            5 => {
                let Some((id, _)) = self.pick(&users) else { return };
                let tag = self.fresh("tag");
                self.enter_user(id, json!({ "tags": ["customer", &tag] }), "support_tags", tag);
            }
            6 => {
                let Some((id, _)) = self.pick(&organizations) else { return };
                let status = self.fresh("DeskStatus");
                self.enter_organization(id, json!({ "organization_fields": { "account_status": status } }), "status", status);
            }
            7 => {
                let Some((id, _)) = self.pick(&organizations) else { return };
                let tag = self.fresh("mark");
                self.enter_organization(id, json!({ "tags": [&tag, "partner"] }), "support_tags", tag);
            }
            8 => {
                let Some((id, _)) = self.pick(&organizations) else { return };
                let (vip, gaps) = (self.dice.random_range(0..2) == 0, self.fresh("Gap"));
                let edit = json!({ "organization_fields": { "support_vip": vip, "adoption_gaps": gaps } });
                self.enter_organization(id, edit, "adoption_gaps", gaps);
            }
            9 => {
                // The owner's field is changed where it does not belong: it has to be put back.
                let plan = self.fresh("Wrong");
                if let Some((id, _)) = self.pick(&organizations) {
                    let edit = json!({ "organization_fields": { "plan": plan } });
                    let _refused = self.hub.zendesk.update_organization(id, &fields(edit), agent);
                }
            }
            10 => {
                let title = self.fresh("Wrong");
                if let Some((id, _)) = self.pick(&users) {
                    let _refused = self.hub.zendesk.update_user(id, &fields(json!({ "user_fields": { "job_title": title } })), agent);
                }
            }
            11..=12 => {
                let Some((id, _)) = self.pick(&users) else { return };
                let subject = self.fresh("Ticket");
                let ticket = json!({ "subject": subject, "requester_id": id, "priority": "high", "comment": { "body": "Help" } });
                self.hub.zendesk.create_ticket(&fields(ticket), id).unwrap();
            }
            13..=14 => {
                let Some((id, _)) = self.pick(&tickets) else { return };
                let subject = self.fresh("Subject");
                let edit = [
                    json!({ "status": "solved" }),
                    json!({ "subject": subject }),
                    json!({ "priority": "urgent" }),
                    json!({ "status": "pending", "assignee_id": agent }),
                ];
                let edit = self.pick(&edit).unwrap();
                let _refused = self.hub.zendesk.update_ticket(id, &fields(edit), agent);
            }
            _ => {
                // Somebody of a customer's company writes for the first time.
                let Some((id, _)) = self.pick(&organizations) else { return };
                let last = self.fresh("Caller");
                let user = json!({ "name": format!("Cleo {last}"), "email": format!("{}@call.example", last.to_lowercase()), "organization_id": id });
                let user = self.hub.zendesk.create_user(&fields(user), agent).unwrap();
                self.note(Side::Desk, user, "last_name", last);
            }
        }
    }

    fn enter_user(&mut self, id: u64, edit: Value, field: &'static str, kept: String) {
        if self.hub.zendesk.update_user(id, &fields(edit), self.hub.agent()).is_ok() {
            self.note(Side::Desk, id, field, kept);
        }
    }

    fn enter_organization(&mut self, id: u64, edit: Value, field: &'static str, kept: String) {
        if self.hub.zendesk.update_organization(id, &fields(edit), self.hub.agent()).is_ok() {
            self.note(Side::Desk, id, field, kept);
        }
    }

    /// Sales opens a deal with a newcomer, wins one, or logs a call.
    pub fn win_or_call(&mut self) {
        let rep = self.hub.rep();
        let open = self.deals.iter().position(|deal| !deal.won);
        match (if self.synced { self.dice.random_range(0..3) } else { 0 }, open) {
            (0, _) => {
                let Some(account) = self.pick(&self.accounts.clone()) else { return };
                let subject = self.fresh("Call");
                let call = json!({ "Subject": subject, "TaskSubtype": "Call", "Status": "Completed", "WhatId": account, "ActivityDate": "2026-01-05" });
                self.hub.salesforce.insert("Task", &fields(call), &rep).unwrap();
            }
            (_, Some(at)) => {
                let deal = self.deals[at].opportunity.clone();
                let won = json!({ "StageName": "Closed Won" });
                self.deals[at].won = self.hub.salesforce.update("Opportunity", &deal, &fields(won), &rep).is_ok();
            }
            (_, None) => {
                let name = self.fresh("Newcomer");
                let insert = |object: &str, row: Value| self.hub.salesforce.insert(object, &fields(row), &rep).unwrap();
                let account = insert("Account", json!({ "Name": name, "Type": "Prospect", "CSM_Email__c": "cora@vendor.example" }));
                let email = format!("nell@{}.example", name.to_lowercase());
                let contact = insert("Contact", json!({ "FirstName": "Nell", "LastName": "Newby", "Email": email, "AccountId": account }));
                let opportunity = insert(
                    "Opportunity",
                    json!({ "Name": name, "AccountId": account, "StageName": "Prospecting", "CloseDate": "2026-02-01" }),
                );
                self.deals.push(Deal { name, account, contact, opportunity, won: false });
            }
        }
    }

    /// The user that a contact names as its counterpart.
    pub fn user_of(&self, contact: &Map<String, Value>) -> Option<u64> {
        text(contact, "Support_Id__c").parse().ok()
    }
}
