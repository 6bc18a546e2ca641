//! What happened before: deals, sales calls, tickets.

use jiff::civil::Date;
use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use super::super::backdate::{Backdated, DAY_MS};
use super::desk::Desk;
use super::{Client, day, map};
use crate::salesforce::Salesforce;
use crate::world::WorldError;
use crate::zendesk::Zendesk;

/// One deal for so many customers.
const CUSTOMERS_PER_DEAL: usize = 60;
/// One logged sales call for so many customers.
const CUSTOMERS_PER_CALL: usize = 30;
/// One ticket for so many customers.
const CUSTOMERS_PER_TICKET: usize = 40;
/// Days back at which deals and calls begin and end.
const SALES_DAYS: (i64, i64) = (49, 5);
/// Days back at which tickets begin and end.
const TICKET_DAYS: (i64, i64) = (45, 1);

const OPEN_STAGES: &[&str] = &["Prospecting", "Qualification", "Proposal/Price Quote", "Negotiation/Review"];
const CALLS: &[&str] = &["Quarterly review", "Renewal call", "Expansion talk", "Kick-off", "Pricing question", "Product update"];

/// What people write to support about.
pub(crate) const TROUBLES: &[&str] = &[
    "Cannot sign in",
    "Export runs into a time-out",
    "Invoice shows the wrong address",
    "How do I invite a colleague?",
    "Dashboard is slow since yesterday",
    "API answers 429",
    "Report has no data for May",
    "Please reset two-factor sign-in",
    "Import skips the last row",
    "Webhook is not called",
];

pub(crate) fn sales(
    salesforce: &Salesforce,
    clients: &[Client],
    customers: usize,
    today: Date,
    backdated: &mut Backdated,
    rng: &mut ChaCha8Rng,
) -> Result<(usize, usize), WorldError> {
    let sellers = salesforce.users().sales;
    let (deals, calls) = (customers / CUSTOMERS_PER_DEAL, customers / CUSTOMERS_PER_CALL);
    for step in 0..deals + calls {
        backdated.between(SALES_DAYS.0 * DAY_MS, SALES_DAYS.1 * DAY_MS, step, deals + calls);
        let days = -(SALES_DAYS.0 - (SALES_DAYS.0 - SALES_DAYS.1) * step as i64 / (deals + calls).max(1) as i64);
        let Some(client) = clients.choose(rng) else { break };
        let seller = sellers.get(client.owner).cloned().unwrap_or_default();
        if step % 3 == 0 && step / 3 < deals {
            let (stage, close) = match rng.random_range(0..10) {
                0..6 => ("Closed Won", days),
                6 => ("Closed Lost", days),
                _ => (OPEN_STAGES.choose(rng).copied().unwrap_or("Prospecting"), rng.random_range(10..90)),
            };
            let deal = json!({
                "Name": format!("{}: {}", client.firm.short, ["renewal", "expansion", "add-on"].choose(rng).unwrap_or(&"renewal")),
                "AccountId": client.account, "StageName": stage, "CloseDate": day(today, close),
                "Amount": rng.random_range(10..900) * 100, "OwnerId": seller,
            });
            salesforce.insert("Opportunity", &map(deal), &seller)?;
        } else {
            let contact = client.people.choose(rng).map(|customer| customer.contact.clone());
            let call = json!({
                "Subject": CALLS.choose(rng).copied(), "TaskSubtype": "Call", "Status": "Completed", "ActivityDate": day(today, days),
                "WhatId": client.account, "WhoId": contact, "OwnerId": seller, "Description": "Talked about the next steps.",
            });
            salesforce.insert("Task", &map(call), &seller)?;
        }
    }
    Ok((salesforce.count("Opportunity"), salesforce.count("Task")))
}

pub(crate) fn tickets(
    zendesk: &Zendesk,
    desk: &Desk,
    customers: usize,
    backdated: &mut Backdated,
    rng: &mut ChaCha8Rng,
) -> Result<usize, WorldError> {
    let tickets = customers / CUSTOMERS_PER_TICKET;
    // A ticket's life is three moments: asked, answered, solved.
    let moment = |backdated: &mut Backdated, ticket: usize, part: usize| {
        backdated.between(TICKET_DAYS.0 * DAY_MS, TICKET_DAYS.1 * DAY_MS, ticket * 3 + part, tickets * 3);
    };
    for ticket in 0..tickets {
        let (Some(requester), Some(agent)) = (desk.users.choose(rng).copied(), desk.agents.choose(rng).copied()) else { break };
        moment(backdated, ticket, 0);
        let subject = TROUBLES.choose(rng).copied().unwrap_or("Cannot sign in");
        let asked = json!({
            "subject": subject, "comment": {"body": format!("Hello, {}. Can you help?", subject.to_lowercase())}, "requester_id": requester,
            "priority": (["low", "normal", "normal", "high", "urgent"].choose(rng).copied()),
            "type": (["question", "problem", "incident"].choose(rng).copied()),
        });
        let id = zendesk.create_ticket(&map(asked), requester)?;
        let fate = rng.random_range(0..100);
        if fate < 8 {
            continue;
        }
        moment(backdated, ticket, 1);
        let status = if fate < 25 { "open" } else { "pending" };
        let answer = json!({"assignee_id": agent, "status": status, "comment": {"body": "We are looking into it.", "public": true}});
        zendesk.update_ticket(id, &map(answer), agent)?;
        if fate < 30 {
            continue;
        }
        moment(backdated, ticket, 2);
        zendesk.solve(id, agent)?;
        if rng.random_range(0..2) == 0 {
            zendesk.rate(id, if rng.random_range(0..10) == 0 { "bad" } else { "good" }, None)?;
        }
    }
    Ok(tickets)
}
