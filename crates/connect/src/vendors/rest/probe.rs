//! Trying a description: every call that reads, once, and what was found at each path.

use serde::Serialize;
use serde_json::Value;

use super::Rest;
use super::ask::{Gaps, Place, stamp};
use super::description::object::ObjectPart;
use super::known::Fields;
use crate::connector::Priority;
use crate::error::VendorError;
use crate::registry::SetupError;
use crate::settings::ConnectionSettings;
use crate::transport::Surroundings;

/// Fields whose absence in every row a probe names at most.
const NAMED_MAX: usize = 12;

/// One thing that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Probe {
    /// Where in the description (`objects.persons.list`).
    pub call: String,
    /// Whether it went as described.
    pub good: bool,
    /// What was found; no value of a row is in it.
    pub found: String,
    /// What to do.
    pub remedy: Option<String>,
}

fn good(call: &str, found: impl Into<String>) -> Probe {
    Probe { call: call.to_owned(), good: true, found: found.into(), remedy: None }
}

fn bad(call: &str, found: impl Into<String>, remedy: impl Into<String>) -> Probe {
    Probe { call: call.to_owned(), good: false, found: found.into(), remedy: Some(remedy.into()) }
}

fn of_error(call: &str, error: &VendorError) -> Probe {
    bad(call, error.to_string(), error.advice)
}

/// Tries every call of a description that changes nothing, with the credentials of a connection.
///
/// # Errors
/// When the settings do not fit the description.
pub async fn probe(settings: ConnectionSettings, surroundings: Surroundings) -> Result<Vec<Probe>, SetupError> {
    let rest = Rest::new(settings, surroundings)?;
    let mut probes = Vec::new();
    match rest.ask_me(Priority::Urgent).await {
        Ok(me) => {
            let at = if me.organization.is_empty() { String::new() } else { format!(", account {}", me.organization) };
            probes.push(good("check", format!("signed in as user {}{at}", me.user_id)));
        }
        Err(error) => {
            probes.push(of_error("check", &error));
            return Ok(probes);
        }
    }
    for (name, list) in &rest.description.lists {
        let call = format!("lists.{name}");
        probes.push(match rest.whole_list("lists", &list.call, &Gaps::new(), Priority::Urgent).await {
            Ok(rows) => {
                let with_id = rows.iter().filter(|row| list.id.text_in(row).is_some()).count();
                counted(&call, rows.len(), with_id, list.id.text())
            }
            Err(error) => of_error(&call, &error),
        });
    }
    for (name, part) in &rest.description.objects {
        rest.probe_object(name, part, &mut probes).await;
    }
    if let Some(subscribe) = rest.description.webhooks.as_ref().and_then(|webhooks| webhooks.subscribe.as_ref()) {
        probes.push(match rest.whole_list("webhooks", &subscribe.list, &Gaps::new(), Priority::Urgent).await {
            Ok(hooks) => good("webhooks.subscribe.list", format!("{} subscriptions", hooks.len())),
            Err(error) => of_error("webhooks.subscribe.list", &error),
        });
    }
    Ok(probes)
}

fn counted(call: &str, rows: usize, with_id: usize, path: &str) -> Probe {
    if rows == 0 {
        return good(call, "no rows; nothing shows whether the paths are right");
    }
    if with_id == rows {
        return good(call, format!("{rows} rows, each with an id"));
    }
    bad(call, format!("{rows} rows, {} without an id at `{path}`", rows - with_id), "correct the path of the id, or of the rows")
}

