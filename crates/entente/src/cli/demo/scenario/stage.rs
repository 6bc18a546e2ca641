//! The stage of a scenario: both simulators, and `entente serve` as a process of its own in a folder that goes away, which can be killed and
//! started again. What is asked of it goes through its commands and its API, as with any installation.

use std::fs::OpenOptions;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use entente_sims::receivers::StandardReceiver;
use entente_sims::world::{Agreement, Seeded, WorldOptions};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use url::Url;

use super::super::control::http_client;
use super::super::hub::message_fields;
use super::super::sims::{Sims, Speed};
use super::platforms::{Crm, Desk};
use crate::assemble;
use crate::fault::{Fault, Result};

/// Time that the process may take until it serves, and until it ends.
const START_MAX: Duration = Duration::from_secs(60);
/// Time between two looks at the process.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Time that an answer of the API may take.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Looks in a row that must find nothing under way: between two steps of a long way, nothing is on its way for a moment.
const STILL_LOOKS: u32 = 5;
/// Time between two of them. The dashboard is counted anew each second.
const STILL_EVERY: Duration = Duration::from_millis(400);
/// Lines of the log that a complaint shows.
const LAST_LINES: usize = 12;

/// What a scenario needs of its stage.
#[derive(Debug, Clone)]
pub struct Setting {
    /// Contacts in the CRM; 95 of 100 are known to the desk already.
    pub customers: usize,
    /// Seed of everybody and everything.
    pub seed: u64,
    /// Latency and quotas of the platforms.
    pub speed: Speed,
    /// Port of the server; 0 for a free one.
    pub port: u16,
    /// Lines of the configuration's `[sync]` table.
    pub sync: &'static str,
}

/// What a command said.
#[derive(Debug, Clone)]
pub struct Said {
    /// Its exit code.
    pub code: i32,
    /// Everything that it said.
    pub text: String,
}

/// The stage. What it started ends with it.
pub struct Stage {
    /// The simulators and the world in them.
    pub sims: Sims,
    /// The CRM.
    pub crm: Crm,
    /// The support desk.
    pub desk: Desk,
    /// Whoever is told: operators and compliance.
    pub told: StandardReceiver,
    /// What was made in both.
    pub seeded: Seeded,
    /// Where the server is.
    pub url: String,
    client: reqwest::Client,
    program: PathBuf,
    server: Option<Child>,
    folder: TempDir,
}

impl Stage {
    /// Sets it up: customers in both simulators, webhooks, a configuration. The server does not run yet.
    pub async fn set(setting: &Setting) -> Result<Self> {
        let sims = Sims::start(setting.speed, setting.seed).await?;
        let options = WorldOptions { customers: setting.customers, seed: setting.seed, ..WorldOptions::default() };
        let seeded = sims.control.seed(&options).await?;
        let told = StandardReceiver::start().await?;
        let port = match setting.port {
            0 => TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port(),
            port => port,
        };
        let url = format!("http://127.0.0.1:{port}");
        let path_secret = format!("{:016x}{:016x}", assemble::seed()?, assemble::seed()?);
        let hook = |rest: &str| Url::parse(&format!("{url}/hooks/{rest}")).map_err(|error| Fault::of(&error));
        let (organization, signing_secret) =
            sims.control.webhooks(&hook(&format!("salesforce/{path_secret}"))?, &message_fields()?, &hook("zendesk")?).await?;
        let folder = tempfile::Builder::new().prefix("entente-scenario-").tempdir()?;
        let actors: Vec<String> = sims.actors.iter().map(|(kind, ids)| format!("{kind} = {ids:?}")).collect();
        let text = format!(
            r#"[server]
listen = "127.0.0.1:{port}"

[sync]
{}

[notify.channels]
ops = ["people"]
compliance = ["people"]

[[notify.webhook]]
name = "people"
url = "{}"
secret = "{}"

[[connection]]
name = "salesforce"
platform = "salesforce"
base_url = "{}"
follow_instance_url = false
auth = {{ {} }}
webhooks = {{ organization = "{organization}", path_secret = "{path_secret}" }}
actors = {{ {} }}

[[connection]]
name = "zendesk"
platform = "zendesk"
base_url = "{}"
auth = {{ {} }}
webhooks = {{ signing_secret = "{signing_secret}" }}
"#,
            setting.sync,
            told.address,
            told.secret,
            sims.salesforce,
            credentials(&sims.salesforce_auth)?,
            actors.join(", "),
            sims.zendesk,
            credentials(&sims.zendesk_auth)?,
        );
        std::fs::write(folder.path().join("entente.toml"), text)?;
        let program = std::env::current_exe()?;
        let (crm, desk) = (Crm::new(&sims.salesforce)?, Desk::new(&sims.zendesk)?);
        let client = http_client(TIMEOUT)?;
        Ok(Self { sims, crm, desk, told, seeded, url, client, program, server: None, folder })
    }

