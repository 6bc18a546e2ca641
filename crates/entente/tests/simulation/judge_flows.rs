//! Judging the flows: tickets are activities of the CRM, won deals are support profiles, health is what the desk says.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::judge_rest::Excused;
use crate::world::{World, text};

/// Numbers of the support's health: at the CRM and at the desk.
const HEALTH: &[(&str, &str)] = &[
    ("Support_Health_Score__c", "support_health_score"),
    ("Open_Tickets__c", "support_open_tickets"),
    ("Support_Escalations__c", "support_escalations"),
];

impl World {
    /// Tickets, deals and health.
    pub fn judge_flows(&self, excused: &Excused, broken: &mut Vec<String>) {
        self.judge_tickets(excused, broken);
        self.judge_deals(broken);
        for id in self.accounts.iter().filter(|id| !excused.has(id, "health_score")) {
            self.judge_health(id, broken);
        }
    }

    /// Every ticket is one activity, with its status and priority, of the account and the contact that it is about.
    fn judge_tickets(&self, excused: &Excused, broken: &mut Vec<String>) {
        let mut tasks: BTreeMap<String, Vec<Map<String, Value>>> = BTreeMap::new();
        self.hub.salesforce.each("Task", &mut |_, task| tasks.entry(text(task, "Subject")).or_default().push(task.clone()));
        for (id, ticket) in self.tickets() {
            let subject = format!("[Ticket #{id}] {}", text(&ticket, "subject"));
            let requester = ticket["requester_id"].as_u64().unwrap_or_default();
            let found = tasks.get(&subject).map(Vec::as_slice).unwrap_or_default();
            if excused.has(&requester.to_string(), "*") || self.departed.has_forgotten(requester) {
                // Who the requester is waits for a person, or nobody is to know any more; and the activity with it.
                continue;
            }
            let [task] = found else {
                broken.push(format!("agreement: ticket {id} ({subject}) is {} activities of the CRM", found.len()));
                continue;
            };
            let (status, priority) = (status(&text(&ticket, "status")), priority(&text(&ticket, "priority")));
            if (text(task, "Status").as_str(), text(task, "Priority").as_str()) != (status, priority) {
                let there = (text(task, "Status"), text(task, "Priority"));
                broken.push(format!("agreement: ticket {id} is {status}, {priority}, and in the CRM {there:?}"));
            }
            let mut who = None;
            self.hub.salesforce.each("Contact", &mut |contact, row| {
                if self.user_of(row) == Some(requester) {
                    who = Some(contact.to_owned());
                }
            });
            // A ticket of somebody who was first taken for another person names nobody in the CRM; it must never name the wrong one.
            let named = Some(text(task, "WhoId")).filter(|name| !name.is_empty());
            if who.is_some() && named.is_some() && !self.departed.has_user(requester) && who != named {
                broken.push(format!("agreement: ticket {id} is about {who:?}, and in the CRM about {}", text(task, "WhoId")));
            }
        }
    }

    /// Who was won has a support profile whose id is written back, one onboarding checklist, and a health score; who was not has none.
    fn judge_deals(&self, broken: &mut Vec<String>) {
        for deal in &self.deals {
            let account = self.hub.salesforce.get("Account", &deal.account).unwrap();
            let Some(contact) = self.hub.salesforce.get("Contact", &deal.contact) else {
                // People may have merged it into another one; nobody else takes it away.
                if !self.departed.has_contact(&deal.contact) {
                    broken.push(format!("deal of {}: its contact {} is gone", deal.account, deal.contact));
                }
                continue;
            };
            let organization = text(&account, "Support_Id__c").parse::<u64>().unwrap_or_default();
            let is_checklist = |ticket: &Map<String, Value>| {
                let marked = ticket["tags"].as_array().is_some_and(|tags| tags.iter().any(|tag| tag == "onboarding"));
                marked && ticket["organization_id"] == organization
            };
            let checklists =
                self.tickets().iter().filter(|(_, ticket)| is_checklist(ticket)).count() + self.second_checklists(&deal.account);
            let profile = !text(&account, "Support_Id__c").is_empty() && !text(&contact, "Support_Id__c").is_empty();
            let scored = !text(&account, "Support_Health_Score__c").is_empty();
            let wanted = if deal.won { (true, true, 1) } else { (false, false, 0) };
            if (profile, scored, checklists) != wanted {
                let name = &deal.name;
                broken
                    .push(format!("flow: {name} (won: {}) has a profile: {profile}, a score: {scored}, {checklists} checklists", deal.won));
            }
        }
    }

    /// Both sides show the same health, and it counts the tickets that are open.
    fn judge_health(&self, id: &str, broken: &mut Vec<String>) {
        let account = self.hub.salesforce.get("Account", id).unwrap();
        let Some(number) = text(&account, "Support_Id__c").parse::<u64>().ok() else { return };
        let Some(organization) = self.hub.zendesk.organization(number) else { return };
        let fields = organization["organization_fields"].as_object().unwrap();
        for (crm, desk) in HEALTH {
            let numbers = [text(&account, crm), text(fields, desk)].map(|text| text.parse::<f64>().ok());
            if numbers[0] != numbers[1] {
                broken.push(format!("agreement: {crm} of {id}: {numbers:?}"));
            }
        }
        if self.departed.forgotten.iter().any(|one| one.account == id) {
            // Tickets of somebody who was forgotten are open at the desk, and unknown here.
            return;
        }
        let tickets = self.tickets();
        let open = |ticket: &Map<String, Value>| {
            ticket["organization_id"] == number && !matches!(text(ticket, "status").as_str(), "solved" | "closed")
        };
        let open = tickets.iter().filter(|(_, ticket)| open(ticket)).count() + self.second_open_tickets(id);
        let counted = text(fields, "support_open_tickets").parse::<f64>().unwrap_or(0.0);
        if (counted - open as f64).abs() > f64::EPSILON {
            broken.push(format!("flow: account {id} has {open} open tickets, and {counted} are counted"));
        }
    }
}

/// A ticket's status as an activity of the CRM says it.
fn status(desk: &str) -> &'static str {
    match desk {
        "new" => "Not Started",
        "open" => "In Progress",
        "pending" => "Waiting on someone else",
        "hold" => "Deferred",
        _ => "Completed",
    }
}

/// A ticket's priority as an activity of the CRM says it.
fn priority(desk: &str) -> &'static str {
    match desk {
        "low" => "Low",
        "high" | "urgent" => "High",
        _ => "Normal",
    }
}
