//! Running other programs, visibly.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::place;

/// A command that will run in the workspace's root.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(place::root());
    command
}

/// `cargo`, the same one that runs us.
pub fn cargo(args: &[&str]) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = command(program);
    command.args(args);
    // What Cargo tells us of our own package would have build scripts run again that look at such variables.
    for (name, _) in std::env::vars_os() {
        let told = name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"));
        if told {
            command.env_remove(&name);
        }
    }
    command
}

/// `npm`, in a folder of the workspace.
pub fn npm(folder: &str, args: &[&str]) -> Command {
    let mut command = command("npm");
    command.args(args).current_dir(place::root().join(folder));
    command
}

/// Runs a command that gets something ready: whatever it says goes to standard error, so that standard output is the answer's alone.
///
/// # Errors
/// As [`run`].
pub fn prepare(command: &mut Command) -> Result<()> {
    run(command.stdout(std::io::stderr()))
}

/// Runs a command to its end, with its output going where ours goes. What is run is told on standard error.
///
/// # Errors
/// When it cannot be started or does not end with success.
pub fn run(command: &mut Command) -> Result<()> {
    eprintln!("$ {}", spelled(command));
    let status = command.status().with_context(|| format!("cannot start `{}`; is it installed?", program(command)))?;
    if !status.success() {
        bail!("`{}` ended with {status}", spelled(command));
    }
    Ok(())
}

/// Runs a command and returns what it printed on standard output; its errors go where ours go.
///
/// # Errors
/// When it cannot be started, does not end with success or prints something that is not text.
pub fn output(command: &mut Command) -> Result<String> {
    eprintln!("$ {}", spelled(command));
    let out = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start `{}`; is it installed?", program(command)))?;
    if !out.status.success() {
        bail!("`{}` ended with {}", spelled(command), out.status);
    }
    String::from_utf8(out.stdout).with_context(|| format!("`{}` printed something that is not UTF-8", spelled(command)))
}

/// Whether a program can be run at all with these arguments. Prints nothing.
pub fn answers(program: &str, args: &[&str]) -> bool {
    command(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn program(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

/// The command as a person would type it: names without their folders, and the folder it runs in when that is not the root.
fn spelled(command: &Command) -> String {
    let name = Path::new(command.get_program()).file_name().unwrap_or(command.get_program()).to_string_lossy().into_owned();
    let args = command.get_args().map(|arg| arg.to_string_lossy().into_owned());
    let line = std::iter::once(name).chain(args).collect::<Vec<_>>().join(" ");
    match command.get_current_dir().and_then(|dir| dir.strip_prefix(place::root()).ok()) {
        Some(folder) if folder != Path::new("") => format!("{line}   (in {})", folder.display()),
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_gets_something_ready_says_nothing_on_standard_output() {
        // In a child of its own: the streams of this process are the harness's.
        if std::env::var_os("XTASK_PREPARES").is_some() {
            return prepare(command("echo").arg("hammering")).unwrap();
        }
        let me = "shell::tests::what_gets_something_ready_says_nothing_on_standard_output";
        let mut child = Command::new(std::env::current_exe().unwrap());
        let out = child.args(["--exact", me, "--nocapture"]).env("XTASK_PREPARES", "1").output().unwrap();
        let (said, aside) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        assert!(out.status.success(), "{said}{aside}");
        assert!(!said.contains("hammering") && aside.contains("$ echo hammering\nhammering\n"), "{said}\n{aside}");
    }
}
