//! Conflicts: fields that more than one side changed and that a person decides.

pub(crate) mod declared;
pub mod flagged;
pub(crate) mod kind;
pub mod many;
pub mod proposals;
mod ruling;
pub mod statistics;

use std::collections::BTreeSet;

use entente_model::actor::Actor;
use entente_model::id::RecordId;
use entente_model::plan::Reason;
use entente_model::plan::policy::{FieldPolicy, Kind as FieldKind, Rule, SIMULTANEOUS_MS};
use entente_model::value::{Fields, Value, get};
use entente_store::{ConflictState, LANE_URGENT, LinkState, NewEntry, NewHint, StoreError, Tx, Viewer};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use self::ruling::Ruling;
use super::{Display, PAGE, given_value, label, must_not_be_blank, titles};
use crate::catalog::Catalog;
use crate::engine::Engine;
use crate::error::{EngineError, Result};
use crate::sync::edit::{self, Edit};

/// What to ask for to see conflicts that the latest change decided and whose older value nobody has looked at yet.
const FLAGGED: &str = "flagged";

/// Milliseconds of an hour.
const HOUR_MS: i64 = 60 * 60 * 1000;

/// Which conflicts to list.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ConflictQuery {
    /// `waiting`, `resolved`, or `flagged` for those that the latest change decided and whose older value nobody has looked at yet; waiting ones
    /// without it.
    #[param(nullable = false)]
    pub state: Option<String>,
    /// Go on where the last page ended: its `next`.
    #[param(nullable = false)]
    pub before: Option<String>,
    /// Conflicts per page, 1 to 1,000; 50 without it.
    #[param(nullable = false)]
    pub limit: Option<usize>,
}

/// One side of a conflict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ConflictSide {
    /// Connection, or `entente` for Entente itself.
    pub side: String,
    /// Its value, as people read it; none for no value.
    pub value: Option<String>,
    /// When it was changed there.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub at: Option<Timestamp>,
    /// The kind of hand that changed it.
    pub by: Option<String>,
    /// The user who changed it, as the platform calls them: by name, else by address or id; none where it is not known, and for the
    /// customer and Entente themselves.
    pub who: Option<String>,
}

/// How a conflict was decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Decided {
    /// The value, as people read it.
    pub value: Option<String>,
    /// The side whose value it is; none for a value that no side had.
    pub side: Option<String>,
    /// Who decided: a person by name, or a rule; one that was adopted with its name, by whom and when.
    pub by: Option<String>,
    /// When.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub at: Option<Timestamp>,
}

/// A conflict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Conflict {
    /// Conflict id.
    pub id: String,
    /// Record id.
    pub record: String,
    /// Object.
    pub object: String,
    /// What people call the record.
    pub title: String,
    /// Field.
    pub field: String,
    /// What people call it.
    pub label: String,
    /// `waiting` or `resolved`.
    pub state: String,
    /// When it was found.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// By when a person decides it, by promise (`sync.alert_conflict_hours`); none once it is decided.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub due: Option<Timestamp>,
    /// Why a person has to decide.
    pub reason: String,
    /// The value last agreed.
    pub base: Option<String>,
    /// The sides' values: what each shows now, then what they showed before while the conflict waited.
    pub sides: Vec<ConflictSide>,
    /// What Entente would choose.
    pub suggested: Option<String>,
    /// How it was decided.
    pub resolved: Option<Decided>,
    /// Whether the latest change decided it and nobody has looked at the older value yet.
    pub flagged: bool,
    /// Who has looked at the older value.
    pub reviewed: Option<flagged::Reviewed>,
}

/// A page of conflicts: those that wait longest first, so that what is overdue is on top; decided ones newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ConflictPage {
    /// The conflicts.
    pub items: Vec<Conflict>,
    /// Where the next page begins; none on the last.
    pub next: Option<String>,
}

/// A decision: either the value of a side, or another value.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Resolution {
    /// Take the value of this side: a connection's name, or `entente` for what Entente holds.
    pub side: Option<String>,
    /// Take this value: a text as people write it, or the typed form (`{"text": "Ada"}`); null clears the field.
    #[schema(value_type = Option<Value>)]
    #[serde(deserialize_with = "given")]
    pub value: Option<serde_json::Value>,
}

/// What is there is given, null too: it clears the field. What is not there is not.
fn given<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<serde_json::Value>, D::Error> {
    serde_json::Value::deserialize(deserializer).map(Some)
}

fn parse_number(id: &str) -> Result<i64> {
    id.parse().map_err(|_| EngineError::Invalid {
        field: "id".to_owned(),
        reason: format!("`{id}` is not the id of a conflict"),
        remedy: "take it from the list of conflicts".to_owned(),
    })
}

