//! Where Intercom keeps what the rows of conversations, tickets, contacts and companies show, so that each value can be changed behind our back; and
//! what customers and colleagues say there beforehand.

use entente_sims::intercom::{Intercom, Kind};
use entente_store::Link;
use serde_json::{Value, json};

use crate::hub::{Hub, fields};

/// Customers ask, colleagues answer and close, customers are content; and each has a ticket beside it.
pub fn open(hub: &Hub, contacts: &[String]) {
    let second = hub.second.as_ref().unwrap();
    let intercom = second.intercom.as_ref().unwrap();
    let admin = intercom.admins()[1].id.clone();
    let (ticket_type, _) = intercom.ticket_types().remove(0);
    for contact in contacts {
        let person = second.contact_of(contact).unwrap().id;
        let asked = json!({ "from": { "type": "user", "id": person }, "body": "Help!", "title": "It is wet now", "priority": "high" });
        let asked = intercom.create(Kind::Conversation, &fields(asked)).unwrap();
        intercom.tag(Kind::Conversation, &asked, "category_cold", true).unwrap();
        intercom.manage(&asked, fields(json!({ "message_type": "assignment", "assignee_id": admin }))).unwrap();
        intercom.say(&asked, "A towel is on its way", &admin, false).unwrap();
        intercom.manage(&asked, fields(json!({ "message_type": "close" }))).unwrap();
        intercom.rate(&asked, 4, "Dry").unwrap();
        let ticket = json!({
            "ticket_type_id": ticket_type, "contacts": [{ "id": person }],
            "ticket_attributes": { "_default_title_": "A towel", "_default_description_": "A large one" },
        });
        let ticket = intercom.create(Kind::Ticket, &fields(ticket)).unwrap();
        intercom.say(&ticket, "It is blue", &admin, false).unwrap();
    }
}

/// The kind of a row; a conversation may be a ticket.
pub fn kind(object: &str) -> Kind {
    match object {
        "contact" => Kind::Contact,
        "company" => Kind::Company,
        "ticket" => Kind::Ticket,
        _ => Kind::Conversation,
    }
}

/// The row and the field that hold what a field of a row shows. `None` where nobody can change it in this row.
pub fn held_at(intercom: &Intercom, link: &Link, field: &str) -> Option<(String, String, String)> {
    let id = link.external_id.as_str();
    let at = |object: &str, held: &str| Some((object.to_owned(), id.to_owned(), held.to_owned()));
    if link.remote_object != "conversation" {
        return at(&link.remote_object, if field == "company_id" { "companies" } else { field });
    }
    let ticket = intercom.get(Kind::Ticket, id);
    let closed = || intercom.get(Kind::Conversation, id).is_some_and(|row| row["state"] == "closed");
    let object = if ticket.is_some() { "ticket" } else { "conversation" };
    let held = match (object, field) {
        ("ticket", "title") => "ticket_attributes._default_title_",
        ("ticket", "description") => "ticket_attributes._default_description_",
        ("ticket", "number") => "ticket_id",
        ("ticket", "ticket_type" | "internal") => "type",
        ("conversation", "description") => "body",
        ("conversation", "last_reply_at") => "stats.last_admin_reply",
        ("conversation", "first_response_minutes") => "stats.first_admin_reply",
        ("conversation", "solved_at" | "resolution_minutes") if closed() => "stats.last_close",
        // Of a ticket no view tells its company.
        ("conversation", "title" | "state" | "priority" | "rating" | "form" | "assignee.name" | "company_id") => field,
        (_, "contact_id") => "contacts",
        (_, "tags" | "created_at") => field,
        _ => return None,
    };
    at(object, held)
}

/// Another value in place of one, where it is not any other text or number; `None` where any is.
pub fn another(intercom: &Intercom, id: &str, held: &str, before: &Value) -> Option<Value> {
    let others = |kind: Kind| intercom.rows(kind).into_iter().map(|row| row["id"].clone()).filter(|id| id != before);
    let other = |kind: Kind| others(kind).next();
    match held {
        "companies" => other(Kind::Company),
        // A conversation that names none has its contact's.
        "company_id" => {
            let shown = intercom.get(Kind::Conversation, id).map(|row| row["company"]["id"].clone());
            others(Kind::Company).find(|company| shown.as_ref() != Some(company))
        }
        "contacts" => other(Kind::Contact),
        // The other one of the two is for colleagues.
        "type" => intercom.ticket_types().into_iter().map(|(id, _)| json!(id)).find(|id| id != before),
        _ => None,
    }
}
