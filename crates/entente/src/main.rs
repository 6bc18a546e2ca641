//! Entente keeps one customer the same everywhere. This is the one binary: server, worker, simulators and every command.

mod assemble;
mod cli;
mod config;
mod fault;
mod http;
mod telemetry;
mod tokens;
mod ui;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