/// A page of conflicts.
///
/// # Errors
/// When the state is none, or the store fails.
pub async fn list(engine: &Engine, viewer: &Viewer, query: ConflictQuery) -> Result<ConflictPage> {
    let state = match query.state.as_deref().filter(|state| !state.is_empty()) {
        None => Some(ConflictState::Waiting),
        Some(FLAGGED) => None,
        Some(text) => Some(text.parse().map_err(|reason| EngineError::Invalid {
            field: "state".to_owned(),
            reason,
            remedy: "use waiting, resolved or flagged".to_owned(),
        })?),
    };
    let before = query.before.as_deref().filter(|before| !before.is_empty()).map(parse_number).transpose()?;
    let limit = query.limit.unwrap_or(PAGE).clamp(1, entente_store::PAGE_ROWS_MAX);
    let (seer, catalog, promise) = (viewer.clone(), engine.catalog(), engine.options().alert_conflict_hours);
    let page = engine.store().read(move |tx| {
        let found = match state {
            Some(ConflictState::Waiting) => tx.waiting_conflicts(&seer, limit, before)?,
            Some(ConflictState::Resolved) => tx.conflicts(&seer, ConflictState::Resolved, limit, before)?,
            None => tx.flagged_conflicts(&seer, limit, before)?,
        };
        let next = found.last().filter(|_| found.len() == limit).map(|last| last.id.to_string());
        Ok(ConflictPage { items: shown(tx, &seer, &catalog, promise, found)?, next })
    });
    Ok(page.await?)
}

/// The conflicts of a record that wait.
///
/// # Errors
/// When the store fails.
pub async fn of_record(engine: &Engine, viewer: &Viewer, id: &RecordId) -> Result<Vec<Conflict>> {
    let (seer, catalog, promise, id) = (viewer.clone(), engine.catalog(), engine.options().alert_conflict_hours, id.clone());
    let found = engine.store().read(move |tx| {
        let found = tx.conflicts_of(std::slice::from_ref(&id))?;
        shown(tx, &seer, &catalog, promise, found)
    });
    Ok(found.await?)
}

/// Conflicts as people read them; `promise` is within how many hours a person decides.
fn shown(
    tx: &mut Tx<'_>,
    viewer: &Viewer,
    catalog: &Catalog,
    promise: u64,
    found: Vec<entente_store::Conflict>,
) -> entente_store::Result<Vec<Conflict>> {
    let ids: Vec<RecordId> = found.iter().map(|conflict| conflict.conflict.record.clone()).collect();
    let titles = titles(catalog, &tx.records(viewer, &ids)?);
    let values = found.iter().flat_map(|found| {
        let of = &found.conflict;
        of.sides.iter().map(|side| &side.value).chain([&of.base]).chain(&of.suggested).chain(&found.resolution)
    });
    let display = Display::of(tx, viewer, catalog, values)?;
    let by_rule = found.iter().any(|found| kind::End::of(found) == kind::End::Rule(Reason::Adopted.name().to_owned()));
    let rules = if by_rule { tx.conflict_rules()? } else { Vec::new() };
    let shown = found.into_iter().filter_map(|found| {
        // A record that the viewer may not see has no title here, and its conflict is not shown.
        let title = titles.get(&found.conflict.record)?;
        let by = ruling::rule_of(&rules, &found).map(|rule| ruling::adopted(catalog, rule));
        let due = due(found.conflict.opened_at, promise).filter(|_| found.state == ConflictState::Waiting);
        Some(Conflict { due, ..show(catalog, title, &display, by, found) })
    });
    Ok(shown.collect())
}

/// The end of so many hours from an instant on.
fn due(since: Timestamp, hours: u64) -> Option<Timestamp> {
    let ms = i64::try_from(hours).ok()?.checked_mul(HOUR_MS)?;
    since.checked_add(std::time::Duration::from_millis(u64::try_from(ms).ok()?)).ok()
}

/// A conflict as people read it; `by` names the adopted rule that decided it.
fn show(catalog: &Catalog, title: &str, display: &Display, by: Option<String>, found: entente_store::Conflict) -> Conflict {
    let reason = reason(catalog.policy_of(&found.conflict.object, &found.conflict.field), &found);
    let flagged = found.is_flagged();
    let reviewed =
        found.reviewed_by.zip(found.reviewed_at).map(|(by, at)| flagged::Reviewed { by, at, overruled: found.reviewed_entry.is_some() });
    let of = found.conflict;
    let taken = |value: &Value| kind::present(&of.sides).into_iter().find(|side| side.value.agrees(value)).map(|side| side.side.clone());
    let resolved = (found.state == ConflictState::Resolved).then(|| Decided {
        value: found.resolution.as_ref().and_then(|value| display.show(value)),
        side: found.resolution.as_ref().and_then(taken),
        by: by.or(found.resolved_by),
        at: found.resolved_at,
    });
    Conflict {
        id: found.id.to_string(),
        title: title.to_owned(),
        label: label(catalog.object(&of.object), &of.field),
        state: found.state.to_string(),
        since: of.opened_at,
        due: None,
        reason,
        flagged,
        reviewed,
        base: display.show(&of.base),
        suggested: of.suggested.as_ref().and_then(|value| display.show(value)),
        sides: of
            .sides
            .into_iter()
            .map(|side| ConflictSide {
                value: display.show(&side.value),
                side: side.side,
                at: side.at,
                by: Some(side.by).filter(|by| !by.is_empty()),
                who: side.who,
            })
            .collect(),
        resolved,
        record: of.record.to_string(),
        object: of.object,
        field: of.field,
    }
}

