//! Logs: for people on a terminal, as JSON for machines. They go to standard error, so that standard output is a command's answer.
//!
//! Events carry names, ids, counts and durations; never values of records, addresses with queries, or credentials. Libraries that
//! log requests or statements in detail are held to warnings, whatever the filter says.

use std::io::IsTerminal;

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    Human,
    /// One JSON object per line.
    Json,
}

/// Libraries whose finer logs hold addresses, headers or statements.
const HELD: &[&str] = &["reqwest=warn", "hyper=warn", "hyper_util=warn", "h2=warn", "rustls=warn", "tokio_postgres=warn", "lettre=warn"];

/// Used when no filter is given, or one that cannot be read.
const USUAL: &str = "info";

/// Starts logging. `filter` is in the syntax of `tracing` (`info`, `entente_engine=debug,warn`). Returns what is wrong with the filter,
/// if it cannot be read; the usual one is used then.
pub fn start(format: LogFormat, filter: Option<&str>) -> Option<String> {
    let (filter, complaint) = filter_of(filter.unwrap_or(USUAL));
    let registry = tracing_subscriber::registry().with(filter);
    let started = match format {
        LogFormat::Json => {
            registry.with(tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(std::io::stderr)).try_init()
        }
        LogFormat::Human => {
            let layer =
                tracing_subscriber::fmt::layer().with_target(false).with_ansi(std::io::stderr().is_terminal()).with_writer(std::io::stderr);
            registry.with(layer).try_init()
        }
    };
    complaint.or_else(|| started.err().map(|error| format!("logs could not be set up: {error}")))
}

/// For people on a terminal, for machines elsewhere.
pub fn usual_format() -> LogFormat {
    if std::io::stderr().is_terminal() { LogFormat::Human } else { LogFormat::Json }
}

fn filter_of(text: &str) -> (EnvFilter, Option<String>) {
    let (mut filter, complaint) = match EnvFilter::try_new(text) {
        Ok(filter) => (filter, None),
        Err(error) => (EnvFilter::new(USUAL), Some(format!("the log filter cannot be read ({error}); using `{USUAL}`"))),
    };
    for held in HELD {
        if let Ok(directive) = held.parse() {
            filter = filter.add_directive(directive);
        }
    }
    (filter, complaint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_stay_quiet_even_when_everything_is_asked_for() {
        let (filter, complaint) = filter_of("trace,reqwest=trace");
        assert_eq!(complaint, None);
        let text = filter.to_string();
        assert!(text.contains("reqwest=warn") && !text.contains("reqwest=trace"), "{text}");
    }

    #[test]
    fn a_broken_filter_is_named_and_replaced() {
        let (_, complaint) = filter_of("a=b=c");
        assert!(complaint.is_some_and(|text| text.contains("using `info`")));
    }
}
