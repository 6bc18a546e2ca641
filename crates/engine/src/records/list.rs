//! Lists and search of records.

use entente_store::{RecordQuery, Viewer};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{PAGE, no_object, title};
use crate::engine::Engine;
use crate::error::{EngineError, Result};

/// Which records to list.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Only records of this object.
    #[param(nullable = false)]
    pub object: Option<String>,
    /// Only records that all these words are found in, as beginnings of words.
    #[param(nullable = false)]
    pub q: Option<String>,
    /// Go on where the last page ended: its `next`.
    #[param(nullable = false)]
    pub after: Option<String>,
    /// Records per page, 1 to 1,000; 50 without it.
    #[param(nullable = false)]
    pub limit: Option<usize>,
}

/// A counterpart, in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RecordLink {
    /// Connection.
    pub connection: String,
    /// External id.
    pub external_id: String,
}

/// A record, in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RecordItem {
    /// Record id.
    pub id: String,
    /// Object.
    pub object: String,
    /// What people call it.
    pub title: String,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
    /// `active`, `deleted`, `merged` or `erased`.
    pub state: String,
    /// Counterparts that are present.
    pub links: Vec<RecordLink>,
}

/// A page of records, last changed first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RecordPage {
    /// The records.
    pub items: Vec<RecordItem>,
    /// Where the next page begins; none on the last.
    pub next: Option<String>,
}

/// A page of records.
///
/// # Errors
/// When the object does not exist, the cursor is not one of this list, or the store fails.
pub async fn list(engine: &Engine, viewer: &Viewer, query: ListQuery) -> Result<RecordPage> {
    let catalog = engine.catalog();
    let blank = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
    let object = blank(&query.object);
    if let Some(name) = &object
        && catalog.object(name).is_none()
    {
        return Err(no_object(&catalog, name));
    }
    // As `next` is written: when the last record of a page changed, and its id.
    let is_cursor = |text: &str| text.split_once('.').is_some_and(|(at, id)| at.parse::<i64>().is_ok() && !id.is_empty());
    if let Some(wrong) = blank(&query.after).filter(|after| !is_cursor(after)) {
        let (field, reason) = ("after".to_owned(), format!("`{wrong}` is no place in this list"));
        return Err(EngineError::Invalid {
            field,
            reason,
            remedy: "pass on `next` of the page before, or begin again without it".to_owned(),
        });
    }
    let wanted = RecordQuery { object, text: blank(&query.q), after: blank(&query.after), ..RecordQuery::default() };
    let limit = query.limit.unwrap_or(PAGE).clamp(1, entente_store::PAGE_ROWS_MAX);
    let viewer = viewer.clone();
    let (page, links) = engine
        .store()
        .read(move |tx| {
            let page = tx.list_records(&viewer, &wanted, limit)?;
            let ids: Vec<_> = page.records.iter().map(|record| record.id.clone()).collect();
            let links = tx.links_of(&ids)?;
            Ok((page, links))
        })
        .await?;
    let items = page
        .records
        .into_iter()
        .map(|record| {
            let links = links.iter().filter(|link| link.record == record.id && link.state == entente_store::LinkState::Present);
            RecordItem {
                title: title(catalog.object(&record.object), &record.id, &record.data),
                links: links
                    .map(|link| RecordLink { connection: link.connection.clone(), external_id: link.external_id.clone() })
                    .collect(),
                id: record.id.to_string(),
                object: record.object,
                updated_at: record.updated_at,
                state: record.state.to_string(),
            }
        })
        .collect();
    Ok(RecordPage { items, next: page.next })
}
