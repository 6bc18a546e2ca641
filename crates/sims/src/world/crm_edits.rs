//! What sales people do in the CRM.

use rand::Rng;
use rand::seq::IndexedRandom;
use serde_json::{Map, Value, json};

use super::choice::{Direction, Kind};
use super::correspondence::Form;
use super::landing::{Account, Contact, Edit, Expected, Subject, WON};
use super::people::{self, Phone};
use super::seeding::map;
use super::traffic::{Traffic, of_account, of_contact};

/// Numbers of phones that live edits give out begin here, behind those of a fresh world.
const PHONES_FROM: u64 = 40_000_000;

const TIERS: &[&str] = &["Free", "Pro", "Enterprise"];
const INDUSTRIES: &[&str] =
    &["Banking", "Education", "Energy", "Healthcare", "Manufacturing", "Media", "Retail", "Technology", "Utilities"];

/// Text without the mark of an earlier edit.
pub(crate) fn unmarked(text: &str) -> &str {
    text.split_once('-').map_or(text, |(before, _)| before)
}

impl Traffic {
    fn field(&self, object: &str, id: &str, name: &str) -> Option<Value> {
        self.salesforce.get(object, id).map(|record| record.get(name).cloned().unwrap_or_default())
    }

    /// Given and family name of a contact, the latter without the mark of an earlier edit.
    pub(crate) fn crm_name(&self, pair: &Contact) -> Option<(String, String)> {
        let record = self.salesforce.get("Contact", &pair.contact)?;
        let part = |name: &str| record.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Some((part("FirstName"), unmarked(&part("LastName")).to_owned()))
    }

    fn change_contact(&mut self, pair: &Contact, changes: Value, edit: Edit) -> bool {
        let by = self.seller();
        self.make(edit, || self.salesforce.update("Contact", &pair.contact, &map(changes), &by))
    }

    fn change_account(&mut self, pair: &Account, changes: Value, edit: Edit) -> bool {
        let by = self.seller();
        self.make(edit, || self.salesforce.update("Account", &pair.account, &map(changes), &by))
    }

    pub(crate) fn rename_contact(&mut self, pair: &Contact, first: &str, last: &str, kind: Kind) -> bool {
        let whole = format!("{first} {last}");
        let edit = of_contact(pair, "name", kind, Direction::CrmToSupport, Expected::Value(Form::Name, json!(whole.trim())));
        self.change_contact(pair, json!({"LastName": last}), edit)
    }

    pub(crate) fn contact_name(&mut self) -> bool {
        let Some(pair) = self.contact("name") else { return false };
        let Some((first, last)) = self.crm_name(&pair) else { return false };
        let last = format!("{last}-{}", self.token());
        self.rename_contact(&pair, &first, &last, Kind::ContactName)
    }

    pub(crate) fn contact_email(&mut self) -> bool {
        let Some(pair) = self.contact("email") else { return false };
        let Some(Value::String(before)) = self.field("Contact", &pair.contact, "Email") else { return false };
        let Some((local, domain)) = before.split_once('@') else { return false };
        let email = format!("{}+{}@{domain}", local.split_once('+').map_or(local, |(name, _)| name), self.token());
        let edit =
            of_contact(&pair, "email", Kind::ContactEmail, Direction::CrmToSupport, Expected::Value(Form::Address, json!(email.clone())));
        self.change_contact(&pair, json!({"Email": email}), edit)
    }

    pub(crate) fn contact_title(&mut self) -> bool {
        let Some(pair) = self.contact("title") else { return false };
        let title = format!("Head of Operations {}", self.token());
        let edit =
            of_contact(&pair, "title", Kind::ContactTitle, Direction::CrmToSupport, Expected::Value(Form::Text, json!(title.clone())));
        self.change_contact(&pair, json!({"Title": title}), edit)
    }

    pub(crate) fn contact_phone(&mut self) -> bool {
        let Some(pair) = self.contact("phone") else { return false };
        self.made += 1;
        let phone = Phone::numbered(PHONES_FROM + self.made).spaced();
        let edit =
            of_contact(&pair, "phone", Kind::ContactPhone, Direction::CrmToSupport, Expected::Value(Form::Phone, json!(phone.clone())));
        self.change_contact(&pair, json!({"Phone": phone}), edit)
    }

    pub(crate) fn account_plan(&mut self) -> bool {
        let Some(pair) = self.account("plan") else { return false };
        let plan = format!("Pro Annual {}", self.token());
        let edit = of_account(&pair, "plan", Kind::AccountPlan, Direction::CrmToSupport, Expected::Value(Form::Text, json!(plan.clone())));
        self.change_account(&pair, json!({"Plan__c": plan}), edit)
    }

    pub(crate) fn account_tier(&mut self) -> bool {
        let Some(pair) = self.account("tier") else { return false };
        let before = self.field("Account", &pair.account, "Account_Tier__c").unwrap_or_default();
        let others: Vec<&str> = TIERS.iter().copied().filter(|tier| before != *tier).collect();
        let tier = others.choose(&mut self.rng).copied().unwrap_or("Pro");
        let edit = of_account(&pair, "tier", Kind::AccountTier, Direction::CrmToSupport, Expected::Value(Form::Text, json!(tier)));
        self.change_account(&pair, json!({"Account_Tier__c": tier}), edit)
    }