    /// The folder with the database, its key and the log.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn log(&self) -> PathBuf {
        self.folder().join("serve.log")
    }

    /// What the server last wrote to its log.
    pub fn last_words(&self) -> String {
        let text = std::fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(self.folder()).env_clear().stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    /// Starts the server and waits until it answers.
    pub async fn serve(&mut self) -> Result<()> {
        let log = OpenOptions::new().create(true).append(true).open(self.log())?;
        let mut server = self.command().arg("serve").stdout(Stdio::null()).stderr(log).spawn()?;
        let began = Instant::now();
        while self.client.get(format!("{}/healthz", self.url)).send().await.is_err() {
            let ended = server.try_wait()?;
            if ended.is_some() || began.elapsed() >= START_MAX {
                return Err(Fault::new(format!("the server does not serve:\n{}", self.last_words()), "mend what its log says"));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        self.server = Some(server);
        Ok(())
    }

    /// Kills the server: nothing of the process gets a word in.
    pub async fn kill(&mut self) -> Result<()> {
        if let Some(mut server) = self.server.take() {
            server.kill().await?;
        }
        Ok(())
    }

    /// Stops the server as an operator does; work in hand is finished.
    pub async fn stop(&mut self) -> Result<()> {
        let Some(mut server) = self.server.take() else { return Ok(()) };
        let Some(id) = server.id() else { return Ok(()) };
        let asked = Command::new("kill").args(["-TERM", &id.to_string()]).status().await?;
        if !asked.success() || tokio::time::timeout(START_MAX, server.wait()).await.is_err() {
            server.kill().await?;
            return Err(Fault::new(format!("the server does not stop:\n{}", self.last_words()), "report this; it is a defect"));
        }
        Ok(())
    }

    /// Runs a command of Entente.
    pub async fn run(&self, arguments: &[&str]) -> Result<Said> {
        let output = self.command().args(arguments).output().await?;
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        Ok(Said { code: output.status.code().unwrap_or(-1), text })
    }

    /// Runs a command of Entente for its answer as data.
    pub async fn said(&self, arguments: &[&str]) -> Result<Value> {
        let output = self.command().args(arguments).args(["--output", "json"]).output().await?;
        serde_json::from_slice(&output.stdout).map_err(|_| {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            Fault::new(format!("`entente {}` says: {said}", arguments.join(" ")), "report this; it is a defect")
        })
    }

    /// Asks the API.
    pub async fn get(&self, path: &str) -> Result<Value> {
        self.answered(path, self.client.get(format!("{}{path}", self.url))).await
    }

    /// Has the API do something.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.answered(path, self.client.post(format!("{}{path}", self.url)).json(body)).await
    }

    async fn answered(&self, path: &str, request: reqwest::RequestBuilder) -> Result<Value> {
        let failed = |what: String| Fault::new(format!("{path}: {what}\n{}", self.last_words()), "mend what the server's log says");
        let answer = request.send().await.map_err(|error| failed(error.to_string()))?;
        let status = answer.status();
        let text = answer.text().await.map_err(|error| failed(error.to_string()))?;
        if !status.is_success() {
            return Err(failed(format!("{status} {text}")));
        }
        Ok(serde_json::from_str(&text)?)
    }

    /// The line of a metric of one connection.
    pub async fn metric(&self, name: &str, connection: &str) -> Result<String> {
        let failed =
            |error: reqwest::Error| Fault::new(format!("/metrics: {error}\n{}", self.last_words()), "mend what the server's log says");
        let text = self.client.get(format!("{}/metrics", self.url)).send().await.map_err(failed)?.text().await.map_err(failed)?;
        let of = |line: &&str| line.contains(name) && line.contains(&format!("\"{connection}\"")) && !line.starts_with('#');
        Ok(text.lines().find(of).unwrap_or_default().to_owned())
    }

    /// How well the platforms agree, by their own data.
    pub async fn agreement(&self) -> Result<Agreement> {
        self.sims.control.agreement().await
    }

    /// Waits until the first sync is done and nothing is on its way, `longest` at most. Answers whether that came to be.
    pub async fn rests(&self, longest: Duration) -> Result<bool> {
        let (began, mut still) = (Instant::now(), 0);
        while still < STILL_LOOKS {
            if began.elapsed() >= longest {
                return Ok(false);
            }
            still = if self.is_at_rest().await? { still + 1 } else { 0 };
            tokio::time::sleep(STILL_EVERY).await;
        }
        Ok(true)
    }

    async fn is_at_rest(&self) -> Result<bool> {
        let dashboard = self.get("/api/v1/dashboard").await?;
        let idle = dashboard["consistency"]["in_flight"] == 0 && !dashboard["health"]["last_full_sync_at"].is_null();
        Ok(idle && self.sims.control.is_quiet().await?)
    }

    /// Messages that people got, of this kind of alert: its beginnings and its ends.
    pub fn alerts(&self, kind: &str) -> (usize, usize) {
        let events = self.told.events();
        let of = |ty: &str| events.iter().filter(|event| event["type"] == ty && event["data"]["alert"]["kind"] == kind).count();
        (of("alert.raised"), of("alert.over"))
    }

    /// Titles of everything that people were told.
    pub fn titles(&self) -> Vec<String> {
        self.told.events().iter().filter_map(|event| event["data"]["title"].as_str().map(str::to_owned)).collect()
    }
}

/// Credentials as the configuration has them.
fn credentials(auth: &entente_connect::settings::Auth) -> Result<String> {
    match auth {
        entente_connect::settings::Auth::ClientCredentials { client_id, client_secret } => {
            Ok(format!(r#"kind = "client_credentials", client_id = "{client_id}", client_secret = "{}""#, client_secret.reveal()))
        }
        _ => Err(Fault::new("the simulators hand out other credentials than expected", "report this; it is a defect")),
    }
}
