//! Reading rows by id, and finding rows whose id is not known.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{self, StreamExt, TryStreamExt};
use serde_json::Value;

use crate::connector::Priority;
use crate::error::{Class, VendorError};
use crate::look::{Existence, Find, Look, ReadSpec};
use crate::transport::call::Call;

use super::errors::misfit;
use super::kind::Kind;
use super::map::{Beside, Seen, Wanted, gone, id_text, includes, look};
use super::wire::{SEARCH, send};
use super::{SPEC, Zendesk};

/// Ids per `show_many`, the most Zendesk takes.
pub(super) const MANY: usize = 100;

impl Zendesk {
    /// Flattens rows, and makes sure that fields without a value exist.
    pub(super) async fn looks(
        &self,
        kind: Kind,
        rows: &[Value],
        beside: &Beside,
        fields: &[String],
        seen: Seen,
        priority: Priority,
    ) -> Result<Vec<Look>, VendorError> {
        let mut missing = BTreeSet::new();
        let looks = rows.iter().filter_map(|row| look(kind, row, beside, Wanted::Fields(fields), seen, &mut missing)).collect();
        self.known.verify(&self.client, kind, &missing, priority).await?;
        Ok(looks)
    }

    /// Rows by id, in the order of the ids. Those that Zendesk does not show are deleted.
    pub(super) async fn fetch_rows(&self, read: &ReadSpec, ids: &[String], priority: Priority) -> Result<Vec<Look>, VendorError> {
        let kind = Kind::named(&read.object)?;
        let mut found = BTreeMap::new();
        let mut seen = super::wire::seen(&self.client);
        let numbers: Vec<&str> = ids.iter().map(String::as_str).filter(|id| is_number(id)).collect();
        for chunk in numbers.chunks(MANY) {
            let mut call = Call::get(format!("/api/v2/{}/show_many", kind.plural())).query("ids", chunk.join(","));
            let include = includes(kind, &read.fields);
            if !include.is_empty() {
                call = call.query("include", include.join(","));
            }
            let answer = send(&self.client, "show_many", priority, call).await?;
            seen = answer.seen;
            let rows = listed(&answer.body, kind.plural())?;
            for look in self.looks(kind, rows, &Beside::of(&answer.body), &read.fields, seen, priority).await? {
                found.insert(look.id.clone(), look);
            }
        }
        Ok(ids.iter().map(|id| found.get(id).cloned().unwrap_or_else(|| gone(kind, id.clone(), Existence::Deleted, None, seen))).collect())
    }

    /// Answers questions, keys together and the others one by one.
    pub(super) async fn find_rows(
        &self,
        read: &ReadSpec,
        questions: &[Find],
        key_field: &str,
        priority: Priority,
    ) -> Result<Vec<Vec<Look>>, VendorError> {
        let kind = Kind::named(&read.object)?;
        let keys: Vec<&str> = questions
            .iter()
            .filter_map(|question| match question {
                Find::Key(key) => Some(key.as_str()),
                _ => None,
            })
            .collect();
        let by_key = self.find_keys(kind, read, &keys, key_field, priority).await?;
        stream::iter(questions.to_vec())
            .map(|question| {
                let by_key = &by_key;
                async move {
                    match question {
                        Find::Key(key) => Ok(by_key.get(&key.to_lowercase()).cloned().unwrap_or_default()),
                        Find::Email(email) if kind == Kind::User => self.find_email(read, &email, priority).await,
                        Find::Phone(phone) if kind == Kind::User => self.find_phone(read, &phone, priority).await,
                        Find::Name(name) => self.find_name(kind, read, &name, priority).await,
                        // Organizations have no address of their own, and tickets none to be found by.
                        Find::Email(_) | Find::Phone(_) => Ok(Vec::new()),
                    }
                }
            })
            .buffered(SPEC.concurrency)
            .try_collect()
            .await
    }

