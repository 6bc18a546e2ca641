//! Campaigns: known by GUIDs, with properties of their own, a budget, and what they brought in.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::call::Call;
use super::moment::iso;
use super::refusal::{Answer, Flaw, Outcome, Refusal};
use super::state::State;

/// Most campaigns on a page.
const PAGE_MAX: usize = 100;
/// Campaigns on a page that asks for no number.
const PAGE_USUAL: usize = 50;
/// Properties that may be written.
const WRITABLE: &[&str] = &[
    "hs_name",
    "hs_start_date",
    "hs_end_date",
    "hs_notes",
    "hs_audience",
    "hs_currency_code",
    "hs_campaign_status",
    "hs_owner",
    "hs_color_hex",
    "hs_utm",
    "hs_goal",
];
/// Properties that HubSpot adds up.
const COMPUTED: &[&str] = &["hs_budget_items_sum_amount", "hs_spend_items_sum_amount", "hs_object_id", "hs_created_by_user_id"];
/// What a campaign's status may be.
const STATUSES: &[&str] = &["planned", "in_progress", "active", "paused", "completed"];

/// One campaign.
#[derive(Debug, Clone)]
pub(crate) struct Campaign {
    pub(crate) id: String,
    number: u64,
    properties: BTreeMap<String, String>,
    budget: Vec<(String, f64)>,
    spent: Vec<(String, f64)>,
    revenue: f64,
    created_ms: i64,
    updated_ms: i64,
}

impl Campaign {
    fn value(&self, name: &str) -> Option<String> {
        let sum = |items: &[(String, f64)]| items.iter().map(|(_, amount)| amount).sum::<f64>().to_string();
        match name {
            "hs_budget_items_sum_amount" => Some(sum(&self.budget)),
            "hs_spend_items_sum_amount" => Some(sum(&self.spent)),
            "hs_object_id" => Some(self.number.to_string()),
            _ => self.properties.get(name).cloned(),
        }
    }

    fn shown(&self, names: &[String]) -> Value {
        let usual = ["hs_name".to_owned()];
        let names = if names.is_empty() { &usual[..] } else { names };
        // What is not set is left out.
        let properties: Map<String, Value> =
            names.iter().filter_map(|name| Some((name.clone(), Value::String(self.value(name)?)))).collect();
        json!({"id": self.id, "properties": properties, "createdAt": iso(self.created_ms), "updatedAt": iso(self.updated_ms)})
    }

    fn currency(&self) -> String {
        self.value("hs_currency_code").unwrap_or_else(|| "USD".to_owned())
    }
}

fn checked(given: &Map<String, Value>, portal: u64) -> Result<BTreeMap<String, String>, Refusal> {
    let mut values = BTreeMap::new();
    let mut flaws = Vec::new();
    for (name, value) in given {
        let Some(text) = super::values::text(value) else { continue };
        let flaw = |code, message: String| Flaw { name: name.clone(), code, message };
        if COMPUTED.contains(&name.as_str()) {
            flaws.push(flaw("READ_ONLY_VALUE", format!("{name} is a read only property")));
        } else if !WRITABLE.contains(&name.as_str()) {
            flaws.push(flaw("PROPERTY_DOESNT_EXIST", format!("Property \"{name}\" does not exist")));
        } else if name == "hs_campaign_status" && !text.is_empty() && !STATUSES.contains(&text.as_str()) {
            flaws.push(flaw("INVALID_OPTION", format!("{text} was not one of the allowed options")));
        } else if name.ends_with("_date") && !text.is_empty() && super::moment::day(&text).is_none() {
            flaws.push(flaw("INVALID_DATE", format!("{text} is no date")));
        } else {
            values.insert(name.clone(), text);
        }
    }
    if flaws.is_empty() { Ok(values) } else { Err(Refusal::properties(&flaws, portal)) }
}

