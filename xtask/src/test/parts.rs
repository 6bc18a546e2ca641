//! The parts of a test run, in the order in which they help each other: the web app is built before the binary that embeds it, and
//! one build of the workspace serves every test of it.

use std::ffi::OsString;

use anyhow::{Context, Result, bail};

use crate::postgres::Postgres;
use crate::test::report::Report;
use crate::{new_connector, openapi, place, setup, shell, tidy};

/// A part of a test run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Types, unit tests and build of the web app.
    Web,
    /// Format, house rules, lints, tests and documentation examples of the workspace.
    Rust,
    /// That `new-connector` still makes code that compiles.
    Scaffold,
    /// The vendors' own clients against the simulators.
    Clients,
    /// The web app in a browser, against the running product.
    Browser,
}

impl Part {
    /// All of them, in the order of a run.
    pub const ALL: [Self; 5] = [Self::Web, Self::Rust, Self::Scaffold, Self::Clients, Self::Browser];

    fn name(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Rust => "rust",
            Self::Scaffold => "scaffold",
            Self::Clients => "clients",
            Self::Browser => "browser",
        }
    }

    /// The part of a name.
    ///
    /// # Errors
    /// When there is none.
    pub fn named(name: &str) -> Result<Self> {
        let known = || Self::ALL.map(Self::name).join(", ");
        Self::ALL.into_iter().find(|part| part.name() == name).with_context(|| format!("no part `{name}`; there are {}", known()))
    }
}

/// Runs parts and notes their checks.
pub fn run(parts: &[Part], report: &mut Report) {
    let wants = |part| parts.contains(&part);
    if wants(Part::Web) || wants(Part::Browser) {
        web(report, wants(Part::Web));
    }
    if wants(Part::Rust) {
        rust_style(report);
    }
    if wants(Part::Rust) {
        rust_tests(report);
    }
    if wants(Part::Scaffold) {
        report.check("a new connector compiles", new_connector::compiles);
    }
    if wants(Part::Rust) || wants(Part::Clients) || wants(Part::Browser) {
        let built = report.check("the binary", || {
            // With the tests' features, so that nothing is compiled twice.
            shell::run(&mut shell::cargo(&["build", "--workspace", "--bins", "--tests"]))
        });
        with_binary(parts, report, built);
    }
}

fn web(report: &mut Report, whole: bool) {
    let installed = report.check("packages of the web app", || setup::npm_ci("web"));
    let why = "its packages are not installed";
    if whole {
        for (name, script) in [("types of the web app", "types"), ("unit tests of the web app", "test")] {
            if installed {
                report.check(name, || shell::run(&mut shell::npm("web", &["run", "--silent", script])));
            } else {
                report.skip(name, why);
            }
        }
    }
    if installed {
        report.check("build of the web app", || shell::run(&mut shell::npm("web", &["run", "--silent", "build"])));
    } else {
        report.skip("build of the web app", why);
    }
}

fn rust_style(report: &mut Report) {
    report.check("format", || shell::run(&mut shell::cargo(&["fmt", "--all", "--check"])));
    report.check("house rules", tidy::tidy);
    report.check("lints", || shell::run(&mut shell::cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])));
}

fn rust_tests(report: &mut Report) {
    // A server that somebody already runs is used as it is.
    let given = std::env::var_os("ENTENTE_TEST_POSTGRES");
    let mut own = None;
    if given.is_none() {
        report.check("PostgreSQL for the tests", || {
            own = Some(Postgres::start()?);
            Ok(())
        });
    }
    match given.or_else(|| own.as_ref().map(|server| server.url().into())) {
        Some(url) => {
            report.check("tests, on SQLite and PostgreSQL", || tests(&url));
            report.check("documentation examples", || shell::run(&mut shell::cargo(&["test", "--workspace", "--doc"])));
        }
        None => report.skip("tests, on SQLite and PostgreSQL", "there is no PostgreSQL"),
    }
}

fn tests(postgres: &OsString) -> Result<()> {
    let mut tests = if shell::answers("cargo", &["nextest", "--version"]) {
        // Two more at once than there are cores: half of the time, what runs waits, for windows of time, polls and disks.
        let threads = std::thread::available_parallelism().map_or(3, |cores| cores.get() + 2).to_string();
        shell::cargo(&["nextest", "run", "--workspace", "--test-threads", &threads])
    } else {
        println!("cargo-nextest is not installed; running the same tests with cargo test");
        shell::cargo(&["test", "--workspace", "--lib", "--bins", "--tests", "--no-fail-fast"])
    };
    shell::run(tests.env("ENTENTE_TEST_POSTGRES", postgres))
}

fn with_binary(parts: &[Part], report: &mut Report, built: bool) {
    let mut check = |name, check: fn() -> Result<()>| {
        if built {
            report.check(name, check);
        } else {
            report.skip(name, "the binary was not built");
        }
    };
    if parts.contains(&Part::Rust) && parts.contains(&Part::Web) {
        check("the API's description is the committed one", || openapi::from_binary(true));
    }
    if parts.contains(&Part::Clients) {
        check("the vendors' own clients", clients);
    }
    if parts.contains(&Part::Browser) {
        check("the web app in a browser", browser);
    }
}

fn clients() -> Result<()> {
    setup::npm_ci("clients")?;
    shell::run(shell::npm("clients", &["test", "--silent"]).env("ENTENTE_BIN", existing_binary()?))
}

fn browser() -> Result<()> {
    let chromium = setup::chromium()?;
    let mut e2e = shell::npm("web", &["run", "--silent", "e2e"]);
    e2e.env("ENTENTE_BIN", existing_binary()?).env("ENTENTE_CHROMIUM", chromium);
    shell::run(e2e.env("ENTENTE_SCREENSHOTS", place::target().join("screenshots")))
}

fn existing_binary() -> Result<std::path::PathBuf> {
    let binary = place::binary("debug");
    if !binary.exists() {
        bail!("{} is not there, although the build passed", binary.display());
    }
    Ok(binary)
}