fn reason(policy: Option<&FieldPolicy>, found: &entente_store::Conflict) -> String {
    if found.was_latest() {
        return "the latest change won; the older one is flagged for review".to_owned();
    }
    let of = &found.conflict;
    let sides = kind::present(&of.sides);
    let has = |rule: Rule| policy.is_none_or(|policy| policy.rules.contains(&rule));
    if policy.is_some_and(|policy| policy.kind == FieldKind::Consent) && of.base == Value::Null {
        return "the sides answer differently and have never agreed on it: what somebody consents to is for a person".to_owned();
    }
    let times: Vec<i64> = sides.iter().filter_map(|side| side.at).map(Timestamp::as_millisecond).collect();
    let window_ms = policy.map_or(SIMULTANEOUS_MS, |policy| policy.simultaneous_ms);
    match (times.iter().min(), times.iter().max()) {
        (Some(first), Some(last)) if times.len() == sides.len() && last - first < window_ms && has(Rule::Simultaneous) => {
            let window =
                if window_ms % 1_000 == 0 { format!("{} seconds", window_ms / 1_000) } else { format!("{window_ms} milliseconds") };
            format!("the sides changed within {window} of each other")
        }
        (Some(_), Some(_)) if times.len() == sides.len() => "no rule decides".to_owned(),
        _ if !has(Rule::Latest) => "no rule decides".to_owned(),
        _ => "the platforms do not say when the sides changed".to_owned(),
    }
}

/// Decides a waiting conflict, or takes another value than the latest of a flagged one. The record gets the value by an entry of the ledger, each side's base becomes what that side holds now,
/// and so the next look writes the value to every side that differs.
///
/// # Errors
/// When there is no such conflict, it is decided already, or the value does not fit the field.
pub async fn resolve(engine: &Engine, viewer: &Viewer, id: &str, resolution: Resolution) -> Result<Conflict> {
    rule_on(engine, viewer, id, resolution, Ruling::Person).await
}

/// Decides a waiting or flagged conflict, in the name of a viewer, by whoever it is that decides.
async fn rule_on(engine: &Engine, viewer: &Viewer, id: &str, resolution: Resolution, ruling: Ruling) -> Result<Conflict> {
    let number = parse_number(id)?;
    let (seer, now, catalog) = (viewer.clone(), engine.now(), engine.catalog());
    let wanted = seer.clone();
    let found = engine.store().read(move |tx| tx.conflict(&wanted, number)).await?;
    let Some(found) = found else {
        return Err(EngineError::Unknown {
            what: "conflict",
            name: id.to_owned(),
            remedy: "take its id from the list of conflicts".to_owned(),
        });
    };
    if found.state == ConflictState::Resolved && !found.is_flagged() {
        return Err(StoreError::Conflict { what: format!("conflict {id} is decided already") }.into());
    }
    let value = chosen(&catalog, &found, &resolution)?;
    if resolution.side.is_none() {
        must_not_be_blank(engine, &catalog, &found.conflict.object, &found.conflict.field, "value", &value)?;
    }
    let connections: BTreeSet<String> = engine.connections().keys().cloned().collect();
    let (least, promise) = (engine.options().propose_rule_after, engine.options().alert_conflict_hours);
    let decided = engine.store().write(move |tx| {
        if found.is_flagged() {
            flagged::overrule(tx, &catalog, &seer, &found, &value, &connections, now)?;
        } else {
            decide(tx, &catalog, &seer, &found, &value, &ruling, &connections, now)?;
            proposals::tell_of_new(tx, &catalog, &found, least, now)?;
        }
        let found = tx.conflict(&seer, number)?.into_iter().collect();
        shown(tx, &seer, &catalog, promise, found)
    });
    decided.await?.pop().ok_or_else(|| EngineError::Unknown {
        what: "conflict",
        name: id.to_owned(),
        remedy: "take its id from the list of conflicts".to_owned(),
    })
}

