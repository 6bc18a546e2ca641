//! Documents point at things that exist: links at files, invariants at the tests that hold them.

use super::tree::Tree;

/// Where the invariants are written down.
const INVARIANTS: &str = "ARCHITECTURE.md";

/// How a line names the tests that hold an invariant.
const HELD_BY: &str = "Held by:";

/// Links that lead nowhere and tests that are not there.
pub fn breaches(tree: &Tree) -> Vec<String> {
    let mut breaches = Vec::new();
    for (path, text) in tree.ending(&[".md"]) {
        for (number, line) in lines_outside_code(text) {
            breaches.extend(
                links(line)
                    .filter(|target| !leads_somewhere(tree, path, target))
                    .map(|target| format!("{path}:{number}: the link `{target}` leads nowhere")),
            );
        }
    }
    let Some(invariants) = tree.files.get(INVARIANTS) else {
        breaches.push(format!("{INVARIANTS} is missing"));
        return breaches;
    };
    let mut held = 0;
    for (number, line) in lines_outside_code(invariants) {
        let Some((_, names)) = line.split_once(HELD_BY) else { continue };
        held += 1;
        let mut tests = names.split('`').skip(1).step_by(2).peekable();
        if tests.peek().is_none() {
            breaches.push(format!("{INVARIANTS}:{number}: name the tests as `path/to/file.rs::test_name`"));
        }
        breaches.extend(
            tests.filter(|test| !is_test(tree, test)).map(|test| format!("{INVARIANTS}:{number}: the test `{test}` does not exist")),
        );
    }
    if held == 0 {
        breaches.push(format!("{INVARIANTS}: no invariant names the tests that hold it (`{HELD_BY} …`)"));
    }
    breaches
}

fn lines_outside_code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_code = false;
    text.lines().enumerate().filter_map(move |(at, line)| {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
            return None;
        }
        (!in_code).then_some((at + 1, line))
    })
}

/// Targets of `[text](target)`, in a line without its `code`.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').step_by(2).flat_map(|prose| prose.split("](").skip(1)).filter_map(|rest| rest.split([')', ' ']).next())
}

fn leads_somewhere(tree: &Tree, from: &str, target: &str) -> bool {
    let path = target.split('#').next().unwrap_or_default();
    if path.is_empty() || target.contains("://") || target.starts_with("mailto:") {
        return true;
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                if parts.pop().is_none() {
                    return false;
                }
            }
            name => parts.push(name),
        }
    }
    parts.is_empty() || tree.has(&parts.join("/"))
}

fn is_test(tree: &Tree, name: &str) -> bool {
    name.rsplit_once("::").and_then(|(path, test)| Some((tree.files.get(path)?, test))).is_some_and(|(text, test)| {
        [format!("fn {test}("), format!("def {test}("), format!("test('{test}'")].iter().any(|form| text.contains(form))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TESTS: (&str, &str) = ("crates/a/src/b.rs", "#[test]\nfn quiet() {}\n");

    fn after(invariants: &str, readme: &str) -> Vec<String> {
        breaches(&Tree::with(&[(INVARIANTS, invariants), ("docs/guide.md", readme), ("README.md", ""), TESTS]))
    }

    #[test]
    fn an_invariant_held_by_a_test_is_fine() {
        assert_eq!(after("Held by: `crates/a/src/b.rs::quiet`", ""), [""; 0]);
    }

    #[test]
    fn an_invariant_whose_test_was_renamed_is_found() {
        assert!(after("Held by: `crates/a/src/b.rs::loud`, `crates/a/src/b.rs::quiet`", "")[0].contains("loud"));
    }

    #[test]
    fn invariants_without_tests_are_not_invariants() {
        assert_eq!(after("Quiet always.", "").len(), 1);
        assert_eq!(after("Held by: faith", "").len(), 1);
    }

    #[test]
    fn links_are_followed_from_where_they_stand() {
        let held = "Held by: `crates/a/src/b.rs::quiet`";
        assert_eq!(after(held, "[up](../README.md#start) [folder](../crates/a) [web](https://example.com) [here](#x)"), [""; 0]);
        assert_eq!(after(held, "[gone](../LICENCE) and `[code](nowhere)`").len(), 1);
    }
}
