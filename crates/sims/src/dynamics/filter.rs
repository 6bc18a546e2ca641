//! `$filter`: read into a tree, and held against a row.

use std::cmp::Ordering;

use serde_json::Value;

use super::moment::{DAY_MS, instant};

/// What a filter says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Test {
    All(Vec<Test>),
    Any(Vec<Test>),
    Not(Box<Test>),
    Compare(String, String, Value),
    /// `contains`, `startswith` or `endswith`.
    Text(String, String, String),
    In(String, Vec<Value>),
    LastDays(String, i64),
    ContainsChoice(String, Vec<Value>),
}

impl Test {
    /// The names that a filter asks for.
    pub(crate) fn names(&self) -> Vec<&str> {
        match self {
            Self::All(inner) | Self::Any(inner) => inner.iter().flat_map(Self::names).collect(),
            Self::Not(inner) => inner.names(),
            Self::Compare(name, ..)
            | Self::Text(_, name, _)
            | Self::In(name, _)
            | Self::LastDays(name, _)
            | Self::ContainsChoice(name, _) => {
                vec![name.as_str()]
            }
        }
    }

    /// Whether a row fits; `get` gives its values by name.
    pub(crate) fn fits(&self, now_ms: i64, get: &dyn Fn(&str) -> Value) -> bool {
        match self {
            Self::All(inner) => inner.iter().all(|test| test.fits(now_ms, get)),
            Self::Any(inner) => inner.iter().any(|test| test.fits(now_ms, get)),
            Self::Not(inner) => !inner.fits(now_ms, get),
            Self::Compare(name, operator, wanted) => compare(&get(name), operator, wanted),
            Self::Text(how, name, wanted) => {
                let held = get(name).as_str().unwrap_or_default().to_lowercase();
                match how.as_str() {
                    "contains" => held.contains(wanted),
                    "startswith" => held.starts_with(wanted),
                    _ => held.ends_with(wanted),
                }
            }
            Self::In(name, wanted) => {
                let held = get(name);
                wanted.iter().any(|wanted| compare(&held, "eq", wanted))
            }
            Self::LastDays(name, days) => {
                get(name).as_str().and_then(instant).is_some_and(|at| at >= now_ms - days * DAY_MS && at <= now_ms)
            }
            Self::ContainsChoice(name, wanted) => {
                let held = get(name);
                let parts: Vec<&str> = held.as_str().unwrap_or_default().split(',').map(str::trim).collect();
                wanted.iter().any(|wanted| parts.contains(&text_of(wanted).as_str()))
            }
        }
    }
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Two values in order: numbers as numbers, instants as instants, texts without regard to their case.
pub(crate) fn order(left: &Value, right: &Value) -> Ordering {
    match (left, right) {
        (Value::Null, Value::Null) => Ordering::Equal,
        (Value::Null, _) => Ordering::Less,
        (_, Value::Null) => Ordering::Greater,
        (Value::Number(left), Value::Number(right)) => left.as_f64().partial_cmp(&right.as_f64()).unwrap_or(Ordering::Equal),
        (Value::Bool(left), Value::Bool(right)) => left.cmp(right),
        _ => {
            let (left, right) = (text_of(left), text_of(right));
            match (instant_like(&left), instant_like(&right)) {
                (Some(left), Some(right)) => left.cmp(&right),
                _ => left.to_lowercase().cmp(&right.to_lowercase()),
            }
        }
    }
}

fn instant_like(text: &str) -> Option<i64> {
    let day = text.len() >= 10 && text.as_bytes()[4] == b'-' && text.as_bytes()[7] == b'-';
    if !day {
        return None;
    }
    if text.len() == 10 { instant(&format!("{text}T00:00:00Z")) } else { instant(text) }
}

fn compare(held: &Value, operator: &str, wanted: &Value) -> bool {
    if held.is_null() || wanted.is_null() {
        return match operator {
            "eq" => held == wanted,
            "ne" => held != wanted,
            _ => false,
        };
    }
    let found = order(held, wanted);
    match operator {
        "eq" => found == Ordering::Equal,
        "ne" => found != Ordering::Equal,
        "gt" => found == Ordering::Greater,
        "ge" => found != Ordering::Less,
        "lt" => found == Ordering::Less,
        _ => found != Ordering::Greater,
    }
}

/// A literal of an address or a filter.
pub(crate) fn literal(text: &str) -> Value {
    if let Some(inner) = text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        return Value::from(inner.replace("''", "'"));
    }
    // `Microsoft.Dynamics.CRM.AttributeTypeCode'Picklist'`: an enumeration's member.
    if let Some((ty, member)) = text.split_once('\'')
        && ty.starts_with("Microsoft.Dynamics.CRM.")
    {
        return Value::from(member.trim_end_matches('\''));
    }
    match text {
        "null" => Value::Null,
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => text
            .parse::<i64>()
            .map(Value::from)
            .or_else(|_| text.parse::<f64>().map(Value::from))
            .unwrap_or_else(|_| Value::from(text.to_lowercase())),
    }
}

