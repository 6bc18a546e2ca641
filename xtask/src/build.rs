//! `cargo xtask build`: the web app, then the binary with the web app inside.

use anyhow::{Result, bail};

use crate::{setup, shell};

/// Builds both. `--release` is for what people run.
///
/// # Errors
/// When a part does not build.
pub fn build(args: &[String]) -> Result<()> {
    let release = match args {
        [] => false,
        [flag] if flag == "--release" => true,
        other => bail!("`build` takes only --release, not `{}`", other.join(" ")),
    };
    web()?;
    binary(release)
}

/// The web app into `web/dist`, where the binary embeds it from.
///
/// # Errors
/// When it does not build or grew over its budget.
pub fn web() -> Result<()> {
    setup::npm_ci("web")?;
    shell::prepare(&mut shell::npm("web", &["run", "--silent", "build"]))
}

/// The binary.
///
/// # Errors
/// When it does not build.
pub fn binary(release: bool) -> Result<()> {
    let mut args = vec!["build", "-p", "entente"];
    if release {
        args.push("--release");
    }
    shell::prepare(&mut shell::cargo(&args))
}
