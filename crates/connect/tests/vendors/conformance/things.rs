//! What platforms have beside contacts: companies, tickets and cases, activities and deals, by their names there.

use serde_json::{Value, json};

use super::trial::Trial;

/// An object, by the names of a platform.
pub struct Thing {
    /// Prefix of our records' ids.
    pub prefix: &'static str,
    pub object: &'static str,
    /// What people call these rows, where the object has several kinds; else the object's name.
    pub called: &'static str,
    pub key: &'static str,
    /// The field that people name a row by.
    pub title: &'static str,
    /// What a row cannot be without, beside its title. `{contact}` and `{company}` stand for the ids of those.
    pub needs: Value,
}

fn thing(prefix: &'static str, object: &'static str, key: &'static str, title: &'static str, needs: Value) -> Thing {
    Thing { prefix, object, called: object, key, title, needs }
}

/// What we write beside contacts at a platform. Companies come first.
pub fn things(platform: &str) -> Vec<Thing> {
    match platform {
        "salesforce" => {
            let key = "Entente_Id__c";
            vec![
                thing("acc", "Account", key, "Name", json!({})),
                thing("cas", "Case", key, "Subject", json!({"ContactId": "{contact}", "AccountId": "{company}", "Status": "New"})),
                thing("act", "Task", key, "Subject", json!({"WhoId": "{contact}", "Status": "Not Started", "Priority": "Normal"})),
                thing(
                    "opp",
                    "Opportunity",
                    key,
                    "Name",
                    json!({"AccountId": "{company}", "StageName": "Prospecting", "CloseDate": "2026-12-31"}),
                ),
            ]
        }
        "hubspot" => {
            let (key, company) = ("entente_id", "associations.companies");
            vec![
                thing("acc", "companies", key, "name", json!({})),
                thing("cas", "tickets", key, "subject", json!({"hs_pipeline": "0", "hs_pipeline_stage": "1", company: "{company}"})),
                thing("act", "tasks", key, "hs_task_subject", json!({"hs_timestamp": "2026-01-05T09:00:00Z", company: "{company}"})),
                thing("opp", "deals", key, "dealname", json!({"dealstage": "contractsent", company: "{company}"})),
            ]
        }
        "pipedrive" | "rest" => vec![
            thing("acc", "organizations", "entente_id", "name", json!({})),
            thing("act", "activities", "entente_id", "subject", json!({"org_id": "{company}"})),
            thing("opp", "deals", "entente_id", "title", json!({"org_id": "{company}"})),
        ],
        "dynamics" => vec![
            thing("acc", "accounts", "entente_id", "name", json!({})),
            thing("cas", "incidents", "entente_id", "title", json!({"customerid.account": "{company}", "primarycontactid": "{contact}"})),
            thing("act", "phonecalls", "entente_id", "subject", json!({"regardingobjectid.account": "{company}"})),
            thing("opp", "opportunities", "entente_id", "name", json!({"parentaccountid": "{company}"})),
        ],
        "zendesk" => vec![
            thing("acc", "organization", "external_id", "name", json!({})),
            thing("cas", "ticket", "external_id", "subject", json!({"description": "Since this morning.", "requester_id": "{contact}"})),
        ],
        "freshdesk" => vec![
            thing("acc", "company", "company_fields.entente_id", "name", json!({})),
            thing(
                "cas",
                "ticket",
                "ticket_fields.entente_id",
                "subject",
                json!({"description": "Since this morning.", "requester_id": "{contact}"}),
            ),
        ],
        "intercom" => vec![
            thing("acc", "company", "company_id", "name", json!({})),
            Thing { called: "tickets", ..thing("cas", "conversation", "ticket_attributes.entente_id", "title", json!({"internal": true})) },
        ],
        other => panic!("nobody said what {other} has beside contacts"),
    }
}

/// The same, and what people alone write there.
pub fn all_things(platform: &str) -> Vec<Thing> {
    let mut all = things(platform);
    if platform == "intercom" {
        all.push(Thing { called: "conversations", ..thing("cas", "conversation", "", "title", json!({})) });
    }
    all
}

/// Whom new rows are about.
pub struct About {
    pub contact: String,
    pub company: String,
}

/// A contact and a company that people made.
pub fn about(trial: &Trial) -> About {
    let contact = trial.host.plant("Ottobre", "ada@ottobre.example");
    let nobody = About { contact: contact.clone(), company: String::new() };
    let company = things(trial.connector.spec().key)[0].called;
    About { contact, company: trial.host.make(company, "Ottobre of Ottobre", &nobody) }
}
