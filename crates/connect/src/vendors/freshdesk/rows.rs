//! Rows by id, and rows whose id is not known.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{self, StreamExt, TryStreamExt};
use serde_json::Value;

use crate::connector::Priority;
use crate::error::VendorError;
use crate::look::{Existence, Find, Look, ReadSpec};
use crate::phone;
use crate::transport::call::Call;

use super::kind::{Kind, is_number};
use super::map::{gone, id_text, includes, is_gone, version};
use super::refusal::{misfit, of_no_row};
use super::schema::{key, unknown};
use super::wire::{CONTACT_LISTS, TICKET_LISTS, send};
use super::{Freshdesk, SPEC};

/// Longest expression of search, in characters, with some room.
const EXPRESSION_MAX: usize = 500;
/// How far the search index may be behind: what is younger is looked for in lists, which are not.
const INDEX_LAG: std::time::Duration = std::time::Duration::from_secs(15 * 60);
/// Pages of what is that young, at most: 5,000 rows in a quarter of an hour.
const YOUNG_PAGES_MAX: u32 = 50;
/// Pages of search results, the most Freshdesk gives.
const SEARCH_PAGES_MAX: u32 = 10;

impl Freshdesk {
    /// A row as its own view shows it. `None` when there is none.
    pub(super) async fn view(&self, kind: Kind, id: &str, include: &[&str], priority: Priority) -> Result<Option<Value>, VendorError> {
        let mut call = Call::get(format!("/api/v2/{}/{id}", kind.plural())).accept(&[301, 404]);
        if !include.is_empty() {
            call = call.query("include", include.join(","));
        }
        let answer = send(&self.client, "view", priority, call).await?;
        if answer.status < 300 {
            return Ok(Some(answer.body));
        }
        if kind != Kind::Ticket {
            return Ok(None);
        }
        // Tickets that were closed long ago move to the archive, and are not gone.
        let call = Call::get(format!("/api/v2/tickets/archived/{id}")).accept(&[301, 403, 404]);
        let answer = send(&self.client, "view", priority, call).await?;
        Ok((answer.status < 300).then_some(answer.body))
    }

    /// Rows by id, in the order of the ids. Those that Freshdesk does not show are deleted.
    pub(super) async fn fetch_rows(&self, spec: &ReadSpec, ids: &[String], priority: Priority) -> Result<Vec<Look>, VendorError> {
        let kind = Kind::named(&spec.object)?;
        let include = includes(kind, &spec.fields, false);
        let include = &include;
        let rows: Vec<Option<Value>> = stream::iter(ids.to_vec())
            .map(|id| async move { if is_number(&id) { self.view(kind, &id, include, priority).await } else { Ok(None) } })
            .buffered(SPEC.concurrency)
            .try_collect()
            .await?;
        let seen = super::wire::seen(&self.client);
        let mut looks = Vec::with_capacity(ids.len());
        for (id, row) in ids.iter().zip(rows) {
            looks.push(match row {
                None => gone(kind, id.clone(), Existence::Deleted, None, seen),
                Some(row) if is_gone(&row) => {
                    let existence = if kind == Kind::Contact { self.fate(&row, priority).await? } else { Existence::Deleted };
                    gone(kind, id.clone(), existence, version(&row), seen)
                }
                Some(row) => {
                    let shown = self.looks(kind, std::slice::from_ref(&row), &spec.fields, seen, priority).await?;
                    shown.into_iter().next().unwrap_or_else(|| gone(kind, id.clone(), Existence::Deleted, None, seen))
                }
            });
        }
        Ok(looks)
    }

