//! New tickets. Intercom has no key for them that is never behind: an attribute carries it, and the search index knows it minutes later.
//!
//! A ticket may be made at once when nobody can have made it before: its record is younger than this connector. Otherwise, and after a call
//! of which nobody knows whether it landed, the index is given the time that it may be behind, and asked then. What remains is a
//! ticket that another process made and died over within that time.
//!
//! What is for colleagues becomes a ticket of the back office, which no customer sees. Intercom makes none without a contact: one without
//! an address stands in.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use entente_model::clock::Timestamp;
use serde_json::{Map, Value, json};

use crate::connector::Priority;
use crate::error::{Class, VendorError};
use crate::transport::call::Call;
use crate::write::{Write, WriteOutcome, WriteTarget, Written};

use super::Intercom;
use super::kind::{Kind, TICKET};
use super::map::{COMPANY_OF_TICKET, STAND_IN, id_text, version};
use super::put::new_ticket;
use super::refusal::{holder, misfit, of_no_row, refuse};
use super::rows::INDEX_LAG;
use super::schema::{Fields, unknown};
use super::wire::{read, send};
use super::write::untold;

/// Letters of base 32 that hold the instant of a record's id, and the alphabet they are written in.
const STAMP_CHARS: usize = 10;
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Creations of which nobody knows whether they landed, with when they were tried.
#[derive(Debug)]
pub(crate) struct Tries {
    /// When this connector was made.
    born: Timestamp,
    unsure: Mutex<BTreeMap<String, Timestamp>>,
}

impl Tries {
    pub fn new(born: Timestamp) -> Self {
        Self { born, unsure: Mutex::default() }
    }

    /// Until when the index has to be waited for before a key may be used.
    fn wait_until(&self, key: &str, now: Timestamp) -> Option<Timestamp> {
        let mut unsure = self.unsure.lock().unwrap_or_else(PoisonError::into_inner);
        let over = |tried: Timestamp| tried.checked_add(INDEX_LAG).unwrap_or(tried);
        unsure.retain(|_, tried| over(*tried) > now);
        let tried = unsure.get(key).copied();
        let before_us = stamp(key).is_none_or(|made| made < self.born).then_some(self.born);
        tried.into_iter().chain(before_us).map(over).filter(|until| *until > now).max()
    }

    fn note(&self, key: &str, now: Timestamp) {
        self.unsure.lock().unwrap_or_else(PoisonError::into_inner).insert(key.to_owned(), now);
    }
}

/// The instant that a record's id holds: the first 48 bits of a UUIDv7.
fn stamp(key: &str) -> Option<Timestamp> {
    let letters = key.split_once('_')?.1.as_bytes().get(..STAMP_CHARS)?;
    let digit = |letter: &u8| ALPHABET.iter().position(|known| known == letter).and_then(|at| i64::try_from(at).ok());
    let ms = letters.iter().try_fold(0_i64, |sum, letter| Some(sum * 32 + digit(letter)?))?;
    Timestamp::from_millisecond(ms).ok()
}

impl Intercom {
    pub(super) async fn create_ticket(
        &self,
        target: &WriteTarget,
        write: &Write,
        fields: &Arc<Fields>,
        priority: Priority,
    ) -> WriteOutcome {
        let (key, now) = (&write.key, self.client.now());
        let found = self.tickets_by_key(key, &target.key_field, priority).await?;
        if let Some(row) = found.first() {
            return Ok(Written { id: id_text(&row["id"]).ok_or_else(untold)?, created: Some(false), version: version(row), look: None });
        }
        if let Some(until) = self.tries.wait_until(key, now) {
            return Err(VendorError::new(
                Class::Wait { until },
                "index_behind",
                "an earlier attempt may have made this ticket, and Intercom's search does not show it yet",
                "nothing: the ticket is looked for again, and made if it is not there",
            ));
        }
        let body = self.ticket(target, write, fields, priority).await?;
        let made = match send(&self.client, "create", priority, Call::post("/tickets", Value::Object(body))).await {
            Ok(read) => read.body,
            Err(error) => {
                if error.class == Class::Retry {
                    self.tries.note(key, now);
                }
                return Err(error);
            }
        };
        let id = id_text(&made["id"]).ok_or_else(untold)?;
        let assigned = self.assign(&id, write, priority).await?;
        Ok(Written { id, created: Some(true), version: version(assigned.as_ref().unwrap_or(&made)), look: None })
    }

