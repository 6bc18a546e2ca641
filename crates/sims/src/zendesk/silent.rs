//! Changes that nothing tells of: no webhook, no export, and, if so wanted, no stamp.

use serde_json::{Value, json};

use super::Zendesk;
use super::attributes::{ORGANIZATION, TICKET, USER};
use super::moment::{iso, parse};
use super::record::{Kind, Record, Shape, Val, attribute, whole};
use super::state::State;
use super::tickets::Rating;

impl Zendesk {
    /// Puts a value straight into a record, past every check, and tells nobody. Fields go by their place in what the API shows
    /// (`user_fields.job_title`, `metric_set.solved_at`; of `assignee` the name is the agent's own). `stamped` moves `updated_at` on, as an edit
    /// does whose webhook gets lost. Answers the value before; `None` when there is no such record, or nothing that could be set.
    pub fn change_silently(&self, kind: Kind, id: u64, field: &str, to: &Value, stamped: bool) -> Option<Value> {
        self.with(|state| {
            let now = state.now();
            let before = state.put_silently(kind, id, field, to)?;
            if stamped && let Some(record) = state.record_mut(kind, id) {
                record.updated = now;
            }
            Some(before)
        })
    }
}

impl State {
    fn record_mut(&mut self, kind: Kind, id: u64) -> Option<&mut Record> {
        match kind {
            Kind::User => self.users.get_mut(&id).map(|user| &mut user.rec),
            Kind::Organization => self.organizations.get_mut(&id),
            Kind::Ticket => self.tickets.get_mut(&id).map(|ticket| &mut ticket.rec),
        }
    }

    fn put_silently(&mut self, kind: Kind, id: u64, field: &str, to: &Value) -> Option<Value> {
        match (kind, field.split_once('.')) {
            (Kind::Ticket, None) if field == "id" => return self.renumber(id, u64::try_from(whole(to)?).ok()?),
            (Kind::Ticket, Some(("metric_set", name))) => return self.tickets.get_mut(&id)?.metrics.put(name, to),
            (Kind::Ticket, Some(("satisfaction_rating", "score"))) => return self.rate_silently(id, to),
            (Kind::Ticket, Some(("assignee", name))) => {
                let assignee = self.tickets.get(&id)?.rec.id_of("assignee_id")?;
                return self.put_silently(Kind::User, assignee, name, to);
            }
            (Kind::User, None) if field == "email" => {
                let identities = &mut self.users.get_mut(&id)?.identities;
                let primary = identities.iter_mut().find(|identity| &*identity.ty == "email" && identity.primary)?;
                return Some(json!(std::mem::replace(&mut primary.value, to.as_str()?.into())));
            }
            (_, Some((group, key))) if group == format!("{}_fields", kind.singular()) => {
                let field = self.fields_of(kind).iter().find(|field| field.key == key)?.id;
                let record = self.record_mut(kind, id)?;
                let before = record.field(field).json();
                record.set_field(field, Val::of(to));
                return Some(before);
            }
            _ => {}
        }
        let record = self.record_mut(kind, id)?;
        match field {
            "tags" => {
                let before = record.tags_json();
                record.tags = to.as_array()?.iter().filter_map(Value::as_str).map(Into::into).collect();
                record.tags.sort();
                Some(before)
            }
            "created_at" => Some(json!(iso(std::mem::replace(&mut record.created, parse(to.as_str()?)?)))),
            _ => {
                let table = match kind {
                    Kind::User => USER,
                    Kind::Organization => ORGANIZATION,
                    Kind::Ticket => TICKET,
                };
                let attr = attribute(table, field).filter(|attr| attr.shape != Shape::Computed)?;
                let before = record.shown(attr);
                record.set(attr, Val::of(to));
                Some(before)
            }
        }
    }

    /// A ticket is there under another number, and no more under its own.
    fn renumber(&mut self, id: u64, to: u64) -> Option<Value> {
        let mut ticket = self.tickets.remove(&id)?;
        self.feeds[Kind::Ticket.index()].insert((ticket.rec.generated, ticket.rec.tie), to);
        ticket.rec.id = to;
        self.tickets.insert(to, ticket);
        Some(json!(id))
    }

    fn rate_silently(&mut self, ticket: u64, to: &Value) -> Option<Value> {
        let (id, now) = (self.next_id(), self.now());
        let held = &mut self.tickets.get_mut(&ticket)?.rating;
        let before = held.and_then(|rating| self.ratings.get(&rating)).map_or(Value::Null, |rating| json!(rating.score));
        match (to.as_str(), *held) {
            (None, _) => *held = None,
            (Some(score), Some(rating)) => score.clone_into(&mut self.ratings.get_mut(&rating)?.score),
            (Some(score), None) => {
                *held = Some(id);
                let rating = Rating { id, ticket, score: score.to_owned(), comment: None, reason: None, created: now, updated: now };
                self.ratings.insert(id, rating);
            }
        }
        Some(before)
    }
}
