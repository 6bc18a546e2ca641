//! Size and names of source files, and words that have no place in the project.

use super::tree::Tree;

/// Lines of one source file at most: beyond, it holds more than one subject.
const LINES: usize = 800;

/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &["utils", "util", "common", "helpers", "helper", "core", "types", "misc"];

/// Written by programs, for programs.
const GENERATED: &[&str] = &["Cargo.lock", "package-lock.json", "schema.d.ts"];

/// Texts that speak of one machine instead of the product, in two halves so that this file does not break its own rule.
const FORBIDDEN: &[(&str, &str)] =
    &[("/wo", "rk/"), ("/fa", "rm/"), ("../sha", "red/"), ("registry.npm", "js.org"), ("static.cra", "tes.io"), ("index.cra", "tes.io")];

/// Files too long, names too vague, words out of place.
pub fn breaches(tree: &Tree) -> Vec<String> {
    let mut breaches = Vec::new();
    for (path, text) in tree.ending(&[".rs", ".ts", ".tsx", ".js", ".mjs", ".py"]) {
        if generated(path) {
            continue;
        }
        let lines = text.lines().count();
        if lines > LINES {
            breaches.push(format!("{path}: {lines} lines, at most {LINES}; it holds more than one subject"));
        }
        if let Some(name) = path.split(['/', '.']).find(|part| EMPTY_NAMES.contains(part)) {
            breaches.push(format!("{path}: `{name}` says nothing about what is inside"));
        }
    }
    for (path, text) in &tree.files {
        if generated(path) && !path.ends_with("package-lock.json") {
            continue;
        }
        for (first, second) in FORBIDDEN {
            let word = format!("{first}{second}");
            if let Some(at) = text.lines().position(|line| line.contains(&word)) {
                breaches.push(format!("{path}:{}: `{word}` speaks of one machine, not of the product", at + 1));
            }
        }
    }
    breaches
}

fn generated(path: &str) -> bool {
    GENERATED.iter().any(|name| path.ends_with(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_may_have_as_many_lines_as_one_subject_needs() {
        let longest = "x\n".repeat(LINES);
        assert_eq!(breaches(&Tree::with(&[("crates/a/src/b.rs", &longest)])), [""; 0]);
        assert_eq!(breaches(&Tree::with(&[("crates/a/src/b.rs", &(longest + "x\n"))])).len(), 1);
    }

    #[test]
    fn vague_names_are_refused_as_file_and_as_folder() {
        let tree = Tree::with(&[("crates/a/src/utils.rs", ""), ("web/src/common/date.ts", ""), ("crates/a/src/commonwealth.rs", "")]);
        assert_eq!(breaches(&tree).len(), 2);
    }

    #[test]
    fn a_machine_s_path_is_found_in_any_file() {
        let path = format!("see {}{}main", FORBIDDEN[0].0, FORBIDDEN[0].1);
        assert!(breaches(&Tree::with(&[("README.md", &format!("first\n{path}"))]))[0].starts_with("README.md:2"));
    }
}
