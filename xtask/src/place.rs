//! Where things lie.

use std::env;
use std::path::{Path, PathBuf};

/// The workspace's root.
pub fn root() -> &'static Path {
    const MANIFEST: &str = env!("CARGO_MANIFEST_DIR");
    Path::new(MANIFEST).parent().unwrap_or(Path::new(MANIFEST))
}

/// Cargo's target directory: the environment's choice, or `target/`.
pub fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// The binary of a profile (`debug`, `release`).
pub fn binary(profile: &str) -> PathBuf {
    target().join(profile).join(format!("entente{}", env::consts::EXE_SUFFIX))
}
