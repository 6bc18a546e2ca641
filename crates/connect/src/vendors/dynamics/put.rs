//! From flattened values to what is sent: columns in their types, lookups by navigation property, and the messages that close.

use std::collections::BTreeMap;

use entente_model::clock::Timestamp;
use entente_model::mapping::remote::{RemoteKind, Row};
use serde_json::{Map, Number, Value, json};

use super::kind::{Kind, Object, is_id};
use super::names::Names;
use super::refusal::{misfit, unusable};
use super::schema::{Column, Part, Schema, Shape, unknown};
use super::special::{Special, state_of, word_of, words};
use crate::error::VendorError;
use crate::html;

/// What a write sends.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Draft {
    pub body: Map<String, Value>,
    /// A state that only a message can bring about: which state, and with which status.
    pub closes: Option<(i64, Option<i64>)>,
}

/// A message that closes a row, and its body.
pub(crate) fn closing(kind: Kind, reference: &str, state: i64, status: Option<i64>) -> (&'static str, Value) {
    let mut body = if kind == Kind::Incident {
        json!({"IncidentResolution": {
            "@odata.type": "Microsoft.Dynamics.CRM.incidentresolution", "incidentid@odata.bind": reference, "subject": "Resolved at the support desk",
        }})
    } else {
        let subject = if state == 1 { "Won" } else { "Lost" };
        json!({"OpportunityClose": {
            "@odata.type": "Microsoft.Dynamics.CRM.opportunityclose", "opportunityid@odata.bind": reference, "subject": subject,
        }})
    };
    body["Status"] = json!(status.unwrap_or(-1));
    let message = match (kind, state) {
        (Kind::Incident, _) => "CloseIncident",
        (_, 1) => "WinOpportunity",
        _ => "LoseOpportunity",
    };
    (message, body)
}

/// Whether a state can only be set by a message.
fn needs_message(kind: Kind, state: i64) -> bool {
    matches!((kind, state), (Kind::Incident, 1) | (Kind::Opportunity, 1 | 2))
}

/// The set of a table that lookups lead to.
fn set_of(table: &str) -> Option<&'static str> {
    match table {
        "systemuser" => Some("systemusers"),
        "team" => Some("teams"),
        "transactioncurrency" => Some("transactioncurrencies"),
        _ => Kind::of_table(table).map(Kind::set),
    }
}

/// A decimal text as JSON number.
fn number(text: &str) -> Option<Value> {
    let text = text.trim();
    if let Ok(whole) = text.parse::<i64>() {
        return Some(Value::from(whole));
    }
    text.parse::<f64>().ok().and_then(Number::from_f64).map(Value::Number)
}

fn items(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        Value::String(text) if !text.is_empty() => vec![text.as_str()],
        _ => Vec::new(),
    }
}

/// Whether a text could be an address at all.
fn is_address(text: &str) -> bool {
    text.trim()
        .split_once('@')
        .is_some_and(|(mailbox, host)| !mailbox.is_empty() && !host.is_empty() && !text.trim().contains(char::is_whitespace))
}

fn choice(name: &str, column: &Column, label: &str) -> Result<i64, VendorError> {
    column.choice(label).ok_or_else(|| {
        let known: Vec<&str> = column.choices.iter().map(|choice| choice.label.as_str()).collect();
        unusable("unknown_choice", format!("the value for `{name}` is none of its choices at Dynamics 365: {}", known.join(", ")))
            .about(name)
    })
}

/// A value as its column takes it.
fn fitted(kind: Kind, name: &str, column: &Column, value: &Value) -> Result<Value, VendorError> {
    let wrong = |code: &str, what: &str| Err(unusable(code, format!("the value for `{name}` is {what}")).about(name));
    if value.is_null() || value.as_str() == Some("") {
        return Ok(Value::Null);
    }
    match (column.shape, column.kind) {
        (Shape::Choice, _) => match value.as_str() {
            Some(label) => choice(name, column, label).map(Value::from),
            None => wrong("bad_choice", "no text"),
        },
        (Shape::Choices, _) => {
            let codes = items(value)
                .into_iter()
                .map(|label| choice(name, column, label).map(|code| code.to_string()))
                .collect::<Result<Vec<_>, _>>()?;
            Ok(if codes.is_empty() { Value::Null } else { Value::from(codes.join(",")) })
        }
        (Shape::Zoneless, _) => Ok(Value::from(format!("{}Z", value.as_str().unwrap_or_default().trim_end_matches('Z')))),
        (_, RemoteKind::Number) => match value {
            Value::Number(_) => Ok(value.clone()),
            Value::String(text) => number(text).map_or_else(|| wrong("bad_number", "not a number"), Ok),
            _ => wrong("bad_number", "not a number"),
        },
        (_, RemoteKind::Boolean) => match value {
            Value::Bool(_) => Ok(value.clone()),
            Value::String(text) if text == "true" || text == "false" => Ok(Value::Bool(text == "true")),
            _ => wrong("bad_boolean", "neither true nor false"),
        },
        (_, RemoteKind::Date) => Ok(Value::from(value.as_str().unwrap_or_default().chars().take(10).collect::<String>())),
        (_, RemoteKind::Datetime) => {
            let at =
                value.as_str().and_then(|text| text.parse::<Timestamp>().ok()).and_then(|at| Timestamp::from_second(at.as_second()).ok());
            at.map_or_else(|| wrong("bad_instant", "no instant"), |at| Ok(Value::from(at.to_string())))
        }
        // Nobody there looks whether it is one, so that a slip would be found by a letter that comes back.
        (_, RemoteKind::Email) if !value.as_str().is_some_and(is_address) => wrong("bad_email", "no e-mail address"),
        (_, RemoteKind::LongText) if kind == Kind::Email => Ok(Value::from(html::of_text(&items(value).join(", ")))),
        _ => Ok(match value {
            Value::String(_) => value.clone(),
            Value::Array(_) => Value::from(items(value).join(", ")),
            other => Value::from(other.to_string()),
        }),
    }
}

