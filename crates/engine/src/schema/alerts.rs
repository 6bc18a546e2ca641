//! What operators are told of schema changes.

use std::collections::BTreeMap;

use entente_model::mapping::schema::ChangeKind;
use entente_store::{NewNotice, NewSchemaChange, SchemaState, StoreError, Tx};

use super::detail::Detail;
use super::equivalence::REWRITTEN;

/// Kind of the notices about changes that are no alerts.
const NOTICE: &str = "schema";

/// What has happened, in a few words.
pub(super) fn title(change: &NewSchemaChange, detail: &Detail) -> String {
    let place = format!("{}.{} at {}", change.remote_object, change.field, change.connection);
    let kind = change.kind.as_str();
    match detail.after.as_ref().filter(|_| kind == ChangeKind::Renamed.name()) {
        Some(after) => format!("{place} was renamed to {}", after.name),
        None if kind == ChangeKind::Removed.name() => format!("{place} was removed"),
        None if kind == ChangeKind::Added.name() => format!("{place} is new"),
        None if kind == ChangeKind::Retyped.name() => format!("{place} has another type"),
        None if kind == ChangeKind::Values.name() => format!("{place} has another list of values"),
        None if kind == ChangeKind::Required.name() => format!("{place} is required now"),
        None if kind == REWRITTEN => format!("{place} rewrites what it is given"),
        None => format!("{place}: {kind}"),
    }
}

/// What it does to the sync, and what to do.
pub(super) fn advice(id: i64, change: &NewSchemaChange, detail: &Detail) -> String {
    if detail.hits.iter().any(|hit| hit.whole) {
        return format!(
            "Nothing of {} can be synced with {} without this field: create it there again, or name another in the mapping. \
             `entente schema show {id}` has the details.",
            change.remote_object, change.connection
        );
    }
    let fields: Vec<String> = detail.hits.iter().flat_map(|hit| hit.fields.iter().map(|field| format!("{}.{field}", hit.object))).collect();
    if fields.is_empty() {
        return match detail.before.as_ref().or(detail.after.as_ref()) {
            Some(_) if change.kind == ChangeKind::Required.name() => {
                "No mapping is broken. New rows need a value there: map a field to it, or give it a default at the platform.".to_owned()
            }
            _ => "No mapping is broken.".to_owned(),
        };
    }
    if change.kind == REWRITTEN {
        let patch = if detail.patches.is_empty() {
            "no form fits all of them: translate the values in the mapping by a formula".to_owned()
        } else {
            format!("`entente schema apply {id}` has the mapping take the two for one, and the field flows again")
        };
        let how = detail.evidence.as_ref().map(|how| format!(" ({how})")).unwrap_or_default();
        return format!(
            "{}: left as the platform shows it, where it has rewritten a value twice{how}; everything else goes on. \
             `entente schema show {id}` has the details; {patch}.",
            fields.join(", ")
        );
    }
    let what = if detail.allowed.is_some() { "values that the list refuses are not sent" } else { "not synced meanwhile" };
    let patch = if detail.patches.is_empty() {
        "translate the values in the mapping, or add them to the list there".to_owned()
    } else {
        format!("`entente schema apply {id}` applies the proposed patch")
    };
    let how = detail.evidence.as_ref().map(|how| format!(" ({how})")).unwrap_or_default();
    format!("{}: {what}{how}; everything else goes on. `entente schema show {id}` has the details; {patch}.", fields.join(", "))
}

/// Tells of a change within the transaction that writes it down. What breaks lines is an alert, see [`alerts`]; a field that has become required is
/// told by itself. Answers whether it is left to the [`digest`].
pub(super) fn tell(tx: &mut Tx<'_>, id: i64, change: &NewSchemaChange, detail: &Detail) -> Result<bool, StoreError> {
    let (connection, object, field, kind) = (&change.connection, &change.remote_object, &change.field, &change.kind);
    if change.state == SchemaState::Open {
        tracing::warn!(change = id, connection, object, field, kind, "a schema has changed, and lines of mappings are not used meanwhile");
        return Ok(false);
    }
    tracing::info!(change = id, connection, object, field, kind, "a schema has changed");
    if *kind != ChangeKind::Required.name() {
        return Ok(true);
    }
    notify(tx, change, format!("⚠ Schema: {}", title(change, detail)), advice(id, change, detail))?;
    Ok(false)
}

/// Changes that a digest names one by one.
const NAMED_MAX: usize = 20;

/// Tells of all changes of an object that one look has found and that break nothing, at once.
pub(super) fn digest(tx: &mut Tx<'_>, changes: &[&(NewSchemaChange, Detail)]) -> Result<(), StoreError> {
    let Some((first, detail)) = changes.first() else { return Ok(()) };
    let mut lines: Vec<String> = changes.iter().take(NAMED_MAX).map(|(change, detail)| title(change, detail)).collect();
    if changes.len() > NAMED_MAX {
        lines.push(format!("and {} more", changes.len() - NAMED_MAX));
    }
    lines.push("No mapping is broken. `entente schema list` has them all; a field that is new can be mapped.".to_owned());
    let title = match changes.len() {
        1 => format!("Schema: {}", title(first, detail)),
        many => format!("Schema: {many} changes of {} at {}", first.remote_object, first.connection),
    };
    notify(tx, first, title, lines.join("\n"))
}

fn notify(tx: &mut Tx<'_>, change: &NewSchemaChange, title: String, body: String) -> Result<(), StoreError> {
    let (kind, recipient) = (NOTICE.to_owned(), "ops".to_owned());
    tx.notify(&NewNotice { at: change.at, kind, recipient, title, body, record: None }).map(drop)
}

/// What stands still because of schema changes, for alerts that begin with it and end when it is over: title and text, by a key that stays
/// the same while the change is open.
///
/// # Errors
/// When the store fails.
pub fn alerts(tx: &mut Tx<'_>) -> Result<BTreeMap<String, (String, String)>, StoreError> {
    let mut alerts = BTreeMap::new();
    for change in tx.open_schema_changes()?.into_iter().filter(|change| change.change.state == SchemaState::Open) {
        let detail = Detail::of(&change)?;
        let text = (format!("Schema: {}", title(&change.change, &detail)), advice(change.id, &change.change, &detail));
        alerts.insert(format!("schema/{}", change.id), text);
    }
    Ok(alerts)
}
