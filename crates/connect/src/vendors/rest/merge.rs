//! Merging two rows, where the description says how.

use serde_json::{Map, Value};

use super::Rest;
use super::ask::Gaps;
use super::description::calls::Verb;
use crate::connector::Priority;
use crate::error::VendorError;
use crate::merge::{Merge, none};

impl Rest {
    /// See [`Connector::merge`](crate::connector::Connector::merge). The answer need not show the row that stays: whoever follows the merge looks.
    pub(super) async fn merge_rows(&self, merge: &Merge, priority: Priority) -> Result<(), VendorError> {
        let Some(described) = &self.object(&merge.object)?.merge else { return Err(none(self.spec, &merge.object)) };
        let gaps = Gaps::from([("goes", merge.goes.clone()), ("stays", merge.stays.clone()), ("key", merge.key.clone())]);
        let call = self.write_call(described, Verb::Post, &gaps, Some(Value::Object(Map::new())));
        self.ask("merge", priority, call).await.map(drop)
    }
}
