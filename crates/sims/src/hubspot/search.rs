//! Search: filters, one sort, offsets, and its ceiling of ten thousand results.

use std::cmp::Ordering;

use serde_json::{Value, json};

use super::call::Call;
use super::moment::instant;
use super::record::{View, Wanted};
use super::refusal::{Answer, Outcome, Refusal};
use super::state::State;

/// Most records on a page.
const PAGE_MAX: usize = 200;
/// Records on a page that asks for no number.
const PAGE_USUAL: usize = 10;
/// No page reaches behind this many results.
const RESULTS_MAX: usize = 10_000;
/// Longest body, in characters.
const BODY_CHARS_MAX: usize = 3_000;
/// Groups of filters, filters in a group, and filters in all.
const GROUPS_MAX: usize = 5;
const GROUP_FILTERS_MAX: usize = 6;
const FILTERS_MAX: usize = 18;

/// Where a value comes from.
enum Source {
    Id,
    Created,
    Updated,
    Property(String),
    /// Ids of associated records of a kind.
    Associated(usize),
}

/// How values are compared.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scale {
    Number,
    Instant,
    Text,
}

/// A comparable value.
#[derive(PartialEq, PartialOrd)]
enum Weight {
    Number(f64),
    Text(String),
}

struct Filter {
    source: Source,
    scale: Scale,
    operator: String,
    value: Option<Weight>,
    high: Option<Weight>,
    values: Vec<Weight>,
    /// The value as text, for tokens.
    text: String,
}

fn weigh(scale: Scale, text: &str) -> Option<Weight> {
    match scale {
        Scale::Number => text.trim().parse().ok().map(Weight::Number),
        Scale::Instant => instant(text).map(|ms| Weight::Number(ms as f64)),
        Scale::Text => Some(Weight::Text(text.to_lowercase())),
    }
}

fn plain(value: &Value) -> Option<String> {
    super::values::text(value)
}

/// Whether one of a text's words fits a pattern, in which `*` stands for anything.
fn has_token(text: &str, pattern: &str) -> bool {
    let (text, pattern) = (text.to_lowercase(), pattern.to_lowercase());
    let fits = |word: &str| match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(rest), _) if rest.ends_with('*') => word.contains(rest.trim_end_matches('*')),
        (Some(rest), _) => word.ends_with(rest),
        (None, Some(rest)) => word.starts_with(rest),
        (None, None) => word == pattern,
    };
    fits(&text) || text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()).any(fits)
}

impl Filter {
    fn value_of(&self, state: &State, view: &View<'_>) -> Option<Weight> {
        match &self.source {
            Source::Id => Some(Weight::Number(view.record.id as f64)),
            Source::Created => Some(Weight::Number(view.record.created_ms as f64)),
            Source::Updated => Some(Weight::Number(view.updated_ms as f64)),
            Source::Property(name) => weigh(self.scale, &view.value(state, name)?),
            Source::Associated(_) => None,
        }
    }

    fn fits(&self, state: &State, view: &View<'_>) -> bool {
        if let Source::Associated(kind) = self.source {
            let ids = state.links.of((view.record.kind, view.record.id), kind);
            return ids.iter().any(|(id, _)| id.to_string() == self.text);
        }
        if self.operator.ends_with("CONTAINS_TOKEN") {
            let Source::Property(name) = &self.source else { return false };
            let held = view.value(state, name).is_some_and(|text| has_token(&text, &self.text));
            return held == (self.operator == "CONTAINS_TOKEN");
        }
        let held = self.value_of(state, view);
        let against = |other: &Option<Weight>| held.as_ref().zip(other.as_ref()).and_then(|(held, other)| held.partial_cmp(other));
        match self.operator.as_str() {
            "HAS_PROPERTY" => held.is_some(),
            "NOT_HAS_PROPERTY" => held.is_none(),
            "EQ" => against(&self.value) == Some(Ordering::Equal),
            "NEQ" => against(&self.value) != Some(Ordering::Equal),
            "LT" => against(&self.value) == Some(Ordering::Less),
            "LTE" => matches!(against(&self.value), Some(Ordering::Less | Ordering::Equal)),
            "GT" => against(&self.value) == Some(Ordering::Greater),
            "GTE" => matches!(against(&self.value), Some(Ordering::Greater | Ordering::Equal)),
            "BETWEEN" => {
                matches!(against(&self.value), Some(Ordering::Greater | Ordering::Equal))
                    && matches!(against(&self.high), Some(Ordering::Less | Ordering::Equal))
            }
            "IN" => held.is_some_and(|held| self.values.contains(&held)),
            "NOT_IN" => held.is_none_or(|held| !self.values.contains(&held)),
            _ => false,
        }
    }
}

