//! A proxy that holds the traffic with a platform against a description of its API, where `cargo xtask conformance` asks for it.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Environment variable with what to hold against what, as JSON: `proxy` (the program), `modules` (folder of its modules), `reports`
/// (folder), `descriptions` (platform to file).
const ASKED: &str = "ENTENTE_CONFORMANCE";

/// Time that the proxy may take until it serves, in tenths of a second: large descriptions take a while to compile.
const START_TENTHS_MAX: u32 = 600;

/// A proxy between the hub and a platform. It writes its report until it ends with this value.
pub struct Described {
    /// Where the hub finds the platform.
    pub base: String,
    child: Child,
}

impl Described {
    /// A proxy before a platform, if one is asked for.
    pub fn before(platform: &str, base: &str) -> Option<Self> {
        let asked: serde_json::Value = serde_json::from_str(&std::env::var(ASKED).ok()?).expect("ENTENTE_CONFORMANCE is JSON");
        let text = |name: &str| asked[name].as_str().unwrap().to_owned();
        let description = asked["descriptions"][platform].as_str()?;
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let reports = PathBuf::from(text("reports"));
        let report = reports.join(format!("{platform}-{port}.jsonl"));
        let summary = File::create(reports.join(format!("{platform}-{port}.log"))).unwrap();
        let mut command = Command::new("node");
        command.arg(text("proxy")).args(["--spec", description, "--upstream", base, "--port", &port.to_string(), "--report"]);
        command.arg(&report).current_dir(text("modules")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(summary);
        let child = command.spawn().expect("node runs the proxy");
        let described = Self { base: format!("http://127.0.0.1:{port}"), child };
        for _ in 0..START_TENTHS_MAX {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Some(described);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("the proxy before {platform} does not serve");
    }
}

impl Drop for Described {
    fn drop(&mut self) {
        // Asked to end, it writes down how much passed through it.
        let asked = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let ended = asked.and_then(|_| self.child.wait());
        assert!(ended.is_ok() || std::thread::panicking(), "the proxy does not end");
    }
}
