//! API calls of both platforms side by side.

use serde::{Deserialize, Serialize};

/// API calls, refused ones included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CallCosts {
    /// Calls to Salesforce that count against its quota.
    pub salesforce: u64,
    /// Calls to Zendesk.
    pub zendesk: u64,
}

impl CallCosts {
    /// The calls since an earlier count.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        Self { salesforce: self.salesforce.saturating_sub(before.salesforce), zendesk: self.zendesk.saturating_sub(before.zendesk) }
    }

    /// Both together.
    #[must_use]
    pub fn sum(self) -> u64 {
        self.salesforce + self.zendesk
    }
}