    /// What became of a deleted contact. Freshdesk does not say who it was merged into: whoever has its address beside their own.
    pub(super) async fn fate(&self, row: &Value, priority: Priority) -> Result<Existence, VendorError> {
        let Some(email) = row["email"].as_str().filter(|email| !email.is_empty()) else { return Ok(Existence::Deleted) };
        for holder in self.list_by(Kind::Contact, "email", email, priority).await? {
            let Some(id) = id_text(&holder["id"]).filter(|id| Some(id) != id_text(&row["id"]).as_ref()) else { continue };
            let Some(whole) = self.view(Kind::Contact, &id, &[], priority).await? else { continue };
            if !is_gone(&whole) && has_email(&whole, email) {
                return Ok(Existence::MergedInto(id));
            }
        }
        Ok(Existence::Deleted)
    }

    /// Rows of a list with one filter.
    pub(super) async fn list_by(&self, kind: Kind, filter: &str, value: &str, priority: Priority) -> Result<Vec<Value>, VendorError> {
        let mut call = Call::get(format!("/api/v2/{}", kind.plural())).query(filter, value).query("per_page", "100");
        if kind == Kind::Contact {
            call = call.bucket(CONTACT_LISTS);
        }
        let answer = send(&self.client, "list", priority, call).await.map_err(of_no_row)?;
        Ok(answer.rows()?.clone())
    }

    /// Answers questions, keys together and the others one by one.
    pub(super) async fn find_rows(
        &self,
        spec: &ReadSpec,
        questions: &[Find],
        key_field: &str,
        priority: Priority,
    ) -> Result<Vec<Vec<Look>>, VendorError> {
        let kind = Kind::named(&spec.object)?;
        let keys: Vec<&str> = questions
            .iter()
            .filter_map(|question| match question {
                Find::Key(key) => Some(key.as_str()),
                _ => None,
            })
            .collect();
        let by_key = &self.ids_by_key(kind, &keys, key_field, priority).await?;
        stream::iter(questions.to_vec())
            .map(|question| async move {
                let ids = match &question {
                    Find::Key(key) => by_key.get(key).cloned().unwrap_or_default(),
                    Find::Email(email) if kind == Kind::Contact => self.ids_by_email(email, priority).await?,
                    Find::Phone(number) if kind == Kind::Contact => self.ids_by_phone(number, priority).await?,
                    Find::Name(name) => self.ids_by_name(kind, name, priority).await?,
                    // Companies have no address of their own, and tickets none to be found by.
                    Find::Email(_) | Find::Phone(_) => Vec::new(),
                };
                let mut looks = self.fetch_rows(spec, &ids, priority).await?;
                looks.retain(|look| look.existence == Existence::Present);
                Ok(looks)
            })
            .buffered(SPEC.concurrency)
            .try_collect()
            .await
    }

    async fn ids_by_email(&self, email: &str, priority: Priority) -> Result<Vec<String>, VendorError> {
        let mut ids = Vec::new();
        for row in self.list_by(Kind::Contact, "email", &email.trim().to_lowercase(), priority).await? {
            let Some(id) = id_text(&row["id"]) else { continue };
            // Lists do not show further addresses, and a filter that a gateway drops must not hand us strangers.
            let known =
                has_email(&row, email) || self.view(Kind::Contact, &id, &[], priority).await?.is_some_and(|row| has_email(&row, email));
            if known {
                ids.push(id);
            }
        }
        Ok(ids)
    }

    /// Contacts by number, as it is written in E.164: Freshdesk compares texts.
    async fn ids_by_phone(&self, number: &str, priority: Priority) -> Result<Vec<String>, VendorError> {
        let mut ids = BTreeSet::new();
        for filter in ["phone", "mobile"] {
            let rows = self.list_by(Kind::Contact, filter, number, priority).await?;
            let same = rows.iter().filter(|row| row[filter].as_str().is_some_and(|typed| phone::same(typed, number)));
            ids.extend(same.filter_map(|row| id_text(&row["id"])));
        }
        Ok(ids.into_iter().collect())
    }

