//! Whether the two sides agree, judged from outside: by the customers' own data alone.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::correspondence::{ACCOUNT, Form, canonical, same};
use crate::salesforce::Salesforce;
use crate::zendesk::Zendesk;

mod twins;

pub(crate) use twins::ticket_of;

/// Findings that are spelt out, of each sort.
const SPELT_OUT: usize = 50;

/// How well two simulators agree.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Agreement {
    /// Contacts of customers: of accounts whose type says so or that have a won deal.
    pub customers: usize,
    /// Of those, contacts whose support id names a live user, and whose account's names a live organization.
    pub linked: usize,
    /// Of those, contacts that agree with their user in every field, and whose account agrees with its organization.
    pub in_agreement: usize,
    /// Records that exist twice for one customer or ticket, on either side.
    pub twins: usize,
    /// What differs, at most fifty lines.
    pub disagreements: Vec<String>,
    /// How many records differ, by field.
    pub by_field: BTreeMap<String, usize>,
    /// The twins, at most fifty lines.
    pub twin_list: Vec<String>,
}

impl Agreement {
    fn differ(&mut self, field: &str, text: impl FnOnce() -> String) {
        *self.by_field.entry(field.to_owned()).or_default() += 1;
        if self.disagreements.len() < SPELT_OUT {
            self.disagreements.push(text());
        }
    }
}

/// An account as far as the comparison needs it.
struct Account {
    customer: bool,
    organization: Option<u64>,
    agrees: bool,
}

/// Text of a value, empty for none.
pub(crate) fn text(record: &Map<String, Value>, name: &str) -> String {
    match record.get(name) {
        Some(Value::String(text)) => text.clone(),
        None | Some(Value::Null) => String::new(),
        Some(other) => other.to_string(),
    }
}

pub(crate) fn number(record: &Map<String, Value>, name: &str) -> Option<u64> {
    match record.get(name)? {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

pub(crate) fn value<'a>(record: &'a Map<String, Value>, name: &str) -> &'a Value {
    record.get(name).unwrap_or(&Value::Null)
}

/// Compares the two simulators' own data: contacts and users are paired by the contact's `Support_Id__c`, accounts and organizations
/// by the account's. Support scores and tags are left out: they are derived, and the rest shows whether they can be right.
#[must_use]
pub fn agreement(salesforce: &Salesforce, zendesk: &Zendesk) -> Agreement {
    let mut found = Agreement::default();
    let accounts = accounts(salesforce, zendesk, &mut found);
    contacts(salesforce, zendesk, &accounts, &mut found);
    let twins = twins::find(salesforce, zendesk);
    found.twins = twins.len();
    found.twin_list = twins.into_iter().take(SPELT_OUT).collect();
    found
}

fn accounts(salesforce: &Salesforce, zendesk: &Zendesk, found: &mut Agreement) -> HashMap<String, Account> {
    let mut won = HashSet::new();
    salesforce.each("Opportunity", &mut |_, deal| {
        if deal.get("IsWon") == Some(&Value::Bool(true)) {
            won.insert(text(deal, "AccountId"));
        }
    });
    let mut owners: HashMap<String, (Value, Value)> = HashMap::new();
    salesforce
        .each("User", &mut |id, user| drop(owners.insert(id.to_owned(), (value(user, "Name").clone(), value(user, "Email").clone()))));
    let mut names: HashMap<String, Value> = HashMap::new();
    salesforce.each("Account", &mut |id, account| drop(names.insert(id.to_owned(), value(account, "Name").clone())));
    let mut organizations: HashMap<u64, Map<String, Value>> = HashMap::new();
    zendesk.each_organization(&mut |id, organization| drop(organizations.insert(id, organization.clone())));
    let mut accounts = HashMap::new();
    salesforce.each("Account", &mut |id, account| {
        let customer = text(account, "Type").starts_with("Customer") || won.contains(id);
        let organization = number(account, "Support_Id__c").and_then(|id| organizations.get(&id).map(|organization| (id, organization)));
        let mut agrees = true;
        if let Some((number, organization)) = organization.filter(|_| customer) {
            let empty = Map::new();
            let fields = organization.get("organization_fields").and_then(Value::as_object).unwrap_or(&empty);
            let owner = owners.get(&text(account, "OwnerId")).cloned().unwrap_or_default();
            let parent = names.get(&text(account, "ParentId")).cloned().unwrap_or_default();
            let id_value = json!(id);
            let derived = [
                ("Name", value(account, "Name"), value(organization, "name"), Form::Text),
                ("Owner.Name", &owner.0, value(fields, "ae_name"), Form::Text),
                ("Owner.Email", &owner.1, value(fields, "ae_email"), Form::Address),
                ("Parent.Name", &parent, value(fields, "parent_name"), Form::Text),
                ("Id", &id_value, value(fields, "crm_id"), Form::Text),
            ];
            let plain = ACCOUNT.iter().map(|(crm, desk, form)| (*crm, value(account, crm), value(fields, desk), *form));
            for (name, ours, theirs, form) in derived.into_iter().chain(plain) {
                if !same(form, ours, theirs) {
                    agrees = false;
                    found.differ(&format!("Account.{name}"), || {
                        format!("account {id} and organization {number} differ in {name}: {ours} and {theirs}")
                    });
                }
            }
        }
        accounts.insert(id.to_owned(), Account { customer, organization: organization.map(|(id, _)| id), agrees });
    });
    accounts
}

