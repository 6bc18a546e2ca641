//! Judging worlds of three systems: the second desk agrees with the CRM as the first does, nobody is there twice, its tickets are activities
//! of the CRM, and a customer has one onboarding checklist at both desks together.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::judge_kept::Kept;
use crate::judge_rest::Excused;
use crate::second_desk::{Person, SECOND, Ticket};
use crate::world::{World, text};

/// What a company of the second desk shows of an account: at the CRM, at the desk, and our field.
const COMPANY: &[(&str, &str, &str)] = &[
    ("Plan__c", "plan", "plan"),
    ("Account_Tier__c", "customer_tier", "tier"),
    ("CSM_Name__c", "csm_name", "csm_name"),
    ("Status__c", "account_status", "status"),
    ("Renewal_Date__c", "contract_renewal", "renewal_date"),
];
/// Numbers of the support's health: at the CRM and at the desk.
const HEALTH: &[(&str, &str)] = &[
    ("Support_Health_Score__c", "support_health_score"),
    ("Open_Tickets__c", "support_open_tickets"),
    ("Support_Escalations__c", "support_escalations"),
];
/// What a person of the second desk shows of a contact of the CRM.
struct OfContact {
    crm: &'static str,
    desk: fn(&Person) -> &str,
    field: &'static str,
}
const PERSON: &[OfContact] = &[
    OfContact { crm: "Email", desk: |person| &person.email, field: "email" },
    OfContact { crm: "Phone", desk: |person| &person.phone, field: "phone" },
    OfContact { crm: "Language__c", desk: |person| &person.language, field: "language" },
    OfContact { crm: "Time_Zone__c", desk: |person| &person.time_zone, field: "timezone" },
    OfContact { crm: "Title", desk: |person| &person.job_title, field: "job_title" },
];

/// A value as it is compared: addresses in small letters, numbers as digits, phone numbers without what makes them readable.
fn plain(value: &str) -> String {
    let lower = value.trim().to_lowercase();
    if lower.chars().any(char::is_alphabetic) {
        return lower;
    }
    let digits: String = lower.chars().filter(|letter| letter.is_ascii_digit() || *letter == '-').collect();
    let telephone: String = lower.chars().filter(char::is_ascii_digit).collect();
    if digits.len() == 10 && digits.matches('-').count() == 2 { digits } else { telephone.trim_start_matches('1').to_owned() }
}

impl World {
    /// Everything about the second desk.
    pub fn judge_second_desk(&self, excused: &Excused, kept: &Kept, broken: &mut Vec<String>) {
        if self.hub.second.is_none() {
            return;
        }
        for id in &self.accounts {
            self.judge_company(id, excused, broken);
        }
        for id in &self.contacts {
            self.judge_person(id, excused, kept, broken);
        }
        self.judge_second_tickets(excused, broken);
        self.judge_second_twins(broken);
        self.judge_second_departed(broken);
    }

    fn judge_company(&self, id: &str, excused: &Excused, broken: &mut Vec<String>) {
        let account = self.hub.salesforce.get("Account", id).unwrap();
        let second = self.hub.second.as_ref().unwrap();
        let Some(company) = second.company_of(id) else {
            broken.push(format!("three: account {id} has no company at the second desk"));
            return;
        };
        let custom = &company.fields;
        let mut differ = |field: &str, here: String, there: String| {
            if plain(&here) != plain(&there) {
                broken.push(format!("three: account {id} and company {} differ in {field}: {here} and {there}", company.id));
            }
        };
        if !excused.has(id, "name") {
            differ("name", text(&account, "Name"), company.name.clone());
        }
        for (crm, desk, _) in COMPANY.iter().filter(|(_, _, field)| !excused.has(id, field)) {
            differ(crm, text(&account, crm), text(custom, desk));
        }
        let first = text(&account, "Support_Id__c").parse().ok().and_then(|id| self.hub.zendesk.organization(id)).unwrap_or_default();
        let gaps = text(&account, "Adoption_Gaps__c");
        let told = [
            text(custom, "adoption_gaps"),
            text(first.get("organization_fields").unwrap_or(&json!({})).as_object().unwrap(), "adoption_gaps"),
        ];
        if !excused.has(id, "adoption_gaps") && !told.contains(&gaps) {
            broken.push(format!("three: account {id} shows gaps that no desk tells of: {gaps}, {told:?}"));
        }
        let mut differ = |field: &str, here: String, there: String| {
            if plain(&here) != plain(&there) {
                broken.push(format!("three: account {id} and company {} differ in {field}: {here} and {there}", company.id));
            }
        };
        for (crm, desk) in HEALTH.iter().filter(|_| !excused.has(id, "health_score")) {
            let (here, there) = (text(&account, crm).parse::<f64>().ok(), text(custom, desk).parse::<f64>().ok());
            differ(crm, format!("{here:?}"), format!("{there:?}"));
        }
    }

