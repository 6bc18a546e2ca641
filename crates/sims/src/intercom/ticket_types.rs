//! Types of tickets with their attributes, and the states that tickets go through.

use serde_json::{Value, json};

use super::call::{Call, list};
use super::refusal::{Answer, Outcome, Refusal};
use super::state::State;
use super::text::{escaped, seconds};

/// States: id, category, label.
pub(crate) const STATES: &[(&str, &str, &str)] = &[
    ("8481", "submitted", "Submitted"),
    ("8482", "in_progress", "In progress"),
    ("8483", "waiting_on_customer", "Waiting on you"),
    ("8484", "resolved", "Resolved"),
];
/// Categories of types.
const CATEGORIES: &[&str] = &["Customer", "Back-office", "Tracker"];
/// Types of attributes.
const DATA_TYPES: &[&str] = &["string", "list", "integer", "decimal", "boolean", "datetime", "files"];

/// An attribute of a type of ticket.
#[derive(Debug, Clone)]
pub(crate) struct TicketAttribute {
    pub(crate) id: String,
    pub(crate) name: String,
    ty: String,
    description: String,
    default: bool,
    archived: bool,
}

/// A type of ticket.
#[derive(Debug, Clone)]
pub(crate) struct TicketType {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) category: String,
    description: String,
    pub(crate) attributes: Vec<TicketAttribute>,
    archived: bool,
    created_ms: i64,
}

/// A state as tickets show it.
pub(crate) fn state_shown(category: &str) -> Value {
    let (id, category, label) = STATES.iter().find(|(_, known, _)| *known == category).unwrap_or(&STATES[0]);
    json!({"type": "ticket_state", "id": id, "category": category, "internal_label": label, "external_label": label})
}

/// The types that a workspace begins with.
pub(crate) fn types_of_a_fresh_workspace(state: &mut State) {
    for (name, category) in [("Bug report", "Customer"), ("Task", "Back-office")] {
        state.add_ticket_type(name, category, "");
    }
}

impl TicketType {
    fn attribute_shown(&self, at: usize, attribute: &TicketAttribute) -> Value {
        json!({
            "type": "ticket_type_attribute", "id": attribute.id, "workspace_id": "abc12345", "name": attribute.name,
            "description": escaped(&attribute.description), "data_type": attribute.ty, "input_options": null, "order": at,
            "required_to_create": false, "required_to_create_for_contacts": false, "visible_on_create": true, "visible_to_contacts": false,
            "default": attribute.default, "ticket_type_id": self.id.parse::<u64>().unwrap_or_default(), "archived": attribute.archived,
            "created_at": seconds(self.created_ms), "updated_at": seconds(self.created_ms),
        })
    }

    pub(crate) fn shown(&self) -> Value {
        let attributes: Vec<Value> =
            self.attributes.iter().enumerate().map(|(at, attribute)| self.attribute_shown(at, attribute)).collect();
        json!({
            "type": "ticket_type", "id": self.id, "name": escaped(&self.name), "description": escaped(&self.description), "icon": "🎟️",
            "workspace_id": "abc12345", "archived": self.archived, "created_at": seconds(self.created_ms), "updated_at": seconds(self.created_ms),
            "is_internal": self.category != "Customer", "category": self.category,
            "ticket_type_attributes": {"type": "list", "data": attributes},
            "ticket_states": {"type": "list", "data": STATES.iter().map(|(_, category, _)| state_shown(category)).collect::<Vec<_>>()},
        })
    }
}

impl State {
    /// Adds a type with the two attributes that every type has.
    pub(crate) fn add_ticket_type(&mut self, name: &str, category: &str, description: &str) -> usize {
        let own = |name: &str, id: String| TicketAttribute {
            id,
            name: name.to_owned(),
            ty: "string".to_owned(),
            description: String::new(),
            default: true,
            archived: false,
        };
        let attributes = vec![own("_default_title_", self.small_id()), own("_default_description_", self.small_id())];
        let ticket_type = TicketType {
            id: self.small_id(),
            name: name.to_owned(),
            category: category.to_owned(),
            description: description.to_owned(),
            attributes,
            archived: false,
            created_ms: self.now_ms,
        };
        self.ticket_types.push(ticket_type);
        self.ticket_types.len() - 1
    }

    /// `/ticket_types/…`.
    pub(crate) fn ticket_type_routes(&mut self, call: &Call, rest: &[&str]) -> Outcome {
        let found = rest.first().map(|id| self.ticket_types.iter().position(|ty| ty.id == *id).ok_or_else(Refusal::nothing)).transpose()?;
        match (call.method.as_str(), rest, found) {
            ("GET", [], _) => list(self.ticket_types.iter().map(TicketType::shown).collect()),
            ("POST", [], _) => {
                let name = call.text("name").ok_or_else(|| Refusal::absent("name"))?.to_owned();
                let category = call.text("category").unwrap_or("Customer").to_owned();
                if !CATEGORIES.contains(&category.as_str()) {
                    return Err(Refusal::parameter("category", "category is not valid"));
                }
                let description = call.text("description").unwrap_or_default().to_owned();
                let at = self.add_ticket_type(&name, &category, &description);
                Ok(Answer::ok(self.ticket_types[at].shown()))
            }
            ("GET", [_], Some(at)) => Ok(Answer::ok(self.ticket_types[at].shown())),
            ("PUT", [_], Some(at)) => {
                let ticket_type = &mut self.ticket_types[at];
                if let Some(name) = call.text("name") {
                    name.clone_into(&mut ticket_type.name);
                }
                if let Some(archived) = call.body.get("archived").and_then(Value::as_bool) {
                    ticket_type.archived = archived;
                }
                Ok(Answer::ok(ticket_type.shown()))
            }
            ("POST", [_, "attributes"], Some(at)) => {
                let name = call.text("name").ok_or_else(|| Refusal::absent("name"))?.to_owned();
                let description = call.body.get("description").and_then(Value::as_str).ok_or_else(|| Refusal::absent("description"))?;
                let ty = call.text("data_type").filter(|ty| DATA_TYPES.contains(ty));
                let ty = ty.ok_or_else(|| Refusal::parameter("data_type", "data_type is not valid"))?.to_owned();
                if self.ticket_types[at].attributes.iter().any(|known| known.name == name) {
                    return Err(Refusal::parameter("name", "An attribute with this name already exists for this ticket type"));
                }
                let attribute =
                    TicketAttribute { id: self.small_id(), name, ty, description: description.to_owned(), default: false, archived: false };
                let ticket_type = &mut self.ticket_types[at];
                ticket_type.attributes.push(attribute);
                let last = ticket_type.attributes.len() - 1;
                Ok(Answer::ok(ticket_type.attribute_shown(last, &ticket_type.attributes[last])))
            }
            _ => Err(Refusal::nothing()),
        }
    }

    /// `GET /ticket_states`.
    pub(crate) fn ticket_states(&self) -> Outcome {
        let types: Vec<Value> = self.ticket_types.iter().map(|ty| json!({"type": "ticket_type", "id": ty.id, "name": ty.name})).collect();
        let states = STATES.iter().map(|(_, category, _)| {
            let mut shown = state_shown(category);
            shown["archived"] = json!(false);
            shown["ticket_types"] = json!({"type": "list", "data": types});
            shown
        });
        list(states.collect())
    }
}
