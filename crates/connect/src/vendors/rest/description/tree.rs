//! The text of a description with the place of everything in it.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_saphyr::{DuplicateKeyPolicy, Spanned, from_str_with_options, options};

/// A text as it is written, with the place of everything.
#[derive(Debug)]
pub(crate) enum Tree {
    /// Keys with what stands behind them; a key that stands twice is here twice.
    Map(Vec<(Spanned<String>, Spanned<Tree>)>),
    /// Entries.
    List(Vec<Spanned<Tree>>),
    /// Anything else.
    Leaf(Value),
}

impl Tree {
    /// The text as a tree; `None` where it is no YAML.
    pub(crate) fn of(text: &str) -> Option<Spanned<Self>> {
        let options = options! { duplicate_keys: DuplicateKeyPolicy::PassThrough };
        from_str_with_options(text, options).ok()
    }

    /// The same without places.
    pub(crate) fn plain(&self) -> Value {
        match self {
            Self::Map(entries) => entries.iter().map(|(key, entry)| (key.value.clone(), entry.value.plain())).collect(),
            Self::List(entries) => entries.iter().map(|entry| entry.value.plain()).collect(),
            Self::Leaf(value) => value.clone(),
        }
    }
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

            fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
                Ok(Tree::Leaf(Value::from(value)))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
                Ok(Tree::Leaf(Value::from(value)))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
                Ok(Tree::Leaf(Value::from(value)))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
                Ok(Tree::Leaf(Value::from(value)))
            }

            fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
                Ok(Tree::Leaf(Value::from(value)))
            }

            fn visit_unit<E>(self) -> Result<Tree, E> {
                Ok(Tree::Leaf(Value::Null))
            }

            fn visit_none<E>(self) -> Result<Tree, E> {
                Ok(Tree::Leaf(Value::Null))
            }
        }
        deserializer.deserialize_any(Walk)
    }
}

/// Where something stands: line and column.
pub(crate) fn at<T>(spanned: &Spanned<T>) -> (u64, u64) {
    (spanned.referenced.line().max(1), spanned.referenced.column().max(1))
}

/// The place of a key: of as much of it as there is.
pub(crate) fn place(tree: &Spanned<Tree>, path: &[String]) -> (u64, u64) {
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
        Tree::Leaf(_) => at(tree),
    }
}

/// The name of what stands at or last before a place.
pub(crate) fn name_at(tree: &Spanned<Tree>, wanted: (u64, u64)) -> String {
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
            Tree::Leaf(_) => {}
        }
    }
    let mut best = ((0, 0), String::new());
    walk(&tree.value, "", wanted, &mut best);
    best.1
}
