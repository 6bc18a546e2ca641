//! Rows by id. A list takes a hundred ids and costs as much as ten rows that are read by themselves.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{self, StreamExt, TryStreamExt};
use serde_json::Value;

use super::kind::{Kind, row_of};
use super::refusal::of_no_row;
use super::wire::id_text;
use super::{Pipedrive, SPEC};
use crate::connector::Priority;
use crate::error::VendorError;
use crate::look::{Look, ReadSpec};
use crate::transport::call::Call;

/// More rows than this are asked for as a list.
const SINGLY_MAX: usize = 10;
/// Ids of one list, the most Pipedrive takes.
const LISTED_MAX: usize = 100;

impl Pipedrive {
    /// A row as its own view shows it, deleted ones included. Nothing when there is none, or none that our user may see.
    pub(super) async fn view(&self, kind: Kind, id: &str, priority: Priority) -> Result<Option<Value>, VendorError> {
        let call = Call::get(format!("{}/{id}", kind.path())).accept(&[404, 410]);
        let read = self.send("view", priority, call).await?;
        Ok((read.status < 300 && read.data.is_object()).then_some(read.data))
    }

    /// Rows by id, as few calls as they cost least. Those that are not found are missing.
    pub(super) async fn rows_by_id(&self, kind: Kind, ids: &[String], priority: Priority) -> Result<BTreeMap<String, Value>, VendorError> {
        let unique: BTreeSet<&String> = ids.iter().filter(|id| kind.is_id(id)).collect();
        let mut wanted: Vec<String> = unique.into_iter().cloned().collect();
        let mut found = BTreeMap::new();
        if wanted.len() > SINGLY_MAX && !kind.is_old() {
            for chunk in wanted.chunks(LISTED_MAX) {
                let call = Call::get(kind.path()).query("ids", chunk.join(",")).query("limit", LISTED_MAX.to_string());
                let read = self.send("list", priority, call).await.map_err(of_no_row)?;
                found.extend(read.rows().iter().filter_map(|row| Some((id_text(&row["id"])?, row.clone()))));
            }
            // What the list passes over is deleted or archived; its own view tells.
            wanted.retain(|id| !found.contains_key(id));
        }
        let viewed: Vec<(String, Option<Value>)> = stream::iter(wanted)
            .map(|id| async move { Ok::<_, VendorError>((id.clone(), self.view(kind, &id, priority).await?)) })
            .buffered(SPEC.concurrency)
            .try_collect()
            .await?;
        found.extend(viewed.into_iter().filter_map(|(id, row)| Some((id, row?))));
        Ok(found)
    }

    /// See [`Connector::fetch`](crate::connector::Connector::fetch).
    pub(super) async fn fetch_rows(&self, spec: &ReadSpec, ids: &[String], priority: Priority) -> Result<Vec<Look>, VendorError> {
        let object = Kind::named(&spec.object)?;
        self.fields(object, &spec.fields, priority).await?;
        let mut by_kind: BTreeMap<Kind, Vec<String>> = BTreeMap::new();
        for (kind, id) in ids.iter().map(|id| row_of(object, id)) {
            by_kind.entry(kind).or_default().push(id.to_owned());
        }
        let mut looks: BTreeMap<String, Look> = BTreeMap::new();
        for (kind, own) in by_kind {
            let rows: Vec<Value> = self.rows_by_id(kind, &own, priority).await?.into_values().collect();
            let seen = self.looks(object, kind, &rows, &spec.fields, priority).await?;
            looks.extend(seen.into_iter().map(|look| (look.id.clone(), look)));
        }
        let seeing = self.seeing(object, object, &[], &[], priority).await?;
        Ok(ids.iter().map(|id| looks.remove(id).unwrap_or_else(|| seeing.gone(id.clone(), None))).collect())
    }
}
