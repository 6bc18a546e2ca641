//! What marketing works with: campaigns, forms and e-mails. They are no objects of the CRM: they have paths, ids and fields of their own, are
//! few, and cannot be searched, so that a poll goes through all of them and shows what changed.
//!
//! An account without Marketing Hub, or one that does not grant the scope, has none for us: nothing is read, and the log and `entente doctor`
//! say what is missing.

use std::collections::BTreeMap;
use std::time::Duration;

use entente_model::actor::{Actor, ChangeMark};
use entente_model::clock::Timestamp;
use entente_model::mapping::remote::{RemoteField, RemoteKind, RemoteObject, Row};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::HubSpot;
use super::map::{instant, version};
use super::refusal::misfit;
use super::wire::{Listed, id_text};
use crate::connector::Priority;
use crate::error::{Class, VendorError};
use crate::look::{self, Cursor, Existence, Look, Page, ReadSpec};
use crate::transport::call::Call;
use crate::write::{Write, WriteKind, WriteOutcome, WriteTarget, Written};

/// How far a poll looks back behind the beginning of the last one.
const LOOK_BACK: Duration = Duration::from_secs(300);

/// One field: its name, label and kind, whether it is written, and where it stands in what the platform shows.
struct Field(&'static str, &'static str, RemoteKind, bool, &'static str);

/// A part that costs a call for each row: beginning of its fields' names, and where it is.
struct Extra {
    prefix: &'static str,
    tail: &'static str,
    /// Field and where it stands in the answer.
    fields: &'static [(&'static str, &'static str, &'static str)],
}

/// One of them.
pub(super) struct Source {
    /// Name in mappings.
    pub(super) object: &'static str,
    /// Name in paths.
    path: &'static str,
    scope: &'static str,
    page_rows: u32,
    fields: &'static [Field],
    extras: &'static [Extra],
    /// Further parameters of a list.
    query: &'static [(&'static str, &'static str)],
    /// Whether a list has to be told which properties it shows.
    names_properties: bool,
}

static SOURCES: &[Source] = &[
    Source {
        object: "campaigns",
        path: "campaigns",
        scope: "marketing.campaigns.read",
        page_rows: 100,
        fields: &[
            Field("hs_name", "Name", RemoteKind::Text, true, "/properties/hs_name"),
            Field("hs_campaign_status", "Status", RemoteKind::Text, true, "/properties/hs_campaign_status"),
            Field("hs_start_date", "Start date", RemoteKind::Date, true, "/properties/hs_start_date"),
            Field("hs_end_date", "End date", RemoteKind::Date, true, "/properties/hs_end_date"),
            Field("hs_owner", "Owner", RemoteKind::Text, true, "/properties/hs_owner"),
            Field("hs_notes", "Notes", RemoteKind::LongText, true, "/properties/hs_notes"),
            Field("hs_audience", "Audience", RemoteKind::Text, true, "/properties/hs_audience"),
            Field("hs_goal", "Goal", RemoteKind::Text, true, "/properties/hs_goal"),
            Field("hs_utm", "UTM value", RemoteKind::Text, true, "/properties/hs_utm"),
            Field("hs_currency_code", "Currency", RemoteKind::Text, true, "/properties/hs_currency_code"),
            Field("hs_budget_items_sum_amount", "Budget", RemoteKind::Number, false, "/properties/hs_budget_items_sum_amount"),
            Field("hs_spend_items_sum_amount", "Spent", RemoteKind::Number, false, "/properties/hs_spend_items_sum_amount"),
        ],
        extras: &[
            Extra {
                prefix: "budget.",
                tail: "/budget/totals",
                fields: &[
                    ("budget.total", "Budget in all", "/budgetTotal"),
                    ("budget.spent", "Spent in all", "/spendTotal"),
                    ("budget.remaining", "Left of the budget", "/remainingBudget"),
                ],
            },
            Extra {
                prefix: "revenue.",
                tail: "/reports/revenue",
                fields: &[("revenue.amount", "Revenue", "/revenueAmount"), ("revenue.deals", "Deals", "/dealsNumber")],
            },
        ],
        query: &[],
        names_properties: true,
    },
    Source {
        object: "forms",
        path: "forms",
        scope: "forms",
        page_rows: 50,
        fields: &[
            Field("name", "Name", RemoteKind::Text, false, "/name"),
            Field("formType", "Type", RemoteKind::Text, false, "/formType"),
            Field("createdAt", "Created", RemoteKind::Datetime, false, "/createdAt"),
        ],
        extras: &[],
        query: &[],
        names_properties: false,
    },
    Source {
        object: "marketing_emails",
        path: "emails",
        scope: "content",
        page_rows: 100,
        fields: &[
            Field("name", "Name", RemoteKind::Text, false, "/name"),
            Field("subject", "Subject", RemoteKind::Text, false, "/subject"),
            Field("state", "State", RemoteKind::Text, false, "/state"),
            Field("campaign", "Campaign's id", RemoteKind::Reference, false, "/campaign"),
            Field("campaignName", "Campaign", RemoteKind::Text, false, "/campaignName"),
            Field("publishDate", "Published", RemoteKind::Datetime, false, "/publishDate"),
            Field("stats.sent", "Sent", RemoteKind::Number, false, "/stats/counters/sent"),
            Field("stats.delivered", "Delivered", RemoteKind::Number, false, "/stats/counters/delivered"),
            Field("stats.open", "Opened", RemoteKind::Number, false, "/stats/counters/open"),
            Field("stats.click", "Clicked", RemoteKind::Number, false, "/stats/counters/click"),
            Field("stats.bounce", "Bounced", RemoteKind::Number, false, "/stats/counters/bounce"),
            Field("stats.unsubscribed", "Unsubscribed", RemoteKind::Number, false, "/stats/counters/unsubscribed"),
        ],
        extras: &[],
        query: &[("includeStats", "true")],
        names_properties: false,
    },
];

