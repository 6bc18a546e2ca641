//! Merging accounts, contacts and leads with the message `Merge`: the row that ends becomes inactive and names the one that stays.

use serde_json::{Map, Value, json};

use super::Dynamics;
use super::kind::{Kind, Object};
use super::wire::ROOT;
use crate::connector::Priority;
use crate::error::VendorError;
use crate::merge::{Merge, none};
use crate::transport::call::Call;

impl Dynamics {
    /// See [`Connector::merge`](crate::connector::Connector::merge).
    pub(super) async fn merge_rows(&self, merge: &Merge, priority: Priority) -> Result<(), VendorError> {
        let object = Object::named(&merge.object)?;
        let Some(((kind, goes), (_, stays))) = object.row(&merge.goes).zip(object.row(&merge.stays)).filter(|((kind, _), _)| kind.merges())
        else {
            return Err(none(&super::SPEC, &merge.object));
        };
        let body = json!({
            "Target": named(kind, Some(stays)),
            "Subordinate": named(kind, Some(goes)),
            // The row that stays keeps its values; what both are to have comes with the next look.
            "UpdateContent": named(kind, None),
            "PerformParentingChecks": false,
        });
        self.ask("merge", priority, Call::post(format!("{ROOT}/Merge"), body)).await.map(drop)
    }
}

/// A row of a table by its id, or values of such a row: none.
fn named(kind: Kind, id: Option<&str>) -> Value {
    let mut row = Map::from_iter([("@odata.type".to_owned(), Value::from(format!("Microsoft.Dynamics.CRM.{}", kind.table())))]);
    row.extend(id.map(|id| (kind.id_column().to_owned(), Value::from(id))));
    Value::Object(row)
}