fn reference(name: &str, table: &str, value: &Value) -> Result<Value, VendorError> {
    let Some(id) = value.as_str().filter(|id| !id.is_empty()) else { return Ok(Value::Null) };
    if !is_id(id) {
        return Err(unusable("bad_reference", format!("the value for `{name}` is no id of Dynamics 365's")).about(name));
    }
    let set = set_of(table).ok_or_else(|| {
        misfit("reference", format!("rows of `{table}` cannot be referred to by this connector"), "take the field out of the mapping")
            .about(name)
    })?;
    Ok(Value::from(format!("/{set}({id})")))
}

fn read_only(name: &str) -> VendorError {
    misfit("read_only_field", format!("`{name}` is only read from Dynamics 365"), "set the field's direction to `in`").about(name)
}

/// What is to be sent for these values. `present` is the row's state and status, where there is a row and they matter.
///
/// # Errors
/// `no_customer` for a case without one; `read_only_field` and `unknown_field` for fields that take no value; else when a value does not fit its column.
pub(crate) fn draft(schema: &Schema, names: &Names, row: &Row, present: Option<(i64, i64)>, creates: bool) -> Result<Draft, VendorError> {
    let kind = schema.kind;
    let mut draft = Draft::default();
    let mut lookups: BTreeMap<&str, (&Column, BTreeMap<&str, Value>)> = BTreeMap::new();
    for (name, value) in row {
        match schema.part(name).ok_or_else(|| unknown(Object::Table(kind), name))? {
            Part::Value(column) if !column.writable => return Err(read_only(name)),
            Part::Code(column) | Part::To(column, _) if !column.writable => return Err(read_only(name)),
            Part::Value(column) if column.shape == Shape::Lookup => {
                // An owner is a user unless the mapping says otherwise.
                let table = if column.name == "ownerid" { Some("systemuser") } else { column.navigation.keys().next().map(String::as_str) };
                let Some(table) = table.filter(|_| column.navigation.len() == 1 || column.name == "ownerid") else {
                    let several: Vec<String> = column.navigation.keys().map(|table| format!("{name}.{table}")).collect();
                    return Err(misfit(
                        "ambiguous_reference",
                        format!("`{name}` leads to rows of several tables"),
                        "name the table in the mapping, as in customerid.account",
                    )
                    .about(several.first().cloned().unwrap_or_else(|| name.clone())));
                };
                let held = reference(name, table, value)?;
                lookups.entry(&column.name).or_insert_with(|| (column, BTreeMap::new())).1.insert(table, held);
            }
            Part::To(column, table) => {
                let held = reference(name, table, value)?;
                lookups.entry(&column.name).or_insert_with(|| (column, BTreeMap::new())).1.insert(table, held);
            }
            Part::Value(column) => drop(draft.body.insert(column.name.clone(), fitted(kind, name, column, value)?)),
            Part::Code(column) => {
                let code = value.as_i64().or_else(|| value.as_str()?.trim().parse().ok());
                if code.is_none() && !value.is_null() {
                    return Err(unusable("bad_choice", format!("the value for `{name}` is no number of a choice")).about(name));
                }
                draft.body.insert(column.name.clone(), code.map_or(Value::Null, Value::from));
            }
            Part::Special(Special::Status) => status(kind, value, present, &mut draft)?,
            Part::Special(Special::Currency) => {
                let bound = match value.as_str().filter(|code| !code.is_empty()) {
                    None => Value::Null,
                    Some(code) => names.currency(code).map(|id| Value::from(format!("/transactioncurrencies({id})"))).ok_or_else(|| {
                        unusable("unknown_currency", format!("the value for `{name}` is no currency of this environment")).about(name)
                    })?,
                };
                draft.body.insert("transactioncurrencyid@odata.bind".to_owned(), bound);
            }
            Part::Id | Part::Name(_) | Part::Type(_) | Part::Special(_) => return Err(read_only(name)),
        }
    }
    for (column, given) in lookups.into_values() {
        // One lookup holds one row: what is given goes before what is not, tables in the order of their names.
        let chosen = given.iter().find(|(_, held)| !held.is_null()).or_else(|| given.iter().next());
        if let Some((table, held)) = chosen {
            let property = column.navigation.get(*table).map_or(column.name.as_str(), String::as_str);
            draft.body.insert(format!("{property}@odata.bind"), held.clone());
        }
    }
    if kind == Kind::Incident {
        keep_customer(&mut draft.body, creates)?;
    }
    Ok(draft)
}

