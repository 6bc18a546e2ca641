//! Merging contacts: a lead into a user, the one way that Intercom has (`POST /contacts/merge`). From version 2.16 on it wants the two to share an
//! address or a number; whether they are one a person has decided by then.

use serde_json::json;

use super::Intercom;
use super::kind::Kind;
use super::wire::send;
use crate::connector::Priority;
use crate::error::VendorError;
use crate::merge::{Merge, none};
use crate::transport::call::Call;

/// First version that asks for something shared, and takes a word that it need not be.
const ASKS_SINCE: &str = "2.16";

/// What to do where neither is a lead, or the user would go.
const ADVICE: &str =
    "Intercom merges a lead into a user alone: let the user's record stay, or archive one of the two there; Entente follows";

impl Intercom {
    /// See [`Connector::merge`](crate::connector::Connector::merge).
    pub(super) async fn merge_rows(&self, merge: &Merge, priority: Priority) -> Result<(), VendorError> {
        if Kind::named(&merge.object)? != Kind::Contact {
            return Err(none(&super::SPEC, &merge.object));
        }
        let mut body = json!({"from": merge.goes, "into": merge.stays});
        if self.version >= ASKS_SINCE {
            body["skip_duplicate_validation"] = json!(true);
        }
        match send(&self.client, "merge", priority, Call::post("/contacts/merge", body)).await {
            Ok(_) => Ok(()),
            Err(error) if error.code == "invalid_merge" => Err(VendorError { advice: ADVICE, ..error }),
            Err(error) => Err(error),
        }
    }
}