    /// Rows by Entente's record id, in lower case because Zendesk compares external ids so.
    async fn find_keys(
        &self,
        kind: Kind,
        read: &ReadSpec,
        keys: &[&str],
        key_field: &str,
        priority: Priority,
    ) -> Result<BTreeMap<String, Vec<Look>>, VendorError> {
        let mut found: BTreeMap<String, Vec<Look>> = BTreeMap::new();
        if keys.is_empty() {
            return Ok(found);
        }
        key_must_be_external_id(key_field)?;
        let rows = self.rows_by_external_id(kind, keys, &includes(kind, &read.fields), priority).await?;
        for (answer, beside, seen) in rows {
            for row in &answer {
                let Some(key) = row["external_id"].as_str().map(str::to_lowercase) else { continue };
                for look in self.looks(kind, std::slice::from_ref(row), &beside, &read.fields, seen, priority).await? {
                    found.entry(key.clone()).or_default().push(look);
                }
            }
        }
        for looks in found.values_mut() {
            looks.retain(|look| look.existence == Existence::Present);
        }
        Ok(found)
    }

    /// Raw rows by external id. Tickets are listed one key at a time: their `show_many` is only documented for ids.
    pub(super) async fn rows_by_external_id(
        &self,
        kind: Kind,
        keys: &[&str],
        include: &[&str],
        priority: Priority,
    ) -> Result<Vec<(Vec<Value>, Beside, Seen)>, VendorError> {
        let calls: Vec<Call> = match kind {
            Kind::Ticket => keys.iter().map(|key| Call::get("/api/v2/tickets").query("external_id", *key)).collect(),
            _ => keys
                .chunks(MANY)
                .map(|chunk| Call::get(format!("/api/v2/{}/show_many", kind.plural())).query("external_ids", chunk.join(",")))
                .collect(),
        };
        stream::iter(calls)
            .map(|call| {
                let call = if include.is_empty() { call } else { call.query("include", include.join(",")) };
                async move {
                    let answer = send(&self.client, "show_many", priority, call).await?;
                    let rows = listed(&answer.body, kind.plural())?.clone();
                    // A filter that a gateway or an old plan ignores must not hand us strangers.
                    let rows = rows
                        .into_iter()
                        .filter(|row| row["external_id"].as_str().is_some_and(|id| keys.iter().any(|key| key.eq_ignore_ascii_case(id))))
                        .collect();
                    Ok((rows, Beside::of(&answer.body), answer.seen))
                }
            })
            .buffered(SPEC.concurrency)
            .try_collect()
            .await
    }

    async fn search(
        &self,
        kind: Kind,
        parameter: &str,
        value: String,
        include: &[&str],
        priority: Priority,
    ) -> Result<(Vec<Value>, Beside, Seen), VendorError> {
        let mut call = Call::get(format!("/api/v2/{}/search", kind.plural())).bucket(SEARCH).query(parameter, value);
        if !include.is_empty() {
            call = call.query("include", include.join(","));
        }
        let answer = send(&self.client, "search", priority, call).await?;
        let rows = listed(&answer.body, kind.plural())?.clone();
        Ok((rows, Beside::of(&answer.body), answer.seen))
    }

    /// Users by e-mail. Search knows secondary addresses too, and tells parts of addresses from whole ones poorly: a row whose primary
    /// address is another one counts only if the address is among its identities.
    async fn find_email(&self, read: &ReadSpec, email: &str, priority: Priority) -> Result<Vec<Look>, VendorError> {
        let (rows, beside, seen) =
            self.search(Kind::User, "query", format!("email:{}", quoted(email)), &includes(Kind::User, &read.fields), priority).await?;
        let mut matches = Vec::new();
        for row in rows {
            let primary = row["email"].as_str().is_some_and(|found| found.eq_ignore_ascii_case(email));
            if primary || self.has_email(&row, email, priority).await? {
                matches.push(row);
            }
        }
        self.present_looks(Kind::User, &matches, &beside, read, seen, priority).await
    }

