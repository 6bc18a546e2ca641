//! Webhooks: steps that are registered for a message and a table, and the context that they are sent.

use serde_json::{Value, json};

use super::Hand;
use super::schema::{Column, Table, Ty};
use super::state::{Record, State};
use crate::mailroom::Delivery;

/// Name of this simulator in the mailroom.
pub(crate) const PLATFORM: &str = "dynamics";
/// Bytes of a message above which it loses what is large in it.
const MESSAGE_MAX: usize = 256 * 1024;
/// The contract of a service endpoint that is a webhook.
const WEBHOOK: i64 = 8;

const CONTRACTS: &str = "http://schemas.microsoft.com/xrm/2011/Contracts";

/// What happened to a row, as steps are asked about it.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) message: &'static str,
    /// Columns that were sent.
    pub(crate) changed: Vec<String>,
    /// The row that went into this one.
    pub(crate) subordinate: Option<String>,
}

fn typed(ty: &str) -> String {
    format!("{ty}:{CONTRACTS}")
}

fn reference(table: &str, id: &str) -> Value {
    json!({"__type": typed("EntityReference"), "Id": id, "KeyAttributes": [], "LogicalName": table, "Name": null, "RowVersion": null})
}

fn date(ms: i64) -> String {
    format!("/Date({ms})/")
}

impl State {
    fn told_value(&self, record: &Record, column: &Column) -> Value {
        match (&column.ty, column.name.as_str()) {
            (_, "modifiedon") => json!(date(record.modified_ms)),
            (_, "createdon") => json!(date(record.created_ms)),
            (_, "modifiedby") => reference("systemuser", &record.modified_by),
            (Ty::Lookup(_), name) => record.link(name).map_or(Value::Null, |(table, id)| reference(table, id)),
            (Ty::Choice(_) | Ty::State(_) | Ty::Status(_), name) if record.get(name).is_number() => {
                json!({"__type": typed("OptionSetValue"), "Value": record.get(name)})
            }
            (Ty::Money, name) if record.get(name).is_number() => json!({"__type": typed("Money"), "Value": record.get(name)}),
            (Ty::Instant, name) => record.get(name).as_str().and_then(super::moment::instant).map_or(Value::Null, |ms| json!(date(ms))),
            _ => self.value(record, column),
        }
    }

    fn told_row(&self, table: &Table, record: &Record, told: &Told) -> Value {
        let columns = table.columns.iter().filter(|column| {
            told.changed.contains(&column.name) || matches!(column.name.as_str(), "modifiedon" | "modifiedby") || column.ty == Ty::Key
        });
        let attributes: Vec<Value> = columns.map(|column| json!({"key": column.name, "value": self.told_value(record, column)})).collect();
        json!({
            "__type": typed("Entity"), "Attributes": attributes, "EntityState": null, "FormattedValues": [], "Id": record.id, "KeyAttributes": [],
            "LogicalName": table.name, "RelatedEntities": [], "RowVersion": null,
        })
    }

    /// Queues a message for each step that wants it.
    pub(crate) fn tell(&mut self, table: &Table, id: &str, by: &Hand, told: &Told) {
        let steps: Vec<Record> = self.rows.get("sdkmessageprocessingstep").into_iter().flat_map(|rows| rows.values()).cloned().collect();
        for step in steps {
            let Some(endpoint) = self.wanted(&step, table, told) else { continue };
            let Some(record) = self.row(&table.name, id).cloned() else { continue };
            let letter = self.letter(&step, &endpoint, table, &record, by, told);
            self.letters.push(letter);
        }
    }

    /// The endpoint of a step that wants a message.
    fn wanted(&self, step: &Record, table: &Table, told: &Told) -> Option<Record> {
        let at = |name: &str| step.link(name).and_then(|(table, id)| self.row(table, id));
        let enabled = step.get("statecode") != &json!(1) && step.get("stage") == &json!(40);
        let message = at("sdkmessageid").is_some_and(|message| message.get("name") == told.message);
        let filter = at("sdkmessagefilterid").is_some_and(|filter| filter.get("primaryobjecttypecode") == &json!(table.name));
        if !(enabled && message && filter) {
            return None;
        }
        let watched = step.get("filteringattributes").as_str().unwrap_or_default();
        let watches = watched.is_empty() || watched.split(',').any(|name| told.changed.iter().any(|changed| changed == name.trim()));
        if told.message == "Update" && !watches {
            return None;
        }
        at("eventhandler").filter(|endpoint| endpoint.get("contract") == &json!(WEBHOOK)).cloned()
    }