    /// Rows of exactly that name, whatever its case.
    pub(super) async fn ids_by_name(&self, kind: Kind, name: &str, priority: Priority) -> Result<Vec<String>, VendorError> {
        let call = match kind {
            Kind::Contact => Call::get("/api/v2/contacts/autocomplete").query("term", name),
            Kind::Company => Call::get("/api/v2/companies/autocomplete").query("name", name),
            // Tickets have subjects, which name nothing.
            Kind::Ticket => return Ok(Vec::new()),
        };
        let answer = send(&self.client, "autocomplete", priority, call).await.map_err(of_no_row)?;
        let listed = answer.body["companies"].as_array().or_else(|| answer.body.as_array());
        let wanted = name.trim().to_lowercase();
        let same = |row: &&Value| row["name"].as_str().is_some_and(|found| found.trim().to_lowercase() == wanted);
        Ok(listed.into_iter().flatten().filter(same).filter_map(|row| id_text(&row["id"])).collect())
    }

    /// Ids of rows by Entente's record id. Contacts have an attribute for it; of the others, search knows what is older than its index's
    /// lag, and lists know the rest.
    pub(super) async fn ids_by_key(
        &self,
        kind: Kind,
        keys: &[&str],
        key_field: &str,
        priority: Priority,
    ) -> Result<BTreeMap<String, Vec<String>>, VendorError> {
        let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
        if keys.is_empty() {
            return Ok(found);
        }
        let mut take = |key: &str, row: &Value| {
            let ids = found.entry(key.to_owned()).or_default();
            ids.extend(id_text(&row["id"]).filter(|id| !ids.contains(id)));
        };
        if kind == Kind::Contact {
            key_must_be(key_field, "unique_external_id")?;
            let answers: Vec<(String, Vec<Value>)> = stream::iter(keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>())
                .map(|key| async move {
                    let rows = self.list_by(kind, "unique_external_id", &key, priority).await?;
                    Ok::<_, VendorError>((key, rows))
                })
                .buffered(SPEC.concurrency)
                .try_collect()
                .await?;
            for (key, rows) in answers {
                rows.iter().filter(|row| row["unique_external_id"].as_str() == Some(&key)).for_each(|row| take(&key, row));
            }
            return Ok(found);
        }
        let name = self.key_name(kind, key_field, priority).await?;
        let mut rows = self.young(kind, priority).await?;
        for query in expressions(&name, keys) {
            for page in 1..=SEARCH_PAGES_MAX {
                let call =
                    Call::get(format!("/api/v2/search/{}", kind.plural())).query("query", query.clone()).query("page", page.to_string());
                let answer = send(&self.client, "search", priority, call).await.map_err(of_no_row)?;
                let results = answer.body["results"].as_array().cloned().unwrap_or_default();
                let more = results.len() >= 30;
                rows.extend(results);
                if !more {
                    break;
                }
            }
        }
        for row in &rows {
            let held = row["custom_fields"][&name].as_str();
            if let Some(key) = keys.iter().find(|key| held.is_some_and(|held| held.eq_ignore_ascii_case(key))) {
                take(key, row);
            }
        }
        Ok(found)
    }

    /// The name under which rows hold the key.
    pub(super) async fn key_name(&self, kind: Kind, key_field: &str, priority: Priority) -> Result<String, VendorError> {
        if !key_field.starts_with(kind.custom()) {
            return Err(misfit(
                "key_field",
                format!("`{key_field}` cannot carry Entente's record id at Freshdesk"),
                "set the mapping's key to a custom field: company_fields.entente_id or ticket_fields.entente_id",
            )
            .about(key_field));
        }
        let fields = self.fields_with(kind, &BTreeSet::from([key_field.to_owned()]), priority).await?;
        fields.get(key(kind, key_field)).map(|custom| custom.name.clone()).ok_or_else(|| unknown(kind, key_field))
    }

