//! Custom attributes of conversations. Version 2.16 has a resource of their own for them, with types and options unlike those of contacts and
//! companies; version 2.14 shows them among the data attributes and cannot make any (Intercom's API descriptions 2.14 and 2.16).

use entente_model::mapping::remote::RemoteField;
use serde_json::{Value, json};

use crate::connector::Priority;
use crate::error::VendorError;
use crate::transport::call::Call;

use super::Intercom;
use super::kind::Kind;
use super::refusal::{misfit, of_no_row};
use super::schema::{Custom, is_list, lacking, type_of, wrong_type};
use super::wire::send;

const PATH: &str = "/conversations/attributes";

/// Types whose values are no scalars: other rows, and files.
const NO_VALUES: &[&str] = &["relationship", "files"];

impl Intercom {
    /// The definitions, as either version shows them. Where 2.15 stands is not documented: it is asked for the newer way first.
    pub(super) async fn conversation_attributes(&self, priority: Priority) -> Result<Vec<Value>, VendorError> {
        let newer = if self.version == "2.14" {
            None
        } else {
            let read = send(&self.client, "attributes", priority, Call::get(PATH).accept(&[404])).await.map_err(of_no_row)?;
            (read.status < 300).then_some(read)
        };
        let read = match newer {
            Some(read) => read,
            None => {
                let call = Call::get("/data_attributes").query("model", Kind::Conversation.singular());
                send(&self.client, "attributes", priority, call).await.map_err(of_no_row)?
            }
        };
        let mut definitions = read.rows()?.clone();
        definitions.retain(|definition| !definition["data_type"].as_str().is_some_and(|ty| NO_VALUES.contains(&ty)));
        Ok(definitions)
    }

    /// Makes an attribute that is not there yet.
    pub(super) async fn make_conversation_attribute(&self, name: &str, field: &RemoteField) -> Result<(), VendorError> {
        self.can_make(field)?;
        let list = is_list(field);
        let mut body =
            json!({"name": name, "data_type": if list { "list" } else { conversation_type_of(field) }, "description": field.label});
        if list {
            body["options"] = field.values.iter().map(|value| json!({"label": value})).collect();
        }
        send(&self.client, "attributes", Priority::Urgent, Call::post(PATH, body)).await.map_err(of_no_row).map(drop)
    }

    /// Adds the options that an attribute lacks.
    pub(super) async fn extend_conversation_attribute(&self, held: &Custom, field: &RemoteField) -> Result<(), VendorError> {
        let wanted = conversation_type_of(field);
        if !(held.is_of(wanted) || wanted == "string" && held.is_of("list")) {
            return Err(wrong_type(held, wanted, field));
        }
        let lacking = lacking(held, field);
        let Some(id) = held.id().filter(|_| !lacking.is_empty()) else { return Ok(()) };
        self.can_make(field)?;
        for label in lacking {
            let call = Call::post(format!("{PATH}/{id}/options"), json!({"label": label}));
            send(&self.client, "attributes", Priority::Urgent, call).await.map_err(of_no_row)?;
        }
        Ok(())
    }

    fn can_make(&self, field: &RemoteField) -> Result<(), VendorError> {
        if self.version != "2.14" {
            return Ok(());
        }
        Err(misfit(
            "api_version",
            format!("version {} of Intercom's API cannot make or change `{}`, an attribute of conversations", self.version, field.name),
            "make it in Intercom under Settings > Data > Conversations, or set `api_version = \"2.16\"` for the connection",
        )
        .about(&field.name))
    }
}

/// The type of an attribute of a conversation or a ticket; they have other names than those of contacts.
pub(super) fn conversation_type_of(field: &RemoteField) -> &'static str {
    match type_of(field) {
        "float" => "decimal",
        "date" => "datetime",
        other => other,
    }
}
