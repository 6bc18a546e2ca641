//! Search: an index that is a little behind, over names, addresses, numbers and custom texts.

use serde_json::{Value, json};

use super::call::{Call, cursor_text};
use super::kinds::Kind;
use super::record::Record;
use super::refusal::{Answer, Outcome, Refusal};
use super::state::State;

/// The texts of a row that a field of search stands for.
fn texts(record: &Record, field: &str) -> Vec<String> {
    let listed = |name: &str| -> Vec<String> {
        record.get(name).as_array().into_iter().flatten().filter_map(|entry| entry["value"].as_str().map(str::to_owned)).collect()
    };
    let one = |name: &str| record.get(name).as_str().map(str::to_owned).into_iter().collect();
    match field {
        "name" => one("name"),
        "title" => one("title"),
        "email" => listed("emails"),
        "phone" => listed("phones"),
        "address" => record.get("address")["value"].as_str().map(str::to_owned).into_iter().collect(),
        "custom_fields" => record.custom.values().filter_map(|value| value.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    }
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

fn fields_of(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Person => &["name", "email", "phone", "notes", "custom_fields"],
        Kind::Organization => &["name", "address", "notes", "custom_fields"],
        _ => &["title", "notes", "custom_fields"],
    }
}

impl State {
    fn hits<'a>(&'a self, call: &Call, kind: Kind) -> Result<Vec<&'a Record>, Refusal> {
        let exact = call.query("exact_match") == Some("true");
        let term = call.query("term").unwrap_or_default().trim().to_lowercase();
        if term.chars().count() < if exact { 1 } else { 2 } {
            return Err(Refusal::flaw("term", "must NOT have fewer than 2 characters"));
        }
        let allowed = fields_of(kind);
        let fields: Vec<&str> = match call.query("fields") {
            None => allowed.to_vec(),
            Some(list) => list.split(',').collect(),
        };
        if let Some(stranger) = fields.iter().find(|field| !allowed.contains(*field)) {
            return Err(Refusal::flaw("fields", format!("{stranger} is not one of the allowed values")));
        }
        let seen_until = self.now_ms - i64::try_from(self.options.profile.index_lag_ms).unwrap_or(0);
        let matches = |record: &&Record| {
            fields.iter().any(|field| {
                texts(record, field).iter().any(|text| {
                    let text = text.to_lowercase();
                    match *field {
                        "phone" if !exact => !digits(&term).is_empty() && digits(&text).contains(&digits(&term)),
                        _ if exact => text.trim() == term,
                        _ => text.contains(&term),
                    }
                })
            })
        };
        let live = self.records[&kind].values().filter(|record| record.deleted_ms.is_none() && record.updated_ms <= seen_until);
        Ok(live.filter(matches).collect())
    }

    fn item(&self, record: &Record) -> Value {
        let owner = json!({"id": record.get("owner_id")});
        let organization =
            record.refers("org_id").or_else(|| record.refers("organization_id")).and_then(|id| self.live(Kind::Organization, id));
        let organization =
            organization.map(|row| json!({"id": row.number, "name": row.get("name"), "address": row.get("address")["value"]}));
        let custom = texts(record, "custom_fields");
        match record.kind {
            Kind::Person => json!({
                "id": record.number, "type": "person", "name": record.get("name"), "phones": texts(record, "phone"), "emails": texts(record, "email"),
                "visible_to": record.get("visible_to"), "owner": owner, "organization": organization, "custom_fields": custom, "notes": [],
            }),
            Kind::Organization => json!({
                "id": record.number, "type": "organization", "name": record.get("name"), "address": record.get("address")["value"],
                "visible_to": record.get("visible_to"), "owner": owner, "custom_fields": custom, "notes": [],
            }),
            _ => json!({
                "id": record.id(), "type": record.kind.singular(), "title": record.get("title"), "owner": owner, "organization": organization,
                "status": record.get("status"), "visible_to": record.get("visible_to"), "custom_fields": custom, "notes": [],
            }),
        }
    }

    fn answer(&self, call: &Call, found: &[&Record]) -> Outcome {
        let (from, limit) = (call.cursor()?, call.limit(100, 500)?);
        let items: Vec<Value> =
            found.iter().skip(from).take(limit).map(|record| json!({"result_score": 1.0, "item": self.item(record)})).collect();
        let next = (from + items.len() < found.len()).then(|| cursor_text(from + items.len()));
        Ok(Answer::list(json!({"items": items}), json!({"next_cursor": next})))
    }

    /// `GET /api/v2/{object}/search`.
    pub(crate) fn search(&self, call: &Call, kind: Kind) -> Outcome {
        let mut found = self.hits(call, kind)?;
        if let Some(organization) = call.number("organization_id")? {
            found.retain(|record| record.refers("org_id") == Some(organization));
        }
        self.answer(call, &found)
    }

    /// `GET /api/v2/itemSearch`.
    pub(crate) fn item_search(&self, call: &Call) -> Outcome {
        let kinds: Vec<&str> = call.query("item_types").unwrap_or("person,organization,deal,lead").split(',').collect();
        let mut found = Vec::new();
        for kind in [Kind::Person, Kind::Organization, Kind::Deal, Kind::Lead].into_iter().filter(|kind| kinds.contains(&kind.singular())) {
            found.extend(self.hits(call, kind)?);
        }
        self.answer(call, &found)
    }
}
