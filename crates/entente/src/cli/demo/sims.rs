//! The simulated platforms, in a process of their own: their memory and CPU are not ours.

use std::process::Stdio;
use std::time::Duration;

use clap::ValueEnum;
use entente_connect::settings::{Auth, Secret};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use url::Url;

use super::control::Control;
use crate::fault::{Fault, Result};

/// How fast and how generous the platforms are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Speed {
    /// Latency and quotas as measured in production
    Real,
    /// No latency and no quotas
    Instant,
}

/// Time that the process may take until it serves.
const START_MAX: Duration = Duration::from_secs(30);

/// A running process with both simulators. It ends when this is dropped, and when this process dies.
pub struct Sims {
    /// Where Salesforce is.
    pub salesforce: Url,
    /// Where Zendesk is.
    pub zendesk: Url,
    /// Credentials for Salesforce.
    pub salesforce_auth: Auth,
    /// Credentials for Zendesk.
    pub zendesk_auth: Auth,
    /// E-mail and API token of another program that uses Zendesk.
    pub zendesk_token: (String, String),
    /// Ids of Salesforce's users who are no sales people, by kind.
    pub actors: std::collections::BTreeMap<String, Vec<String>>,
    /// The world's surface.
    pub control: Control,
    // Held for their ends: the child is killed when dropped, and ends by itself when its input does.
    _child: Child,
    _lifeline: Option<ChildStdin>,
}

impl Sims {
    /// Starts the simulators and waits until they serve.
    pub async fn start(speed: Speed, seed: u64) -> Result<Self> {
        let failed = |error: std::io::Error| {
            Fault::new(format!("the simulators could not be started: {error}"), "check that this program may start itself")
        };
        let program = std::env::current_exe().map_err(failed)?;
        let profile = if speed == Speed::Real { "real" } else { "instant" };
        let mut command = Command::new(program);
        command
            .args(["sim", "salesforce", "zendesk", "--with-parent", "--profile", profile, "--seed", &seed.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        // Ctrl-C goes to every process of a terminal's group: the simulators must live on while what was edited lands.
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.spawn().map_err(failed)?;
        let lifeline = child.stdin.take();
        let out = child.stdout.take().ok_or_else(|| Fault::new("the simulators have no output", "report this; it is a defect"))?;
        let mut lines = BufReader::new(out).lines();
        let line = tokio::time::timeout(START_MAX, lines.next_line())
            .await
            .map_err(|_| {
                Fault::new(
                    format!("the simulators do not serve after {} seconds", START_MAX.as_secs()),
                    "close other programs and try again",
                )
            })?
            .map_err(failed)?
            .ok_or_else(|| Fault::new("the simulators ended at once", "run `entente sim salesforce zendesk` to see why"))?;
        let ready: Value = serde_json::from_str(&line)?;
        let (salesforce, zendesk) = (address(&ready, "salesforce")?, address(&ready, "zendesk")?);
        let control = Control::new(&salesforce)?;
        let actors = control.actors().await?;
        Ok(Self {
            salesforce_auth: auth(&ready, "salesforce"),
            zendesk_auth: auth(&ready, "zendesk"),
            zendesk_token: (credential(&ready, "zendesk", "email"), credential(&ready, "zendesk", "token")),
            salesforce,
            zendesk,
            actors,
            control,
            _child: child,
            _lifeline: lifeline,
        })
    }
}

fn address(ready: &Value, platform: &str) -> Result<Url> {
    let text = ready[platform].as_str().unwrap_or_default();
    Url::parse(text).map_err(|_| Fault::new(format!("the simulators name no address of {platform}"), "report this; it is a defect"))
}

fn auth(ready: &Value, platform: &str) -> Auth {
    let text = |key: &str| credential(ready, platform, key);
    Auth::ClientCredentials { client_id: text("client_id"), client_secret: Secret::new(text("client_secret")) }
}

fn credential(ready: &Value, platform: &str, key: &str) -> String {
    ready["credentials"][platform][key].as_str().unwrap_or_default().to_owned()
}