impl State {
    /// `POST /objects/{type}/search`.
    pub(crate) fn search(&self, call: &Call, kind: usize) -> Outcome {
        if call.body.to_string().len() > BODY_CHARS_MAX {
            return Err(Refusal::validation(format!("The request is larger than {BODY_CHARS_MAX} characters")));
        }
        let groups = self.groups(kind, &call.body["filterGroups"])?;
        let mut limit = call.body["limit"].as_u64().map_or(PAGE_USUAL, |limit| limit as usize);
        if limit > PAGE_MAX {
            return Err(Refusal::validation(format!("limit must be at most {PAGE_MAX}")));
        }
        if call.half_page {
            limit = limit.div_ceil(2);
        }
        let after: usize = match plain(&call.body["after"]) {
            None => 0,
            Some(text) if text.is_empty() => 0,
            Some(text) => text.parse().map_err(|_| Refusal::validation("after must be a number"))?,
        };
        if after + limit > RESULTS_MAX {
            return Err(Refusal::validation(format!("Paging is not supported for results beyond {RESULTS_MAX}")));
        }
        let query = call.body["query"].as_str().unwrap_or_default();
        let lag = i64::try_from(self.options.profile.index_lag_ms).unwrap_or(i64::MAX);
        let mut found: Vec<View<'_>> = self.records[kind]
            .values()
            .filter(|record| record.archived_ms.is_none())
            .filter_map(|record| View::indexed(record, self.now_ms, lag))
            .filter(|view| groups.is_empty() || groups.iter().any(|group| group.iter().all(|filter| filter.fits(self, view))))
            .filter(|view| query.split_whitespace().all(|word| view.values.values().any(|text| has_token(text, &format!("{word}*")))))
            .collect();
        self.sort(kind, &call.body["sorts"], &mut found)?;
        let wanted = Wanted {
            properties: call.body["properties"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|name| name.as_str().map(str::to_owned))
                .collect(),
            ..Wanted::default()
        };
        let results: Vec<Value> = found.iter().skip(after).take(limit).map(|view| self.shown(view, &wanted)).collect();
        let mut body = json!({"total": found.len(), "results": results});
        if after + limit < found.len() {
            body["paging"] = json!({"next": {"after": (after + limit).to_string()}});
        }
        Ok(Answer::ok(body))
    }

    fn groups(&self, kind: usize, list: &Value) -> Result<Vec<Vec<Filter>>, Refusal> {
        let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
        let filters = |group: &Value| group["filters"].as_array().cloned().unwrap_or_default();
        let sizes: Vec<usize> = list.iter().map(|group| filters(group).len()).collect();
        if list.len() > GROUPS_MAX || sizes.iter().any(|size| *size > GROUP_FILTERS_MAX) || sizes.iter().sum::<usize>() > FILTERS_MAX {
            return Err(Refusal::validation(format!(
                "There may be at most {GROUPS_MAX} filter groups, {GROUP_FILTERS_MAX} filters in each and {FILTERS_MAX} in all"
            )));
        }
        list.iter().map(|group| filters(group).iter().map(|filter| self.filter(kind, filter)).collect()).collect()
    }

