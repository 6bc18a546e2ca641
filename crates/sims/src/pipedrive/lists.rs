//! Lists. The present version goes by opaque cursors that remember the last row, so that rows which move neither vanish nor come twice; the
//! older one counts from the start.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::call::Call;
use super::kinds::Kind;
use super::moment::DAY_MS;
use super::record::Record;
use super::refusal::{Answer, Outcome, Refusal};
use super::state::State;

/// How long deleted rows can be reached.
pub(crate) const BIN_MS: i64 = 30 * DAY_MS;

/// What a list is sorted by.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Id,
    Added,
    Updated,
}

impl Order {
    /// Whole seconds, as answers show them.
    fn key(self, record: &Record) -> (i64, u64) {
        let second = match self {
            Self::Id => 0,
            Self::Added => record.added_ms.div_euclid(1000),
            Self::Updated => record.updated_ms.div_euclid(1000),
        };
        (second, record.number)
    }
}

/// Which rows of an object a list shows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    Usual,
    Archived,
}

fn cursor_of(key: (i64, u64)) -> String {
    URL_SAFE_NO_PAD.encode(json!({"at": key.0, "id": key.1}).to_string())
}

fn cursor_key(call: &Call) -> Result<Option<(i64, u64)>, Refusal> {
    let Some(text) = call.query("cursor") else { return Ok(None) };
    let held: Option<Value> = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let key = held.and_then(|held| Some((held["at"].as_i64()?, held["id"].as_u64()?)));
    key.map(Some).ok_or_else(|| Refusal::flaw("cursor", "is not valid"))
}

impl State {
    /// `GET /api/v2/{object}` and `/archived`.
    pub(crate) fn list(&self, call: &Call, kind: Kind, which: Which) -> Outcome {
        let order = match call.query("sort_by") {
            None | Some("id") => Order::Id,
            Some("add_time") => Order::Added,
            Some("update_time") => Order::Updated,
            Some("due_date") if kind == Kind::Activity => Order::Id,
            Some(_) => return Err(Refusal::flaw("sort_by", "must be equal to one of the allowed values")),
        };
        let falling = match call.query("sort_direction") {
            None | Some("asc") => false,
            Some("desc") => true,
            Some(_) => return Err(Refusal::flaw("sort_direction", "must be equal to one of the allowed values")),
        };
        let (since, until) = (call.instant("updated_since")?, call.instant("updated_until")?);
        let limit = call.limit(100, 500)?;
        let ids = self.listed_ids(call)?;
        let shown_fields: Option<Vec<&str>> = call.query("custom_fields").map(|codes| codes.split(',').collect());
        if shown_fields.as_ref().is_some_and(|codes| codes.len() > 15) {
            return Err(Refusal::flaw("custom_fields", "must NOT have more than 15 items"));
        }
        let after = cursor_key(call)?;
        let statuses: Vec<&str> = call.query("status").map(|list| list.split(',').collect()).unwrap_or_default();
        let mut references = Vec::new();
        for name in ["owner_id", "person_id", "org_id", "deal_id", "pipeline_id", "stage_id"] {
            references.extend(call.number(name)?.map(|id| (name, id)));
        }
        let fits = |record: &&Record| {
            let deleted = record.deleted_ms.is_some_and(|at| at + BIN_MS > self.now_ms && record.merged_into.is_none());
            let status = match record.deleted_ms {
                Some(_) => deleted && statuses.contains(&"deleted"),
                None => statuses.is_empty() || statuses.iter().any(|wanted| record.get("status") == *wanted),
            };
            status
                && record.is_archived() == (which == Which::Archived)
                && ids.as_ref().is_none_or(|ids| ids.contains(&record.number))
                && since.is_none_or(|since| record.updated_ms.div_euclid(1000) * 1000 >= since)
                && until.is_none_or(|until| record.updated_ms.div_euclid(1000) * 1000 < until)
                && references.iter().all(|(name, id)| match (kind, *name) {
                    (Kind::Activity, "person_id") => {
                        record.get("participants").as_array().is_some_and(|all| all.iter().any(|each| each["person_id"] == *id))
                    }
                    _ => record.refers(name) == Some(*id),
                })
                && call.query("done").is_none_or(|done| record.get("done") == (done == "true" || done == "1"))
        };
        let mut found: Vec<&Record> = self.records[&kind].values().filter(fits).collect();
        found.sort_by_key(|record| order.key(record));
        if falling {
            found.reverse();
        }
        let behind =
            |record: &&&Record| after.is_none_or(|after| if falling { order.key(record) < after } else { order.key(record) > after });
        let mut rest = found.iter().filter(behind);
        let page: Vec<&&Record> = rest.by_ref().take(limit).collect();
        let next = rest.next().and(page.last()).map(|last| cursor_of(order.key(last)));
        let rows: Vec<Value> = page
            .iter()
            .map(|record| {
                let mut row = self.shown(record);
                if let (Some(codes), Some(custom)) = (&shown_fields, row["custom_fields"].as_object_mut()) {
                    custom.retain(|code, _| codes.contains(&code.as_str()));
                }
                if call.query("include_option_labels") == Some("true") {
                    self.spell_options(kind, &mut row);
                }
                row
            })
            .collect();
        Ok(Answer::list(Value::from(rows), json!({"next_cursor": next})))
    }

