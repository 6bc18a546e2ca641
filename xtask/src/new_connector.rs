//! `cargo xtask new-connector <name>`: the files of a new platform, which compile at once and refuse every call honestly until
//! they are filled in, and its tests, which hold that they do.

mod insert;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use crate::{place, shell};

/// Template and the file that it becomes; `NAME` stands for the platform.
const FILES: &[(&str, &str)] = &[
    (include_str!("new_connector/templates/mod.rs.txt"), "crates/connect/src/vendors/NAME/mod.rs"),
    (include_str!("new_connector/templates/wire.rs.txt"), "crates/connect/src/vendors/NAME/wire.rs"),
    (include_str!("new_connector/templates/map.rs.txt"), "crates/connect/src/vendors/NAME/map.rs"),
    (include_str!("new_connector/templates/webhook.rs.txt"), "crates/connect/src/vendors/NAME/webhook.rs"),
    (include_str!("new_connector/templates/sim.rs.txt"), "crates/sims/src/NAME/mod.rs"),
    (include_str!("new_connector/templates/tests.rs.txt"), "crates/connect/tests/vendors/NAME/mod.rs"),
];

/// Makes the files and registers the platform.
///
/// # Errors
/// When the name does not fit, is taken, or a file cannot be written.
pub fn new_connector(args: &[String]) -> Result<()> {
    let [name] = args else { bail!("`new-connector` takes the platform's name, such as `hubspot`") };
    scaffold(place::root(), name)?;
    println!("\nnext: fill them in, from the vendor's documentation, until the conformance suite passes");
    Ok(())
}

/// Makes a connector in a copy of the workspace, compiles it there and runs its tests: templates follow the contract or this fails.
///
/// # Errors
/// When the scaffold does not compile, or a test of it fails.
pub fn compiles() -> Result<()> {
    let copy = place::target().join("scaffold");
    if copy.exists() {
        fs::remove_dir_all(&copy)?;
    }
    fs::create_dir_all(&copy).with_context(|| format!("cannot create {}", copy.display()))?;
    for part in ["Cargo.toml", "Cargo.lock", "clippy.toml", "rustfmt.toml", "crates", "docs", "xtask"] {
        duplicate(&place::root().join(part), &copy.join(part))?;
    }
    scaffold(&copy, "acme")?;
    let packages = ["-p", "entente-connect", "-p", "entente-sims"];
    let here = |mut command: std::process::Command| shell::run(command.env("CARGO_TARGET_DIR", place::target()).current_dir(&copy));
    let mut lints = shell::cargo(&["clippy", "-q"]);
    lints.args(packages).args(["--all-targets", "--", "-D", "warnings"]);
    here(lints)?;
    let mut tests = shell::cargo(&["test", "-q", "-p", "entente-connect", "--test", "vendors", "--"]);
    tests.args(["acme::", "conformance::every_platform"]);
    here(tests)?;
    shell::run(shell::cargo(&["fmt", "--check"]).args(packages).current_dir(&copy))?;
    fs::remove_dir_all(&copy).with_context(|| format!("cannot remove {}", copy.display()))
}

fn scaffold(root: &Path, name: &str) -> Result<()> {
    let fits = name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_');
    ensure!(fits, "`{name}` is no name for a platform: use lower-case letters, digits and `_`, as in `hubspot`");

    for (_, path) in FILES {
        let path = path.replace("NAME", name);
        ensure!(!root.join(&path).exists(), "{path} exists already; nothing was changed");
    }
    for (template, path) in FILES {
        let path = path.replace("NAME", name);
        write(root, &path, &filled(template, name))?;
    }
    for (path, edit) in [
        ("crates/connect/src/vendors.rs", insert::module as fn(&str, &str) -> Result<String>),
        ("crates/connect/src/registry.rs", insert::registration),
        ("crates/sims/src/lib.rs", insert::module),
        ("crates/connect/tests/vendors/main.rs", insert::test_module),
        ("crates/connect/tests/vendors/conformance/mod.rs", insert::begun),
    ] {
        let old = fs::read_to_string(root.join(path)).with_context(|| format!("cannot read {path}"))?;
        write(root, path, &edit(&old, name).with_context(|| format!("cannot add `{name}` to {path}"))?)?;
    }
    let mut rustfmt = shell::command("rustfmt");
    let tests = format!("crates/connect/tests/vendors/{name}/mod.rs");
    rustfmt.args(["--edition", "2024", "crates/connect/src/registry.rs"]).arg(tests).current_dir(root);
    shell::run(&mut rustfmt)
}

fn filled(template: &str, name: &str) -> String {
    let mut label = name.replace('_', " ");
    if let Some(first) = label.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    let ty: String =
        name.split('_').map(|word| word.get(..1).map_or_else(String::new, |first| first.to_uppercase() + &word[1..])).collect();
    template.replace("{{name}}", name).replace("{{label}}", &label).replace("{{Type}}", &ty)
}

fn write(root: &Path, path: &str, text: &str) -> Result<()> {
    let file = root.join(path);
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(&file, text).with_context(|| format!("cannot write {path}"))?;
    println!("wrote {path}");
    Ok(())
}

fn duplicate(from: &Path, to: &Path) -> Result<()> {
    if from.is_dir() {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            duplicate(&entry.path(), &to.join(entry.file_name()))?;
        }
        return Ok(());
    }
    fs::copy(from, to).with_context(|| format!("cannot copy {}", from.display()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_filled_to_the_last_gap() {
        for (template, path) in FILES {
            let text = filled(template, "big_desk");
            assert!(!text.contains("{{"), "{path}");
        }
        assert!(filled("{{Type}} {{label}} {{name}}", "big_desk") == "BigDesk Big desk big_desk");
    }

    #[test]
    fn a_name_that_is_no_module_is_refused() {
        for name in ["Hub", "1desk", "a-b", ""] {
            assert!(scaffold(Path::new("nowhere"), name).is_err(), "{name}");
        }
    }
}
