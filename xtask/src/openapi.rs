//! `cargo xtask openapi`: the description of the HTTP API and the web app's types, both generated, both committed.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::{place, setup, shell};

const DESCRIPTION: &str = "web/openapi.json";
const TYPES: &str = "web/src/api/schema.d.ts";

/// Builds the binary and writes both files, or with `--check` only compares them.
///
/// # Errors
/// When a file cannot be made, or with `--check` differs from the committed one.
pub fn openapi(args: &[String]) -> Result<()> {
    let check = match args {
        [] => false,
        [flag] if flag == "--check" => true,
        other => bail!("`openapi` takes only --check, not `{}`", other.join(" ")),
    };
    setup::npm_ci("web")?;
    shell::run(&mut shell::cargo(&["build", "-q", "-p", "entente"]))?;
    from_binary(check)
}

/// The same from the binary that is already built in the dev profile.
///
/// # Errors
/// As [`openapi`].
pub fn from_binary(check: bool) -> Result<()> {
    let described = shell::output(shell::command(place::binary("debug")).arg("openapi"))?;
    let fresh = place::target().join("openapi");
    fs::create_dir_all(&fresh)?;
    let description = fresh.join("openapi.json");
    let types = fresh.join("schema.d.ts");
    fs::write(&description, described.trim_end().to_owned() + "\n")?;
    let mut generate = shell::command(place::root().join("web/node_modules/.bin/openapi-typescript"));
    shell::run(generate.arg(&description).arg("-o").arg(&types).stdout(std::process::Stdio::null()))?;
    settle(&description, DESCRIPTION, check)?;
    settle(&types, TYPES, check)
}

fn settle(fresh: &Path, committed: &str, check: bool) -> Result<()> {
    let new = fs::read_to_string(fresh).with_context(|| format!("{} was not made", fresh.display()))?;
    let file = place::root().join(committed);
    if !check {
        fs::write(&file, new).with_context(|| format!("cannot write {committed}"))?;
        println!("{committed} is up to date");
        return Ok(());
    }
    let old = fs::read_to_string(&file).unwrap_or_default();
    match old.lines().zip(new.lines()).position(|(old, new)| old != new) {
        None if old == new => Ok(()),
        differs => {
            let line = differs.unwrap_or_else(|| old.lines().count().min(new.lines().count())) + 1;
            bail!("{committed} no longer matches the API (first difference in line {line}); run `cargo xtask openapi` and commit it")
        }
    }
}
