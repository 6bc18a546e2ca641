//! The support desk's side of a fresh world.

use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value, json};

use super::super::backdate::{Backdated, DAY_MS};
use super::{Client, Customer, SELLERS, WITHOUT_EMAIL_PER_1000, WorldOptions, map};
use crate::world::WorldError;
use crate::zendesk::Zendesk;

/// Days back at which the desk's records begin and end.
pub(crate) const DAYS: (i64, i64) = (390, 50);

/// Of a thousand people, how many use another address with support than with sales; sales' is known to the desk as their second one.
const OTHER_ADDRESS_PER_1000: u32 = 1;
/// Of a hundred names, how many are written in another way.
const OTHER_SPELLING_PERCENT: u32 = 3;
/// Of a hundred phone numbers, how many are written in another way.
const OTHER_FORMAT_PERCENT: u32 = 40;
/// Of a hundred organizations, how many have values that were true once; as many have some values missing.
const STALE_PERCENT: u32 = 15;

/// Groups of agents beside the default one.
const GROUPS: [&str; 2] = ["Enterprise support", "Onboarding"];
/// Every so-manieth organization was given to a group by hand.
const GROUPED_EVERY: usize = 4;

/// What tickets need of the desk.
pub(crate) struct Desk {
    pub organizations: usize,
    /// End users.
    pub users: Vec<u64>,
    /// How many of them use another address with support than with sales.
    pub other_addresses: usize,
    /// Agents who answer.
    pub agents: Vec<u64>,
}

/// From a field of the account to the organization's field of the same meaning.
const SAME: &[(&str, &str)] = &[
    ("Website", "website"),
    ("Industry", "industry"),
    ("NumberOfEmployees", "employees"),
    ("Account_Tier__c", "account_tier"),
    ("Plan__c", "plan"),
    ("Plan_Price__c", "plan_price"),
    ("ARR__c", "arr"),
    ("MRR__c", "mrr"),
    ("CSM_Name__c", "csm_name"),
    ("CSM_Email__c", "csm_email"),
    ("Contract_Start__c", "contract_start"),
    ("Contract_End__c", "contract_end"),
    ("Renewal_Date__c", "renewal_date"),
    ("Implementation_Status__c", "implementation_status"),
    ("Billing_Contact__c", "billing_contact"),
    ("Billing_Method__c", "billing_method"),
    ("Technical_Contact__c", "technical_contact"),
    ("Status__c", "account_status"),
];

pub(crate) fn fill(
    options: &WorldOptions,
    zendesk: &Zendesk,
    clients: &[Client],
    backdated: &mut Backdated,
    rng: &mut ChaCha8Rng,
) -> Result<Desk, WorldError> {
    let agents: Vec<u64> = zendesk.agents().into_iter().skip(1).map(|agent| agent.id).collect();
    let mut desk = Desk { organizations: 0, users: Vec::new(), other_addresses: 0, agents };
    let groups: Vec<u64> = GROUPS.iter().map(|name| zendesk.add_group(name)).collect();
    for (step, client) in clients.iter().enumerate() {
        backdated.between(DAYS.0 * DAY_MS, DAYS.1 * DAY_MS, step, clients.len());
        if client.people.iter().all(|customer| !customer.known) {
            continue;
        }
        let by = desk.agents.choose(rng).copied().unwrap_or_default();
        let domain = desk.organizations >= options.without_domain;
        let mut fields = organization(client, domain, rng);
        if desk.organizations.is_multiple_of(GROUPED_EVERY) {
            fields.insert("group_id".to_owned(), json!(groups[desk.organizations / GROUPED_EVERY % groups.len()]));
        }
        let organization = zendesk.create_organization(&fields, by)?;
        desk.organizations += 1;
        for customer in client.people.iter().filter(|customer| customer.known) {
            let (id, other_address) = user(zendesk, customer, organization, by, rng)?;
            desk.users.push(id);
            desk.other_addresses += usize::from(other_address);
        }
    }
    Ok(desk)
}

fn organization(client: &Client, domain: bool, rng: &mut ChaCha8Rng) -> Map<String, Value> {
    let mut values = Map::new();
    for (theirs, ours) in SAME {
        if let Some(value) = client.fields.get(*theirs) {
            values.insert((*ours).to_owned(), value.clone());
        }
    }
    let (name, local) = SELLERS.get(client.owner).copied().unwrap_or(SELLERS[0]);
    values.insert("ae_name".to_owned(), json!(name));
    values.insert("ae_email".to_owned(), json!(format!("{local}@acme.example")));
    if let Some(parent) = &client.parent_name {
        values.insert("parent_name".to_owned(), json!(parent));
    }
    let roll = rng.random_range(0..100);
    if roll < STALE_PERCENT {
        values.insert("plan".to_owned(), json!("Legacy"));
        values.insert("arr".to_owned(), json!(rng.random_range(1..500) * 100));
        values.insert("csm_name".to_owned(), json!(super::super::people::CSM.choose(rng).copied()));
    } else if roll < 2 * STALE_PERCENT {
        for key in ["renewal_date", "implementation_status", "employees", "technical_contact"] {
            values.remove(key);
        }
    }
    if rng.random_range(0..100) < 4 {
        values.insert("support_vip".to_owned(), json!(true));
    }
    // The legal form is what people leave out.
    let name = if rng.random_range(0..10) == 0 { &client.firm.short } else { &client.firm.name };
    let mut fields = map(json!({"name": name, "organization_fields": values}));
    if domain {
        fields.insert("domain_names".to_owned(), json!([client.firm.domain]));
    }
    fields
}

/// Makes a customer's user. Answers its id, and whether it uses another address than with sales.
fn user(zendesk: &Zendesk, customer: &Customer, organization: u64, by: u64, rng: &mut ChaCha8Rng) -> Result<(u64, bool), WorldError> {
    let person = &customer.person;
    let name = if rng.random_range(0..100) < OTHER_SPELLING_PERCENT {
        match rng.random_range(0..3) {
            0 => format!("{}  {}", person.first, person.last),
            1 => format!("{} {}", person.first, person.last).to_uppercase(),
            _ => format!("{} {}", person.also_first, person.last),
        }
    } else {
        format!("{} {}", person.first, person.last)
    };
    let other_format = rng.random_range(0..100) < OTHER_FORMAT_PERCENT;
    let phone = if other_format { person.phone.otherwise(rng.random_range(0..4)) } else { person.phone.spaced() };
    let titled = rng.random_range(0..100) < 80;
    let mut fields = map(json!({
        "name": name,
        "phone": phone,
        "time_zone": person.zone.0,
        "locale": person.language,
        "organization_id": organization,
        "verified": true,
        "user_fields": {"job_title": titled.then_some(person.title)},
    }));
    let roll = rng.random_range(0..1_000);
    let other = roll < OTHER_ADDRESS_PER_1000;
    // Whoever has no address in the CRM keeps the desk's.
    let unreachable = customer.mailed && (OTHER_ADDRESS_PER_1000..OTHER_ADDRESS_PER_1000 + WITHOUT_EMAIL_PER_1000).contains(&roll);
    if other {
        fields.insert("email".to_owned(), json!(format!("{}@mailbox.example", person.email.replace('@', "."))));
    } else if !unreachable {
        fields.insert("email".to_owned(), json!(person.email));
    }
    let id = zendesk.create_user(&fields, by)?;
    if other {
        zendesk.update_user(id, &map(json!({"email": person.email})), by)?;
    }
    Ok((id, other))
}
