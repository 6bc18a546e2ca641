//! The journal of schema changes, as people read it.

use entente_store::{SchemaChange, SchemaFilter, SchemaState, Viewer};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::alerts::{advice, title};
use super::detail::{Detail, Hit, ObjectPatch};
use crate::engine::Engine;
use crate::error::{EngineError, Result};
use crate::records::PAGE;

/// Which changes to list.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ChangeQuery {
    /// `noted`, `open`, `returning` or `closed`; all without it.
    #[param(nullable = false)]
    pub state: Option<String>,
    /// Only those of this connection.
    #[param(nullable = false)]
    pub connection: Option<String>,
    /// Go on where the last page ended: its `next`.
    #[param(nullable = false)]
    pub before: Option<String>,
    /// Changes per page, 1 to 1,000; 50 without it.
    #[param(nullable = false)]
    pub limit: Option<usize>,
}

/// A change of a platform's schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = SchemaChange)]
pub struct Change {
    /// Change id.
    pub id: String,
    /// When it was found.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Connection.
    pub connection: String,
    /// The platform's name of the object.
    pub remote_object: String,
    /// The platform's name of the field, as it was.
    pub field: String,
    /// `added`, `removed`, `renamed`, `retyped`, `values`, `required`, or `rewritten` where the platform rewrites what we write.
    pub kind: String,
    /// `noted` when it breaks nothing; `open` while lines of mappings are not used because of it; `returning` while records catch up;
    /// `closed`.
    pub state: String,
    /// What has happened, in a few words.
    pub title: String,
    /// What it does to the sync, and what to do.
    pub advice: String,
    /// The field as it was; none when it is new.
    #[schema(value_type = Option<Object>)]
    pub before: Option<serde_json::Value>,
    /// The field as it is, by its new name if it was renamed; none when it is gone.
    #[schema(value_type = Option<Object>)]
    pub after: Option<serde_json::Value>,
    /// Lines of mappings that it breaks.
    pub hits: Vec<Hit>,
    /// What the field or its values have become, and how that is known.
    pub evidence: Option<String>,
    /// What would put the mappings right.
    pub patches: Vec<ObjectPatch>,
    /// When its state changed last.
    #[schema(value_type = String, format = DateTime)]
    pub changed_at: Timestamp,
    /// How it ended.
    pub outcome: Option<String>,
    /// Who ended it.
    pub by: Option<String>,
}

impl Change {
    pub(super) fn of(change: SchemaChange) -> Result<Self> {
        let detail = Detail::of(&change)?;
        let json = |field: &Option<entente_model::mapping::remote::RemoteField>| {
            field
                .as_ref()
                .map(serde_json::to_value)
                .transpose()
                .map_err(|error| EngineError::Corrupt { what: format!("schema change {}", change.id), reason: error.to_string() })
        };
        Ok(Self {
            id: change.id.to_string(),
            title: title(&change.change, &detail),
            advice: advice(change.id, &change.change, &detail),
            before: json(&detail.before)?,
            after: json(&detail.after)?,
            at: change.change.at,
            connection: change.change.connection,
            remote_object: change.change.remote_object,
            field: change.change.field,
            kind: change.change.kind,
            state: change.change.state.to_string(),
            hits: detail.hits,
            evidence: detail.evidence,
            patches: detail.patches,
            changed_at: change.changed_at,
            outcome: change.outcome.filter(|outcome| !outcome.is_empty()),
            by: change.by,
        })
    }
}

/// A page of changes, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = SchemaChangePage)]
pub struct ChangePage {
    /// The changes.
    pub items: Vec<Change>,
    /// Where the next page goes on; none on the last.
    pub next: Option<String>,
}

/// Lists changes, newest first.
///
/// # Errors
/// When the connection does not exist, the state or page is not one, or the store fails.
pub async fn list(engine: &Engine, viewer: &Viewer, query: ChangeQuery) -> Result<ChangePage> {
    let invalid =
        |field: &str, reason: String, remedy: &str| EngineError::Invalid { field: field.to_owned(), reason, remedy: remedy.to_owned() };
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let state = given(query.state)
        .map(|text| text.parse::<SchemaState>().map_err(|reason| invalid("state", reason, "name one of these, or leave it out")))
        .transpose()?;
    let connection = given(query.connection);
    if let Some(name) = &connection {
        engine.connection(name)?;
    }
    let before = given(query.before).map(|text| number(&text)).transpose()?;
    let limit = query.limit.unwrap_or(PAGE).clamp(1, entente_store::PAGE_ROWS_MAX - 1);
    let (seer, filter) = (viewer.clone(), SchemaFilter { state, connection, before });
    let mut found = engine.store().read(move |tx| tx.schema_changes(&seer, &filter, limit + 1)).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|last| last.id.to_string());
    Ok(ChangePage { items: found.into_iter().map(Change::of).collect::<Result<_>>()?, next })
}

/// One change.
///
/// # Errors
/// When there is no such change, or the store fails.
pub async fn show(engine: &Engine, viewer: &Viewer, id: &str) -> Result<Change> {
    Change::of(stored(engine, viewer, id).await?)
}

pub(super) async fn stored(engine: &Engine, viewer: &Viewer, id: &str) -> Result<SchemaChange> {
    let (number, seer) = (number(id)?, viewer.clone());
    engine.store().read(move |tx| tx.schema_change(&seer, number)).await?.ok_or_else(|| unknown(id))
}

fn number(id: &str) -> Result<i64> {
    id.parse().map_err(|_| unknown(id))
}

fn unknown(id: &str) -> EngineError {
    let remedy = "`entente schema list` shows those there are".to_owned();
    EngineError::Unknown { what: "schema change", name: id.to_owned(), remedy }
}