    pub(crate) fn account_csm(&mut self) -> bool {
        let Some(pair) = self.account("csm") else { return false };
        let base = people::CSM.choose(&mut self.rng).copied().unwrap_or("Maya Ortiz");
        let name = format!("{base} {}", self.token());
        let email = format!("{}@acme.example", name.to_lowercase().replace(' ', "."));
        let edit = of_account(&pair, "csm", Kind::AccountCsm, Direction::CrmToSupport, Expected::Value(Form::Text, json!(name.clone())));
        self.change_account(&pair, json!({"CSM_Name__c": name, "CSM_Email__c": email}), edit)
    }

    pub(crate) fn account_renewal(&mut self) -> bool {
        let Some(pair) = self.account("renewal") else { return false };
        let before = self.field("Account", &pair.account, "Renewal_Date__c").unwrap_or_default();
        let ahead = jiff::Span::new().days(self.rng.random_range(30..1_000));
        let today = self.salesforce.clock().now().to_zoned(jiff::tz::TimeZone::UTC).date();
        let day = today.checked_add(ahead).unwrap_or(today).to_string();
        if before == day.as_str() {
            return false;
        }
        let edit =
            of_account(&pair, "renewal", Kind::AccountRenewal, Direction::CrmToSupport, Expected::Value(Form::Day, json!(day.clone())));
        self.change_account(&pair, json!({"Renewal_Date__c": day}), edit)
    }

    pub(crate) fn account_arr(&mut self) -> bool {
        let Some(pair) = self.account("arr") else { return false };
        self.made += 1;
        // The last digits number the edit, so that no two amounts are equal.
        let arr = self.rng.random_range(10..100_u64) * 1_000_000 + self.made % 1_000_000;
        let edit = of_account(&pair, "arr", Kind::AccountArr, Direction::CrmToSupport, Expected::Value(Form::Number, json!(arr)));
        self.change_account(&pair, json!({"ARR__c": arr}), edit)
    }

    pub(crate) fn account_industry(&mut self) -> bool {
        let Some(pair) = self.account("industry") else { return false };
        let before = self.field("Account", &pair.account, "Industry").unwrap_or_default();
        let others: Vec<&str> = INDUSTRIES.iter().copied().filter(|industry| before != *industry).collect();
        let industry = others.choose(&mut self.rng).copied().unwrap_or("Retail");
        let edit =
            of_account(&pair, "industry", Kind::AccountIndustry, Direction::CrmToSupport, Expected::Value(Form::Text, json!(industry)));
        self.change_account(&pair, json!({"Industry": industry}), edit)
    }

    pub(crate) fn sales_call(&mut self) -> bool {
        let Some(pair) = self.account("calls") else { return false };
        let subject = format!("Check-in call {}", self.token());
        let by = self.seller();
        let today = self.salesforce.clock().now().to_zoned(jiff::tz::TimeZone::UTC).date();
        let call = map(json!({
            "Subject": subject, "TaskSubtype": "Call", "Status": "Completed", "ActivityDate": today.to_string(), "WhatId": pair.account,
            "OwnerId": by, "Description": "Went through open points.",
        }));
        let edit = of_account(&pair, "calls", Kind::SalesCall, Direction::CrmToSupport, Expected::Text(subject));
        self.make(edit, || self.salesforce.insert("Task", &call, &by).map(drop))
    }

    /// A company that nobody at the desk knows: the account and its people first, then the deal is won.
    pub(crate) fn closed_won(&mut self) -> bool {
        let token = self.token();
        let by = self.seller();
        let mut firm = people::firm(self.made, 0, &mut self.rng);
        firm.name = format!("{} {token}", firm.short);
        firm.domain = format!("{token}-{}", firm.domain);
        let account = map(json!({
            "Name": firm.name, "Website": format!("https://www.{}", firm.domain), "Industry": firm.industry,
            "NumberOfEmployees": firm.employees, "Type": "Prospect", "OwnerId": by, "Account_Tier__c": "Pro", "Plan__c": "Pro Annual",
            "CSM_Name__c": "Maya Ortiz", "CSM_Email__c": "maya.ortiz@acme.example", "Status__c": "Active",
        }));
        let Ok(id) = self.salesforce.insert("Account", &account, &by) else { return false };
        let serial = PHONES_FROM + 5_000_000 + self.made * 2;
        for person in people::staff(&firm, 2, serial, &mut self.rng) {
            let contact = map(json!({
                "AccountId": id, "FirstName": person.first, "LastName": person.last, "Email": person.email, "Phone": person.phone.spaced(),
                "Title": person.title,
            }));
            if self.salesforce.insert("Contact", &contact, &by).is_err() {
                return false;
            }
        }
        let today = self.salesforce.clock().now().to_zoned(jiff::tz::TimeZone::UTC).date().to_string();
        let mut deal: Map<String, Value> = map(json!({
            "Name": format!("{}: first contract", firm.name), "AccountId": id, "StageName": "Negotiation/Review", "CloseDate": today,
            "Amount": self.rng.random_range(50..900) * 100, "OwnerId": by,
        }));
        let Ok(opportunity) = self.salesforce.insert("Opportunity", &deal, &by) else { return false };
        deal.clear();
        deal.insert("StageName".to_owned(), json!("Closed Won"));
        let edit = Edit {
            subject: Subject::Account(id),
            field: WON,
            kind: Kind::ClosedWon,
            direction: Direction::CrmToSupport,
            expected: Expected::Anything,
        };
        self.make(edit, || self.salesforce.update("Opportunity", &opportunity, &deal, &by))
    }
}