impl State {
    /// `/campaigns/…`.
    pub(crate) fn campaign_routes(&mut self, call: &Call, rest: &[&str]) -> Outcome {
        let write = call.method != http::Method::GET && !matches!(rest, ["batch", "read"]);
        self.scoped(if write { "marketing.campaigns.write" } else { "marketing.campaigns.read" })?;
        let names = call.list("properties");
        match (call.method.as_str(), rest) {
            ("GET", []) => self.campaign_page(call, &names),
            ("POST", []) => {
                let given = call.object("properties")?;
                let id = self.make_campaign(given)?;
                Ok(Answer::created(self.campaigns[&id].shown(&given.keys().cloned().collect::<Vec<_>>())))
            }
            ("POST", ["batch", "read"]) => {
                let (mut results, mut missing) = (Vec::new(), Vec::new());
                for input in call.inputs(PAGE_MAX)? {
                    let id = input["id"].as_str().unwrap_or_default();
                    match self.campaigns.get(id) {
                        Some(campaign) => results.push(campaign.shown(&names)),
                        None => missing.push(id.to_owned()),
                    }
                }
                let errors = if missing.is_empty() { Vec::new() } else { vec![Refusal::missing(&missing).row(None, None)] };
                Ok(call.batch(200, results, errors))
            }
            ("GET", [id]) => Ok(Answer::ok(self.campaign(id)?.shown(&names))),
            ("PATCH", [id]) => {
                let given = call.object("properties")?;
                self.change_campaign(id, given)?;
                Ok(Answer::ok(self.campaign(id)?.shown(&given.keys().cloned().collect::<Vec<_>>())))
            }
            ("DELETE", [id]) => {
                self.campaigns.remove(*id);
                Ok(Answer::nothing())
            }
            ("GET", [id, "budget", "totals"]) => {
                let campaign = self.campaign(id)?;
                let items = |items: &[(String, f64)]| {
                    items.iter().map(|(name, amount)| json!({"name": name, "amount": amount})).collect::<Vec<_>>()
                };
                let sum = |items: &[(String, f64)]| items.iter().map(|(_, amount)| amount).sum::<f64>();
                let (budget, spent) = (sum(&campaign.budget), sum(&campaign.spent));
                Ok(Answer::ok(json!({
                    "budgetItems": items(&campaign.budget), "spendItems": items(&campaign.spent), "budgetTotal": budget, "spendTotal": spent,
                    "remainingBudget": budget - spent, "currencyCode": campaign.currency(),
                })))
            }
            ("POST", [id, list @ ("budget" | "spend")]) => {
                let amount = call.body["amount"].as_f64().ok_or_else(|| Refusal::validation("amount is required"))?;
                let name = call.body["name"].as_str().ok_or_else(|| Refusal::validation("name is required"))?.to_owned();
                self.campaign(id)?;
                let now = self.now_ms;
                self.campaigns.entry((*id).to_owned()).and_modify(|campaign| {
                    let items = if *list == "budget" { &mut campaign.budget } else { &mut campaign.spent };
                    items.push((name.clone(), amount));
                    campaign.updated_ms = now;
                });
                Ok(Answer::created(json!({"name": name, "amount": amount})))
            }
            ("GET", [id, "reports", "revenue"]) => {
                let campaign = self.campaign(id)?;
                Ok(Answer::ok(json!({
                    "revenueAmount": campaign.revenue, "dealAmount": campaign.revenue, "dealsNumber": u8::from(campaign.revenue > 0.0),
                    "contactsNumber": 0, "currencyCode": campaign.currency(),
                })))
            }
            ("GET", [id, "reports", "metrics"]) => {
                self.campaign(id)?;
                Ok(Answer::ok(json!({"sessions": 0, "newContactsFirstTouch": 0, "newContactsLastTouch": 0, "influencedContacts": 0})))
            }
            ("GET", [id, "assets", _]) => {
                self.campaign(id)?;
                Ok(Answer::ok(json!({"results": []})))
            }
            _ => Err(Refusal::resource()),
        }
    }

    fn campaign(&self, id: &str) -> Result<&Campaign, Refusal> {
        self.campaigns.get(id).ok_or_else(|| Refusal::missing(&[id.to_owned()]))
    }

    /// Makes a campaign; gives its GUID.
    ///
    /// # Errors
    /// Without a name, with a name that is taken, or with properties as HubSpot refuses them.
    pub(crate) fn make_campaign(&mut self, given: &Map<String, Value>) -> Result<String, Refusal> {
        let properties = checked(given, self.options.portal_id)?;
        let name = properties.get("hs_name").filter(|name| !name.is_empty()).ok_or_else(|| Refusal::validation("hs_name is required"))?;
        if self.campaigns.values().any(|known| known.properties.get("hs_name") == Some(name)) {
            return Err(Refusal::new(409, "CONFLICT", format!("A campaign named '{name}' already exists")));
        }
        let (id, number, now) = (self.uuid(), self.next_id(), self.now_ms);
        let campaign = Campaign {
            id: id.clone(),
            number,
            properties,
            budget: Vec::new(),
            spent: Vec::new(),
            revenue: 0.0,
            created_ms: now,
            updated_ms: now,
        };
        self.campaigns.insert(id.clone(), campaign);
        Ok(id)
    }

    /// Changes a campaign.
    ///
    /// # Errors
    /// When it is not there, or as HubSpot refuses its properties.
    pub(crate) fn change_campaign(&mut self, id: &str, given: &Map<String, Value>) -> Result<(), Refusal> {
        self.campaign(id)?;
        let values = checked(given, self.options.portal_id)?;
        let now = self.now_ms;
        self.campaigns.entry(id.to_owned()).and_modify(|campaign| {
            let before = campaign.properties.clone();
            for (name, value) in values {
                if value.is_empty() {
                    campaign.properties.remove(&name);
                } else {
                    campaign.properties.insert(name, value);
                }
            }
            if campaign.properties != before {
                campaign.updated_ms = now;
            }
        });
        Ok(())
    }

    /// Books what a campaign may cost, has cost and has brought in.
    pub(crate) fn book(&mut self, id: &str, budget: f64, spent: f64, revenue: f64) {
        let now = self.now_ms;
        self.campaigns.entry(id.to_owned()).and_modify(|campaign| {
            campaign.budget = vec![("Budget".to_owned(), budget)];
            campaign.spent = vec![("Spend".to_owned(), spent)];
            (campaign.revenue, campaign.updated_ms) = (revenue, now);
        });
    }

    fn campaign_page(&self, call: &Call, names: &[String]) -> Outcome {
        let mut limit = call.number("limit", PAGE_USUAL)?;
        if limit == 0 || limit > PAGE_MAX {
            return Err(Refusal::validation(format!("limit must be between 1 and {PAGE_MAX}")));
        }
        if call.half_page {
            limit = limit.div_ceil(2);
        }
        let from: usize =
            call.query("after").map_or(Ok(0), |text| text.parse().map_err(|_| Refusal::validation("Invalid paging offset")))?;
        let mut all: Vec<&Campaign> = self.campaigns.values().collect();
        all.sort_by_key(|campaign| campaign.number);
        if let Some(part) = call.query("name") {
            all.retain(|campaign| campaign.value("hs_name").is_some_and(|name| name.to_lowercase().contains(&part.to_lowercase())));
        }
        let page: Vec<Value> = all.iter().skip(from).take(limit).map(|campaign| campaign.shown(names)).collect();
        let mut body = json!({"total": all.len(), "results": page});
        if from + limit < all.len() {
            body["paging"] = call.next(&(from + limit).to_string());
        }
        Ok(Answer::ok(body))
    }
}