/// One of them by its name in mappings.
pub(super) fn source(object: &str) -> Option<&'static Source> {
    SOURCES.iter().find(|source| source.object == object)
}

/// Where a poll stands.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Place {
    /// When the last one that was read to its end began.
    #[serde(default)]
    since: Option<Timestamp>,
    /// When the one under way began.
    #[serde(default)]
    begun: Option<Timestamp>,
    #[serde(default)]
    after: Option<String>,
}

impl Source {
    fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.0 == name)
    }

    fn extra(&self, name: &str) -> Option<(&'static Extra, &'static str)> {
        let extra = self.extras.iter().find(|extra| name.starts_with(extra.prefix))?;
        extra.fields.iter().find(|field| field.0 == name).map(|field| (extra, field.2))
    }

    /// Its schema, which is the same in every account.
    pub(super) fn described(&self) -> RemoteObject {
        let field = |name: &str, label: &str, kind: RemoteKind, writable: bool| RemoteField {
            writable,
            unique: name == "hs_name",
            ..RemoteField::new(name, label, kind)
        };
        let mut fields = vec![field("id", "Id", RemoteKind::Reference, false)];
        fields.extend(self.fields.iter().map(|Field(name, label, kind, written, _)| field(name, label, *kind, *written)));
        let extra = self.extras.iter().flat_map(|extra| extra.fields);
        fields.extend(extra.map(|(name, label, _)| field(name, label, RemoteKind::Number, false)));
        RemoteObject { name: self.object.to_owned(), fields, lists: Vec::new() }
    }

    /// Makes sure that every field of a read exists.
    fn knows(&self, fields: &[String]) -> Result<(), VendorError> {
        let strange = fields.iter().find(|name| *name != "id" && self.field(name).is_none() && self.extra(name).is_none());
        match strange {
            None => Ok(()),
            Some(name) => Err(misfit(
                "unknown_field",
                format!("HubSpot's {} have no `{name}` that Entente reads", self.object),
                "take the line out of the mapping",
            )
            .about(name)),
        }
    }

    fn value(kind: RemoteKind, shown: Option<&Value>) -> Value {
        let text = match shown {
            None | Some(Value::Null) => return Value::Null,
            Some(Value::String(text)) if text.is_empty() => return Value::Null,
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        };
        match kind {
            RemoteKind::Datetime => instant(&text).map_or(Value::Null, |at| Value::from(at.to_string())),
            RemoteKind::Date => match instant(&text).filter(|_| !text.contains('-')) {
                Some(at) => Value::from(at.to_string().chars().take("YYYY-MM-DD".len()).collect::<String>()),
                None => Value::from(text.chars().take("YYYY-MM-DD".len()).collect::<String>()),
            },
            _ => Value::from(text),
        }
    }
}