    /// The body of a new ticket.
    async fn ticket(
        &self,
        target: &WriteTarget,
        write: &Write,
        fields: &Fields,
        priority: Priority,
    ) -> Result<Map<String, Value>, VendorError> {
        let name = target.key_field.strip_prefix(TICKET).unwrap_or(&target.key_field);
        let internal = write.row.get("internal").is_some_and(|value| *value == true);
        let types = self.ticket_types(priority).await?;
        let ours = |ty: &&super::directory::TicketType| (ty.name == super::directory::OWN_TYPE) == internal;
        let ty = types.iter().filter(ours).find(|ty| ty.attributes.contains_key(name));
        let ty = ty.ok_or_else(|| unknown(Kind::Conversation, &target.key_field))?;
        let company = write.row.get("company_id").and_then(id_text);
        let mut attributes = new_ticket(&write.row, fields)?;
        attributes.insert(name.to_owned(), json!(write.key));
        let contact = match write.row.get("contact_id").and_then(id_text) {
            Some(_) if internal => return Err(for_colleagues()),
            None if internal => self.stand_in(priority).await?,
            Some(contact) => contact,
            None => return Err(nobody()),
        };
        let mut body = Map::from_iter([
            ("ticket_type_id".to_owned(), json!(ty.id)),
            ("contacts".to_owned(), json!([{"id": contact}])),
            ("skip_notifications".to_owned(), json!(true)),
        ]);
        if let Some(company) = company {
            if ty.attributes.contains_key(COMPANY_OF_TICKET) {
                attributes.insert(COMPANY_OF_TICKET.to_owned(), json!(company));
            }
            body.insert("company_id".to_owned(), json!(company));
        }
        body.insert("ticket_attributes".to_owned(), Value::Object(attributes));
        Ok(body)
    }

    /// The contact that stands in where no customer takes part. It has no address, so nobody ever hears of it.
    async fn stand_in(&self, priority: Priority) -> Result<String, VendorError> {
        if let Some(row) = self.contact_by_key(STAND_IN, priority).await?
            && let Some(id) = id_text(&row["id"])
        {
            return Ok(id);
        }
        let body = json!({"role": "user", "external_id": STAND_IN, "name": "Entente (colleagues)"});
        let answer = self.client.call("create", priority, Call::post("/contacts", body).accept(&[409])).await.map_err(of_no_row)?;
        if answer.status != 409 {
            return id_text(&read(&self.client, &answer)?.body["id"]).ok_or_else(untold);
        }
        let told = refuse(&answer, self.client.now());
        let Some((id, archived)) = holder(&told) else { return Err(told) };
        if archived {
            send(&self.client, "unarchive", priority, Call::post(format!("/contacts/{id}/unarchive"), json!({})).idempotent()).await?;
        }
        Ok(id)
    }

    /// Gives a new ticket to the colleague who is to have it, if they are an admin here; the ticket as it is then.
    async fn assign(&self, id: &str, write: &Write, priority: Priority) -> Result<Option<Value>, VendorError> {
        let wanted = write.row.get("requester_agent_email").and_then(Value::as_str).filter(|email| !email.is_empty());
        let Some(wanted) = wanted else { return Ok(None) };
        let (Some(admin), Some(us)) = (self.admin_of(wanted, priority).await, self.our_id(priority).await?) else { return Ok(None) };
        let call = Call::put(format!("/tickets/{id}"), json!({"admin_id": us, "assignee_id": admin})).idempotent();
        match send(&self.client, "update", priority, call).await {
            Ok(read) => Ok(Some(read.body)),
            Err(error) => {
                // The ticket is there and must not be made again: without an assignee it waits in the inbox for one.
                tracing::warn!(connection = %self.client.settings().name, ticket = id, %error, "a new ticket could not be given to a colleague");
                Ok(None)
            }
        }
    }
}

fn for_colleagues() -> VendorError {
    VendorError::new(
        Class::Data,
        "no_customer",
        "no customer takes part in a ticket for colleagues",
        "set the direction of the contact's mapping to in, or make the ticket one that is not internal",
    )
    .about("contact_id")
}

fn nobody() -> VendorError {
    misfit(
        "no_contact",
        "Intercom makes no ticket for a customer without a contact",
        "map the ticket's contact, and let tickets be created after their contact (`create.after`)",
    )
    .about("contact_id")
}

#[cfg(test)]
mod tests {
    use entente_model::id::RecordId;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("timestamp")
    }

    #[test]
    fn only_what_an_earlier_attempt_may_have_made_waits_for_the_index() {
        // The example of a UUIDv7 in RFC 9562, of 2022-02-22T19:22:22Z.
        let key = RecordId::new("cas", 0x017f_22e2_79b0_7cc3_98c4_dc0c_0c07_398f);
        let key = key.as_str();
        assert_eq!(stamp(key), Some(at("2022-02-22T19:22:22Z")));
        let older = Tries::new(at("2022-02-22T19:00:00Z"));
        let now = at("2022-02-22T19:22:23Z");
        assert_eq!(older.wait_until(key, now), None, "nobody can have tried before");
        older.note(key, now);
        assert_eq!(older.wait_until(key, now), Some(at("2022-02-22T19:27:23Z")));
        assert_eq!(older.wait_until(key, at("2022-02-22T19:27:23Z")), None);
        let newer = Tries::new(at("2022-02-22T19:30:00Z"));
        assert_eq!(newer.wait_until(key, at("2022-02-22T19:31:00Z")), Some(at("2022-02-22T19:35:00Z")));
        assert_eq!(newer.wait_until("no id", at("2022-02-22T19:31:00Z")), Some(at("2022-02-22T19:35:00Z")));
    }
}
