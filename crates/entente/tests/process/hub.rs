//! `entente serve` as a process in a folder of its own, which can be killed and started again.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tokio::process::{Child, Command};

use crate::caller::client;

/// Time that the process may take until it serves.
const START_MAX: Duration = Duration::from_secs(20);
/// Time between two looks at something that is awaited.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The folder of an installation: configuration, database, key, log.
pub struct Folder {
    folder: tempfile::TempDir,
    /// Address under which the server is reached.
    pub url: String,
    client: reqwest::Client,
}

impl Folder {
    /// A folder with a configuration; `{listen}` in it stands for a free port of this machine.
    pub fn new(configuration: &str) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let listen = format!("127.0.0.1:{port}");
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("entente.toml"), configuration.replace("{listen}", &listen)).unwrap();
        Self { folder, url: format!("http://{listen}"), client: client() }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    fn log(&self) -> PathBuf {
        self.path().join("serve.log")
    }

    /// What the server last said, for messages of tests.
    pub fn last_words(&self) -> String {
        let text = std::fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_entente"));
        command.current_dir(self.path()).env_clear().kill_on_drop(true);
        command
    }

    /// Runs a command to its end.
    pub async fn run(&self, arguments: &[&str]) -> Output {
        self.run_with(arguments, &[]).await
    }

    /// The same, with what programs are given in their environment.
    pub async fn run_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
        self.command().envs(environment.iter().copied()).args(arguments).output().await.unwrap()
    }

    /// Starts the server; it may not serve yet.
    pub fn serve(&self) -> Child {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.log()).unwrap();
        self.command().arg("serve").stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap()
    }

    /// Waits until the server answers.
    pub async fn serves(&self, child: &mut Child) {
        let began = tokio::time::Instant::now();
        while self.client.get(format!("{}/healthz", self.url)).send().await.is_err() {
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none(), "the server ended by itself with {ended:?}:\n{}", self.last_words());
            assert!(began.elapsed() < START_MAX, "the server does not answer:\n{}", self.last_words());
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Reads from the API.
    pub async fn get(&self, path: &str) -> Value {
        let answer = self.client.get(format!("{}{path}", self.url)).send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap()
    }
}

/// Ends a server as an operator would, and waits until it has.
pub async fn stop(mut child: Child) {
    let id = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
    let ended = tokio::time::timeout(Duration::from_secs(20), child.wait()).await.expect("the server does not end").unwrap();
    assert!(ended.success(), "{ended}");
}
