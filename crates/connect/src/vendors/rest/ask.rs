//! From a described call to an answer.

use std::collections::BTreeMap;

use entente_model::clock::Timestamp;
use http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Rest;
use super::description::calls::{ListCall, Paging, RowCall, Verb, WriteCall};
use super::description::fields::TimeForm;
use super::description::path::Path;
use super::description::text::Template;
use super::interned::interned;
use crate::connector::Priority;
use crate::error::{Class, VendorError};
use crate::transport::call::{Answer, Call};

/// What stands for itself in a path.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Values of gaps.
pub(crate) type Gaps<'a> = BTreeMap<&'a str, String>;

/// A place in one list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Place {
    /// The platform's cursor, or the address of the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Pages or rows that were seen.
    #[serde(default)]
    pub number: u64,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Got {
    pub status: u16,
    pub body: Value,
    /// The header `Link`.
    link: Option<String>,
}

/// One page of a list.
#[derive(Debug)]
pub(crate) struct Rows {
    pub rows: Vec<Value>,
    /// Where the list goes on.
    pub next: Option<Place>,
}

fn method(verb: Verb) -> Method {
    match verb {
        Verb::Get => Method::GET,
        Verb::Post => Method::POST,
        Verb::Put => Method::PUT,
        Verb::Patch => Method::PATCH,
        Verb::Delete => Method::DELETE,
    }
}

/// A path with its gaps filled, each value encoded.
pub(crate) fn path(template: &Template, gaps: &Gaps<'_>) -> String {
    let encoded = gaps.iter().map(|(name, value)| (*name, utf8_percent_encode(value, PLAIN).to_string())).collect();
    template.filled(&encoded)
}

/// JSON whose texts have their gaps filled.
pub(crate) fn filled(value: &Value, gaps: &Gaps<'_>) -> Value {
    match value {
        Value::String(text) => {
            let template: Template = serde_json::from_value(Value::String(text.clone())).unwrap_or_default();
            Value::String(template.filled(gaps))
        }
        Value::Array(items) => items.iter().map(|item| filled(item, gaps)).collect(),
        Value::Object(inner) => Value::Object(inner.iter().map(|(name, value)| (name.clone(), filled(value, gaps))).collect()),
        other => other.clone(),
    }
}

/// An instant as a platform writes it.
pub(crate) fn stamp(at: Timestamp, form: TimeForm) -> String {
    let seconds = Timestamp::from_second(at.as_second()).unwrap_or(at);
    match form {
        TimeForm::Seconds => seconds.to_string(),
        TimeForm::Millis => at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
        TimeForm::Spaced => seconds.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        TimeForm::UnixSeconds => at.as_second().to_string(),
        TimeForm::UnixMillis => at.as_millisecond().to_string(),
        TimeForm::Day => at.strftime("%Y-%m-%d").to_string(),
    }
}

/// The address of the next page in a header `Link` (RFC 8288).
fn next_link(header: &str) -> Option<String> {
    header.split(',').find(|part| part.contains("rel=\"next\"") || part.contains("rel=next")).and_then(|part| {
        let (_, behind) = part.split_once('<')?;
        Some(behind.split_once('>')?.0.to_owned())
    })
}

fn says_more(value: &Value) -> bool {
    match value {
        Value::Bool(flag) => *flag,
        Value::Number(_) => true,
        Value::String(text) => !text.is_empty(),
        Value::Object(_) => true,
        Value::Null | Value::Array(_) => false,
    }
}

impl Rest {
    /// The platform's present.
    pub(super) fn theirs(&self) -> Timestamp {
        self.client.offset().theirs(self.client.now())
    }

    /// Makes a call.
    pub(super) async fn ask(&self, kind: &'static str, priority: Priority, call: Call) -> Result<Got, VendorError> {
        let answer = self.client.call(kind, priority, call).await?;
        got(&answer)
    }

    fn drawing(&self, call: Call, budget: Option<&String>) -> Call {
        match budget {
            Some(name) => call.bucket(interned(name)),
            None => call,
        }
    }

    /// The call that reads one row, or what a path without a gap shows.
    pub(super) fn row_call(&self, described: &RowCall, id: &str) -> Call {
        let gaps = Gaps::from([("id", id.to_owned())]);
        let mut call = Call::get(path(&described.path, &gaps));
        for (name, template) in &described.query {
            call = call.query(name, template.filled(&gaps));
        }
        self.drawing(call, described.budget.as_ref())
    }

    /// The call of a write.
    pub(super) fn write_call(&self, described: &WriteCall, usual: Verb, gaps: &Gaps<'_>, body: Option<Value>) -> Call {
        let verb = described.method.unwrap_or(usual);
        let mut call = Call::new(method(verb), path(&described.path, gaps));
        for (name, template) in &described.query {
            call = call.query(name, template.filled(gaps));
        }
        if let Some(body) = body {
            let mut whole = filled(&Value::Object(described.with.clone()), gaps);
            if let (Some(into), Value::Object(values)) = (whole.as_object_mut(), body) {
                into.extend(values);
            }
            let wrapped = match &described.wrap {
                None => whole,
                Some(wrap) => {
                    let mut outer = Value::Object(serde_json::Map::new());
                    wrap.put(&mut outer, &Value::Null, whole, &serde_json::Map::new());
                    outer
                }
            };
            call = call.json(wrapped);
        }
        self.drawing(call, described.budget.as_ref())
    }

    /// Where a written row is in the answer.
    pub(super) fn written_row<'a>(&'a self, described: &'a WriteCall) -> &'a Path {
        described.row.as_ref().unwrap_or(&self.description.answers.row)
    }

