//! Destinations of notices that are reached over HTTP. They use the same wire as the connectors, so that tests and proxies see them.

pub mod slack;
