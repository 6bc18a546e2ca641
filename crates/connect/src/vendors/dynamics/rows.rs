//! Rows by id, a hundred in one call.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Dynamics;
use super::kind::{Kind, Object};
use super::refusal::of_no_row;
use super::wire::{ANNOTATIONS, PAGE_ROWS, ROOT, quoted};
use crate::connector::Priority;
use crate::error::VendorError;
use crate::look::{Look, ReadSpec};
use crate::transport::call::Call;

impl Dynamics {
    /// Rows of a table by id. Those that are not there are missing.
    pub(super) async fn rows_by_id(&self, kind: Kind, ids: &[&str], select: &str, priority: Priority) -> Result<Vec<Value>, VendorError> {
        let listed: Vec<String> = ids.iter().map(|id| quoted(id)).collect();
        let filter = format!("Microsoft.Dynamics.CRM.In(PropertyName='{}',PropertyValues=[{}])", kind.id_column(), listed.join(","));
        let call = Call::get(format!("{ROOT}/{}", kind.set())).query("$select", select).query("$filter", filter);
        self.all_of("fetch", priority, call.header("prefer", format!("{PAGE_ROWS},{ANNOTATIONS}"))).await.map_err(of_no_row)
    }

    /// See [`Connector::fetch`](crate::connector::Connector::fetch).
    pub(super) async fn fetch_rows(&self, spec: &ReadSpec, ids: &[String], priority: Priority) -> Result<Vec<Look>, VendorError> {
        let object = Object::named(&spec.object)?;
        let mut by_kind: BTreeMap<Kind, Vec<&str>> = BTreeMap::new();
        for (kind, own) in ids.iter().filter_map(|id| object.row(id)) {
            by_kind.entry(kind).or_default().push(own);
        }
        let mut looks: BTreeMap<String, Look> = BTreeMap::new();
        for (kind, own) in by_kind {
            let seeing = self.seeing(object, kind, &spec.fields, priority).await?;
            let select = seeing.schema.selection(&spec.fields).join(",");
            let rows = self.rows_by_id(kind, &own, &select, priority).await?;
            looks.extend(rows.iter().filter_map(|row| seeing.look(row, &spec.fields)).map(|look| (look.id.clone(), look)));
        }
        let seeing = self.seeing(object, object.kinds()[0], &[], priority).await?;
        Ok(ids.iter().map(|id| looks.remove(id).unwrap_or_else(|| seeing.gone(id.clone()))).collect())
    }
}
