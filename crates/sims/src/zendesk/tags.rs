//! Tag endpoints of users, organizations and tickets.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::call::{Call, id};
use super::fields::{follow_tags, parse_tags};
use super::record::{Kind, Record};
use super::refusal::{Answer, Outcome, Refusal};
use super::state::{State, Touch};

impl State {
    /// Tags in use, most used first.
    pub(crate) fn top_tags(&self) -> Outcome {
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for tag in self.tickets.values().flat_map(|ticket| &ticket.rec.tags) {
            *counts.entry(tag).or_default() += 1;
        }
        let mut list: Vec<(&str, u64)> = counts.into_iter().collect();
        list.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let list: Vec<Value> = list.into_iter().take(100).map(|(name, count)| json!({"name": name, "count": count})).collect();
        Ok(super::page::whole("tags", list))
    }

    /// Routes of `/{users|organizations|tickets}/{id}/tags`.
    pub(crate) fn tag_routes(&mut self, call: &Call) -> Outcome {
        self.staff_only(call)?;
        let path = call.path();
        let (Some(kind), Some(which)) = (path.first().and_then(|name| Kind::named(name)), path.get(1)) else {
            return Err(Refusal::no_route());
        };
        let which = id(which)?;
        let mut record: Record = match kind {
            Kind::User => self.live_user(which).map(|user| user.rec.clone()),
            Kind::Organization => self.organizations.get(&which).cloned(),
            Kind::Ticket => self.live_ticket(which).map(|ticket| ticket.rec.clone()),
        }
        .ok_or_else(Refusal::missing)?;
        let given = call.body.get("tags").map(parse_tags).unwrap_or_default();
        if kind == Kind::Ticket && call.method != "GET" {
            self.safe_update(&record, call.body.as_object())?;
            if record.text("status") == Some("closed") {
                return Err(Refusal::invalid("status", "Status: closed prevents ticket update", "InvalidValue"));
            }
        }
        let status = match call.method.as_str() {
            "GET" => return Ok(Answer::ok(json!({"tags": record.tags_json()}))),
            "POST" => {
                record.tags = given;
                201
            }
            "PUT" => {
                given.iter().for_each(|tag| record.add_tag(tag));
                200
            }
            "DELETE" => {
                given.iter().for_each(|tag| record.drop_tag(tag));
                200
            }
            _ => return Err(Refusal::no_route()),
        };
        follow_tags(self.fields_of(kind), &mut record);
        let shown = record.tags_json();
        match kind {
            Kind::User => {
                if let Some(mut user) = self.users.get(&which).cloned() {
                    user.rec = record;
                    self.commit_user(user, Touch::Person, call.actor);
                }
            }
            Kind::Organization => self.commit_organization(record, Touch::Person, call.actor),
            Kind::Ticket => drop(self.commit_audited(record, None, call.actor, None)),
        }
        Ok(Answer::ok(json!({"tags": shown})).status(status))
    }
}