    fn letter(&mut self, step: &Record, endpoint: &Record, table: &Table, record: &Record, by: &Hand, told: &Told) -> Delivery {
        let (user, correlation, operation) = (self.user_of(by), self.uuid(), self.uuid());
        let mut input = match told.message {
            "Delete" | "Merge" => vec![json!({"key": "Target", "value": reference(&table.name, &record.id)})],
            _ => vec![json!({"key": "Target", "value": self.told_row(table, record, told)})],
        };
        if let Some(subordinate) = &told.subordinate {
            input.push(json!({"key": "SubordinateId", "value": subordinate}));
        }
        let output = if told.message == "Create" { vec![json!({"key": "id", "value": record.id})] } else { Vec::new() };
        let shared: Vec<Value> = self.tag.iter().map(|tag| json!({"key": "tag", "value": tag})).collect();
        let unit = self.options.business_unit_id.clone();
        let context = |stage: i64, parent: Value, shared: &[Value]| {
            json!({
                "BusinessUnitId": unit, "CorrelationId": correlation, "Depth": 1, "InitiatingUserId": user, "InputParameters": input,
                "IsExecutingOffline": false, "IsInTransaction": stage == 30, "IsOfflinePlayback": false, "IsolationMode": 1,
                "MessageName": told.message, "Mode": i64::from(stage == 40), "OperationCreatedOn": date(self.now_ms), "OperationId": operation,
                "OrganizationId": self.options.organization_id, "OrganizationName": "acme", "OutputParameters": output,
                "OwningExtension": {"Id": step.id, "KeyAttributes": [], "LogicalName": "sdkmessageprocessingstep", "Name": null, "RowVersion": null},
                "ParentContext": parent, "PostEntityImages": [], "PreEntityImages": [], "PrimaryEntityId": record.id,
                "PrimaryEntityName": table.name, "RequestId": null, "SecondaryEntityName": "none", "SharedVariables": shared, "Stage": stage, "UserId": user,
            })
        };
        let parent = context(30, Value::Null, &shared);
        let mut body = context(40, parent, &shared);
        let mut headers = vec![
            ("content-type".to_owned(), "application/json; charset=utf-8".to_owned()),
            ("x-ms-dynamics-organization".to_owned(), self.options.host.clone()),
            ("x-ms-dynamics-entity-name".to_owned(), table.name.clone()),
            ("x-ms-dynamics-request-name".to_owned(), told.message.to_owned()),
            ("x-ms-correlation-request-id".to_owned(), correlation.clone()),
        ];
        if body.to_string().len() > MESSAGE_MAX {
            for name in ["ParentContext", "InputParameters", "PreEntityImages", "PostEntityImages"] {
                body[name] = Value::Null;
            }
            headers.push(("x-ms-dynamics-msg-size-exceeded".to_owned(), "true".to_owned()));
        }
        let mut url = endpoint.get("url").as_str().unwrap_or_default().to_owned();
        let secret = endpoint.get("authvalue").as_str().unwrap_or_default();
        match endpoint.get("authtype").as_i64() {
            Some(4) => add_query(&mut url, "code", secret),
            Some(5) => headers.extend(settings(secret)),
            Some(6) => settings(secret).into_iter().for_each(|(name, value)| add_query(&mut url, &name, &value)),
            _ => {}
        }
        Delivery { platform: PLATFORM, method: http::Method::POST, url, headers, body: body.to_string().into_bytes(), attempt: 0 }
    }
}

fn add_query(url: &mut String, name: &str, value: &str) {
    let sign = if url.contains('?') { '&' } else { '?' };
    let value: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
    url.push_str(&format!("{sign}{name}={value}"));
}

/// `<settings><setting name="x-key" value="v"/></settings>`.
fn settings(text: &str) -> Vec<(String, String)> {
    let of = |part: &str, name: &str| part.split(&format!("{name}=\"")).nth(1).and_then(|rest| rest.split('"').next()).map(str::to_owned);
    text.split("<setting ").skip(1).filter_map(|part| of(part, "name").zip(of(part, "value"))).collect()
}
