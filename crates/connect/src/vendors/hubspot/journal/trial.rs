//! Trying the journal: its newest file is fetched, and the app's subscriptions are listed. Nothing is taken over and nothing subscribed to.

use super::super::wire::Listed;
use super::Journal;
use super::reader::subscriptions;
use super::subscribe::refused;
use crate::connector::{Priority, Tried};
use crate::error::VendorError;
use crate::transport::call::Call;

/// What to do where a file cannot be had, though the journal names it.
const ADVICE_FILE: &str = "let this machine reach the host of the journal's files, which is another than HubSpot's API; a firewall or proxy may be in \
                           the way";

impl Journal {
    /// See [`Connector::try_streams`](crate::connector::Connector::try_streams).
    pub async fn tried(&self) -> Vec<Tried> {
        let tried = |stream: &str, outcome| Tried { stream: stream.to_owned(), is_optional: false, outcome };
        let newest = self.newest().await;
        if newest.is_err() {
            // Whatever is in the way of the one is in the way of the other, and is told once.
            return vec![tried("the webhooks journal", newest)];
        }
        vec![tried("the webhooks journal", newest), tried("the subscriptions of the webhooks journal", self.listed().await)]
    }

    /// Fetches the newest file, if there ever was one.
    async fn newest(&self) -> Result<(), VendorError> {
        let Some(entry) = self.last(Priority::Urgent).await.map_err(refused)? else { return Ok(()) };
        self.fetch(entry).await.map(drop).map_err(|error| VendorError { advice: ADVICE_FILE, ..error })
    }

    async fn listed(&self) -> Result<(), VendorError> {
        let listed = self.client.call("journal_subscriptions", Priority::Urgent, Call::get(subscriptions())).await.map_err(refused)?;
        listed.json::<Listed>().map(drop)
    }
}