    /// Rows that the search index may not have yet.
    async fn young(&self, kind: Kind, priority: Priority) -> Result<Vec<Value>, VendorError> {
        let now = self.theirs();
        let since = super::map::stamp(now.checked_sub(INDEX_LAG).unwrap_or(now));
        let mut rows = Vec::new();
        let (mut page, mut size) = (1, 100);
        while page <= YOUNG_PAGES_MAX {
            let mut call = Call::get(format!("/api/v2/{}", kind.plural())).query("updated_since", since.clone());
            call = call.query("page", page.to_string()).query("per_page", size.to_string());
            if kind == Kind::Ticket {
                // Rows that were made in that time come first, so the rest need not be read.
                call = call.query("order_by", "created_at").query("order_type", "desc").bucket(TICKET_LISTS);
            }
            let answer = send(&self.client, "list", priority, call).await.map_err(of_no_row)?;
            let listed = answer.rows()?;
            let old = |row: &Value| row["created_at"].as_str().map(super::map::instant).is_some_and(|at| at < since);
            let done = kind == Kind::Ticket && listed.iter().any(old);
            rows.extend(listed.iter().cloned());
            match answer.next {
                Some(next) if !done => (page, size) = (next.page, next.size),
                _ => return Ok(rows),
            }
        }
        Err(VendorError::new(
            crate::error::Class::Wait { until: self.client.now().checked_add(INDEX_LAG).unwrap_or(self.client.now()) },
            "busy_index",
            format!(
                "more than {} {} changed at Freshdesk in the last 15 minutes: its search cannot be relied on yet",
                YOUNG_PAGES_MAX * 100,
                kind.plural()
            ),
            "nothing: creations go on once the search index has caught up",
        ))
    }
}

/// Contacts are found by one attribute; another key could make twins.
pub(super) fn key_must_be(key_field: &str, wanted: &str) -> Result<(), VendorError> {
    if key_field == wanted {
        return Ok(());
    }
    Err(misfit(
        "key_field",
        format!("`{key_field}` cannot carry Entente's record id at Freshdesk's contacts"),
        "set the mapping's key to unique_external_id, by which Freshdesk finds contacts",
    )
    .about(key_field))
}

/// Whether an address is one of a contact's.
fn has_email(row: &Value, email: &str) -> bool {
    let email = email.trim();
    let others = row["other_emails"].as_array().into_iter().flatten().filter_map(Value::as_str);
    row["email"].as_str().into_iter().chain(others).any(|held| held.eq_ignore_ascii_case(email))
}

/// Searches for any of these keys, as few as their longest length allows. Quotes cannot be escaped, so keys with them are left to lists.
fn expressions(name: &str, keys: &[&str]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for key in keys.iter().filter(|key| !key.contains(['\'', '"'])) {
        let term = format!("{name}:'{key}'");
        match found.last_mut().filter(|last| last.len() + term.len() + " OR ".len() + 2 <= EXPRESSION_MAX) {
            Some(last) => {
                last.push_str(" OR ");
                last.push_str(&term);
            }
            None => found.push(term),
        }
    }
    found.into_iter().map(|terms| format!("\"{terms}\"")).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_share_searches_as_far_as_they_fit() {
        let keys: Vec<String> = (0..30).map(|n| format!("acc_01ARZ3NDEKTSV4RRFFQ69G5F{n:02}")).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let searches = expressions("entente_id", &keys);
        assert!(searches.len() <= 4 && searches.iter().all(|search| search.chars().count() <= 512), "{searches:?}");
        assert_eq!(searches.iter().map(|search| search.matches("entente_id:").count()).sum::<usize>(), 30);
        assert!(expressions("entente_id", &["it's"]).is_empty());
    }

    #[test]
    fn a_further_address_is_an_address() {
        let row = json!({"email": "a@x.example", "other_emails": ["B@x.example"]});
        assert!(has_email(&row, "A@X.example") && has_email(&row, "b@x.example") && !has_email(&row, "c@x.example"));
    }
}