impl Rest {
    async fn probe_object(&self, name: &str, part: &ObjectPart, probes: &mut Vec<Probe>) {
        let at = |key: &str| format!("objects.{name}.{key}");
        let fields = match self.fields(name, &[], Priority::Urgent).await {
            Ok(fields) => {
                let custom = fields.all().filter(|(_, known)| known.code.is_some()).count();
                if part.custom_fields.is_some() {
                    probes.push(good(&at("custom_fields"), format!("{custom} custom fields")));
                }
                fields
            }
            Err(error) => return probes.push(of_error(&at("fields"), &error)),
        };
        let rows = match self.list_page("list", &part.list, &Gaps::new(), &Place::default(), Priority::Urgent).await {
            Ok(page) => {
                let with_id = page.rows.iter().filter(|row| part.row.id.text_in(row).is_some()).count();
                let mut probe = counted(&at("list"), page.rows.len(), with_id, part.row.id.text());
                if probe.good && page.next.is_some() {
                    probe.found.push_str(", and there are more");
                }
                probes.push(probe);
                page.rows
            }
            Err(error) => return probes.push(of_error(&at("list"), &error)),
        };
        if let Some(changes) = &part.changes {
            let gaps = Gaps::from([("since", stamp(self.theirs(), changes.time))]);
            probes.push(match self.list_page("list", &changes.call, &gaps, &Place::default(), Priority::Urgent).await {
                // From now on there is next to nothing: many rows mean that the parameter is not heeded.
                Ok(page) if page.rows.len() > 10 && page.rows.len() >= rows.len() => {
                    bad(&at("changes"), format!("{} rows since this moment", page.rows.len()), "correct the parameter that says since when")
                }
                Ok(page) => good(&at("changes"), format!("{} rows since this moment", page.rows.len())),
                Err(error) => of_error(&at("changes"), &error),
            });
        }
        self.probe_row(name, part, &rows, probes).await;
        self.probe_fields(name, &fields, &rows, probes).await;
    }

    async fn probe_row(&self, name: &str, part: &ObjectPart, rows: &[Value], probes: &mut Vec<Probe>) {
        let at = |key: &str| format!("objects.{name}.{key}");
        let Some(first) = rows.first() else { return };
        let without = rows.iter().filter(|row| part.row.changed_at.first(row).and_then(super::look::instant).is_none()).count();
        if without == rows.len() {
            let found = format!("no row has an instant at `{}`", part.row.changed_at);
            probes.push(bad(&at("row.changed_at"), found, "name where rows have the time of their last change"));
        } else {
            probes.push(good(&at("row.changed_at"), format!("{} of {} rows have an instant", rows.len() - without, rows.len())));
        }
        let Some(id) = part.row.id.text_in(first) else { return };
        if part.get.is_some() {
            probes.push(match self.view(name, &id, Priority::Urgent).await {
                Ok(Some(row)) if part.row.id.text_in(&row).as_ref() == Some(&id) => good(&at("get"), "the row that was asked for"),
                Ok(Some(_)) => bad(&at("get"), "a row with another id", "correct the path of the row in the answer"),
                Ok(None) => bad(&at("get"), "no row, though a list shows it", "correct the path of the call, or of the row in the answer"),
                Err(error) => of_error(&at("get"), &error),
            });
        }
        if let Some(many) = &part.get_many {
            let gaps = Gaps::from([("ids", id.clone())]);
            probes.push(match self.whole_list("list", &many.call, &gaps, Priority::Urgent).await {
                Ok(rows) if rows.iter().any(|row| part.row.id.text_in(row).as_ref() == Some(&id)) => {
                    good(&at("get_many"), "the row that was asked for")
                }
                Ok(rows) => bad(&at("get_many"), format!("{} other rows", rows.len()), "correct the parameter that names the ids"),
                Err(error) => of_error(&at("get_many"), &error),
            });
        }
    }

    async fn probe_fields(&self, name: &str, fields: &Fields, rows: &[Value], probes: &mut Vec<Probe>) {
        if rows.is_empty() {
            return;
        }
        let call = format!("objects.{name}.fields");
        let names: Vec<String> = fields.all().filter(|(_, known)| known.code.is_none()).map(|(name, _)| name.clone()).collect();
        let seeing = match self.seeing(name, &names, rows, Priority::Urgent).await {
            Ok(seeing) => seeing,
            Err(error) => return probes.push(of_error(&call, &error)),
        };
        let blank = |value: &Value| value.is_null() || value.as_array().is_some_and(Vec::is_empty);
        let empty: Vec<&str> =
            names.iter().filter(|name| rows.iter().all(|row| blank(&seeing.value(row, name)))).map(String::as_str).collect();
        let mut found = format!("{} of {} described fields have a value in some row", names.len() - empty.len(), names.len());
        if !empty.is_empty() {
            let shown = empty.iter().take(NAMED_MAX).copied().collect::<Vec<_>>().join(", ");
            let more = if empty.len() > NAMED_MAX { format!(" and {} more", empty.len() - NAMED_MAX) } else { String::new() };
            found.push_str(&format!("; blank in every row: {shown}{more}"));
        }
        probes.push(good(&call, found));
    }
}
