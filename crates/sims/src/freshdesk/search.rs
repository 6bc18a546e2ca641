//! Search: an expression in double quotes, thirty rows a page, ten pages, and an index that lags.

use serde_json::{Map, Value, json};

use super::call::Call;
use super::moment::{instant, iso};
use super::refusal::{Answer, Flaw, Outcome, Refusal};
use super::state::{Kind, Record, State};

/// Rows of a page.
const PAGE: usize = 30;
/// Pages at most.
const PAGES_MAX: usize = 10;
/// Longest expression, in characters.
const EXPRESSION_MAX: usize = 512;

/// A parsed expression.
#[derive(Debug, PartialEq)]
enum Term {
    All(Vec<Term>),
    Any(Vec<Term>),
    /// Field, sign and value; no value stands for `null`.
    Is(String, &'static str, Option<String>),
}

/// Reads expressions of one call, left to right.
struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn word(&mut self, word: &str) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(word) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn any(&mut self) -> Option<Term> {
        let mut terms = vec![self.all()?];
        while self.word("OR ") {
            terms.push(self.all()?);
        }
        Some(if terms.len() == 1 { terms.remove(0) } else { Term::Any(terms) })
    }

    fn all(&mut self) -> Option<Term> {
        let mut terms = vec![self.one()?];
        while self.word("AND ") {
            terms.push(self.one()?);
        }
        Some(if terms.len() == 1 { terms.remove(0) } else { Term::All(terms) })
    }

    fn one(&mut self) -> Option<Term> {
        if self.word("(") {
            let inner = self.any()?;
            return self.word(")").then_some(inner);
        }
        self.rest = self.rest.trim_start();
        let end = self.rest.find(':')?;
        let (name, rest) = self.rest.split_at(end);
        let fits = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        self.rest = &rest[1..];
        let sign = if self.rest.starts_with('>') {
            ">"
        } else if self.rest.starts_with('<') {
            "<"
        } else {
            ":"
        };
        self.rest = self.rest.trim_start_matches(['>', '<']);
        let value = if let Some(quoted) = self.rest.strip_prefix('\'') {
            let end = quoted.find('\'')?;
            self.rest = &quoted[end + 1..];
            Some(quoted[..end].to_owned())
        } else {
            let end = self.rest.find([' ', ')']).unwrap_or(self.rest.len());
            let (value, rest) = self.rest.split_at(end);
            self.rest = rest;
            (value != "null").then(|| value.to_owned())
        };
        fits.then(|| Term::Is(name.to_owned(), sign, value))
    }
}

fn parse(text: &str) -> Option<Term> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    let mut reader = Reader { rest: inner };
    let term = reader.any()?;
    reader.rest.trim().is_empty().then_some(term)
}

/// The version of a record that the index has.
struct Seen<'a> {
    values: &'a Map<String, Value>,
    custom: &'a Map<String, Value>,
    updated_ms: i64,
    /// When a ticket should be solved, and when answered.
    due_ms: Option<i64>,
    fr_due_ms: Option<i64>,
    record: &'a Record,
}

impl Seen<'_> {
    fn held(&self, name: &str) -> Vec<String> {
        let (name, value) = match name {
            "tag" => ("tags", self.values.get("tags")),
            "domain" => ("domains", self.values.get("domains")),
            "agent_id" => ("responder_id", self.values.get("responder_id")),
            _ => (name, self.values.get(name).or_else(|| self.custom.get(name))),
        };
        match value {
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).map(str::to_lowercase).collect(),
            Some(Value::String(text)) => vec![text.to_lowercase()],
            Some(Value::Null) | None => Vec::new(),
            Some(other) => vec![other.to_string()],
        }
        .into_iter()
        .filter(|held| !held.is_empty() && !name.is_empty())
        .collect()
    }

    fn holds(&self, term: &Term) -> bool {
        match term {
            Term::All(terms) => terms.iter().all(|term| self.holds(term)),
            Term::Any(terms) => terms.iter().any(|term| self.holds(term)),
            Term::Is(name, sign, value) if matches!(name.as_str(), "created_at" | "updated_at" | "due_by" | "fr_due_by") => {
                let at = match name.as_str() {
                    "created_at" => Some(self.record.created_ms),
                    "updated_at" => Some(self.updated_ms),
                    "due_by" => self.due_ms,
                    _ => self.fr_due_ms,
                };
                let Some(at) = at.map(|ms| iso(ms)[..10].to_owned()) else { return value.is_none() };
                let Some(day) = value.as_deref().and_then(instant).map(|ms| iso(ms)[..10].to_owned()) else { return false };
                match *sign {
                    ">" => at >= day,
                    "<" => at <= day,
                    _ => at == day,
                }
            }
            Term::Is(name, sign, value) => {
                let held = self.held(name);
                let Some(value) = value else { return held.is_empty() };
                let number = |text: &str| text.parse::<f64>().ok();
                held.iter().any(|held| match *sign {
                    ">" => number(held).zip(number(value)).is_some_and(|(held, value)| held >= value),
                    "<" => number(held).zip(number(value)).is_some_and(|(held, value)| held <= value),
                    _ => *held == value.to_lowercase(),
                })
            }
        }
    }
}

