//! Records that exist twice for one customer or ticket.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{repeated, text};
use crate::salesforce::Salesforce;
use crate::zendesk::Zendesk;

/// A key that only one record of a kind may have, with the record's id.
struct Claim {
    kind: &'static str,
    key: String,
    id: String,
}

#[derive(Default)]
struct Claims(Vec<Claim>);

impl Claims {
    fn claim(&mut self, kind: &'static str, key: String, id: &str) {
        if !key.is_empty() {
            self.0.push(Claim { kind, key, id: id.to_owned() });
        }
    }
}

/// Every key that more than one live record has.
pub(crate) fn find(salesforce: &Salesforce, zendesk: &Zendesk) -> Vec<String> {
    let mut claims = Claims::default();
    for object in ["Account", "Contact", "Opportunity", "Task"] {
        salesforce.each(object, &mut |id, record| crm(object, id, record, &mut claims));
    }
    // A contact's user may be claimed by the contact's own mark, by the user's, and by the address: all must be one user.
    salesforce.each("Contact", &mut |id, contact| {
        let user = text(contact, "Support_Id__c");
        if !user.is_empty() {
            claims.claim("user of one contact", id.to_owned(), &user);
            claims.claim("user of one customer", text(contact, "Entente_Id__c").to_lowercase(), &user);
            claims.claim("user of one address", text(contact, "Email").to_lowercase(), &user);
        }
    });
    salesforce.each("Account", &mut |id, account| {
        let organization = text(account, "Support_Id__c");
        if !organization.is_empty() {
            claims.claim("organization of one account", id.to_owned(), &organization);
        }
    });
    zendesk.each_user(&mut |id, user| desk_user(&id.to_string(), user, &mut claims));
    zendesk.each_organization(&mut |id, organization| {
        let id = id.to_string();
        claims.claim("organization", text(organization, "external_id").to_lowercase(), &id);
        claims.claim("organization of one account", custom(organization, "organization_fields", "crm_id"), &id);
    });
    zendesk.each_ticket(&mut |id, ticket| {
        if text(ticket, "status") != "deleted" {
            claims.claim("ticket", text(ticket, "external_id").to_lowercase(), &id.to_string());
        }
    });
    let mut kinds: BTreeSet<&'static str> = claims.0.iter().map(|claim| claim.kind).collect();
    let mut twins = Vec::new();
    while let Some(kind) = kinds.pop_first() {
        let pairs = claims.0.iter().filter(|claim| claim.kind == kind).map(|claim| (claim.key.clone(), claim.id.clone()));
        for (key, ids) in repeated(pairs) {
            twins.push(format!("{kind}: {key} has {}", ids.into_iter().collect::<Vec<_>>().join(", ")));
        }
    }
    twins
}

fn crm(object: &str, id: &str, record: &Map<String, Value>, claims: &mut Claims) {
    let key = text(record, "Entente_Id__c").to_lowercase();
    match object {
        "Account" => {
            claims.claim("account", key, id);
            claims.claim("account of one organization", text(record, "Support_Id__c"), id);
        }
        "Contact" => {
            claims.claim("contact", key, id);
            claims.claim("contact of one user", text(record, "Support_Id__c"), id);
            claims.claim("contact of one address", text(record, "Email").to_lowercase(), id);
        }
        "Task" => {
            claims.claim("task", key, id);
            claims.claim("task of one ticket", ticket_of(&text(record, "Subject")).unwrap_or_default().to_owned(), id);
        }
        _ => claims.claim("opportunity", key, id),
    }
}

fn desk_user(id: &str, user: &Map<String, Value>, claims: &mut Claims) {
    if user.get("active") == Some(&Value::Bool(false)) || text(user, "role") != "end-user" {
        return;
    }
    let external = text(user, "external_id").to_lowercase();
    claims.claim("user", external.clone(), id);
    claims.claim("user of one customer", external, id);
    claims.claim("user of one contact", custom(user, "user_fields", "crm_id"), id);
    claims.claim("user of one address", text(user, "email").to_lowercase(), id);
}

fn custom(record: &Map<String, Value>, fields: &str, name: &str) -> String {
    record.get(fields).and_then(Value::as_object).map(|fields| text(fields, name)).unwrap_or_default()
}

/// The number in `[Ticket #42] …`.
pub(crate) fn ticket_of(subject: &str) -> Option<&str> {
    let (number, _) = subject.strip_prefix("[Ticket #")?.split_once(']')?;
    Some(number)
}
