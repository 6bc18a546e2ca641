//! What every crate's manifest says.

use super::tree::Tree;

/// Crates that set their own lints, or none.
pub fn breaches(tree: &Tree) -> Vec<String> {
    let ours = |path: &str| path.starts_with("crates/") || path.starts_with("xtask/");
    tree.ending(&["/Cargo.toml"])
        .filter(|(path, text)| ours(path) && !inherits(text))
        .map(|(path, _)| format!("{path}: add `[lints]` with `workspace = true`, so that the workspace's lints hold here"))
        .collect()
}

fn inherits(manifest: &str) -> bool {
    let mut lines = manifest.lines().map(str::trim);
    lines.by_ref().any(|line| line == "[lints]")
        && lines.take_while(|line| !line.starts_with('[')).any(|line| line.replace(' ', "") == "workspace=true")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_without_lints_is_named() {
        let tree = Tree::with(&[
            ("crates/good/Cargo.toml", "[package]\n[lints]\nworkspace = true\n"),
            ("crates/bad/Cargo.toml", "[package]\n[dependencies]\nworkspace = true\n"),
        ]);
        let breaches = breaches(&tree);
        assert_eq!(breaches.len(), 1);
        assert!(breaches[0].starts_with("crates/bad/"), "{breaches:?}");
    }
}
