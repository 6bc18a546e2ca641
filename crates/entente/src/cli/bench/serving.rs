//! How fast the server starts, and what it takes while nothing happens.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::process::Command;

use super::super::demo::Memory;
use super::super::demo::control::http_client;
use super::table::Row;
use crate::fault::{Fault, Result};

/// Starts that are measured; the middle one is shown.
const STARTS: usize = 5;
/// Time that a start may take.
const START_MAX: Duration = Duration::from_secs(20);
/// Time that a server rests before its memory is read.
const IDLE: Duration = Duration::from_secs(3);
/// Time between two questions whether it serves.
const ASK_EVERY: Duration = Duration::from_millis(2);

pub async fn start() -> Result<Vec<Row>> {
    let folder = tempfile::Builder::new().prefix("entente-demo-").tempdir()?;
    let client = http_client(START_MAX)?;
    // The first start also makes the database; it is not counted.
    let mut took = Vec::with_capacity(STARTS);
    let mut idle = Memory::default();
    for start in 0..=STARTS {
        let mut served = once(folder.path(), &client).await?;
        if start > 0 {
            took.push(u64::try_from(served.took.as_millis()).unwrap_or(u64::MAX));
        }
        if start == STARTS {
            tokio::time::sleep(IDLE).await;
            idle = served.process.id().map(Memory::of).unwrap_or_default();
        }
        served.process.kill().await?;
    }
    took.sort_unstable();
    let middle = took[took.len() / 2];
    let start = Row {
        measure: "Start of `entente serve` to its first answer".to_owned(),
        now: "not published".to_owned(),
        to_reach: "≤ 1 s".to_owned(),
        measured: format!("{middle} ms"),
        numbers: json!({"ms": took}),
        explained: None,
    };
    let memory = Row {
        measure: "Memory of an idle `entente serve` without records".to_owned(),
        now: "n8n: 360 MB".to_owned(),
        to_reach: "≤ 50 MB".to_owned(),
        measured: idle.rss_mb.map_or_else(|| "unknown".to_owned(), |mb| format!("{mb:.0} MB")),
        numbers: json!({"rss_mb": idle.rss_mb}),
        explained: None,
    };
    Ok(vec![start, memory])
}

/// A server that has answered once.
struct Served {
    process: tokio::process::Child,
    took: Duration,
}

async fn once(folder: &std::path::Path, client: &reqwest::Client) -> Result<Served> {
    // A port that is free now; between here and the start somebody could take it, which shows as a fault.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    drop(listener);
    let file = folder.join("entente.toml");
    std::fs::write(&file, format!("[server]\nlisten = \"{address}\"\n"))?;
    let began = Instant::now();
    let server = Command::new(std::env::current_exe()?)
        .arg("--config")
        .arg(&file)
        .args(["--log", "error", "serve"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let url = format!("http://{address}/healthz");
    loop {
        if client.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
            return Ok(Served { process: server, took: began.elapsed() });
        }
        if began.elapsed() > START_MAX {
            return Err(Fault::new("`entente serve` does not answer", "run it by hand to see why"));
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}
