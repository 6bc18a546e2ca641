//! Which record of one side is which of the other, as far as the sync has said so.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::super::agreement::{number, text, ticket_of};
use super::Subject;
use crate::salesforce::{Salesforce, WriteNotice as CrmNotice};
use crate::zendesk::{Kind as DeskKind, WriteNotice as DeskNotice, Zendesk};

/// A contact in Salesforce and its user in Zendesk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Contact {
    pub contact: String,
    pub user: u64,
}

/// An account in Salesforce and its organization in Zendesk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    pub account: String,
    pub organization: u64,
}

/// Linked records, and tickets with their tasks.
#[derive(Default)]
pub(crate) struct Pairs {
    pub contacts: Vec<Contact>,
    pub accounts: Vec<Account>,
    /// Tickets that have a task, by number.
    pub tickets: Vec<u64>,
    contact_of: HashMap<u64, String>,
    account_of: HashMap<u64, String>,
    ticket_of: HashMap<String, u64>,
    known: HashMap<String, u64>,
}

impl Pairs {
    /// Reads the pairs that are there.
    pub(crate) fn read(salesforce: &Salesforce, zendesk: &Zendesk) -> Self {
        let mut pairs = Self::default();
        salesforce.each("Contact", &mut |id, record| pairs.link("Contact", id, number(record, "Support_Id__c")));
        salesforce.each("Account", &mut |id, record| pairs.link("Account", id, number(record, "Support_Id__c")));
        salesforce.each("Task", &mut |id, record| {
            pairs.task(id, &text(record, "Subject"));
        });
        // A user or organization that is gone can be edited no more.
        let (mut users, mut organizations) = (HashSet::new(), HashSet::new());
        zendesk.each_user(&mut |id, user| {
            if user.get("active") == Some(&Value::Bool(true)) {
                users.insert(id);
            }
        });
        zendesk.each_organization(&mut |id, _| {
            organizations.insert(id);
        });
        pairs.contacts.retain(|pair| users.contains(&pair.user));
        pairs.accounts.retain(|pair| organizations.contains(&pair.organization));
        pairs
    }

    fn link(&mut self, object: &str, id: &str, other: Option<u64>) {
        let Some(other) = other else { return };
        if self.known.insert(id.to_owned(), other) == Some(other) {
            return;
        }
        if object == "Contact" {
            self.contact_of.insert(other, id.to_owned());
            self.contacts.push(Contact { contact: id.to_owned(), user: other });
        } else {
            self.account_of.insert(other, id.to_owned());
            self.accounts.push(Account { account: id.to_owned(), organization: other });
        }
    }

    fn task(&mut self, id: &str, subject: &str) -> Option<u64> {
        let number = ticket_of(subject)?.parse().ok()?;
        if self.ticket_of.insert(id.to_owned(), number).is_none() {
            self.tickets.push(number);
        }
        Some(number)
    }

    /// What a write of Salesforce is about; new links and tasks are learnt from it.
    pub(super) fn crm_subject(&mut self, notice: &CrmNotice) -> Option<Subject> {
        let changed = |name: &str| notice.changed.iter().find(|(changed, _)| changed == name).map(|(_, value)| value);
        match notice.object.as_str() {
            object @ ("Contact" | "Account") => {
                let id = changed("Support_Id__c").and_then(|value| value.as_str()?.parse().ok());
                self.link(object, &notice.id, id);
                let id = notice.id.clone();
                Some(if object == "Contact" { Subject::Contact(id) } else { Subject::Account(id) })
            }
            "Task" => {
                let known = self.ticket_of.get(&notice.id).copied();
                let named = changed("Subject").and_then(Value::as_str).and_then(|subject| self.task(&notice.id, subject));
                known.or(named).map(Subject::Ticket)
            }
            _ => None,
        }
    }

    /// What a write of Zendesk is about.
    pub(super) fn desk_subject(&self, notice: &DeskNotice) -> Option<Subject> {
        match notice.kind {
            DeskKind::User => self.contact_of.get(&notice.id).cloned().map(Subject::Contact),
            DeskKind::Organization => self.account_of.get(&notice.id).cloned().map(Subject::Account),
            DeskKind::Ticket => None,
        }
    }
}
