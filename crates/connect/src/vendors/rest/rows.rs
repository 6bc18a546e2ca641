//! Rows by id.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{self, StreamExt, TryStreamExt};
use serde_json::Value;

use super::Rest;
use super::ask::Gaps;
use crate::connector::Priority;
use crate::error::VendorError;
use crate::look::{Look, ReadSpec};

impl Rest {
    /// A row as its own view shows it. Nothing when there is none, or none that our user may see.
    pub(super) async fn view(&self, object: &str, id: &str, priority: Priority) -> Result<Option<Value>, VendorError> {
        let Some(get) = &self.object(object)?.get else { return Ok(None) };
        let got = self.ask("view", priority, self.row_call(get, id).accept(&[404, 410])).await?;
        let row = get.row.as_ref().unwrap_or(&self.description.answers.row).first(&got.body);
        Ok(row.filter(|row| got.status < 300 && row.is_object()).cloned())
    }

    /// Rows by id, in as few calls as it takes. Those that are not found are missing.
    pub(super) async fn rows_by_id(
        &self,
        object: &str,
        ids: &[String],
        priority: Priority,
    ) -> Result<BTreeMap<String, Value>, VendorError> {
        let part = self.object(object)?;
        let unique: BTreeSet<&String> = ids.iter().collect();
        let mut wanted: Vec<String> = unique.into_iter().cloned().collect();
        let mut found = BTreeMap::new();
        if let Some(many) = part.get_many.as_ref().filter(|many| part.get.is_none() || wanted.len() >= many.from.max(2)) {
            for chunk in wanted.chunks(many.max.max(1)) {
                let gaps = Gaps::from([("ids", chunk.join(&many.separator))]);
                let rows = self.whole_list("list", &many.call, &gaps, priority).await?;
                found.extend(rows.into_iter().filter_map(|row| Some((part.row.id.text_in(&row)?, row))));
            }
            // What the list passes over may be deleted or archived; its own view tells.
            wanted.retain(|id| !found.contains_key(id));
        }
        let viewed: Vec<(String, Option<Value>)> = stream::iter(wanted)
            .map(|id| async move { Ok::<_, VendorError>((id.clone(), self.view(object, &id, priority).await?)) })
            .buffered(self.spec.concurrency)
            .try_collect()
            .await?;
        found.extend(viewed.into_iter().filter_map(|(id, row)| Some((id, row?))));
        Ok(found)
    }

    /// See [`Connector::fetch`](crate::connector::Connector::fetch).
    pub(super) async fn fetch_rows(&self, spec: &ReadSpec, ids: &[String], priority: Priority) -> Result<Vec<Look>, VendorError> {
        self.fields(&spec.object, &spec.fields, priority).await?;
        let rows: Vec<Value> = self.rows_by_id(&spec.object, ids, priority).await?.into_values().collect();
        let seen = self.looks(&spec.object, &rows, &spec.fields, priority).await?;
        let looks: BTreeMap<String, Look> = seen.into_iter().map(|look| (look.id.clone(), look)).collect();
        let seeing = self.seeing(&spec.object, &[], &[], priority).await?;
        Ok(ids.iter().map(|id| looks.get(id).cloned().unwrap_or_else(|| seeing.gone(id.clone(), None))).collect())
    }
}