/// Words, quoted texts and signs.
fn tokens(text: &str) -> Option<Vec<String>> {
    let mut all = Vec::new();
    let letters: Vec<char> = text.chars().collect();
    let mut at = 0;
    while at < letters.len() {
        let letter = letters[at];
        if letter.is_whitespace() {
            at += 1;
        } else if "(),[]=".contains(letter) {
            all.push(letter.to_string());
            at += 1;
        } else {
            let mut word = String::new();
            while at < letters.len() && !letters[at].is_whitespace() && !"(),[]=".contains(letters[at]) {
                let quote = letters[at] == '\'';
                word.push(letters[at]);
                at += 1;
                if !quote {
                    continue;
                }
                loop {
                    let next = *letters.get(at)?;
                    word.push(next);
                    at += 1;
                    if next == '\'' {
                        if letters.get(at) == Some(&'\'') {
                            word.push('\'');
                            at += 1;
                        } else {
                            break;
                        }
                    }
                }
            }
            all.push(word);
        }
    }
    Some(all)
}

struct Reader {
    tokens: Vec<String>,
    at: usize,
}

/// Reads a filter; nothing for one that cannot be read.
pub(crate) fn read(text: &str) -> Option<Test> {
    let mut reader = Reader { tokens: tokens(text)?, at: 0 };
    let test = reader.any()?;
    (reader.at == reader.tokens.len()).then_some(test)
}

impl Reader {
    fn peek(&self) -> Option<&str> {
        self.tokens.get(self.at).map(String::as_str)
    }

    fn next(&mut self) -> Option<String> {
        let token = self.tokens.get(self.at).cloned()?;
        self.at += 1;
        Some(token)
    }

    fn take(&mut self, wanted: &str) -> Option<()> {
        (self.next()? == wanted).then_some(())
    }

    fn any(&mut self) -> Option<Test> {
        let mut tests = vec![self.all()?];
        while self.peek() == Some("or") {
            self.at += 1;
            tests.push(self.all()?);
        }
        if tests.len() == 1 { tests.pop() } else { Some(Test::Any(tests)) }
    }

    fn all(&mut self) -> Option<Test> {
        let mut tests = vec![self.one()?];
        while self.peek() == Some("and") {
            self.at += 1;
            tests.push(self.one()?);
        }
        if tests.len() == 1 { tests.pop() } else { Some(Test::All(tests)) }
    }

    fn one(&mut self) -> Option<Test> {
        match self.peek()? {
            "not" => {
                self.at += 1;
                Some(Test::Not(Box::new(self.one()?)))
            }
            "(" => {
                self.at += 1;
                let inner = self.any()?;
                self.take(")")?;
                Some(inner)
            }
            "contains" | "startswith" | "endswith" => {
                let how = self.next()?;
                self.take("(")?;
                let name = self.next()?;
                self.take(",")?;
                let wanted = literal(&self.next()?);
                self.take(")")?;
                Some(Test::Text(how, name, wanted.as_str()?.to_lowercase()))
            }
            name if name.starts_with("Microsoft.Dynamics.CRM.") => self.function(),
            _ => {
                let (name, operator) = (self.next()?, self.next()?);
                matches!(operator.as_str(), "eq" | "ne" | "gt" | "ge" | "lt" | "le").then_some(())?;
                let wanted = literal(&self.next()?);
                Some(Test::Compare(name, operator, wanted))
            }
        }
    }

    /// `Microsoft.Dynamics.CRM.In(PropertyName='name',PropertyValues=['a','b'])` and its like.
    fn function(&mut self) -> Option<Test> {
        let function = self.next()?;
        self.take("(")?;
        let (mut name, mut values) = (String::new(), Vec::new());
        loop {
            let parameter = self.next()?;
            self.take("=")?;
            if self.peek() == Some("[") {
                self.at += 1;
                while self.peek() != Some("]") {
                    if self.peek() == Some(",") {
                        self.at += 1;
                        continue;
                    }
                    values.push(literal(&self.next()?));
                }
                self.at += 1;
            } else if parameter == "PropertyName" {
                name = literal(&self.next()?).as_str()?.to_owned();
            } else {
                values.push(literal(&self.next()?));
            }
            match self.next()?.as_str() {
                "," => {}
                ")" => break,
                _ => return None,
            }
        }
        match function.rsplit('.').next()? {
            "In" => Some(Test::In(name, values)),
            "ContainValues" => Some(Test::ContainsChoice(name, values)),
            "LastXDays" => {
                let days = values.first()?.as_i64()?;
                Some(Test::LastDays(name, days))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fits(filter: &str, row: &Value) -> bool {
        read(filter).expect(filter).fits(1_000, &|name| row[name].clone())
    }

    #[test]
    fn operators_bind_as_they_should_and_texts_know_no_case() {
        let row = json!({"name": "O'Neil Ltd", "n": 5, "at": "2026-01-01T10:00:00Z", "none": null});
        assert!(fits("name eq 'o''neil LTD' and (n gt 6 or n le 5)", &row));
        assert!(fits("n eq 1 and n eq 2 or n eq 5", &row) && !fits("n eq 1 and (n eq 2 or n eq 5)", &row));
        assert!(fits("at ge 2026-01-01T10:00:00Z and at lt 2026-01-02", &row));
        assert!(fits("none eq null and n ne null and not contains(name,'inc')", &row));
        assert!(fits("Microsoft.Dynamics.CRM.In(PropertyName='name',PropertyValues=['a, b','O''Neil Ltd'])", &row));
        assert!(fits("startswith(name,'o''n') and endswith(name,'Ltd')", &row));
    }

    #[test]
    fn what_cannot_be_read_is_no_filter() {
        for broken in ["name eq", "name is 'a'", "name eq 'a", "(name eq 'a'", "name eq 'a' name", "foo(name,'a')"] {
            assert_eq!(read(broken), None, "{broken}");
        }
    }
}
