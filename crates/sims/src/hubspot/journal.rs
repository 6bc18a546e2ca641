//! The webhooks journal: what happened, in files that an app fetches by itself, for three days.

use std::collections::VecDeque;

use serde_json::{Map, Value, json};

use super::Action;
use super::edits::Values;
use super::moment::iso;
use super::state::State;

/// Time that a file can be fetched for, in milliseconds.
const RETENTION_MS: i64 = 3 * 24 * 60 * 60 * 1_000;
/// Time between an event and the file that it stands in, in milliseconds.
const PUBLISH_MS: i64 = 1_000;
/// Events in one file, at most.
const EVENTS_MAX: usize = 500;

/// One file.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) offset: String,
    pub(crate) events: Vec<Value>,
    pub(crate) published_ms: i64,
}

/// One subscription of the app.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) id: u64,
    /// `OBJECT`, `ASSOCIATION`, `LIST_MEMBERSHIP` or `GDPR_PRIVACY_DELETION`.
    pub(crate) ty: String,
    pub(crate) portal_id: u64,
    pub(crate) object_type: String,
    pub(crate) actions: Vec<String>,
    pub(crate) properties: Vec<String>,
    pub(crate) objects: Vec<u64>,
    pub(crate) others: Vec<String>,
    pub(crate) lists: Vec<u64>,
    pub(crate) created_ms: i64,
    pub(crate) updated_ms: i64,
}

/// What is in it, and who wants what.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    pub(crate) files: VecDeque<File>,
    pub(crate) wanted: Vec<Wanted>,
    /// Events that stand in no file yet, with the instant of the first.
    waiting: Vec<Value>,
    since_ms: i64,
    /// Snapshots that were asked for: the id of their state, when, and whether the row was there.
    pub(crate) snapshots: Vec<(String, i64, bool)>,
    /// Each event twice, the later ones first.
    pub(crate) untidy: bool,
    /// Calls in the present second.
    pub(crate) second: (i64, u64),
}

fn holds(list: &[String], item: &str) -> bool {
    list.is_empty() || list.iter().any(|known| known == item)
}

impl State {
    /// Notes what happened to a record, if a subscription asks for it.
    pub(crate) fn journal(&mut self, kind: usize, id: u64, action: Action, changed: &Values, more: &Value) {
        let ty = self.kinds[kind].type_id;
        let action = match action {
            Action::Created => "CREATE",
            Action::Updated => "UPDATE",
            Action::Archived => "DELETE",
            Action::Restored => "RESTORE",
            Action::Merged => "MERGE",
            Action::Erased => "GDPR_DELETE",
        };
        let asks = |wanted: &Wanted| {
            let properties =
                action != "UPDATE" || wanted.properties.is_empty() || changed.keys().any(|name| wanted.properties.contains(name));
            let of = match wanted.ty.as_str() {
                "OBJECT" => wanted.object_type == ty && (wanted.objects.is_empty() || wanted.objects.contains(&id)),
                "GDPR_PRIVACY_DELETION" => action == "GDPR_DELETE" && holds(std::slice::from_ref(&wanted.object_type), ty),
                _ => false,
            };
            of && properties && holds(&wanted.actions, action)
        };
        let Some(subject) = self.journal.wanted.iter().find(|wanted| asks(wanted)).map(|wanted| wanted.ty.clone()) else { return };
        let shown: Map<String, Value> = changed.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
        let mut event = json!({
            "type": subject, "portalId": self.options.portal_id, "occurredAt": self.now_ms, "action": action, "objectTypeId": ty, "objectId": id,
            "propertyChanges": shown,
        });
        if let (Some(event), Some(more)) = (event.as_object_mut(), more.as_object()) {
            event.extend(more.clone());
        }
        self.put_into_journal(event);
    }