    fn listed_ids(&self, call: &Call) -> Result<Option<Vec<u64>>, Refusal> {
        let Some(text) = call.query("ids") else { return Ok(None) };
        let ids: Result<Vec<u64>, _> = text.split(',').map(|id| id.trim().parse::<u64>()).collect();
        let ids = ids.map_err(|_| Refusal::flaw("ids", "must be numbers"))?;
        if ids.len() > 100 {
            return Err(Refusal::flaw("ids", "must NOT have more than 100 items"));
        }
        Ok(Some(ids))
    }

    /// Choices with their labels, on request.
    fn spell_options(&self, kind: Kind, row: &mut Value) {
        let fields: Vec<_> = self.custom_fields(kind).filter(|field| matches!(field.ty.as_str(), "enum" | "set")).collect();
        let Some(custom) = row["custom_fields"].as_object_mut() else { return };
        for field in fields {
            let spelled = |id: &Value| {
                let label = field.choices.iter().find(|choice| Some(choice.id) == id.as_u64()).map(|choice| choice.label.clone());
                json!({"id": id, "label": label})
            };
            if let Some(value) = custom.get_mut(&field.code).filter(|value| !value.is_null()) {
                *value = match &*value {
                    Value::Array(ids) => ids.iter().map(spelled).collect(),
                    id => spelled(id),
                };
            }
        }
    }

    /// A list of the older version: from `start`, in the order that `sort` names.
    pub(crate) fn old_list(&self, call: &Call, kind: Kind, which: Which) -> Outcome {
        let (start, limit) = (call.number("start")?.unwrap_or(0) as usize, call.limit(100, 500)?);
        let since = call.instant("updated_since")?;
        let mut references = Vec::new();
        for name in ["owner_id", "user_id", "person_id", "org_id", "organization_id", "deal_id"] {
            references.extend(call.number(name)?.map(|id| (name, id)));
        }
        let lead = call.query("lead_id");
        let archived = kind == Kind::Lead;
        let fits = |record: &&Record| {
            record.deleted_ms.is_none()
                && (!archived || record.is_archived() == (which == Which::Archived))
                && since.is_none_or(|since| record.updated_ms.div_euclid(1000) * 1000 >= since)
                && references.iter().all(|(name, id)| record.refers(name) == Some(*id))
                && lead.is_none_or(|lead| record.get("lead_id") == lead)
        };
        let mut found: Vec<&Record> = self.records[&kind].values().filter(fits).collect();
        match call.query("sort").unwrap_or("id ASC").to_lowercase().as_str() {
            "update_time asc" => found.sort_by_key(|record| (record.updated_ms.div_euclid(1000), record.number)),
            "update_time desc" => found.sort_by_key(|record| std::cmp::Reverse((record.updated_ms.div_euclid(1000), record.number))),
            "add_time asc" => found.sort_by_key(|record| (record.added_ms.div_euclid(1000), record.number)),
            _ => {}
        }
        let page: Vec<Value> = found.iter().skip(start).take(limit).map(|record| self.shown_old(record)).collect();
        let more = start + page.len() < found.len();
        let mut paging = json!({"start": start, "limit": limit, "more_items_in_collection": more});
        if kind == Kind::Lead {
            // Leads say it without a wrapper, and without the next place.
            return Ok(Answer::list(Value::from(page), paging));
        }
        if more {
            paging["next_start"] = json!(start + limit);
        }
        Ok(Answer::list(Value::from(page), json!({"pagination": paging})))
    }
}
