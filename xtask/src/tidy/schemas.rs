//! Names of types in the description of the HTTP API: two types of one name, and the later one silently stands for both.

use std::collections::BTreeMap;

use super::tree::Tree;

/// Types that the description would confuse.
pub fn breaches(tree: &Tree) -> Vec<String> {
    let mut known: BTreeMap<String, String> = BTreeMap::new();
    let mut breaches = Vec::new();
    for (path, text) in tree.ending(&[".rs"]).filter(|(path, _)| path.starts_with("crates/") && path.contains("/src/")) {
        for (name, line) in described(text) {
            let place = format!("{path}:{line}");
            match known.get(&name) {
                Some(other) => breaches.push(format!(
                    "{place}: the API's description has another `{name}` ({other}); give one of them another name: #[schema(as = …)]"
                )),
                None => {
                    known.insert(name, place);
                }
            }
        }
    }
    breaches
}

/// Types that are described, by the name they go by, with their line.
fn described(text: &str) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    // Whether the attributes above the present line describe a type, and the name that they give it.
    let mut above: Option<Option<String>> = None;
    for (at, line) in text.lines().map(str::trim).enumerate() {
        if line.starts_with("#[derive(") && line.contains("ToSchema") {
            above = Some(None);
        } else if let Some(rest) = line.strip_prefix("#[schema(as = ").filter(|_| above.is_some()) {
            let name = rest.split([')', ',']).next().unwrap_or_default();
            above = Some(Some(name.trim().to_owned()));
        } else if !line.starts_with("#[") && !line.starts_with("//") {
            let name = line
                .trim_start_matches("pub(crate) ")
                .trim_start_matches("pub(super) ")
                .trim_start_matches("pub ")
                .strip_prefix("struct ")
                .or_else(|| line.trim_start_matches("pub ").strip_prefix("enum "))
                .map(|rest| rest.split(|letter: char| !letter.is_alphanumeric() && letter != '_').next().unwrap_or_default().to_owned());
            if let (Some(given), Some(name)) = (above.take(), name) {
                found.push((given.unwrap_or(name), at + 1));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRIAL: &str = "/// What came of it.\n#[derive(Debug, ToSchema)]\npub struct Trial {\n    pub taken: bool,\n}\n";

    #[test]
    fn two_types_of_one_name_are_found_with_both_places() {
        let found = breaches(&Tree::with(&[("crates/engine/src/mail.rs", TRIAL), ("crates/engine/src/mapping.rs", TRIAL)]));
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("mapping.rs:3") && found[0].contains("mail.rs:3"), "{found:?}");
    }

    #[test]
    fn a_name_of_its_own_tells_them_apart() {
        let named = TRIAL.replace("pub struct", "#[schema(as = MappingTrial)]\npub struct");
        let tree = Tree::with(&[("crates/engine/src/mail.rs", TRIAL), ("crates/engine/src/mapping.rs", &named)]);
        assert_eq!(breaches(&tree), [""; 0]);
        let undescribed = TRIAL.replace(", ToSchema", "");
        assert_eq!(breaches(&Tree::with(&[("crates/a/src/a.rs", TRIAL), ("crates/a/src/b.rs", &undescribed)])), [""; 0]);
    }
}
