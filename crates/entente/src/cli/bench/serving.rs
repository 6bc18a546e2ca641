//! How fast the server starts.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::process::Command;

use super::super::demo::control::http_client;
use super::table::Row;
use crate::fault::{Fault, Result};

/// Starts that are measured; the middle one is shown.
const STARTS: usize = 5;
/// Time that a start may take.
const START_MAX: Duration = Duration::from_secs(20);
/// Time between two questions whether it serves.
const ASK_EVERY: Duration = Duration::from_millis(2);

pub async fn start() -> Result<Row> {
    let folder = tempfile::Builder::new().prefix("entente-demo-").tempdir()?;
    let client = http_client(START_MAX)?;
    // The first start also makes the database; it is not counted.
    let mut took = Vec::with_capacity(STARTS);
    for start in 0..=STARTS {
        let duration = once(folder.path(), &client).await?;
        if start > 0 {
            took.push(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX));
        }
    }
    took.sort_unstable();
    let middle = took[took.len() / 2];
    Ok(Row {
        measure: "Start of `entente serve` to its first answer".to_owned(),
        now: "not published".to_owned(),
        to_reach: "below 500 ms".to_owned(),
        measured: format!("{middle} ms"),
        numbers: json!({"ms": took}),
        explained: None,
    })
}

async fn once(folder: &std::path::Path, client: &reqwest::Client) -> Result<Duration> {
    // A port that is free now; between here and the start somebody could take it, which shows as a fault.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    drop(listener);
    let file = folder.join("entente.toml");
    std::fs::write(&file, format!("[server]\nlisten = \"{address}\"\n"))?;
    let began = Instant::now();
    let mut server = Command::new(std::env::current_exe()?)
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
            let took = began.elapsed();
            server.kill().await?;
            return Ok(took);
        }
        if began.elapsed() > START_MAX {
            return Err(Fault::new("`entente serve` does not answer", "run it by hand to see why"));
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}
