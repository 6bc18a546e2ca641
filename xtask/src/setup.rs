//! What the commands need from the machine, installed only where it is missing.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::{place, shell};

/// Where Debian and its children keep Chromium.
const CHROMIUM: &[&str] = &["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/// Where Debian and its children keep PostgreSQL: one folder per major version.
const POSTGRES: &str = "/usr/lib/postgresql";

/// Everything that any command needs.
///
/// # Errors
/// When something is missing and cannot be installed.
pub fn everything() -> Result<()> {
    npm_ci("web")?;
    npm_ci("clients")?;
    println!("PostgreSQL: {}", postgres()?.display());
    println!("Chromium:   {}", chromium()?.display());
    Ok(())
}

/// Installs the locked packages of a folder, unless they are there already.
///
/// # Errors
/// When Node.js is missing or a package cannot be installed.
pub fn npm_ci(folder: &str) -> Result<()> {
    node()?;
    let lock_file = place::root().join(folder).join("package-lock.json");
    let lock = fs::read(&lock_file).with_context(|| format!("cannot read {}", lock_file.display()))?;
    let mut hasher = DefaultHasher::new();
    lock.hash(&mut hasher);
    let fingerprint = format!("{:016x}", hasher.finish());

    // The stamp lies inside node_modules, so that it vanishes together with what it vouches for.
    let stamp = place::root().join(folder).join("node_modules/.entente-lock");
    if fs::read_to_string(&stamp).is_ok_and(|seen| seen == fingerprint) {
        return Ok(());
    }
    eprintln!("installing the packages of {folder}/ as locked in its package-lock.json");
    shell::prepare(&mut shell::npm(folder, &["ci", "--no-audit", "--no-fund", "--loglevel=error"]))?;
    fs::write(&stamp, fingerprint).with_context(|| format!("cannot write {}", stamp.display()))
}

/// Folder of PostgreSQL's programs.
///
/// # Errors
/// When it is missing and cannot be installed.
pub fn postgres() -> Result<PathBuf> {
    if let Some(found) = newest_postgres() {
        return Ok(found);
    }
    apt_install("PostgreSQL (for the tests on both databases)", "postgresql")?;
    newest_postgres().with_context(|| format!("PostgreSQL was installed, but there is no {POSTGRES}/*/bin/postgres"))
}

/// Path of Chromium.
///
/// # Errors
/// When it is missing and cannot be installed.
pub fn chromium() -> Result<PathBuf> {
    if let Some(found) = installed_chromium() {
        return Ok(found);
    }
    apt_install("Chromium (for the browser test)", "chromium")?;
    installed_chromium().with_context(|| format!("Chromium was installed, but is at none of {}", CHROMIUM.join(", ")))
}

fn node() -> Result<()> {
    if !shell::answers("node", &["--version"]) || !shell::answers("npm", &["--version"]) {
        bail!("Node.js is missing; install version 20.19 or newer with npm (https://nodejs.org) and run the command again");
    }
    Ok(())
}

fn installed_chromium() -> Option<PathBuf> {
    CHROMIUM.iter().map(PathBuf::from).find(|path| path.exists())
}

fn newest_postgres() -> Option<PathBuf> {
    let versions = fs::read_dir(POSTGRES).ok()?;
    versions
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let major: u32 = entry.file_name().to_str()?.parse().ok()?;
            let programs = entry.path().join("bin");
            programs.join("postgres").exists().then_some((major, programs))
        })
        .max()
        .map(|(_, programs)| programs)
}

fn apt_install(what: &str, package: &str) -> Result<()> {
    if !Path::new("/usr/bin/apt-get").exists() {
        bail!("{what} is missing; install it with this system's package manager and run the command again");
    }
    eprintln!("{what} is missing; installing the package `{package}`");
    for args in [&["update", "-q"][..], &["install", "-y", "-q", "--no-install-recommends", package][..]] {
        let mut command = if is_root()? {
            shell::command("apt-get")
        } else {
            let mut sudo = shell::command("sudo");
            sudo.arg("--preserve-env=DEBIAN_FRONTEND").arg("apt-get");
            sudo
        };
        shell::prepare(command.args(args).env("DEBIAN_FRONTEND", "noninteractive"))?;
    }
    Ok(())
}

/// Whether we are root, who may install packages but may not run PostgreSQL.
///
/// # Errors
/// When the system cannot tell.
pub fn is_root() -> Result<bool> {
    let id = shell::command("id").arg("-u").output().context("cannot ask the system who we are (`id -u`)")?;
    Ok(String::from_utf8_lossy(&id.stdout).trim() == "0")
}
