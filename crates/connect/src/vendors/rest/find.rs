//! Finding rows without knowing their ids.

use futures::stream::{self, StreamExt, TryStreamExt};
use serde_json::Value;

use super::Rest;
use super::ask::Gaps;
use super::description::object::FindCall;
use super::look::Seeing;
use crate::connector::Priority;
use crate::error::VendorError;
use crate::look::{Existence, Find, Look, ReadSpec};
use crate::phone;

fn same_text(held: &str, asked: &str) -> bool {
    held.trim().to_lowercase() == asked.trim().to_lowercase()
}

/// Whether a row is what was asked for; searches bring up more than that.
fn answers(seeing: &Seeing<'_>, find: &FindCall, row: &Value, question: &Find) -> bool {
    let Some(field) = &find.field else { return true };
    let value = seeing.value(row, field);
    let held: Vec<&str> = match &value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        Value::String(text) => vec![text.as_str()],
        _ => Vec::new(),
    };
    match question {
        Find::Phone(number) => held.iter().any(|held| phone::same(held, number)),
        Find::Email(text) | Find::Name(text) | Find::Key(text) => held.iter().any(|held| same_text(held, text)),
    }
}

impl Rest {
    /// See [`Connector::find`](crate::connector::Connector::find).
    pub(super) async fn find_rows(
        &self,
        spec: &ReadSpec,
        questions: &[Find],
        key_field: &str,
        priority: Priority,
    ) -> Result<Vec<Vec<Look>>, VendorError> {
        let part = self.object(&spec.object)?;
        let keys: Vec<&str> =
            questions.iter().filter_map(|question| if let Find::Key(key) = question { Some(key.as_str()) } else { None }).collect();
        let by_key = &self.ids_by_key(&spec.object, &keys, key_field, priority).await?;
        let hits: Vec<(Option<&FindCall>, Vec<String>)> = stream::iter(questions.to_vec())
            .map(|question| async move {
                let (find, text) = match &question {
                    Find::Key(key) => return Ok::<_, VendorError>((None, by_key.get(key).cloned().into_iter().collect())),
                    Find::Email(text) => (&part.find.email, text),
                    Find::Phone(text) => (&part.find.phone, text),
                    Find::Name(text) => (&part.find.name, text),
                };
                match find {
                    Some(find) => Ok((Some(find), self.search(&spec.object, find, text, key_field, priority).await?)),
                    // Nothing is recognised by what the description does not say how to find.
                    None => Ok((None, Vec::new())),
                }
            })
            .buffered(self.spec.concurrency)
            .try_collect()
            .await?;
        let all: Vec<String> = hits.iter().flat_map(|(_, ids)| ids).cloned().collect();
        let rows = self.rows_by_id(&spec.object, &all, priority).await?;
        let mut found = Vec::with_capacity(questions.len());
        for (question, (find, ids)) in questions.iter().zip(hits) {
            let seeing = self.seeing(&spec.object, &[], &[], priority).await?;
            let fitting =
                ids.iter().filter_map(|id| rows.get(id)).filter(|row| find.is_none_or(|find| answers(&seeing, find, row, question)));
            let fitting: Vec<Value> = fitting.cloned().collect();
            let mut looks = self.looks(&spec.object, &fitting, &spec.fields, priority).await?;
            looks.retain(|look| look.existence == Existence::Present);
            found.push(looks);
        }
        Ok(found)
    }

    /// Ids of rows that a search shows.
    pub(super) async fn search(
        &self,
        object: &str,
        find: &FindCall,
        text: &str,
        key_field: &str,
        priority: Priority,
    ) -> Result<Vec<String>, VendorError> {
        let part = self.object(object)?;
        let field = self.fields(object, &[], priority).await?.named(object, key_field).ok().and_then(|known| known.code.clone());
        let gaps = Gaps::from([
            ("value", text.trim().to_owned()),
            ("digits", phone::digits(text)),
            ("field", field.unwrap_or_else(|| key_field.to_owned())),
        ]);
        let id_at = find.id.as_ref().unwrap_or(&part.row.id);
        let rows = self.list_page("search", &find.call, &gaps, &super::ask::Place::default(), priority).await?.rows;
        Ok(rows.iter().filter_map(|row| id_at.text_in(row)).collect())
    }
}