    async fn has_email(&self, row: &Value, email: &str, priority: Priority) -> Result<bool, VendorError> {
        let Some(id) = id_text(&row["id"]).filter(|_| row["active"].as_bool() != Some(false)) else { return Ok(false) };
        match self.identities(&id, priority).await {
            Ok(identities) => Ok(identities.iter().any(|identity| identity.is_email(email))),
            // Deleted since it was indexed.
            Err(error) if error.class == Class::LookAgain => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn find_phone(&self, read: &ReadSpec, phone: &str, priority: Priority) -> Result<Vec<Look>, VendorError> {
        let query = format!("phone:{}", quoted(phone));
        let (mut rows, beside, seen) = self.search(Kind::User, "query", query, &includes(Kind::User, &read.fields), priority).await?;
        rows.retain(|row| row["phone"].as_str().is_some_and(|found| same_number(found, phone)));
        self.present_looks(Kind::User, &rows, &beside, read, seen, priority).await
    }

    async fn find_name(&self, kind: Kind, read: &ReadSpec, name: &str, priority: Priority) -> Result<Vec<Look>, VendorError> {
        let (parameter, value) = match kind {
            Kind::User => ("query", format!("name:{}", quoted(name))),
            Kind::Organization => ("name", name.to_owned()),
            // Tickets have subjects, which name nothing.
            Kind::Ticket => return Ok(Vec::new()),
        };
        let (mut rows, beside, seen) = self.search(kind, parameter, value, &includes(kind, &read.fields), priority).await?;
        let wanted = name.trim().to_lowercase();
        rows.retain(|row| row["name"].as_str().is_some_and(|found| found.trim().to_lowercase() == wanted));
        self.present_looks(kind, &rows, &beside, read, seen, priority).await
    }

    async fn present_looks(
        &self,
        kind: Kind,
        rows: &[Value],
        beside: &Beside,
        read: &ReadSpec,
        seen: Seen,
        priority: Priority,
    ) -> Result<Vec<Look>, VendorError> {
        let mut looks = self.looks(kind, rows, beside, &read.fields, seen, priority).await?;
        looks.retain(|look| look.existence == Existence::Present);
        Ok(looks)
    }
}

/// Zendesk's upserts and look-ups know external ids only; another key could make twins.
pub(super) fn key_must_be_external_id(key_field: &str) -> Result<(), VendorError> {
    if key_field == "external_id" {
        return Ok(());
    }
    Err(misfit(
        "key_field",
        format!("`{key_field}` cannot carry Entente's record id at Zendesk"),
        "set the mapping's key to external_id, the only field that Zendesk's upserts compare",
    )
    .about(key_field))
}

fn is_number(id: &str) -> bool {
    !id.is_empty() && id.len() <= 20 && id.bytes().all(|byte| byte.is_ascii_digit())
}

pub(super) fn listed<'a>(body: &'a Value, list: &str) -> Result<&'a Vec<Value>, VendorError> {
    body[list].as_array().ok_or_else(|| {
        VendorError::new(
            Class::Retry,
            "unreadable",
            format!("the answer has no list `{list}`"),
            "if this repeats, check that base_url points at Zendesk's API and not at a login or maintenance page",
        )
    })
}

/// A term for Zendesk's search, which has no escape for quotes.
fn quoted(term: &str) -> String {
    format!("\"{}\"", term.replace('"', " ").trim())
}

/// Whether two phone numbers have the same digits, one of them perhaps without its country.
fn same_number(found: &str, wanted: &str) -> bool {
    /// Digits that make a number unlikely to be another one's ending.
    const ENOUGH: usize = 7;
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let (found, wanted) = (digits(found), digits(wanted));
    let local = found.trim_start_matches('0');
    !found.is_empty() && (found == wanted || (local.len() >= ENOUGH && wanted.ends_with(local)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_agree_however_they_are_written() {
        assert!(same_number("+49 (30) 123-4567", "+49301234567"));
        assert!(same_number("030 1234567", "+49301234567"));
        assert!(!same_number("4567", "+49301234567"));
        assert!(!same_number("", "+49301234567"));
    }

    #[test]
    fn a_quote_cannot_leave_its_term() {
        assert_eq!(quoted("Ada \"A\" L"), "\"Ada  A  L\"");
    }
}
