//! Has the web app found whenever it is built: also after a build of the binary that came before it.

use std::path::Path;

/// Where `cargo xtask build` puts the web app, seen from this crate.
const DIST: &str = "../../web/dist";

fn main() -> std::io::Result<()> {
    println!("cargo:rerun-if-changed=build.rs");
    // A debug build reads it at run time, from a place that must be there when it is compiled.
    std::fs::create_dir_all(DIST)?;
    // A release build holds the files that were there; cargo looks at these again by itself, and not at what was missing.
    if std::env::var_os("PROFILE").is_some_and(|profile| profile == "release") {
        println!("cargo:rerun-if-changed={}", Path::new(DIST).join("index.html").display());
    }
    Ok(())
}