    fn paging<'a>(&'a self, described: &'a ListCall) -> &'a Paging {
        described.paging.as_ref().unwrap_or(&self.description.paging)
    }

    fn list_call(&self, described: &ListCall, gaps: &Gaps<'_>, place: &Place) -> Call {
        let verb = described.method.unwrap_or(Verb::Get);
        let paging = self.paging(described);
        if let (Some(_), Some(address)) = (&paging.link, &place.token) {
            // The address of the next page has every parameter already.
            return self.drawing(Call::new(method(verb), address.clone()).idempotent(), described.budget.as_ref());
        }
        let mut call = Call::new(method(verb), path(&described.path, gaps)).idempotent();
        for (name, template) in &described.query {
            call = call.query(name, template.filled(gaps));
        }
        if let Some(size) = &paging.size
            && let Some(name) = &size.send
        {
            call = call.query(name, size.rows.to_string());
        }
        if let (Some(cursor), Some(token)) = (&paging.cursor, &place.token) {
            call = call.query(&cursor.send, token);
        }
        if let Some(page) = &paging.page {
            call = call.query(&page.send, (page.first.unwrap_or(1) + place.number).to_string());
        }
        if let Some(offset) = &paging.offset {
            call = call.query(&offset.send, place.number.to_string());
        }
        if let Some(body) = &described.body {
            call = call.json(filled(body, gaps));
        }
        self.drawing(call, described.budget.as_ref())
    }

    /// One page of a list.
    pub(super) async fn list_page(
        &self,
        kind: &'static str,
        described: &ListCall,
        gaps: &Gaps<'_>,
        place: &Place,
        priority: Priority,
    ) -> Result<Rows, VendorError> {
        let got = self.ask(kind, priority, self.list_call(described, gaps, place)).await.map_err(super::refusal::of_no_row)?;
        let at = described.rows.as_ref().unwrap_or(&self.description.answers.rows);
        let rows: Vec<Value> = at.rows(&got.body).into_iter().cloned().collect();
        let next = self.after(self.paging(described), &got, rows.len() as u64, place);
        Ok(Rows { rows, next })
    }

    fn after(&self, paging: &Paging, got: &Got, rows: u64, place: &Place) -> Option<Place> {
        let token = |token: Option<String>| {
            // One that comes back as it was sent would never end.
            token.filter(|token| place.token.as_ref() != Some(token)).map(|token| Place { token: Some(token), number: 0 })
        };
        if let Some(cursor) = &paging.cursor {
            return token(cursor.at.text_in(&got.body));
        }
        if let Some(link) = &paging.link {
            let address = match &link.at {
                Some(at) => at.text_in(&got.body),
                None => got.link.as_deref().and_then(next_link),
            };
            return token(address);
        }
        let (numbered, step) = match (&paging.page, &paging.offset) {
            (Some(page), _) => (page, 1),
            (None, Some(offset)) => (offset, rows),
            (None, None) => return None,
        };
        let more = match &numbered.more {
            Some(more) => more.first(&got.body).is_some_and(says_more),
            None => paging.size.as_ref().is_some_and(|size| rows >= size.rows),
        };
        (more && rows > 0).then(|| Place { token: None, number: place.number + step })
    }

    /// Every row of a list.
    pub(super) async fn whole_list(
        &self,
        kind: &'static str,
        described: &ListCall,
        gaps: &Gaps<'_>,
        priority: Priority,
    ) -> Result<Vec<Value>, VendorError> {
        let mut all = Vec::new();
        let mut place = Place::default();
        loop {
            let page = self.list_page(kind, described, gaps, &place, priority).await?;
            all.extend(page.rows);
            match page.next {
                Some(next) => place = next,
                None => return Ok(all),
            }
        }
    }
}

fn got(answer: &Answer) -> Result<Got, VendorError> {
    let readable = || if answer.body.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(&answer.body) };
    let body = match readable() {
        Ok(body) => body,
        // An accepted refusal may hold anything.
        Err(_) if answer.status >= 300 => Value::Null,
        Err(_) => {
            return Err(VendorError::new(
                Class::Retry,
                "unreadable",
                "the answer is not JSON",
                "if this repeats, check that base_url points at the platform's API and not at a login or maintenance page",
            )
            .with_status(answer.status));
        }
    };
    Ok(Got { status: answer.status, body, link: answer.header("link").map(str::to_owned) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_the_one_that_says_so() {
        let header = "<https://x.example/a?page=1>; rel=\"prev\", <https://x.example/a?page=3>; rel=\"next\"";
        assert_eq!(next_link(header).as_deref(), Some("https://x.example/a?page=3"));
        assert_eq!(next_link("<https://x.example/a>; rel=\"last\""), None);
    }

    #[test]
    fn an_instant_has_the_form_that_the_platform_takes() {
        let at: Timestamp = "2026-01-31T10:00:00.25Z".parse().expect("instant");
        let forms = [TimeForm::Seconds, TimeForm::Millis, TimeForm::Spaced, TimeForm::UnixSeconds, TimeForm::UnixMillis, TimeForm::Day];
        let made: Vec<String> = forms.into_iter().map(|form| stamp(at, form)).collect();
        let expected =
            ["2026-01-31T10:00:00Z", "2026-01-31T10:00:00.250Z", "2026-01-31 10:00:00", "1769853600", "1769853600250", "2026-01-31"];
        assert_eq!(made, expected);
    }

    #[test]
    fn a_value_cannot_leave_its_place_in_a_path() {
        let template: Template = serde_json::from_value("/rows/{id}".into()).expect("template");
        assert_eq!(path(&template, &Gaps::from([("id", "a/../b?c".to_owned())])), "/rows/a%2F..%2Fb%3Fc");
    }
}
