//! Entente keeps one customer the same everywhere. This is the one binary: server, worker, simulators and every command.

mod assemble;
mod cli;
mod config;
mod credentials;
mod fault;
mod http;
mod report;
mod telemetry;
mod tokens;
mod ui;

use std::process::ExitCode;

/// Gives memory back to the system after a burst of work; its settings are in `.cargo/config.toml`.
#[cfg(all(unix, not(target_env = "musl")))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    cli::main()
}
