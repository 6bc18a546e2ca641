//! Filling both simulators with the same customers.

use jiff::civil::Date;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::WorldError;
use super::backdate::{Backdated, DAY_MS, MINUTE_MS};
use super::fields;
use super::people::{self, Firm, Person};
use crate::salesforce::Salesforce;
use crate::zendesk::Zendesk;

mod desk;
mod history;

pub(crate) use history::TROUBLES;

/// How large a world is and how well the two sides fit at first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WorldOptions {
    /// Contacts in Salesforce, five to an account.
    pub customers: usize,
    /// Seed of everybody's names and values.
    pub seed: u64,
    /// Of 24,100 contacts, how many are end users in Zendesk already.
    pub known_of_24_100: usize,
    /// Organizations without a mail domain, whose accounts match by name alone and need a person's look.
    pub without_domain: usize,
}

impl Default for WorldOptions {
    fn default() -> Self {
        Self { customers: 24_100, seed: 1, known_of_24_100: 23_000, without_domain: 0 }
    }
}

/// What was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Seeded {
    /// Accounts in Salesforce.
    pub accounts: usize,
    /// Contacts in Salesforce.
    pub contacts: usize,
    /// Organizations in Zendesk.
    pub organizations: usize,
    /// End users in Zendesk.
    pub users: usize,
    /// How many of them use another address there than the CRM knows, which is their second one.
    pub other_addresses: usize,
    /// Opportunities.
    pub opportunities: usize,
    /// Logged sales calls.
    pub tasks: usize,
    /// Tickets.
    pub tickets: usize,
}

/// Contacts of one account.
const STAFF: usize = 5;
/// Of a thousand accounts, how many belong to a parent.
const CHILDREN_PER_1000: u32 = 30;
/// Of a thousand people, how many have no e-mail in the CRM, and how many have none at the desk.
const WITHOUT_EMAIL_PER_1000: u32 = 1;
/// Days back at which the CRM's records begin and end.
const CRM_DAYS: (i64, i64) = (400, 60);

/// One account as it was made.
pub(crate) struct Client {
    firm: Firm,
    account: String,
    /// Fields of the account in Salesforce.
    fields: Map<String, Value>,
    parent_name: Option<String>,
    owner: usize,
    people: Vec<Customer>,
}

/// One person as they were made.
pub(crate) struct Customer {
    person: Person,
    contact: String,
    known: bool,
    /// Whether the CRM has their e-mail address.
    mailed: bool,
}

/// Fills fresh simulators with one company's customers: accounts and contacts in Salesforce, most of them in Zendesk too, with the
/// differences that years of typing leave: nicknames, accents, phone formats, stale plans, a second address, a missing one. No record
/// carries the other side's id. Everything lies in the past, as the simulators' stamps say. Equal options make equal worlds.
///
/// # Errors
/// When a simulator refuses a record, as it does in a world that is filled twice from one seed.
pub fn seed(options: &WorldOptions, salesforce: &Salesforce, zendesk: &Zendesk) -> Result<Seeded, WorldError> {
    let accounts = options.customers.div_ceil(STAFF);
    if accounts as u64 > people::FIRMS_MAX {
        return Err(WorldError::new(format!("there are {} different firms, and {accounts} were asked for", people::FIRMS_MAX)));
    }
    fields::add(salesforce, zendesk)?;
    let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
    let today = zendesk.clock().now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let mut backdated = Backdated::of(salesforce, zendesk);
    let clients = fill_crm(options, salesforce, today, &mut backdated, &mut rng)?;
    backdated.ago(desk::DAYS.0 * DAY_MS);
    zendesk.rewind();
    let desk = desk::fill(options, zendesk, &clients, &mut backdated, &mut rng)?;
    let (opportunities, tasks) = history::sales(salesforce, &clients, options.customers, today, &mut backdated, &mut rng)?;
    let tickets = history::tickets(zendesk, &desk, options.customers, &mut backdated, &mut rng)?;
    backdated.ago(MINUTE_MS);
    zendesk.settle();
    Ok(Seeded {
        accounts: clients.len(),
        contacts: clients.iter().map(|client| client.people.len()).sum(),
        organizations: desk.organizations,
        users: desk.users.len(),
        other_addresses: desk.other_addresses,
        opportunities,
        tasks,
        tickets,
    })
}

/// Whether a step is one of so many that are spread evenly among all.
fn spread(step: usize, many: usize, among: usize) -> bool {
    among > 0 && step * many % among + many >= among
}

pub(crate) fn map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn day(today: Date, days: i64) -> String {
    today.checked_add(jiff::Span::new().days(days)).unwrap_or(today).to_string()
}

/// Names and addresses of the people who sell, by place among the org's users.
pub(crate) const SELLERS: [(&str, &str); 3] = [("Sam Seller", "sam.seller"), ("Rita Rep", "rita.rep"), ("Clara Closer", "clara.closer")];