impl HubSpot {
    /// One page of one of them.
    pub(super) async fn marketing_page(
        &self,
        source: &'static Source,
        read: &ReadSpec,
        cursor: Option<&Cursor>,
        priority: Priority,
    ) -> Result<Page, VendorError> {
        source.knows(&read.fields)?;
        let mut place: Place = cursor.map_or(Ok(Place::default()), |text| look::position(text))?;
        let mut call = Call::get(self.paths.marketing(source.path, "")).query("limit", source.page_rows.to_string()).accept(&[403]);
        for (name, value) in source.query {
            call = call.query(name, *value);
        }
        if source.names_properties {
            call = call.query("properties", source.fields.iter().map(|field| field.0).collect::<Vec<_>>().join(","));
        }
        if let Some(after) = &place.after {
            call = call.query("after", after);
        }
        let answer = self.client.call("marketing", priority, call).await?;
        if answer.status == 403 {
            tracing::warn!(
                connection = %self.client.settings().name, object = source.object, scope = source.scope,
                "not read: the account has no such thing, or did not grant the scope"
            );
            place = Place { since: place.since, ..Place::default() };
            return Ok(Page { looks: Vec::new(), next: serde_json::to_string(&place).unwrap_or_default(), more: false, total: None });
        }
        place.begun = place.begun.or_else(|| Some(self.server_time(&answer)));
        let page: Listed = answer.json()?;
        let floor = place.since.and_then(|since| since.checked_sub(LOOK_BACK).ok());
        let changed = |shown: &&Value| {
            let at = shown["updatedAt"].as_str().and_then(instant);
            floor.is_none_or(|floor| at.is_none_or(|at| at >= floor))
        };
        let shown: Vec<&Value> = page.results.iter().filter(changed).collect();
        let looks = self.marketing_looks(source, read, &shown, priority).await?;
        place.after = page.paging.and_then(|paging| paging.next).map(|next| next.after);
        if place.after.is_none() {
            place = Place { since: place.begun, ..Place::default() };
        }
        let more = place.after.is_some();
        Ok(Page { looks, next: serde_json::to_string(&place).unwrap_or_default(), more, total: None })
    }

    /// Rows by id, one by one.
    pub(super) async fn fetch_marketing(
        &self,
        source: &'static Source,
        read: &ReadSpec,
        ids: &[String],
        priority: Priority,
    ) -> Result<Vec<Look>, VendorError> {
        source.knows(&read.fields)?;
        let mut looks = Vec::with_capacity(ids.len());
        for id in ids {
            let found = if is_name(id) { self.one(source, id, priority).await? } else { None };
            match found {
                Some(shown) => looks.extend(self.marketing_looks(source, read, &[&shown], priority).await?),
                None => looks.push(self.marketing_look(source, id.clone(), Existence::Deleted, Row::new(), None)),
            }
        }
        Ok(looks)
    }

    async fn one(&self, source: &'static Source, id: &str, priority: Priority) -> Result<Option<Value>, VendorError> {
        let mut call = Call::get(self.paths.marketing(source.path, &format!("/{id}"))).accept(&[404]);
        for (name, value) in source.query {
            call = call.query(name, *value);
        }
        if source.names_properties {
            call = call.query("properties", source.fields.iter().map(|field| field.0).collect::<Vec<_>>().join(","));
        }
        let answer = self.client.call("marketing", priority, call).await?;
        if answer.status == 404 { Ok(None) } else { answer.json().map(Some) }
    }

    async fn marketing_looks(
        &self,
        source: &'static Source,
        read: &ReadSpec,
        shown: &[&Value],
        priority: Priority,
    ) -> Result<Vec<Look>, VendorError> {
        let extras: Vec<&Extra> =
            source.extras.iter().filter(|extra| read.fields.iter().any(|field| field.starts_with(extra.prefix))).collect();
        let mut looks = Vec::with_capacity(shown.len());
        for one in shown {
            let Some(id) = id_text(&one["id"]) else { continue };
            let mut parts: BTreeMap<&str, Value> = BTreeMap::new();
            for extra in &extras {
                let call = Call::get(self.paths.marketing(source.path, &format!("/{id}{}", extra.tail))).accept(&[404]);
                let answer = self.client.call("marketing", priority, call).await?;
                parts.insert(extra.prefix, if answer.status == 404 { Value::Null } else { answer.json()? });
            }
            let value = |name: &String| match (source.field(name), source.extra(name)) {
                (Some(Field(_, _, kind, _, at)), _) => Source::value(*kind, one.pointer(at)),
                (None, Some((extra, at))) => Source::value(RemoteKind::Number, parts.get(extra.prefix).and_then(|part| part.pointer(at))),
                (None, None) => Value::from(id.as_str()),
            };
            let row = read.fields.iter().map(|name| (name.clone(), value(name))).collect();
            looks.push(self.marketing_look(source, id, Existence::Present, row, one["updatedAt"].as_str()));
        }
        Ok(looks)
    }

