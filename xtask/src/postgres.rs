//! A PostgreSQL server that lives as long as a test run.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::{setup, shell};

/// Time that a fresh server may take to answer: initialised data starts in well under a second, a loaded machine needs more.
const START: Duration = Duration::from_secs(60);

/// Connections the server accepts: tests run in parallel, and each opens pools of its own.
const CONNECTIONS: u32 = 300;

/// A running server; dropping it stops it and removes its data.
pub struct Postgres {
    server: Child,
    programs: PathBuf,
    data: PathBuf,
    user: Option<(u32, u32)>,
    port: u16,
}

impl Postgres {
    /// Starts a server on a free port of the loopback interface, without durability, open to everyone on this machine.
    ///
    /// # Errors
    /// When PostgreSQL cannot be installed or does not start.
    pub fn start() -> Result<Self> {
        let programs = setup::postgres()?;
        // PostgreSQL refuses to run as root; its package made a user for it.
        let user = if setup::is_root()? { Some(user_postgres()?) } else { None };
        // Under the system's temporary folder, because another user may not reach into the project's.
        let data = std::env::temp_dir().join(format!("entente-pg-{}", std::process::id()));
        fs::create_dir_all(&data).with_context(|| format!("cannot create {}", data.display()))?;
        if let Some((uid, gid)) = user {
            std::os::unix::fs::chown(&data, Some(uid), Some(gid)).with_context(|| format!("cannot hand {} over", data.display()))?;
        }

        let mut initdb = as_user(&programs.join("initdb"), user);
        initdb.args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "-D"]).arg(&data);
        initdb.stdout(Stdio::null());
        shell::run(&mut initdb)?;

        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let mut postgres = as_user(&programs.join("postgres"), user);
        postgres.arg("-D").arg(&data).args(["-h", "127.0.0.1", "-p", &port.to_string()]);
        for setting in [
            "unix_socket_directories=",
            "fsync=off",
            "synchronous_commit=off",
            "full_page_writes=off",
            &format!("max_connections={CONNECTIONS}"),
            "log_min_messages=fatal",
        ] {
            postgres.args(["-c", setting]);
        }
        let log = fs::File::create(data.with_extension("log"))?;
        let server = postgres.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn().context("cannot start postgres")?;
        let mut running = Self { server, programs, data, user, port };
        running.wait()?;
        println!("PostgreSQL listens on 127.0.0.1:{port} for this run");
        Ok(running)
    }

    /// Where to connect, as the superuser of an empty cluster.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    fn wait(&mut self) -> Result<()> {
        let since = Instant::now();
        let ready = self.programs.join("pg_isready").to_string_lossy().into_owned();
        while !shell::answers(&ready, &["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()]) {
            if let Some(status) = self.server.try_wait()? {
                let log = fs::read_to_string(self.data.with_extension("log")).unwrap_or_default();
                bail!("postgres ended at once with {status}:\n{log}");
            }
            if since.elapsed() > START {
                bail!("postgres did not answer on port {} within {} s", self.port, START.as_secs());
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let stopped = as_user(&self.programs.join("pg_ctl"), self.user)
            .args(["stop", "-m", "immediate", "-D"])
            .arg(&self.data)
            .stdout(Stdio::null())
            .status();
        let ended = stopped.is_ok_and(|status| status.success()) || self.server.kill().is_ok();
        if !ended || self.server.wait().is_err() {
            eprintln!("the test run's PostgreSQL (process {}) could not be stopped; stop it by hand", self.server.id());
        }
        for leftover in [fs::remove_dir_all(&self.data), fs::remove_file(self.data.with_extension("log"))] {
            if let Err(error) = leftover {
                eprintln!("could not remove {}: {error}", self.data.display());
            }
        }
    }
}

fn as_user(program: &Path, user: Option<(u32, u32)>) -> Command {
    use std::os::unix::process::CommandExt;
    let mut command = Command::new(program);
    // Its own folder may be closed to that user; the temporary one is open to all.
    command.current_dir(std::env::temp_dir());
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
    command
}

fn user_postgres() -> Result<(u32, u32)> {
    let users = fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd")?;
    users
        .lines()
        .find_map(|line| {
            let mut columns = line.split(':');
            (columns.next()? == "postgres").then_some(())?;
            let uid = columns.nth(1)?.parse().ok()?;
            let gid = columns.next()?.parse().ok()?;
            Some((uid, gid))
        })
        .context("PostgreSQL does not run as root, and there is no user `postgres`; create one (`useradd --system postgres`)")
}