fn fill_crm(
    options: &WorldOptions,
    salesforce: &Salesforce,
    today: Date,
    backdated: &mut Backdated,
    rng: &mut ChaCha8Rng,
) -> Result<Vec<Client>, WorldError> {
    let sellers = salesforce.users().sales;
    let accounts = options.customers.div_ceil(STAFF);
    // Half of those whom the desk does not know are whole firms, the others are colleagues of people it knows.
    let unknown = options.customers - options.customers * options.known_of_24_100.min(24_100) / 24_100;
    let strangers = unknown / (2 * STAFF);
    let (colleagues, among) = (unknown - strangers * STAFF, options.customers - strangers * STAFF);
    let mut clients: Vec<Client> = Vec::with_capacity(accounts);
    let (mut made, mut placed) = (0, 0);
    for number in 0..accounts {
        let strange = spread(number, strangers, accounts);
        backdated.between(CRM_DAYS.0 * DAY_MS, CRM_DAYS.1 * DAY_MS, number, accounts);
        let firm = people::firm(number as u64, options.seed, rng);
        let owner = rng.random_range(0..sellers.len().max(1));
        let seller = sellers.get(owner).cloned().unwrap_or_default();
        let mut fields = account_fields(&firm, number, today, rng);
        fields.insert("OwnerId".to_owned(), json!(seller));
        let mut parent_name = None;
        if rng.random_range(0..1_000) < CHILDREN_PER_1000
            && let Some(parent) = clients.choose(rng)
        {
            fields.insert("ParentId".to_owned(), json!(parent.account));
            parent_name = Some(parent.firm.name.clone());
        }
        let account = salesforce.insert("Account", &fields, &seller)?;
        let many = STAFF.min(options.customers - made);
        let mut customers = Vec::with_capacity(many);
        for person in people::staff(&firm, many, made as u64, rng) {
            let known = !strange && !spread(placed, colleagues, among);
            placed += usize::from(!strange);
            let mailed = !known || rng.random_range(0..1_000) >= WITHOUT_EMAIL_PER_1000;
            let contact = salesforce.insert("Contact", &contact_fields(&person, &account, known, mailed, rng), &seller)?;
            customers.push(Customer { person, contact, known, mailed });
            made += 1;
        }
        clients.push(Client { firm, account, fields, parent_name, owner, people: customers });
    }
    Ok(clients)
}

fn account_fields(firm: &Firm, number: usize, today: Date, rng: &mut ChaCha8Rng) -> Map<String, Value> {
    let (tier, price) = match rng.random_range(0..100) {
        0..35 => ("Free", 0),
        35..80 => ("Pro", rng.random_range(9..90) * 100),
        _ => ("Enterprise", rng.random_range(90..900) * 100),
    };
    let plan = match tier {
        "Free" => "Starter",
        "Pro" => *["Pro Monthly", "Pro Annual"].choose(rng).unwrap_or(&"Pro Annual"),
        _ => *["Enterprise Annual", "Enterprise Multi-year"].choose(rng).unwrap_or(&"Enterprise Annual"),
    };
    let csm = people::CSM.choose(rng).copied().unwrap_or("Maya Ortiz");
    let begun = -rng.random_range(30..1_000);
    let ends = begun + 365 * (1 + (-begun) / 365);
    let status = match rng.random_range(0..100) {
        0 => "Churned",
        1 | 2 => "Suspended",
        _ => "Active",
    };
    map(json!({
        "Name": firm.name,
        "Website": format!("https://www.{}", firm.domain),
        "Industry": firm.industry,
        "NumberOfEmployees": firm.employees,
        "Type": if rng.random_range(0..5) == 0 { "Customer - Channel" } else { "Customer - Direct" },
        "Phone": people::Phone::numbered(30_000_000 + number as u64).spaced(),
        "Account_Tier__c": tier,
        "Plan__c": plan,
        "Plan_Price__c": price,
        "ARR__c": price * 12,
        "MRR__c": price,
        "CSM_Name__c": csm,
        "CSM_Email__c": format!("{}@acme.example", csm.to_lowercase().replace(' ', ".")),
        "Contract_Start__c": day(today, begun),
        "Contract_End__c": day(today, ends),
        "Renewal_Date__c": day(today, ends - 30),
        "Implementation_Status__c": (["Not started", "In progress", "Live", "Live", "Live"].choose(rng).copied()),
        "Billing_Contact__c": format!("billing@{}", firm.domain),
        "Billing_Method__c": (["Invoice", "Card", "Direct debit"][number % 3]),
        "Technical_Contact__c": format!("it@{}", firm.domain),
        "Status__c": status,
    }))
}

fn contact_fields(person: &Person, account: &str, known: bool, mailed: bool, rng: &mut ChaCha8Rng) -> Map<String, Value> {
    let mut fields = map(json!({
        "AccountId": account, "FirstName": person.first, "LastName": person.last, "Phone": person.phone.spaced(), "Title": person.title,
    }));
    if mailed {
        // Somebody typed it the way names are written.
        let typed = rng.random_range(0..20) == 0;
        let email = if typed { capitals(&person.email) } else { person.email.clone() };
        fields.insert("Email".to_owned(), json!(email));
    }
    // Sales people rarely note a time zone before support has one.
    if known && rng.random_range(0..100) < 85 {
        fields.insert("Time_Zone__c".to_owned(), json!(person.zone.1));
        fields.insert("Language__c".to_owned(), json!(person.language));
    }
    fields
}

/// `ada.berger@x.example` as `Ada.Berger@x.example`.
fn capitals(email: &str) -> String {
    let mut fresh = true;
    email
        .split_once('@')
        .map(|(local, domain)| {
            let local: String = local
                .chars()
                .map(|c| {
                    let shown = if fresh { c.to_ascii_uppercase() } else { c };
                    fresh = c == '.';
                    shown
                })
                .collect();
            format!("{local}@{domain}")
        })
        .unwrap_or_else(|| email.to_owned())
}