    fn marketing_look(&self, source: &Source, id: String, existence: Existence, row: Row, stamp: Option<&str>) -> Look {
        let at = stamp.and_then(instant);
        Look {
            object: source.object.to_owned(),
            id,
            existence,
            row,
            complete: true,
            version: stamp.map(version),
            // Nothing says whose hand it was.
            mark: ChangeMark { at: at.map(|at| self.client.offset().correct(at)), by: Actor::Unknown, who: None },
            seen_at: self.client.now(),
        }
    }

    /// Changes campaigns, one by one. None are made: they have no field for a key, so that a repeat would make a twin.
    pub(super) async fn write_marketing(
        &self,
        source: &'static Source,
        target: &WriteTarget,
        writes: &[Write],
        priority: Priority,
    ) -> Result<Vec<WriteOutcome>, VendorError> {
        if !source.fields.iter().any(|field| field.3) {
            let message = format!("HubSpot's {} are only read", target.object);
            return Err(misfit("read_only", message, "map their fields with direction = \"in\""));
        }
        let mut outcomes = Vec::with_capacity(writes.len());
        for write in writes {
            let outcome = self.write_one(source, write, priority).await;
            match outcome {
                // Whatever this one met, the next ones would meet; what landed before must be told.
                Err(error) if outcomes.is_empty() && !matches!(error.class, Class::Data | Class::LookAgain) => return Err(error),
                outcome => outcomes.push(outcome),
            }
        }
        Ok(outcomes)
    }

    async fn write_one(&self, source: &'static Source, write: &Write, priority: Priority) -> WriteOutcome {
        let id = write.id.as_deref().filter(|id| is_name(id));
        let (WriteKind::Update, Some(id)) = (write.kind, id) else {
            let what = if write.kind == WriteKind::Delete { "deletes" } else { "makes" };
            return Err(misfit(
                "no_key",
                format!("Entente {what} none of HubSpot's {}: they have no field for a key", source.object),
                "leave `create` and deletion out of the mapping; do it at HubSpot",
            ));
        };
        let mut properties = Map::new();
        for (name, value) in &write.row {
            match source.field(name) {
                Some(field) if field.3 => {
                    let text =
                        value.as_str().map_or_else(|| if value.is_null() { String::new() } else { value.to_string() }, str::to_owned);
                    properties.insert(name.clone(), Value::from(text));
                }
                _ => {
                    let message = format!("`{name}` of HubSpot's {} cannot be written", source.object);
                    return Err(misfit("READ_ONLY_VALUE", message, "map it with direction = \"in\"").about(name));
                }
            }
        }
        let call = Call::patch(self.paths.marketing(source.path, &format!("/{id}")), json!({"properties": properties})).idempotent();
        let answer: Value = self.client.call("marketing", priority, call).await?.json()?;
        Ok(Written { id: id.to_owned(), created: None, version: answer["updatedAt"].as_str().map(version), look: None })
    }
}

/// Whether a text can be an id in a path: a number or a GUID.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_has_a_place_of_its_own() {
        for source in SOURCES {
            let described = source.described();
            let names: std::collections::BTreeSet<&str> = described.fields.iter().map(|field| field.name.as_str()).collect();
            assert_eq!(names.len(), described.fields.len(), "{}", source.object);
            assert!(source.knows(&described.fields.iter().map(|field| field.name.clone()).collect::<Vec<_>>()).is_ok());
        }
        let campaigns = source("campaigns").expect("campaigns");
        assert_eq!(campaigns.knows(&["hs_nme".to_owned()]).expect_err("a slip").field.as_deref(), Some("hs_nme"));
    }

    #[test]
    fn a_date_may_come_with_a_time_or_as_milliseconds() {
        let read = |shown: Value| Source::value(RemoteKind::Date, Some(&shown));
        assert_eq!(read(json!("2026-03-12")), "2026-03-12");
        assert_eq!(read(json!("2026-03-12T00:00:00Z")), "2026-03-12");
        assert_eq!(read(json!("1773273600000")), "2026-03-12");
        assert_eq!(read(json!("")), Value::Null);
    }
}
