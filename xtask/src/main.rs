//! The project's own commands: `cargo xtask <command>`. Each prints what it does and leaves the machine's state alone, except
//! that it installs what is missing (and says so).

mod bench;
mod build;
mod conformance;
mod demo;
mod new_connector;
mod openapi;
mod place;
mod postgres;
mod setup;
mod shell;
mod simulate;
mod test;
mod tidy;

use std::process::ExitCode;

use anyhow::{Result, bail};

const USAGE: &str = "\
cargo xtask <command>

  demo [args…]              build everything and run two simulated platforms, Entente between them and the web app
  test [--only <part>…]     every check there is; parts: rust, web, clients, browser, scaffold
  build [--release]         the web app, then the binary with the web app inside
  tidy                      the house rules that no compiler knows
  openapi [--check]         web/openapi.json and the web app's types, from the binary (--check: only compare)
  bench [args…]             measure a release build and write docs/benchmarks.md
  simulate [--seeds N] [--from S]
                            the seeded simulation under faults, in release, over N seeds
  conformance --specs DIR   the traffic with the simulators, held against descriptions of the platforms' APIs
  new-connector <name>      a connector and its simulator, ready to be filled in
  setup                     install what the other commands need, where it is missing";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(args: &[String]) -> Result<()> {
    let Some((command, rest)) = args.split_first() else {
        bail!("no command given\n\n{USAGE}");
    };
    match command.as_str() {
        "demo" => demo::demo(passed_on(rest)),
        "test" => test::test(rest),
        "build" => build::build(rest),
        "tidy" => tidy::tidy(),
        "openapi" => openapi::openapi(rest),
        "bench" => bench::bench(passed_on(rest)),
        "simulate" => simulate::simulate(rest),
        "conformance" => conformance::conformance(rest),
        "new-connector" => new_connector::new_connector(rest),
        "setup" => setup::everything(),
        "help" | "--help" | "-h" => {
            println!("{USAGE}");
            Ok(())
        }
        unknown => bail!("no command `{unknown}`\n\n{USAGE}"),
    }
}

/// Arguments for another program: whoever is used to cargo puts `--` before them.
fn passed_on(args: &[String]) -> &[String] {
    match args.split_first() {
        Some((first, rest)) if first == "--" => rest,
        _ => args,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_dashes_before_the_arguments_of_another_program_are_taken_for_what_they_are() {
        let args = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(passed_on(&args("-- --seconds 60")), args("--seconds 60"));
        assert_eq!(passed_on(&args("--seconds 60")), args("--seconds 60"));
        assert_eq!(passed_on(&[]), [""; 0]);
    }
}
