//! The program as its users meet it: started as a process, with a folder of its own.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

struct Folder(tempfile::TempDir);

impl Folder {
    fn with(configuration: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("entente.toml"), configuration).unwrap();
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_entente")).args(arguments).current_dir(self.path()).env_clear().output().unwrap()
    }

    fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?} failed: {}", text(&output.stderr));
        text(&output.stdout)
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let all: Vec<&str> = arguments.iter().copied().chain(["--output", "json"]).collect();
        serde_json::from_str(&self.ok(&all)).unwrap()
    }

    fn refused(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", text(&output.stdout));
        text(&output.stderr)
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

const CONNECTIONS: &str = r#"
[[connection]]
name = "salesforce"
platform = "salesforce"
base_url = "http://127.0.0.1:9"
auth = { kind = "client_credentials", client_id = "id", client_secret = "hush-hush-secret" }

[[connection]]
name = "zendesk"
platform = "zendesk"
base_url = "http://127.0.0.1:9"
auth = { kind = "client_credentials", client_id = "id", client_secret = "hush-hush-secret" }
"#;

#[test]
fn without_a_configuration_it_says_how_to_write_one() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_entente")).arg("status").current_dir(folder.path()).env_clear().output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error = text(&output.stderr);
    assert!(error.contains("the configuration file cannot be read") && error.contains("entente config example > entente.toml"), "{error}");
}

#[test]
fn a_mistyped_key_is_named_with_its_line_and_its_neighbour() {
    let folder = Folder::with("[server]\nlisen = \"127.0.0.1:0\"\n");
    let error = folder.refused(&["config", "check"]);
    assert!(error.contains("entente.toml:2: server.lisen: there is no key `lisen` here"), "{error}");
    assert!(error.contains("fix: did you mean `listen`?"), "{error}");
    let json: Value = serde_json::from_str(&folder.refused(&["config", "check", "--output", "json"])).unwrap();
    assert_eq!(json["error"]["remedy"], "did you mean `listen`?");
}

#[test]
fn the_example_and_the_documentation_are_printed() {
    let folder = Folder::with("");
    assert!(folder.ok(&["config", "example"]).contains("[[connection]]"));
    assert!(folder.ok(&["config", "docs"]).starts_with("# Configuration"));
    let check = folder.json(&["config", "check"]);
    assert_eq!(check["ok"], true);
}

#[test]
fn status_of_a_fresh_instance_shows_every_section() {
    let folder = Folder::with(CONNECTIONS);
    let page = folder.ok(&["status"]);
    for section in [
        "CRM BIDIRECTIONAL SYNC DASHBOARD — ",
        "SYNC HEALTH:",
        "SYNC VOLUME:",
        "DATA CONSISTENCY:",
        "SYNC FAILURES (Last 24 Hours):",
        "FIELD MAPPING STATUS:",
        "CUSTOMER ONBOARDING SYNC:",
        "INTEGRATION METRICS:",
        "ALERTS:",
    ] {
        assert!(page.contains(section), "{section} is missing in\n{page}");
    }
    assert!(page.contains("⏳ STARTING"), "{page}");
    assert_eq!(folder.json(&["status"])["health"]["overall"], "starting");
    let key: PathBuf = folder.path().join("entente.key");
    assert!(key.exists() && folder.path().join("entente.db").exists());
}

#[test]
fn doctor_names_what_is_wrong_with_its_remedy_and_exits_with_one() {
    let folder = Folder::with(CONNECTIONS);
    let output = folder.run(&["doctor"]);
    assert_eq!(output.status.code(), Some(1));
    let report = text(&output.stdout);
    assert!(report.contains("ok    config"), "{report}");
    assert!(report.contains("FAIL  salesforce") && report.contains("signing in failed"), "{report}");
    assert!(!report.contains("hush-hush-secret"), "{report}");
    let offline = folder.ok(&["doctor", "--offline"]);
    assert!(offline.contains("0 failures"), "{offline}");
}

