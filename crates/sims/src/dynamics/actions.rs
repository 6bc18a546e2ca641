//! Messages that do more than change values: closing cases and opportunities, qualifying leads, merging.

use serde_json::{Map, Value, json};

use super::Hand;
use super::call::Call;
use super::refusal::{Answer, Outcome, Refusal};
use super::state::{State, link};

impl State {
    /// `POST CloseIncident` and its like; nothing for a message that there is none of.
    pub(crate) fn action_routes(&mut self, call: &Call, message: &str) -> Option<Outcome> {
        match message {
            "CloseIncident" => Some(self.close(call, "incident", "IncidentResolution", "incidentid@odata.bind", 1)),
            "WinOpportunity" => Some(self.close(call, "opportunity", "OpportunityClose", "opportunityid@odata.bind", 1)),
            "LoseOpportunity" => Some(self.close(call, "opportunity", "OpportunityClose", "opportunityid@odata.bind", 2)),
            "Merge" => Some(self.merge_message(call)),
            "InsertOptionValue" => Some(self.insert_option(call)),
            _ => None,
        }
    }

    fn close(&mut self, call: &Call, table: &str, wrapper: &str, bind: &str, state: i64) -> Outcome {
        let asked = &call.body[wrapper];
        let named = asked[bind].as_str().ok_or_else(|| Refusal::new(400, "0x80048d19", format!("'{wrapper}' lacks '{bind}'.")))?;
        let (found, id) = self.referred(named)?;
        if found != table {
            return Err(Refusal::bad(format!("'{bind}' takes a {table}.")));
        }
        let table = self.table(table)?.clone();
        let standing = self.row(&table.name, &id).map(|row| row.get("statecode").clone()).unwrap_or_default();
        if standing == json!(state) {
            return Err(Refusal::new(400, "0x80040203", format!("The {} has already been closed.", table.name)));
        }
        let status = call.body["Status"].as_i64().filter(|status| *status > 0);
        let mut values = Map::new();
        values.insert("statecode".to_owned(), json!(state));
        if let Some(status) = status {
            values.insert("statuscode".to_owned(), json!(status));
        }
        if table.name == "opportunity" {
            let day: String = super::moment::iso(self.now_ms).chars().take(10).collect();
            values.insert("actualclosedate".to_owned(), json!(day));
            let worth = self.row(&table.name, &id).map(|row| row.get("estimatedvalue").clone()).unwrap_or_default();
            values.insert("actualvalue".to_owned(), if state == 1 { worth } else { json!(0) });
        }
        self.atomically(|inner| inner.change(&table, &id, values, &Hand::Integration, true))?;
        Ok(Answer::nothing())
    }

    fn merge_message(&mut self, call: &Call) -> Outcome {
        let row = |name: &str| -> Option<(String, String)> {
            let held = call.body[name].as_object()?;
            let table = held.get("@odata.type")?.as_str()?.strip_prefix("Microsoft.Dynamics.CRM.")?.to_owned();
            let id = held.get(&format!("{table}id"))?.as_str()?.to_lowercase();
            Some((table, id))
        };
        let missing = |name: &str| Refusal::new(400, "0x80048d19", format!("'{name}' names no row."));
        let (table, winner) = row("Target").ok_or_else(|| missing("Target"))?;
        let (other, loser) = row("Subordinate").ok_or_else(|| missing("Subordinate"))?;
        if table != other {
            return Err(Refusal::new(400, "0x80040203", "These records cannot be merged."));
        }
        let content = call.body["UpdateContent"].as_object().cloned().unwrap_or_default();
        self.atomically(|state| state.merge(&table, &loser, &winner, &content, &Hand::Integration))?;
        Ok(Answer::nothing())
    }

    /// `POST leads(id)/Microsoft.Dynamics.CRM.QualifyLead`.
    pub(crate) fn qualify(&mut self, call: &Call, id: &str) -> Outcome {
        let wants = ["CreateAccount", "CreateContact", "CreateOpportunity"].map(|name| call.body[name] == true);
        let made = self.qualify_lead(id, wants, call.body["Status"].as_i64().unwrap_or(3), &Hand::Integration)?;
        let shown = made.iter().filter_map(|(set, id)| {
            let table = self.table_of_set(set).ok()?;
            Some(json!({"@odata.type": format!("#Microsoft.Dynamics.CRM.{}", table.name), table.id.clone(): id}))
        });
        Ok(Answer::ok(
            json!({"@odata.context": format!("{}$metadata#Collection(crmbaseentity)", call.root), "value": shown.collect::<Vec<_>>()}),
        ))
    }

    /// Makes an account, a contact and an opportunity of a lead, as far as each is wanted, and closes it; sets and ids of what was made.
    ///
    /// # Errors
    /// When it is not there, or closed.
    pub(crate) fn qualify_lead(
        &mut self,
        id: &str,
        [accounts, contacts, opportunities]: [bool; 3],
        status: i64,
        by: &Hand,
    ) -> Result<Vec<(String, String)>, Refusal> {
        let lead = self.row("lead", id).cloned().ok_or_else(|| Refusal::absent("lead", id))?;
        if lead.get("statecode") != &json!(0) {
            return Err(Refusal::new(400, "0x80040203", "The lead is already closed."));
        }
        self.atomically(|state| {
            let mut made: Vec<(String, String)> = Vec::new();
            let copy = |names: &[(&str, &str)]| -> Map<String, Value> {
                names.iter().map(|(from, to)| ((*to).to_owned(), lead.get(from).clone())).collect()
            };
            if accounts {
                let body = copy(&[("companyname", "name"), ("telephone1", "telephone1"), ("websiteurl", "websiteurl")]);
                made.push(("accounts".to_owned(), state.create("accounts", &body, by)?));
            }
            if contacts {
                let mut body = copy(&[
                    ("firstname", "firstname"),
                    ("lastname", "lastname"),
                    ("emailaddress1", "emailaddress1"),
                    ("jobtitle", "jobtitle"),
                ]);
                if let Some((_, account)) = made.iter().find(|(set, _)| set == "accounts") {
                    body.insert("parentcustomerid_account@odata.bind".to_owned(), json!(format!("/accounts({account})")));
                }
                made.push(("contacts".to_owned(), state.create("contacts", &body, by)?));
            }
            if opportunities {
                let mut body = copy(&[("subject", "name"), ("estimatedamount", "estimatedvalue")]);
                body.insert("originatingleadid@odata.bind".to_owned(), json!(format!("/leads({id})")));
                for (set, other) in &made {
                    let (property, plain) = if set == "accounts" {
                        ("customerid_account", "parentaccountid")
                    } else {
                        ("customerid_contact", "parentcontactid")
                    };
                    if set == "accounts" || !accounts {
                        body.insert(format!("{property}@odata.bind"), json!(format!("/{set}({other})")));
                    }
                    body.insert(format!("{plain}@odata.bind"), json!(format!("/{set}({other})")));
                }
                made.push(("opportunities".to_owned(), state.create("opportunities", &body, by)?));
            }
            let table = state.table("lead")?.clone();
            let mut values = Map::new();
            values.insert("statecode".to_owned(), json!(1));
            values.insert("statuscode".to_owned(), json!(status));
            if let Some((_, opportunity)) = made.iter().find(|(set, _)| set == "opportunities") {
                values.insert("qualifyingopportunityid".to_owned(), link("opportunity", opportunity));
            }
            state.change(&table, id, values, by, true)?;
            Ok(made)
        })
    }
}
