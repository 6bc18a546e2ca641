//! Sales at Dynamics 365.

use entente_connect::settings::{Auth, ConnectionSettings, Secret};
use entente_model::mapping::Role;
use entente_sims::clock::SimClock;
use entente_sims::dynamics::{Dynamics, DynamicsOptions, Hand};
use entente_sims::profile::Profile;
use serde_json::{Value, json};

use super::side::{Company, People, Sales, Started, settings};

struct Office(Dynamics);

/// The relationship type of customers.
const CUSTOMER: u8 = 3;

pub fn start(clock: SimClock) -> Started {
    let options = DynamicsOptions::new(clock, Profile::instant(), 5);
    let (tenant, mail) = (options.tenant_id.clone(), options.mailroom.clone());
    open(Dynamics::new(options), &tenant).telling(mail)
}

/// An environment that its story has a hand on.
pub fn open(office: Dynamics, tenant: &str) -> Started {
    let login_url = format!("http://dynamics.sim/{tenant}").parse().ok();
    let auth = Auth::ClientCredentials { client_id: "dynamics-client".to_owned(), client_secret: Secret::new("dynamics-secret") };
    let settings = ConnectionSettings { login_url, ..settings("dynamics", Role::Crm, auth) };
    Started::silent(settings, office.router(), People::Sales(Box::new(Office(office))))
}

impl Office {
    fn person(&self) -> Hand {
        Hand::Person(self.0.sales_person())
    }

    fn create(&self, set: &str, row: &Value) -> String {
        self.0.create(set, row, &self.person()).unwrap()
    }
}

impl Sales for Office {
    fn company(&self, name: &str, customer: bool, first: &str, last: &str, email: &str) -> Company {
        let mut row = json!({"name": name, "websiteurl": format!("{}.example", name.to_lowercase())});
        if customer {
            row["customertypecode"] = json!(CUSTOMER);
        }
        let company = Company { id: self.create("accounts", &row), contact: String::new() };
        Company { contact: self.further(&company, first, last, email), ..company }
    }

    fn further(&self, company: &Company, first: &str, last: &str, email: &str) -> String {
        let bind = format!("/accounts({})", company.id);
        let person = json!({"firstname": first, "lastname": last, "emailaddress1": email, "parentcustomerid_account@odata.bind": bind});
        self.create("contacts", &person)
    }

    fn delete(&self, contact: &str) {
        self.0.delete("contacts", contact, &self.person()).unwrap();
    }

    fn merge(&self, goes: &str, stays: &str) -> String {
        self.0.merge("contacts", goes, stays, &self.person()).unwrap();
        stays.to_owned()
    }

    fn deal(&self, company: &Company, name: &str) -> String {
        let bind = format!("/accounts({})", company.id);
        self.create("opportunities", &json!({"name": name, "estimatedvalue": 1200, "parentaccountid@odata.bind": bind}))
    }

    fn win(&self, deal: &str) {
        self.0.close("opportunities", deal, 1, 3, &self.person()).unwrap();
    }

    fn rename(&self, contact: &str, first: &str, last: &str) {
        self.0.update("contacts", contact, &json!({"firstname": first, "lastname": last}), &self.person()).unwrap();
    }

    fn lead(&self, _: &Company, last: &str, email: &str) -> String {
        self.create("leads", &json!({"subject": "Spring fair", "lastname": last, "emailaddress1": email, "companyname": "Lull"}));
        "Spring fair".to_owned()
    }

    fn shown(&self, contact: &str) -> (String, String) {
        let row = self.0.get("contacts", contact).unwrap();
        let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        (text("fullname"), text("telephone1"))
    }

    fn support_id(&self, company: &str) -> Option<String> {
        self.0.get("accounts", company).unwrap()["entente_support_id"].as_str().map(str::to_owned)
    }

    fn activities(&self, company: &str) -> Vec<String> {
        let mut titles = Vec::new();
        self.0.each("incidents", &mut |row| {
            if row["_customerid_value"] == company {
                titles.push(row["title"].as_str().unwrap_or_default().to_owned());
            }
        });
        titles
    }

    fn phoned(&self, company: &Company, about: &str) {
        let bind = format!("/accounts({})", company.id);
        self.create("phonecalls", &json!({"subject": about, "regardingobjectid_account_phonecall@odata.bind": bind}));
    }

    fn counts(&self) -> (usize, usize) {
        // A row that was merged away is there all the same, and out of use.
        let mut contacts = 0;
        self.0.each("contacts", &mut |row| contacts += usize::from(row["statecode"] == 0));
        (self.0.count("accounts"), contacts)
    }
}