    fn judge_person(&self, id: &str, excused: &Excused, kept: &Kept, broken: &mut Vec<String>) {
        let contact = self.hub.salesforce.get("Contact", id).unwrap();
        if excused.has(id, "*") || self.departed.has_left_second(id) {
            return;
        }
        let second = self.hub.second.as_ref().unwrap();
        let Some(person) = second.contact_of(id) else {
            broken.push(format!("three: contact {id} ({}) is not at the second desk", text(&contact, "Email")));
            return;
        };
        let mut differ = |field: &str, here: &str, there: &str| {
            if plain(here) != plain(there) {
                broken.push(format!("three: contact {id} and person {} differ in {field}: {here} and {there}", person.id));
            }
        };
        if !excused.has(id, "first_name") && !excused.has(id, "last_name") {
            differ("name", &text(&contact, "Name"), &person.name);
        }
        for of in PERSON.iter().filter(|of| !excused.has(id, of.field)) {
            let (here, there) = (text(&contact, of.crm), (of.desk)(&person));
            let kept = here.is_empty() && kept.has(id, SECOND, of.crm);
            if !kept {
                differ(of.crm, &here, there);
            }
        }
        let companies = second.agents.companies();
        let company = companies.iter().find(|company| Some(&company.id) == person.company.as_ref());
        let company = company.map(|company| company.crm_id.as_str()).unwrap_or_default();
        if text(&contact, "AccountId") != company {
            broken.push(format!("three: contact {id} is at another company at the second desk: {company}"));
        }
    }

    /// Every ticket is one activity.
    fn judge_second_tickets(&self, excused: &Excused, broken: &mut Vec<String>) {
        let mut tasks: BTreeMap<String, usize> = BTreeMap::new();
        self.hub.salesforce.each("Task", &mut |_, task| *tasks.entry(text(task, "Subject")).or_default() += 1);
        let live: BTreeSet<String> = self.second().people().into_iter().map(|person| person.id).collect();
        for ticket in self.second().tickets() {
            let gone = |requester: &String| {
                let forgotten = self.departed.forgotten.iter().any(|one| one.person.as_ref() == Some(requester));
                excused.has(requester, "*") || !live.contains(requester) || forgotten
            };
            if ticket.requester.as_ref().is_some_and(gone) {
                // Who the requester is waits for a person, or they are gone; and the activity with it.
                continue;
            }
            let subject = format!("[Ticket #{}] {}", ticket.number, ticket.subject);
            let found = tasks.get(&subject).copied().unwrap_or_default();
            if found != 1 {
                broken.push(format!("three: ticket {subject} of the second desk is {found} activities of the CRM"));
            }
        }
    }

    fn judge_second_twins(&self, broken: &mut Vec<String>) {
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        for company in self.second().companies() {
            if !company.record.is_empty() {
                *seen.entry(format!("company of {}", company.record)).or_default() += 1;
            }
            *seen.entry(format!("company {}", company.name)).or_default() += 1;
        }
        for person in self.second().people().into_iter().filter(|person| !person.record.is_empty()) {
            *seen.entry(format!("person of {}", person.record)).or_default() += 1;
        }
        for (what, count) in seen.into_iter().filter(|(_, count)| *count > 1) {
            broken.push(format!("twins: {what} stands {count} times at the second desk"));
        }
    }

    /// Nobody who asked to be forgotten is there under their address.
    fn judge_second_departed(&self, broken: &mut Vec<String>) {
        let people = self.second().people();
        for gone in &self.departed.forgotten {
            if let Some(person) = people.iter().find(|person| person.crm_id == gone.contact) {
                broken.push(format!("forgotten: the second desk still knows {} as {}", gone.contact, person.id));
            }
        }
    }

    /// Onboarding checklists of an account at the second desk.
    pub fn second_checklists(&self, account: &str) -> usize {
        self.second_tickets(account, |ticket| ticket.is_checklist)
    }

    /// Tickets of an account that are open at the second desk.
    pub fn second_open_tickets(&self, account: &str) -> usize {
        self.second_tickets(account, |ticket| ticket.is_open)
    }

    fn second_tickets(&self, account: &str, which: fn(&Ticket) -> bool) -> usize {
        let Some(second) = &self.hub.second else { return 0 };
        let Some(company) = second.company_of(account) else { return 0 };
        let of_account = |ticket: &&Ticket| ticket.company.as_ref() == Some(&company.id) && which(ticket);
        second.agents.tickets().iter().filter(of_account).count()
    }
}
