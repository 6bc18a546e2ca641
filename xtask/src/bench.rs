//! `cargo xtask bench`: measured numbers instead of adjectives.

use std::fs;

use anyhow::{Context, Result, bail};

use crate::{build, place, shell};

/// Builds in release, runs `entente bench` with the given arguments and keeps its report as `docs/benchmarks.md`.
///
/// # Errors
/// When the build or a measurement fails.
pub fn bench(args: &[String]) -> Result<()> {
    build::binary(true)?;
    let report = shell::output(shell::command(place::binary("release")).arg("bench").args(args))?;
    if report.trim().is_empty() {
        bail!("`entente bench` printed no report; docs/benchmarks.md is left as it was");
    }
    let file = place::root().join("docs/benchmarks.md");
    fs::write(&file, &report).with_context(|| format!("cannot write {}", file.display()))?;
    println!("{report}\nwritten to docs/benchmarks.md");
    Ok(())
}
