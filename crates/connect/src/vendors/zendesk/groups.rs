//! Groups of agents: few, rarely changed, and asked for by name, so they are read once and kept.

use crate::connector::{Group, Priority};
use crate::error::VendorError;
use crate::transport::call::Call;

use super::Zendesk;
use super::map::id_text;
use super::read::{MANY, listed};
use super::wire::send;

/// Pages of groups or agents that are read at most: 10,000 of them, more than any account has.
const PAGES_MAX: usize = 100;

impl Zendesk {
    /// The account's groups; `fresh` asks Zendesk even when they are known.
    pub(super) async fn list_groups(&self, fresh: bool, priority: Priority) -> Result<Vec<Group>, VendorError> {
        let mut known = self.groups.lock().await;
        if let Some(groups) = known.as_ref().filter(|_| !fresh) {
            return Ok(groups.clone());
        }
        let rows = self.list_all("/api/v2/groups", "groups", &[], priority).await?;
        let alive = rows.iter().filter(|row| row["deleted"] != true);
        let groups: Vec<Group> = alive
            .filter_map(|row| Some(Group { id: id_text(&row["id"])?, name: row["name"].as_str().unwrap_or_default().to_owned() }))
            .collect();
        *known = Some(groups.clone());
        Ok(groups)
    }

    /// Every row of a short list.
    pub(super) async fn list_all(
        &self,
        path: &str,
        wrapper: &'static str,
        query: &[(&str, &str)],
        priority: Priority,
    ) -> Result<Vec<serde_json::Value>, VendorError> {
        let mut rows = Vec::new();
        let mut after: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let mut call = Call::get(path).query("page[size]", MANY.to_string());
            for (name, value) in query {
                call = call.query(name, *value);
            }
            if let Some(after) = &after {
                call = call.query("page[after]", after.clone());
            }
            let answer = send(&self.client, wrapper, priority, call).await?;
            rows.extend(listed(&answer.body, wrapper)?.iter().cloned());
            // The last page still carries a link to a next one; only `has_more` ends the list.
            let more = answer.body["meta"]["has_more"].as_bool() == Some(true);
            after = answer.body["meta"]["after_cursor"].as_str().filter(|_| more).map(str::to_owned);
            if after.is_none() {
                break;
            }
        }
        Ok(rows)
    }
}