/// A case has a customer at every moment: without an account, the person who asks is it.
fn keep_customer(body: &mut Map<String, Value>, creates: bool) -> Result<(), VendorError> {
    const ACCOUNT: &str = "customerid_account@odata.bind";
    const CONTACT: &str = "customerid_contact@odata.bind";
    let bare = |name: &str| body.get(name).is_none_or(Value::is_null);
    if !(bare(ACCOUNT) && bare(CONTACT)) || !(creates || body.contains_key(ACCOUNT) || body.contains_key(CONTACT)) {
        return Ok(());
    }
    let asks = body.get("primarycontactid@odata.bind").filter(|held| !held.is_null()).cloned();
    let asks = asks.ok_or_else(|| unusable("no_customer", "a case needs an account or a contact as its customer").about("customerid"))?;
    body.remove(ACCOUNT);
    body.insert(CONTACT.to_owned(), asks);
    Ok(())
}

fn status(kind: Kind, value: &Value, present: Option<(i64, i64)>, draft: &mut Draft) -> Result<(), VendorError> {
    let word = value.as_str().unwrap_or_default();
    let standing = present.and_then(|(state, status)| word_of(kind, state, status));
    if word.is_empty() || standing == Some(word) {
        return Ok(());
    }
    let known = state_of(kind, word).filter(|_| word != "merged");
    let (state, status) = known.ok_or_else(|| {
        let mut all: Vec<&str> = Vec::new();
        for (_, _, word) in words(kind) {
            if *word != "merged" && !all.contains(word) {
                all.push(word);
            }
        }
        unusable("unknown_status", format!("the value for `status` is none of: {}", all.join(", "))).about("status")
    })?;
    if needs_message(kind, state) {
        draft.closes = Some((state, status));
        return Ok(());
    }
    draft.body.insert("statecode".to_owned(), json!(state));
    if let Some(status) = status {
        draft.body.insert("statuscode".to_owned(), json!(status));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_and_reopening_take_different_ways() {
        let of = |word: &str, present: Option<(i64, i64)>| {
            let mut draft = Draft::default();
            status(Kind::Incident, &json!(word), present, &mut draft).map(|()| draft)
        };
        assert_eq!(of("resolved", Some((0, 1))).expect("draft").closes, Some((1, Some(5))));
        assert_eq!(of("resolved", Some((1, 1000))).expect("draft"), Draft::default(), "it is resolved already, in whatever way");
        let reopened = of("in_progress", Some((1, 5))).expect("draft");
        assert_eq!((Value::Object(reopened.body), reopened.closes), (json!({"statecode": 0, "statuscode": 1}), None));
        assert!(of("merged", None).expect_err("refused").message.contains("in_progress"));
    }

    #[test]
    fn a_case_without_an_account_is_the_person_s_who_asks() {
        let kept = |body: Value, creates: bool| {
            let mut body = body.as_object().cloned().unwrap_or_default();
            keep_customer(&mut body, creates).map(|()| Value::Object(body))
        };
        let asks = json!({"primarycontactid@odata.bind": "/contacts(1)", "customerid_account@odata.bind": null});
        let expected = json!({"primarycontactid@odata.bind": "/contacts(1)", "customerid_contact@odata.bind": "/contacts(1)"});
        assert_eq!(kept(asks, false), Ok(expected));
        assert_eq!(kept(json!({"title": "x"}), false), Ok(json!({"title": "x"})));
        assert_eq!(kept(json!({"title": "x"}), true).expect_err("refused").code, "no_customer");
    }

    #[test]
    fn a_lost_deal_is_lost_by_its_message() {
        let (message, body) = closing(Kind::Opportunity, "/opportunities(1)", 2, Some(4));
        assert_eq!(
            (message, &body["Status"], &body["OpportunityClose"]["opportunityid@odata.bind"]),
            ("LoseOpportunity", &json!(4), &json!("/opportunities(1)"))
        );
    }
}
