//! SQL stays in the store.

use super::tree::Tree;

/// Crates that could be tempted. Connectors and simulators may speak a vendor's query language, which looks the same.
const WITHOUT: &[&str] = &["crates/model/", "crates/engine/", "crates/entente/"];

/// How a statement begins, and a word that it then needs.
const STATEMENTS: &[(&str, &str)] =
    &[("SELECT ", " FROM "), ("INSERT INTO ", ""), ("UPDATE ", " SET "), ("DELETE FROM ", ""), ("CREATE TABLE ", ""), ("ALTER TABLE ", "")];

/// Text literals that begin like SQL.
pub fn breaches(tree: &Tree) -> Vec<String> {
    let mut breaches = Vec::new();
    for (path, text) in tree.ending(&[".rs"]).filter(|(path, _)| WITHOUT.iter().any(|home| path.starts_with(home))) {
        // Everything between two quotes, roughly: an odd quote shifts the rest, which at worst looks at code as if it were text.
        let mut line = 1;
        for literal in text.split('"') {
            let start = literal.trim_start();
            let flat = literal.split_whitespace().collect::<Vec<_>>().join(" ") + " ";
            if STATEMENTS.iter().any(|(begin, then)| start.starts_with(begin) && flat.contains(then)) {
                breaches.push(format!("{path}:{line}: this reads like SQL, which belongs into crates/store"));
            }
            line += literal.matches('\n').count();
        }
    }
    breaches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sql_outside_the_store_is_found_with_its_line() {
        let tree = Tree::with(&[("crates/engine/src/sync.rs", "fn a() {\n    query(\"SELECT id\n     FROM record\")\n}")]);
        assert!(breaches(&tree)[0].starts_with("crates/engine/src/sync.rs:2"));
    }

    #[test]
    fn the_store_and_a_vendor_s_query_language_are_left_alone() {
        let text = "\"SELECT Id FROM Account\"";
        let tree = Tree::with(&[("crates/store/src/record.rs", text), ("crates/connect/src/vendors/salesforce/wire.rs", text)]);
        assert_eq!(breaches(&tree), [""; 0]);
    }

    #[test]
    fn plain_words_are_not_sql() {
        let tree = Tree::with(&[("crates/engine/src/sync.rs", "\"UPDATE failed\" \"SELECT a plan\"")]);
        assert_eq!(breaches(&tree), [""; 0]);
    }
}
