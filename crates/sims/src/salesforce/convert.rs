//! Turning a lead into an account, a contact and an opportunity.

use serde_json::{Map, Value, json};

use super::State;
use super::cell::{Cell, day_of};
use super::envelope::{self, Element, tag};
use super::fail::{Fail, Outcome};
use super::id::SfId;
use super::org::{Actor, Org, WriteKind};
use super::soap::{Errand, errors};

/// Days until the close date of an opportunity made by a conversion.
const CLOSE_DAYS: i64 = 90;

struct Converted {
    account: SfId,
    contact: SfId,
    opportunity: Option<SfId>,
    lead: SfId,
}

/// `convertLead`: each on its own.
pub(crate) fn convert_leads(state: &mut State, errand: &Errand<'_>, operation: &Element) -> String {
    let mut out = String::new();
    for request in operation.all("leadConverts") {
        let mark = state.org.begin();
        match convert(&mut state.org, request, &errand.actor) {
            Ok(done) => {
                let opportunity = done
                    .opportunity
                    .map_or_else(|| r#"<opportunityId xsi:nil="true"/>"#.to_owned(), |id| tag("opportunityId", id.as_str()));
                out.push_str(&format!(
                    "<result>{}{}{}{opportunity}<success>true</success></result>",
                    tag("accountId", done.account.as_str()),
                    tag("contactId", done.contact.as_str()),
                    tag("leadId", done.lead.as_str())
                ));
            }
            Err(fail) => {
                state.org.rollback(mark);
                out.push_str(&format!(
                    r#"<result><accountId xsi:nil="true"/><contactId xsi:nil="true"/>{}<leadId xsi:nil="true"/><opportunityId xsi:nil="true"/><success>false</success></result>"#,
                    errors(&fail)
                ));
            }
        }
    }
    out
}

/// Converts a lead as a person does by hand, into a new account and a new contact without a deal; the contact's id.
pub(crate) fn by_hand(org: &mut Org, lead: &str, actor: &Actor) -> Outcome<String> {
    let request = format!(
        "<leadConverts>{}{}{}</leadConverts>",
        tag("leadId", lead),
        tag("convertedStatus", "Closed - Converted"),
        tag("doNotCreateOpportunity", "true")
    );
    let request = envelope::read(&request).ok_or_else(|| Fail::bad("MALFORMED_ID", format!("bad id {lead}")))?;
    Ok(convert(org, &request, actor)?.contact.to_string())
}

fn convert(org: &mut Org, request: &Element, actor: &Actor) -> Outcome<Converted> {
    let id = |name: &str| -> Outcome<Option<SfId>> {
        let malformed = |text: &str| Fail::bad("MALFORMED_ID", format!("{name}: bad id {text}"));
        request.value(name).map(|text| SfId::parse(text).ok_or_else(|| malformed(text))).transpose()
    };
    let lead = id("leadId")?.ok_or_else(|| Fail::bad("MISSING_ARGUMENT", "leadId is required"))?;
    let table = org.named("Lead")?;
    let ord = org.live(table, lead)?;
    if org.text_of(table, ord, "IsConverted") == "true" {
        return Err(Fail::bad("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead"));
    }
    let status = request.value("convertedStatus").unwrap_or_default();
    if !status.starts_with("Closed - Converted") && !status.eq_ignore_ascii_case("Qualified") && !status.eq_ignore_ascii_case("Converted") {
        return Err(Fail::on("INVALID_STATUS", "convertedStatus", format!("invalid convertedStatus: {status}")));
    }
    let owner = match id("ownerId")? {
        Some(owner) => owner.to_string(),
        None => org.text_of(table, ord, "OwnerId"),
    };
    let text = |org: &Org, name: &str| {
        let value = org.text_of(table, ord, name);
        if value.is_empty() { Value::Null } else { Value::String(value) }
    };
    let account = match id("accountId")? {
        Some(account) => account,
        None => {
            let fields = json!({"Name": text(org, "Company"), "Phone": text(org, "Phone"), "Website": text(org, "Website"),
                "Industry": text(org, "Industry"), "OwnerId": owner, "BillingStreet": text(org, "Street"), "BillingCity": text(org, "City"),
                "BillingState": text(org, "State"), "BillingPostalCode": text(org, "PostalCode"), "BillingCountry": text(org, "Country")});
            org.insert_named("Account", &map(fields), actor)?
        }
    };
    let contact = match id("contactId")? {
        Some(contact) => {
            org.update_id(contact, &map(json!({"AccountId": account.as_str()})), actor)?;
            contact
        }
        None => {
            let fields = json!({"AccountId": account.as_str(), "FirstName": text(org, "FirstName"), "LastName": text(org, "LastName"),
                "Email": text(org, "Email"), "Phone": text(org, "Phone"), "MobilePhone": text(org, "MobilePhone"), "Title": text(org, "Title"),
                "LeadSource": text(org, "LeadSource"), "OwnerId": owner});
            org.insert_named("Contact", &map(fields), actor)?
        }
    };
    let opportunity = if let Some(opportunity) = id("opportunityId")? {
        Some(opportunity)
    } else if request.flag("doNotCreateOpportunity") {
        None
    } else {
        let name = request.value("opportunityName").map_or_else(|| text(org, "Company"), |n| json!(n));
        let close = day_of(org.clock.now_ms() + CLOSE_DAYS * super::org::DAY_MS);
        let fields = json!({"Name": name, "AccountId": account.as_str(), "StageName": "Prospecting", "CloseDate": close, "OwnerId": owner,
            "ContactId": contact.as_str(), "LeadSource": text(org, "LeadSource")});
        Some(org.insert_named("Opportunity", &map(fields), actor)?)
    };
    finish(org, table, ord, status, (account, contact, opportunity), actor);
    Ok(Converted { account, contact, opportunity, lead })
}

/// Marks the lead as converted.
fn finish(org: &mut Org, table: usize, ord: u32, status: &str, into: (SfId, SfId, Option<SfId>), actor: &Actor) {
    let now = org.clock.now_ms();
    let stamp = org.stamp(now);
    let Some(old) = org.tables[table].row(ord).cloned() else { return };
    let mut row = old.clone();
    let cells = [
        ("IsConverted", Some(Cell::Bool(true))),
        ("Status", Some(Cell::text(status))),
        ("ConvertedDate", Some(Cell::text(&day_of(now)))),
        ("ConvertedAccountId", Some(Cell::Id(into.0))),
        ("ConvertedContactId", Some(Cell::Id(into.1))),
        ("ConvertedOpportunityId", into.2.map(Cell::Id)),
    ];
    for (name, cell) in cells {
        if let Some(slot) = org.tables[table].slot(name) {
            row.set(slot, cell);
        }
    }
    row.stamp_ms = stamp;
    row.modified_ms = stamp;
    row.modified_by = actor.user;
    org.store(table, Some(ord), row.clone());
    org.notify(WriteKind::Update, table, Some(&old), &row, actor.user);
}

fn map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
