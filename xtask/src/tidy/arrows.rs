//! Which crate may use which.

use anyhow::Result;

use crate::shell;

/// What a crate of the house may use of the house.
const HOUSE: &[(&str, &[&str])] = &[
    ("entente", &["entente-engine", "entente-store", "entente-connect", "entente-sims", "entente-model"]),
    ("entente-engine", &["entente-connect", "entente-store", "entente-model"]),
    ("entente-connect", &["entente-model"]),
    ("entente-store", &["entente-model"]),
    ("entente-model", &[]),
    ("entente-sims", &[]),
    ("xtask", &[]),
];

/// Arrows that tests alone may draw: connectors are tried on the simulators, which know nothing of them.
const FOR_TESTS: &[(&str, &str)] = &[("entente-connect", "entente-sims")];

/// What only some crates may use, because it is what the others are kept free of.
const GUARDED: &[(&str, &[&str])] = &[
    ("rusqlite", &["entente-store"]),
    ("tokio-postgres", &["entente-store"]),
    ("deadpool-postgres", &["entente-store"]),
    ("reqwest", &["entente-connect", "entente-sims", "entente"]),
];

/// What the pure domain must not use: the outside world.
const IMPURE: &[&str] = &["tokio", "reqwest", "axum", "rusqlite", "tokio-postgres", "rand"];

/// One crate using another.
#[derive(Debug, PartialEq, Eq)]
pub struct Arrow {
    from: String,
    to: String,
    only_tests: bool,
}

/// The arrows as Cargo sees them.
///
/// # Errors
/// When Cargo cannot resolve the workspace.
pub fn drawn() -> Result<Vec<Arrow>> {
    let mut arrows = Vec::new();
    for (kinds, only_tests) in [("normal,build", false), ("dev", true)] {
        let out =
            shell::cargo(&["tree", "--workspace", "--depth", "1", "--prefix", "depth", "--edges", kinds, "--format", "{p}"]).output()?;
        anyhow::ensure!(out.status.success(), "cargo tree: {}", String::from_utf8_lossy(&out.stderr).trim());
        arrows.extend(read(&String::from_utf8_lossy(&out.stdout), only_tests));
    }
    Ok(arrows)
}

/// Reads `cargo tree`: `0name v…` starts a crate, `1name v…` is what it uses.
fn read(tree: &str, only_tests: bool) -> Vec<Arrow> {
    let mut arrows = Vec::new();
    let mut from = String::new();
    for line in tree.lines() {
        let Some(name) = line.get(1..).and_then(|rest| rest.split_whitespace().next()) else { continue };
        if line.starts_with('0') {
            name.clone_into(&mut from);
        } else {
            arrows.push(Arrow { from: from.clone(), to: name.to_owned(), only_tests });
        }
    }
    arrows
}

/// Arrows that should not be there.
pub fn breaches(arrows: &[Arrow]) -> Vec<String> {
    arrows.iter().filter_map(breach).collect()
}

fn breach(arrow: &Arrow) -> Option<String> {
    let Arrow { from, to, only_tests } = arrow;
    let Some((_, allowed)) = HOUSE.iter().find(|(name, _)| name == from) else {
        return Some(format!("crate `{from}` is not in the house plan: say in tidy/arrows.rs what it may use"));
    };
    let of_the_house = HOUSE.iter().any(|(name, _)| name == to);
    let for_tests = *only_tests && FOR_TESTS.contains(&(from.as_str(), to.as_str()));
    if of_the_house && !allowed.contains(&to.as_str()) && !for_tests {
        let tests = if *only_tests { " (for its tests)" } else { "" };
        return Some(format!("`{from}` must not use `{to}`{tests}: that arrow is not in the house plan"));
    }
    if *only_tests {
        return None;
    }
    if let Some((_, may)) = GUARDED.iter().find(|(name, _)| name == to)
        && !may.contains(&from.as_str())
    {
        return Some(format!("`{from}` must not use `{to}`: only {} may", may.join(", ")));
    }
    (from == "entente-model" && IMPURE.contains(&to.as_str())).then(|| format!("`{from}` is pure and must not use `{to}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(tree: &str) -> Vec<String> {
        breaches(&read(tree, false))
    }

    #[test]
    fn the_plan_s_own_arrows_are_fine() {
        let tree =
            "0entente-engine v0.1.0 (…)\n1entente-connect v0.1.0 (…)\n1serde v1.0.0\n\n0entente-store v0.1.0 (…)\n1rusqlite v0.41.0\n";
        assert_eq!(after(tree), [""; 0]);
    }

    #[test]
    fn the_store_may_not_call_vendors() {
        assert_eq!(after("0entente-store v0.1.0 (…)\n1entente-connect v0.1.0 (…)\n1reqwest v0.13.0").len(), 2);
    }

    #[test]
    fn simulators_share_nothing_with_connectors_not_even_in_tests() {
        let breaches = breaches(&read("0entente-sims v0.1.0 (…)\n1entente-connect v0.1.0 (…)", true));
        assert!(breaches[0].contains("for its tests"), "{breaches:?}");
    }

    #[test]
    fn connectors_are_tried_on_simulators_in_tests_only() {
        let tree = "0entente-connect v0.1.0 (…)\n1entente-sims v0.1.0 (…)";
        assert_eq!(breaches(&read(tree, true)), [""; 0]);
        assert_eq!(after(tree).len(), 1);
    }

    #[test]
    fn the_domain_stays_pure() {
        assert!(after("0entente-model v0.1.0 (…)\n1tokio v1.54.0")[0].contains("pure"));
    }

    #[test]
    fn an_unknown_crate_must_be_given_a_place() {
        assert!(after("0entente-extras v0.1.0 (…)\n1serde v1.0.0")[0].contains("house plan"));
    }
}