    /// Notes an association, from the end that a subscription is about.
    pub(crate) fn journal_association(&mut self, from: (usize, u64), to: (usize, u64), primary: bool, removed: bool) {
        let action = if removed { "ASSOCIATION_REMOVED" } else { "ASSOCIATION_ADDED" };
        let (a, b) = (self.kinds[from.0].type_id, self.kinds[to.0].type_id);
        let asks = |wanted: &Wanted| {
            wanted.ty == "ASSOCIATION" && wanted.object_type == a && holds(&wanted.others, b) && holds(&wanted.actions, action)
        };
        if !self.journal.wanted.iter().any(asks) {
            return;
        }
        let ty = self.association(from.0, to.0).map(|(plain, marked)| marked.filter(|_| primary).unwrap_or(plain));
        let event = json!({
            "type": "ASSOCIATION", "portalId": self.options.portal_id, "occurredAt": self.now_ms, "action": action, "fromObjectId": from.1,
            "toObjectId": to.1, "fromObjectTypeId": a, "toObjectTypeId": b, "associationTypeId": ty,
            "associationCategory": self.category(from.0, to.0), "isPrimary": primary,
        });
        self.put_into_journal(event);
    }

    /// Notes that a record came into a list, or left it.
    pub(crate) fn journal_membership(&mut self, kind: usize, id: u64, list: u64, added: bool) {
        let action = if added { "ADDED_TO_LIST" } else { "REMOVED_FROM_LIST" };
        let asks = |wanted: &Wanted| {
            wanted.ty == "LIST_MEMBERSHIP" && (wanted.lists.is_empty() || wanted.lists.contains(&list)) && holds(&wanted.actions, action)
        };
        if self.journal.wanted.iter().any(asks) {
            let event = json!({
                "type": "LIST_MEMBERSHIP", "portalId": self.options.portal_id, "occurredAt": self.now_ms, "action": action, "listId": list,
                "objectTypeId": self.kinds[kind].type_id, "objectId": id,
            });
            self.put_into_journal(event);
        }
    }

    /// Writes a row's properties down as they are. Answers whether it is there.
    pub(crate) fn snapshot_into_journal(&mut self, kind: usize, id: u64, properties: &[String]) -> bool {
        let Some(record) = self.live(kind, id) else { return false };
        let shown: Map<String, Value> =
            properties.iter().map(|name| (name.clone(), record.value(name).map_or(Value::Null, Value::from))).collect();
        let event = json!({
            "type": "OBJECT", "portalId": self.options.portal_id, "occurredAt": self.now_ms, "action": "SNAPSHOT",
            "objectTypeId": self.kinds[kind].type_id, "objectId": id, "propertyChanges": shown,
        });
        self.put_into_journal(event);
        true
    }

    fn put_into_journal(&mut self, event: Value) {
        if self.journal.waiting.is_empty() {
            self.journal.since_ms = self.now_ms;
        }
        self.journal.waiting.push(event);
        if self.journal.waiting.len() >= EVENTS_MAX {
            self.publish();
        }
    }

    /// Publishes what has waited long enough, and forgets what is too old.
    pub(crate) fn turn_journal(&mut self) {
        let now = self.now_ms;
        if !self.journal.waiting.is_empty() && now - self.journal.since_ms >= PUBLISH_MS {
            self.publish();
        }
        while self.journal.files.front().is_some_and(|file| now - file.published_ms > RETENTION_MS) {
            self.journal.files.pop_front();
        }
    }

    fn publish(&mut self) {
        let mut events = std::mem::take(&mut self.journal.waiting);
        if self.journal.untidy {
            let doubles = events.clone();
            events.extend(doubles);
            events.reverse();
        }
        let offset = self.uuid();
        self.journal.files.push_back(File { offset, events, published_ms: self.now_ms });
    }

    /// A file as it is fetched.
    pub(crate) fn file_shown(file: &File) -> Value {
        json!({"offset": file.offset, "journalEvents": file.events, "publishedAt": iso(file.published_ms)})
    }
}