/// What is compared of a user, in canonical form.
struct User {
    values: [String; 7],
    organization: Option<u64>,
}

const NAMES: [(&str, Form); 7] = [
    ("Name", Form::Name),
    ("Email", Form::Address),
    ("Phone", Form::Phone),
    ("Time_Zone__c", Form::Text),
    ("Language__c", Form::Address),
    ("Title", Form::Text),
    ("Id", Form::Text),
];

fn contacts(salesforce: &Salesforce, zendesk: &Zendesk, accounts: &HashMap<String, Account>, found: &mut Agreement) {
    let mut users: HashMap<u64, User> = HashMap::new();
    zendesk.each_user(&mut |id, user| {
        if user.get("active") == Some(&Value::Bool(false)) || user.get("role").and_then(Value::as_str) != Some("end-user") {
            return;
        }
        let empty = Map::new();
        let fields = user.get("user_fields").and_then(Value::as_object).unwrap_or(&empty);
        let values = [
            value(user, "name"),
            value(user, "email"),
            value(user, "phone"),
            value(user, "iana_time_zone"),
            value(user, "locale"),
            value(fields, "job_title"),
            value(fields, "crm_id"),
        ];
        let mut forms = NAMES.iter();
        let values = values.map(|value| canonical(forms.next().map_or(Form::Text, |(_, form)| *form), value));
        users.insert(id, User { values, organization: number(user, "organization_id") });
    });
    salesforce.each("Contact", &mut |id, contact| {
        let account = accounts.get(&text(contact, "AccountId"));
        if !account.is_some_and(|account| account.customer) {
            return;
        }
        found.customers += 1;
        let user = number(contact, "Support_Id__c").and_then(|id| users.get(&id).map(|user| (id, user)));
        let (Some((number, user)), Some(organization)) = (user, account.and_then(|account| account.organization)) else {
            found.differ("Contact.Support_Id__c", || format!("contact {id} has no user, or its account no organization"));
            return;
        };
        found.linked += 1;
        let mut agrees = account.is_some_and(|account| account.agrees);
        let joined = format!("{} {}", text(contact, "FirstName"), text(contact, "LastName"));
        for ((name, form), theirs) in NAMES.iter().zip(&user.values) {
            let ours = match *name {
                "Name" => canonical(*form, &json!(joined)),
                name => canonical(*form, value(contact, name)),
            };
            if ours != *theirs {
                agrees = false;
                found.differ(&format!("Contact.{name}"), || {
                    format!("contact {id} and user {number} differ in {name}: {ours:?} and {theirs:?}")
                });
            }
        }
        if user.organization != Some(organization) {
            agrees = false;
            found.differ("Contact.AccountId", || {
                format!("contact {id} belongs to organization {organization}, user {number} to {}", user.organization.unwrap_or_default())
            });
        }
        found.in_agreement += usize::from(agrees);
    });
}

/// Groups of more than one record for one key.
fn repeated<'a>(pairs: impl Iterator<Item = (String, String)> + 'a) -> Vec<(String, BTreeSet<String>)> {
    let mut groups: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (key, id) in pairs.filter(|(key, _)| !key.is_empty()) {
        groups.entry(key).or_default().insert(id);
    }
    groups.into_iter().filter(|(_, ids)| ids.len() > 1).collect()
}
