//! Changes that nothing tells of: no webhook, and, if so wanted, no stamp.

use serde_json::{Value, json};

use super::Intercom;
use super::state::{Kind, Record, State};

/// Name of what a row is, a conversation or a ticket.
const FORM: &str = "form";

impl Intercom {
    /// What a record holds in a field, named as [`Intercom::change_silently`] names it; `None` where it has no such field.
    #[must_use]
    pub fn held(&self, kind: Kind, id: &str, field: &str) -> Option<Value> {
        let state = self.lock();
        state.held(kind, id, field)
    }

    /// Puts a value straight into a record, past every check, and tells nobody. Fields go by what is kept: attributes by their names, custom ones with
    /// `custom_attributes.` or `ticket_attributes.` before them, `tags` by names, the first of `companies` and of `contacts` by its id, moments as
    /// `stats.last_close`, the type of a ticket as `type`; of `assignee.name` the name is the admin's own, and `form` makes a conversation a ticket and
    /// back, under its id. `stamped` moves `updated_at` on, as an edit does whose webhook gets lost. Answers the value before; `None` when there is no
    /// such record, or nothing that could be set.
    pub fn change_silently(&self, kind: Kind, id: &str, field: &str, to: &Value, stamped: bool) -> Option<Value> {
        self.with(|state| {
            let before = state.held(kind, id, field)?;
            let kind = state.put_silently(kind, id, field, to)?;
            let now = state.now_ms;
            if stamped && let Some(record) = state.records[kind.index()].get_mut(id) {
                record.updated_ms = now;
            }
            Some(before)
        })
    }
}

/// A custom attribute by its flattened name.
fn custom(field: &str) -> Option<&str> {
    field.strip_prefix("custom_attributes.").or_else(|| field.strip_prefix("ticket_attributes."))
}

/// An instant as text in milliseconds since 1970.
fn instant(value: &Value) -> Option<i64> {
    value.as_str()?.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond)
}

fn moment(ms: Option<i64>) -> Value {
    ms.and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok()).map_or(Value::Null, |at| json!(at.to_string()))
}

fn stat<'a>(record: &'a mut Record, name: &str) -> Option<&'a mut Option<i64>> {
    match name {
        "first_admin_reply" => Some(&mut record.stats.first_admin_reply),
        "last_admin_reply" => Some(&mut record.stats.last_admin_reply),
        "last_close" => Some(&mut record.stats.last_close),
        _ => None,
    }
}

impl State {
    /// Where a row is now, which may have become a ticket, or a conversation again.
    fn kind_now(&self, kind: Kind, id: &str) -> Kind {
        match kind {
            Kind::Conversation if self.get(kind, id).is_none() => Kind::Ticket,
            Kind::Ticket if self.get(kind, id).is_none() => Kind::Conversation,
            _ => kind,
        }
    }

    fn held(&self, kind: Kind, id: &str, field: &str) -> Option<Value> {
        let kind = self.kind_now(kind, id);
        let record = self.get(kind, id)?;
        let first = |ids: &[String]| ids.first().map_or(Value::Null, |id| json!(id));
        Some(match field {
            FORM => json!(kind.singular()),
            "type" => json!(record.text("ticket_type_id")),
            "companies" => first(&record.companies),
            "contacts" => first(&record.contacts),
            "created_at" => moment(Some(record.created_ms)),
            "tags" => {
                let name = |id: &String| self.tags.iter().find(|tag| tag.id == *id).map(|tag| json!(tag.name));
                record.tags.iter().filter_map(|(tag, ..)| name(tag)).collect()
            }
            "rating" => record.values.get("rating")?.get("rating")?.clone(),
            "assignee.name" => {
                let admin = record.text("admin_assignee_id")?;
                json!(self.admins.iter().find(|known| known.id == admin)?.name)
            }
            _ => match (custom(field), field.strip_prefix("stats.")) {
                (Some(name), _) => record.custom.get(name).cloned().unwrap_or_default(),
                (None, Some(name)) => moment(*stat(&mut record.clone(), name)?),
                (None, None) => record.values.get(field).cloned().unwrap_or_default(),
            },
        })
    }

    fn put_silently(&mut self, kind: Kind, id: &str, field: &str, to: &Value) -> Option<Kind> {
        let kind = self.kind_now(kind, id);
        if field == FORM {
            let record = self.records[kind.index()].remove(id)?;
            let kind = if kind == Kind::Ticket { Kind::Conversation } else { Kind::Ticket };
            self.records[kind.index()].insert(id.to_owned(), record);
            return Some(kind);
        }
        if field == "assignee.name" {
            let admin = self.get(kind, id)?.text("admin_assignee_id")?.to_owned();
            let known = self.admins.iter_mut().find(|known| known.id == admin)?;
            to.as_str()?.clone_into(&mut known.name);
            return Some(kind);
        }
        if field == "tags" {
            let (us, now) = (self.us(), self.now_ms);
            let names: Vec<&str> = to.as_array()?.iter().filter_map(Value::as_str).collect();
            let tags = names.into_iter().map(|name| (self.tag_named(name), us.clone(), now)).collect();
            self.records[kind.index()].get_mut(id)?.tags = tags;
            return Some(kind);
        }
        let record = self.records[kind.index()].get_mut(id)?;
        let set_first = |ids: &mut Vec<String>| {
            let rest = ids.drain(..).skip(1).collect::<Vec<_>>();
            ids.extend(to.as_str().map(str::to_owned));
            ids.extend(rest);
        };
        match field {
            "companies" => set_first(&mut record.companies),
            "contacts" => set_first(&mut record.contacts),
            "type" => drop(record.values.insert("ticket_type_id".to_owned(), to.clone())),
            "created_at" => record.created_ms = instant(to)?,
            "rating" => record.values.get_mut("rating")?["rating"] = to.clone(),
            _ => match (custom(field), field.strip_prefix("stats.")) {
                (Some(name), _) => drop(record.custom.insert(name.to_owned(), to.clone())),
                (None, Some(name)) => *stat(record, name)? = instant(to),
                (None, None) => drop(record.values.insert(field.to_owned(), to.clone())),
            },
        }
        if kind == Kind::Contact {
            self.remember(id);
        }
        Some(kind)
    }
}
