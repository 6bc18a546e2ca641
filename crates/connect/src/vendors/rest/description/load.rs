//! Reading a description: everything that is wrong is told with line and column.

use std::fmt;

use schemars::JsonSchema;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use super::Description;
use super::check::check;

/// What is wrong with a description.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, JsonSchema)]
pub struct DescriptionFault {
    /// Line, counted from 1.
    pub line: u64,
    /// Column, counted from 1.
    pub column: u64,
    /// Where in the description (`objects.persons.fields.email`).
    pub field: String,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    pub remedy: String,
}

impl fmt::Display for DescriptionFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = if self.field.is_empty() { String::new() } else { format!("{}: ", self.field) };
        write!(f, "{}:{}: {field}{}; {}", self.line, self.column, self.reason, self.remedy)
    }
}

/// Reads a description.
///
/// # Errors
/// Everything that is wrong, in the order of the text.
pub fn read(text: &str) -> Result<Description, Vec<DescriptionFault>> {
    // An empty file lacks everything, and is told what first.
    let text = if text.trim().is_empty() { "{}" } else { text };
    let description: Description = serde_saphyr::from_str(text).map_err(|error| vec![fault_of(&error, text)])?;
    let wrong = check(&description);
    if wrong.is_empty() {
        return Ok(description);
    }
    let tree = serde_saphyr::from_str::<Spanned<Tree>>(text).ok();
    let mut faults: Vec<DescriptionFault> = wrong
        .into_iter()
        .map(|wrong| {
            let (line, column) = tree.as_ref().map_or((1, 1), |tree| place(tree, &wrong.at));
            DescriptionFault { line, column, field: wrong.at.join("."), reason: wrong.reason, remedy: wrong.remedy }
        })
        .collect();
    faults.sort_by_key(|fault| (fault.line, fault.column));
    Err(faults)
}

fn fault_of(error: &serde_saphyr::Error, text: &str) -> DescriptionFault {
    let (line, column) = error.location().map_or((1, 1), |at| (at.line().max(1), at.column().max(1)));
    let said = error.without_snippet().to_string();
    let first = said.lines().next().unwrap_or_default();
    let sentence = first.split(" at line ").next().unwrap_or(first).trim_start_matches("error: ").trim();
    let remedy = if sentence.contains("unknown field") {
        "use one of those; docs/connectors.md explains every key"
    } else if sentence.contains("missing field") {
        "add it; docs/connectors.md explains every key"
    } else {
        "correct it here; docs/connectors.md explains every key"
    };
    let tree = serde_saphyr::from_str::<Spanned<Tree>>(text).ok();
    let field = tree.map(|tree| name_at(&tree, (line, column))).unwrap_or_default();
    DescriptionFault { line, column, field, reason: sentence.to_owned(), remedy: remedy.to_owned() }
}

/// A text as it is written, with the place of everything.
#[derive(Debug)]
enum Tree {
    Map(Vec<(Spanned<String>, Spanned<Tree>)>),
    List(Vec<Spanned<Tree>>),
    Leaf,
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Walk;
        impl<'de> Visitor<'de> for Walk {
            type Value = Tree;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
                let mut entries = Vec::new();
                while let Some(key) = map.next_key()? {
                    entries.push((key, map.next_value()?));
                }
                Ok(Tree::Map(entries))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Tree, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = seq.next_element()? {
                    entries.push(entry);
                }
                Ok(Tree::List(entries))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Tree, E> {
                Ok(Tree::Leaf)
            }

            fn visit_i64<E>(self, _: i64) -> Result<Tree, E> {
                Ok(Tree::Leaf)
            }

            fn visit_u64<E>(self, _: u64) -> Result<Tree, E> {
                Ok(Tree::Leaf)
            }

            fn visit_f64<E>(self, _: f64) -> Result<Tree, E> {
                Ok(Tree::Leaf)
            }

            fn visit_str<E>(self, _: &str) -> Result<Tree, E> {
                Ok(Tree::Leaf)
            }

            fn visit_unit<E>(self) -> Result<Tree, E> {
                Ok(Tree::Leaf)
            }

            fn visit_none<E>(self) -> Result<Tree, E> {
                Ok(Tree::Leaf)
            }
        }
        deserializer.deserialize_any(Walk)
    }
}

fn at<T>(spanned: &Spanned<T>) -> (u64, u64) {
    (spanned.referenced.line().max(1), spanned.referenced.column().max(1))
}

/// The place of a key: of as much of it as there is.
fn place(tree: &Spanned<Tree>, path: &[String]) -> (u64, u64) {
    let Some((first, rest)) = path.split_first() else { return at(tree) };
    match &tree.value {
        Tree::Map(entries) => match entries.iter().find(|(key, _)| key.value == *first) {
            Some((key, _)) if rest.is_empty() => at(key),
            Some((_, value)) => place(value, rest),
            None => at(tree),
        },
        Tree::List(entries) => {
            first.parse::<usize>().ok().and_then(|n| entries.get(n)).map_or_else(|| at(tree), |entry| place(entry, rest))
        }
        Tree::Leaf => at(tree),
    }
}

/// The name of what stands at or last before a place.
fn name_at(tree: &Spanned<Tree>, wanted: (u64, u64)) -> String {
    fn walk(tree: &Tree, prefix: &str, wanted: (u64, u64), best: &mut ((u64, u64), String)) {
        match tree {
            Tree::Map(entries) => {
                for (key, value) in entries {
                    let name = if prefix.is_empty() { key.value.clone() } else { format!("{prefix}.{}", key.value) };
                    if at(key) <= wanted && at(key) >= best.0 {
                        *best = (at(key), name.clone());
                    }
                    walk(&value.value, &name, wanted, best);
                }
            }
            Tree::List(entries) => {
                for (n, entry) in entries.iter().enumerate() {
                    let name = format!("{prefix}.{n}");
                    walk(&entry.value, &name, wanted, best);
                }
            }
            Tree::Leaf => {}
        }
    }
    let mut best = ((0, 0), String::new());
    walk(&tree.value, "", wanted, &mut best);
    best.1
}
