//! `cargo xtask tidy`: the house rules that no compiler knows. Each is also a test, so that `cargo nextest run` holds them.

mod arrows;
mod documents;
mod manifests;
mod schemas;
mod sources;
mod sql;
mod tree;

use anyhow::{Result, bail};

use crate::place;
use tree::Tree;

/// Checks all house rules and prints every breach.
///
/// # Errors
/// When there is a breach.
pub fn tidy() -> Result<()> {
    let tree = Tree::of(place::root())?;
    let mut breaches = Vec::new();
    breaches.extend(arrows::breaches(&arrows::drawn()?));
    breaches.extend(manifests::breaches(&tree));
    breaches.extend(schemas::breaches(&tree));
    breaches.extend(sources::breaches(&tree));
    breaches.extend(sql::breaches(&tree));
    breaches.extend(documents::breaches(&tree));
    for breach in &breaches {
        println!("  {breach}");
    }
    match breaches.len() {
        0 => {
            println!("{} files are tidy", tree.files.len());
            Ok(())
        }
        1 => bail!("1 house rule is broken (above)"),
        many => bail!("{many} house rules are broken (above)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Tree {
        Tree::of(place::root()).unwrap()
    }

    #[test]
    fn crates_only_point_where_the_house_plan_lets_them() {
        assert_eq!(arrows::breaches(&arrows::drawn().unwrap()), [""; 0]);
    }

    #[test]
    fn every_crate_takes_the_workspace_s_lints() {
        assert_eq!(manifests::breaches(&tree()), [""; 0]);
    }

    #[test]
    fn files_are_small_and_named_for_what_they_hold() {
        assert_eq!(sources::breaches(&tree()), [""; 0]);
    }

    #[test]
    fn every_type_of_the_api_has_a_name_of_its_own() {
        assert_eq!(schemas::breaches(&tree()), [""; 0]);
    }

    #[test]
    fn sql_stays_in_the_store() {
        assert_eq!(sql::breaches(&tree()), [""; 0]);
    }

    #[test]
    fn documents_point_at_things_that_exist() {
        assert_eq!(documents::breaches(&tree()), [""; 0]);
    }
}
