//! Mistakes in the configuration: where, why, and what to do.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use entente_model::spelling::nearest;
use serde::Serialize;

/// Where a mistake is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// File.
    pub file: PathBuf,
    /// Line, from 1.
    pub line: Option<usize>,
    /// Column, from 1, in files of their own (descriptions).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
    /// Key with its table (`server.listen`, `connection.base_url`); empty when the file itself is the matter.
    pub key: String,
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Flaw {
    /// Where.
    #[serde(flatten)]
    pub place: Place,
    /// Why it cannot be used. Never quotes a secret.
    pub reason: String,
    /// What to do.
    pub remedy: String,
}

/// Everything that is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Flaws(pub Vec<Flaw>);

impl Flaws {
    /// In the order of the file, as people go through it.
    pub fn in_order(mut flaws: Vec<Flaw>) -> Self {
        flaws.sort_by(|one, other| (&one.place.file, one.place.line).cmp(&(&other.place.file, other.place.line)));
        Self(flaws)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(column) = self.column {
            write!(f, ":{column}")?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        Ok(())
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.place, self.reason, self.remedy)
    }
}

impl fmt::Display for Flaws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, flaw) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            flaw.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Flaws {}

impl Flaw {
    /// Puts the parser's error into our words.
    pub fn of_toml(file: &Path, text: &str, error: &toml::de::Error) -> Self {
        let span = error.span();
        let mut place = Place {
            file: file.to_path_buf(),
            line: span.as_ref().map(|span| line_at(text, span.start)),
            column: None,
            key: span.as_ref().map_or_else(String::new, |span| key_at(text, span)),
        };
        let message = error.message();
        let (reason, remedy) = if let Some((name, known)) = unknown(message, "unknown field ") {
            // The parser points at the key itself, or at the table when it had to look ahead.
            if !place.key.ends_with(&name) {
                place.key = if place.key.is_empty() { name.clone() } else { format!("{}.{name}", place.key) };
            }
            (format!("there is no key `{name}` here"), suggestion(&name, &known))
        } else if let Some((name, known)) = unknown(message, "unknown variant ") {
            (format!("`{name}` is not one of the choices"), suggestion(&name, &known))
        } else if let Some(name) = message.strip_prefix("missing field ") {
            (format!("the key {name} is missing"), "add it; `entente config example` shows every key".to_owned())
        } else if let Some((reason, remedy)) = wrong_type(message) {
            (reason, remedy)
        } else {
            (message.replace('\n', "; "), "correct the value; `entente config example` shows every key".to_owned())
        };
        Self { place, reason, remedy }
    }
}

/// Takes serde's sentence about an unknown name apart: the name and the names there are.
fn unknown(message: &str, start: &str) -> Option<(String, Vec<String>)> {
    let mut quoted = message.strip_prefix(start)?.split('`').skip(1).step_by(2).map(str::to_owned);
    Some((quoted.next()?, quoted.collect()))
}

/// Takes serde's sentence about a value of the wrong type apart. What stands there is not quoted where it is text: it may be anything.
fn wrong_type(message: &str) -> Option<(String, String)> {
    let told = message.strip_prefix("invalid type: ").or_else(|| message.strip_prefix("invalid value: "))?;
    let (found, expected) = told.rsplit_once(", expected ")?;
    let found = match found.split(' ').next()? {
        "string" => "text stands here".to_owned(),
        "integer" | "boolean" | "floating" => format!("{} stands here", found.rsplit(' ').next()?),
        "map" => "a table stands here".to_owned(),
        "sequence" => "a list stands here".to_owned(),
        _ => return None,
    };
    let expected = match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, 0 or more",
        "i8" | "i16" | "i32" | "i64" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false, without quotes",
        "a string" => "a text in quotes",
        "a sequence" => "a list, such as [1, 2]",
        "a map" => "a table, such as { key = \"value\" }",
        expected if expected.starts_with("struct ") => "a table; docs/configuration.md has its keys",
        expected => expected,
    };
    Some((found, format!("write {expected}")))
}

fn suggestion(name: &str, known: &[String]) -> String {
    match nearest(name, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "take it out".to_owned(),
        None => format!("use one of: {}", known.join(", ")),
    }
}

/// Line of an offset, from 1.
pub fn line_at(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

/// The key that an offset lies at: the table's header and what stands before the equals sign.
fn key_at(text: &str, span: &Range<usize>) -> String {
    let start = span.start.min(text.len());
    let before = text.get(..start).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = text.get(line_start..).unwrap_or_default().lines().next().unwrap_or_default();
    let header = text.get(..line_start).unwrap_or_default().lines().rev().map(str::trim).find(|line| line.starts_with('['));
    let name = |header: &str| header.trim_matches(|c| c == '[' || c == ']').split(']').next().unwrap_or_default().trim().to_owned();
    if line.trim_start().starts_with('[') {
        return name(line.trim());
    }
    let key = line.split('=').next().unwrap_or_default().trim();
    match header.map(name) {
        Some(table) if key.is_empty() => table,
        Some(table) => format!("{table}.{key}"),
        None => key.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_of_the_wrong_type_is_told_in_the_words_of_the_file() {
        let of = |message: &str| wrong_type(message).map(|(reason, remedy)| format!("{reason}; {remedy}"));
        assert_eq!(of("invalid value: integer `-1`, expected u64").unwrap(), "`-1` stands here; write a whole number, 0 or more");
        assert_eq!(
            of("invalid type: string \"s3cret, expected x\", expected a boolean").unwrap(),
            "text stands here; write true or false, without quotes"
        );
        assert_eq!(
            of("invalid type: string \"22-6\", expected struct QuietTable").unwrap(),
            "text stands here; write a table; docs/configuration.md has its keys"
        );
        assert_eq!(of("unclosed table, expected `]`"), None);
    }

    #[test]
    fn an_offset_knows_its_line_and_key() {
        let text = "[server]\nlisten = 1\n\n[[connection]]\nname = 2\n";
        let at = text.find("2\n").unwrap();
        assert_eq!(line_at(text, at), 5);
        assert_eq!(key_at(text, &(at..at + 1)), "connection.name");
        assert_eq!(key_at(text, &(0..1)), "server");
    }
}