/// The value that a decision names.
fn chosen(catalog: &Catalog, found: &entente_store::Conflict, resolution: &Resolution) -> Result<Value> {
    let of = &found.conflict;
    let invalid = |field: &str, reason: String, remedy: String| EngineError::Invalid { field: field.to_owned(), reason, remedy };
    match (&resolution.side, &resolution.value) {
        (Some(side), None) => {
            let known = || of.sides.iter().map(|side| side.side.as_str()).collect::<Vec<_>>().join(", ");
            of.sides
                .iter()
                .find(|one| one.side == *side)
                .map(|one| one.value.clone())
                .ok_or_else(|| invalid("side", format!("`{side}` is not a side of this conflict"), format!("use one of: {}", known())))
        }
        (None, Some(given)) => given_value(catalog, &of.object, &of.field, "value", given),
        _ => Err(invalid(
            "side",
            "either a side or a value is needed, and not both".to_owned(),
            "send {\"side\": \"…\"} or {\"value\": …}".to_owned(),
        )),
    }
}

#[expect(clippy::too_many_arguments, reason = "a decision has that many parts")]
fn decide(
    tx: &mut Tx<'_>,
    catalog: &Catalog,
    viewer: &Viewer,
    found: &entente_store::Conflict,
    value: &Value,
    ruling: &Ruling,
    connections: &BTreeSet<String>,
    now: Timestamp,
) -> entente_store::Result<()> {
    let of = &found.conflict;
    let field = label(catalog.object(&of.object), &of.field);
    let detail = format!("conflict {} about {field} was decided {}", found.id, ruling.words(catalog));
    let entry = carry_out(tx, catalog, viewer, of, value, (&detail, ruling.reason()), connections, now)?;
    let by = ruling.decided_by(&viewer.name);
    tx.resolve_conflict(found.id, &entente_store::Resolution { value: value.clone(), by, at: now, entry }).map(drop)
}

/// Gives the record the value that was decided for, and has it written to every side that differs; what the ledger says of it is a sentence, and the
/// reason that it keeps with the field. Answers the entry of the ledger.
#[expect(clippy::too_many_arguments, reason = "a decision has that many parts, and two places make one")]
fn carry_out(
    tx: &mut Tx<'_>,
    catalog: &Catalog,
    viewer: &Viewer,
    of: &entente_store::NewConflict,
    value: &Value,
    (detail, reason): (&str, &str),
    connections: &BTreeSet<String>,
    now: Timestamp,
) -> entente_store::Result<Option<entente_store::EntryId>> {
    let mut links = tx.links_of(std::slice::from_ref(&of.record))?;
    links.retain(|link| link.state == LinkState::Present);
    for link in &mut links {
        let present = link.seen.as_ref().and_then(|seen| seen.get(&of.field)).unwrap_or_else(|| get(&link.base, &of.field)).clone();
        link.base.insert(of.field.clone(), present);
        for apart in [&mut link.seen, &mut link.taken] {
            if let Some(fields) = apart {
                fields.remove(&of.field);
            }
            *apart = apart.take().filter(|fields| !fields.is_empty());
        }
    }
    tx.put_links(&links)?;
    let edit = Edit {
        record: of.record.clone(),
        fields: Fields::from([(of.field.clone(), value.clone())]),
        actor: Actor::Person,
        actor_name: viewer.name.clone(),
        cause: "user".to_owned(),
        detail: detail.to_owned(),
        lane: LANE_URGENT,
        window_ms: 0,
    };
    let entry = match edit::apply_because(tx, catalog, &edit, reason, now)? {
        Some(entry) => Some(entry),
        // What Entente holds was chosen: the record stays, the decision is an entry all the same.
        None => note(tx, viewer, of, detail, now)?,
    };
    tx.hint(&[NewHint {
        subject: of.record.to_string(),
        object: of.object.clone(),
        lane: LANE_URGENT,
        due_at: now,
        cause: "user".to_owned(),
        fetch: connections.clone(),
        origin_at: Some(now),
        is_news: true,
        at: now,
    }])?;
    Ok(entry)
}

fn note(
    tx: &mut Tx<'_>,
    viewer: &Viewer,
    of: &entente_store::NewConflict,
    detail: &str,
    now: Timestamp,
) -> entente_store::Result<Option<entente_store::EntryId>> {
    let Some(record) = tx.record(viewer, &of.record)? else { return Err(StoreError::Missing(format!("record {}", of.record))) };
    let entry = NewEntry {
        record: record.id,
        object: record.object,
        subject: record.subject,
        at: now,
        actor: Actor::Person,
        actor_name: viewer.name.clone(),
        cause: "user".to_owned(),
        detail: detail.to_owned(),
        connection: None,
        changes: std::collections::BTreeMap::new(),
    };
    Ok(tx.append(&[entry])?.first().copied())
}