#[test]
fn matching_is_measured_on_made_up_people_and_on_a_file() {
    let folder = Folder::with("");
    let made = folder.json(&["bench", "matching", "--generate", "600", "--seed", "3", "--save", "people.csv"]);
    assert_eq!(made["records"], Value::from(600));
    let automatic = &made["thresholds"][0]["score"];
    assert!(automatic["precision"].as_f64().unwrap() > 0.97 && automatic["recall"].as_f64().unwrap() > 0.75, "{automatic}");
    let read = folder.json(&["bench", "matching", "--data", "people.csv", "--seed", "3"]);
    assert_eq!(read["thresholds"], made["thresholds"], "the file holds what was made up");
    let page = folder.ok(&["bench", "matching", "--data", "people.csv", "--explain", "1"]);
    assert!(page.contains("600 records") && page.contains("precision") && page.contains("any two records"), "{page}");
}

#[test]
fn matching_takes_labels_and_a_second_file() {
    let folder = Folder::with("");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("crm.csv", "id,name,email\na1,Ada Lovelace,ada@acme.com\na2,Grace Hopper,grace@navy.mil\n");
    write("desk.csv", "id,name,email\nb1,A. Lovelace,ada@acme.com\nb2,Luke Robinson,luke@wolf.org\n");
    write("pairs.csv", "id_l,id_r,score\na1,b1,1\na2,b2,0\n");
    let measured = folder.json(&["bench", "matching", "--data", "crm.csv", "--against", "desk.csv", "--labels", "pairs.csv"]);
    assert_eq!((&measured["pairs_compared"], &measured["matches_known"]), (&Value::from(4), &Value::from(1)));
    let refused = folder.refused(&["bench", "matching", "--data", "crm.csv", "--labels", "desk.csv"]);
    assert!(refused.contains("desk.csv has no pairs") && refused.contains("id_l and id_r"), "{refused}");
    assert!(folder.refused(&["bench", "matching", "--data", "none.csv"]).contains("none.csv cannot be read"));
}

#[test]
fn a_token_is_made_listed_and_revoked() {
    let folder = Folder::with("");
    let made = folder.json(&["token", "create", "laptop"]);
    assert!(made["token"].as_str().unwrap().starts_with("ent_"));
    let listed = folder.json(&["token", "list"]);
    assert_eq!(listed[0]["name"], "laptop");
    assert!(!listed.to_string().contains(made["token"].as_str().unwrap()));
    folder.ok(&["token", "revoke", "laptop"]);
    assert!(folder.refused(&["token", "revoke", "laptop"]).contains("there is no token named `laptop`"));
}

#[test]
fn a_server_that_others_can_reach_does_not_start_without_a_token() {
    let folder = Folder::with("[server]\nlisten = \"0.0.0.0:0\"\n");
    let error = folder.refused(&["serve"]);
    assert!(error.contains("reachable from other machines") && error.contains("entente token create"), "{error}");
}

#[test]
fn a_worker_on_sqlite_is_refused() {
    let error = Folder::with("").refused(&["worker"]);
    assert!(error.contains("served by one process alone"), "{error}");
}

#[test]
fn the_ledger_verifies_and_the_key_rotates() {
    let folder = Folder::with("");
    assert_eq!(folder.json(&["ledger", "verify"])["whole"], true);
    std::fs::write(folder.path().join("new.key"), "07".repeat(32)).unwrap();
    folder.ok(&["keys", "rotate", "--new-key-file", "new.key"]);
    assert!(folder.refused(&["status"]).contains("master key"), "the old key must not open the store any more");
    std::fs::copy(folder.path().join("new.key"), folder.path().join("entente.key")).unwrap();
    folder.ok(&["status"]);
}

#[test]
fn lists_are_empty_and_unknown_records_are_named() {
    let folder = Folder::with(CONNECTIONS);
    assert!(folder.ok(&["dead-letters", "list"]).contains("No dead letters."));
    assert!(folder.ok(&["conflicts", "list"]).contains("No conflicts."));
    assert!(folder.refused(&["history", "nobody"]).contains("there is no record `nobody`"));
    assert!(folder.refused(&["resync", "--object", "unicorn"]).contains("unicorn"));
    assert!(folder.ok(&["mapping", "show", "--object", "contact", "--connection", "zendesk"]).contains("contact at zendesk: user"));
    assert!(folder.ok(&["mapping", "check"]).contains("are in order"));
}

#[test]
fn a_plan_with_nothing_to_write_is_quiet() {
    let folder = Folder::with(CONNECTIONS);
    let output = folder.run(&["plan", "--offline"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("Nothing to write"));
}

#[test]
fn the_api_is_described_without_a_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_entente")).arg("openapi").current_dir(folder.path()).env_clear().output().unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(document["paths"]["/api/v1/dashboard"].is_object());
}
