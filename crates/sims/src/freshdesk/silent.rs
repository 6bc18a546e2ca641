//! Changes that nothing tells of: no webhook, and, if so wanted, no stamp.

use serde_json::{Value, json};

use super::Freshdesk;
use super::moment::{instant, iso, iso_or_null};
use super::state::{Kind, State};

impl Freshdesk {
    /// Puts a value straight into a record, past every check, and tells nobody. Fields go by their place in what the API shows
    /// (`custom_fields.plan`, `stats.resolved_at`; of `responder` the name is the agent's own). `stamped` moves `updated_at` on, as an edit does
    /// whose webhook gets lost. Answers the value before; `None` when there is no such record, or nothing that could be set.
    pub fn change_silently(&self, kind: Kind, id: u64, field: &str, to: &Value, stamped: bool) -> Option<Value> {
        self.with(|state| {
            let now = state.now_ms;
            let before = state.put_silently(kind, id, field, to)?;
            if stamped && let Some(record) = state.records[kind.index()].get_mut(&id) {
                record.updated_ms = now;
            }
            Some(before)
        })
    }
}

impl State {
    fn put_silently(&mut self, kind: Kind, id: u64, field: &str, to: &Value) -> Option<Value> {
        let records = &mut self.records[kind.index()];
        match field.split_once('.') {
            // A record is there under another number, and no more under its own.
            None if field == "id" => {
                let mut record = records.remove(&id)?;
                record.id = to.as_u64()?;
                records.insert(record.id, record);
                Some(json!(id))
            }
            None if field == "created_at" => {
                Some(json!(iso(std::mem::replace(&mut records.get_mut(&id)?.created_ms, instant(to.as_str()?)?))))
            }
            None => Some(records.get_mut(&id)?.values.insert(field.to_owned(), to.clone()).unwrap_or_default()),
            Some(("stats", name)) => {
                let stats = &mut records.get_mut(&id)?.stats;
                let held = match name {
                    "agent_responded_at" => &mut stats.agent_responded_ms,
                    "requester_responded_at" => &mut stats.requester_responded_ms,
                    "first_responded_at" => &mut stats.first_responded_ms,
                    "resolved_at" => &mut stats.resolved_ms,
                    _ => return None,
                };
                Some(iso_or_null(std::mem::replace(held, to.as_str().and_then(instant))))
            }
            Some(("responder", "name")) => {
                let responder = records.get(&id)?.number("responder_id")?;
                let agent = self.agents.iter_mut().find(|agent| agent.id == responder)?;
                Some(json!(std::mem::replace(&mut agent.name, to.as_str()?.to_owned())))
            }
            Some(("custom_fields", key)) => {
                let known = self.fields[kind.index()].iter().find(|field| field.name.strip_prefix("cf_").unwrap_or(&field.name) == key)?;
                Some(records.get_mut(&id)?.custom.insert(known.name.clone(), to.clone()).unwrap_or_default())
            }
            Some(_) => None,
        }
    }
}
