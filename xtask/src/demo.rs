//! `cargo xtask demo`: see the product work within a minute of a fresh checkout.

use anyhow::Result;

use crate::{build, place, shell};

/// Builds everything in release and runs `entente demo` with the given arguments.
///
/// # Errors
/// When a part does not build or the demo ends with an error.
pub fn demo(args: &[String]) -> Result<()> {
    build::web()?;
    build::binary(true)?;
    shell::run(shell::command(place::binary("release")).arg("demo").args(args))
}