    fn source(&self, home: usize, name: &str) -> Result<(Source, Scale), Refusal> {
        if let Some(other) = name.strip_prefix("associations.") {
            let other = self.kind(other).map_err(|_| Refusal::validation(format!("Unknown association {other}")))?;
            return Ok((Source::Associated(other), Scale::Text));
        }
        match name {
            "hs_object_id" => return Ok((Source::Id, Scale::Number)),
            "createdate" | "hs_createdate" => return Ok((Source::Created, Scale::Instant)),
            // Contacts know the other name as well, but it does not follow their changes.
            _ if name == self.kinds[home].cursor => return Ok((Source::Updated, Scale::Instant)),
            _ => {}
        }
        let property = self
            .property(home, name)
            .ok_or_else(|| Refusal::validation(format!("There was a problem with the request: unknown property {name}")))?;
        let scale = match property.ty.as_str() {
            "number" => Scale::Number,
            "date" | "datetime" => Scale::Instant,
            _ => Scale::Text,
        };
        Ok((Source::Property(name.to_owned()), scale))
    }

    fn filter(&self, kind: usize, given: &Value) -> Result<Filter, Refusal> {
        const OPERATORS: &[&str] = &[
            "EQ",
            "NEQ",
            "LT",
            "LTE",
            "GT",
            "GTE",
            "BETWEEN",
            "IN",
            "NOT_IN",
            "HAS_PROPERTY",
            "NOT_HAS_PROPERTY",
            "CONTAINS_TOKEN",
            "NOT_CONTAINS_TOKEN",
        ];
        let name = given["propertyName"].as_str().ok_or_else(|| Refusal::validation("filters need a propertyName"))?;
        let operator = given["operator"].as_str().filter(|operator| OPERATORS.contains(operator));
        let operator = operator.ok_or_else(|| Refusal::validation("filters need a valid operator"))?.to_owned();
        let (source, scale) = self.source(kind, name)?;
        let weight = |value: &Value| plain(value).and_then(|text| weigh(scale, &text));
        let listed = operator.ends_with("IN") && operator != "BETWEEN";
        let bare = operator.ends_with("HAS_PROPERTY");
        let value = weight(&given["value"]);
        if !listed && !bare && value.is_none() {
            return Err(Refusal::validation(format!("{operator} on {name} needs a value that fits its type")));
        }
        let values: Vec<Weight> = given["values"].as_array().into_iter().flatten().filter_map(weight).collect();
        if listed && values.is_empty() {
            return Err(Refusal::validation(format!("{operator} on {name} needs values")));
        }
        let high = weight(&given["highValue"]);
        Ok(Filter { source, scale, operator, value, high, values, text: plain(&given["value"]).unwrap_or_default() })
    }

    fn sort(&self, kind: usize, sorts: &Value, found: &mut [View<'_>]) -> Result<(), Refusal> {
        let sorts = sorts.as_array().map(Vec::as_slice).unwrap_or_default();
        if sorts.len() > 1 {
            return Err(Refusal::validation("Only one sort is supported"));
        }
        let Some(sort) = sorts.first() else { return Ok(()) };
        let (name, down) = match sort {
            Value::String(text) => (text.trim_start_matches('-').to_owned(), text.starts_with('-')),
            _ => (sort["propertyName"].as_str().unwrap_or_default().to_owned(), sort["direction"] == "DESCENDING"),
        };
        let (source, scale) = self.source(kind, &name)?;
        let key = Filter { source, scale, operator: String::new(), value: None, high: None, values: Vec::new(), text: String::new() };
        found.sort_by(|a, b| {
            let order = key.value_of(self, a).partial_cmp(&key.value_of(self, b)).unwrap_or(Ordering::Equal);
            if down { order.reverse() } else { order }
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_words_or_the_whole_text() {
        assert!(has_token("Northwind Traders", "traders"));
        assert!(has_token("4930123456", "*0123456"));
        assert!(has_token("ada@example.com", "ada@example.com"));
        assert!(!has_token("Northwind", "north"));
        assert!(has_token("Northwind", "*thw*"));
    }
}