/// Fields that may be searched, custom ones aside.
fn searchable(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Ticket => &["agent_id", "group_id", "priority", "status", "tag", "type", "due_by", "fr_due_by", "created_at", "updated_at"],
        Kind::Contact => {
            &["active", "company_id", "twitter_id", "email", "phone", "mobile", "tag", "language", "time_zone", "created_at", "updated_at"]
        }
        Kind::Company => &["domain", "created_at", "updated_at"],
    }
}

impl State {
    fn unsearchable(&self, kind: Kind, term: &Term) -> Option<String> {
        match term {
            Term::All(terms) | Term::Any(terms) => terms.iter().find_map(|term| self.unsearchable(kind, term)),
            Term::Is(name, ..) => {
                let known = searchable(kind).contains(&name.as_str()) || self.fields[kind.index()].iter().any(|field| field.name == *name);
                (!known).then(|| name.clone())
            }
        }
    }

    fn indexed<'a>(&self, record: &'a Record) -> Option<Seen<'a>> {
        let lag = i64::try_from(self.options.profile.index_lag_ms).unwrap_or(i64::MAX);
        let edge = self.now_ms - lag;
        let old = record.shadows.iter().find(|(replaced, _)| lag > 0 && *replaced > edge);
        match old {
            Some((_, None)) => None,
            Some((_, Some(old))) if old.deleted => None,
            Some((_, Some(old))) => Some(self.seen(record, &old.values, &old.custom, old.updated_ms)),
            None if record.deleted || record.spam || record.blocked || record.archived => None,
            None => Some(self.seen(record, &record.values, &record.custom, record.updated_ms)),
        }
    }

    fn seen<'a>(&self, record: &'a Record, values: &'a Map<String, Value>, custom: &'a Map<String, Value>, updated_ms: i64) -> Seen<'a> {
        let due = |name: &str| self.due_ms(record, values, name);
        Seen { values, custom, updated_ms, due_ms: due("due_by"), fr_due_ms: due("fr_due_by"), record }
    }

    /// `GET /search/{kind}?query="…"&page=`.
    pub(crate) fn search(&self, call: &Call, kind: Kind) -> Outcome {
        call.only(&["query", "page"])?;
        let wrong = |message: String| Refusal::flaw(Flaw::new("query", "invalid_value", message));
        let text = call.query("query").unwrap_or_default();
        if text.chars().count() > EXPRESSION_MAX {
            return Err(wrong(format!("Has {} characters, it can have maximum of {EXPRESSION_MAX} characters", text.chars().count())));
        }
        let term = parse(text).ok_or_else(|| wrong("Please send the query in the expected format".to_owned()))?;
        if let Some(name) = self.unsearchable(kind, &term) {
            return Err(Refusal::flaw(Flaw::unknown(&name)));
        }
        let page = call.query("page").map_or(Ok(1), str::parse::<usize>).ok().filter(|page| (1..=PAGES_MAX).contains(page));
        let Some(page) = page else {
            return Err(Refusal::flaw(Flaw::new(
                "page",
                "invalid_value",
                format!("It should be a Positive Integer less than or equal to {PAGES_MAX}"),
            )));
        };
        let found: Vec<&Record> =
            self.records[kind.index()].values().filter(|record| self.indexed(record).is_some_and(|seen| seen.holds(&term))).collect();
        let shown = found.iter().skip((page - 1) * PAGE).take(PAGE).map(|record| match kind {
            Kind::Contact => self.contact_shown(record, true),
            Kind::Company => self.company_shown(record),
            Kind::Ticket => self.ticket_shown(record, &[], true),
        });
        Ok(Answer::ok(json!({"total": found.len(), "results": shown.collect::<Vec<_>>()})))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_read_with_their_parentheses() {
        let is = |name: &str, sign, value: &str| Term::Is(name.to_owned(), sign, Some(value.to_owned()));
        let read = parse("\"(status:2 OR status:3) AND tag:'it's'\"");
        assert_eq!(read, None, "a quote ends its text");
        let read = parse("\"(status:2 OR priority:>3) AND cf_id:'con_1'\"");
        assert_eq!(
            read,
            Some(Term::All(vec![Term::Any(vec![is("status", ":", "2"), is("priority", ">", "3")]), is("cf_id", ":", "con_1")]))
        );
        assert_eq!(parse("\"type:null\""), Some(Term::Is("type".to_owned(), ":", None)));
        assert_eq!(parse("status:2"), None, "the quotes are part of it");
    }
}
