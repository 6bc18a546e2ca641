//! The program as its users meet it: started as a process, with a folder of its own.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

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
    assert!(offline.contains("warn  zendesk") && offline.contains("no signing secret is configured"), "{offline}");
    let path_only = Folder::with(&format!("{CONNECTIONS}webhooks = {{ path_secret = \"abc\" }}\n"));
    assert!(path_only.ok(&["doctor", "--offline"]).contains("every webhook would be refused: no signing secret is configured"));
    // Whatever channel there is, somebody is told.
    assert!(offline.contains("warn  notices"), "{offline}");
    for channel in
        ["teams_webhook = \"https://teams.example/x\"", "[[notify.webhook]]\nname = \"pager\"\nurl = \"https://pager.example/x\""]
    {
        let told = Folder::with(&format!("{CONNECTIONS}\n[notify]\n{channel}\n")).ok(&["doctor", "--offline"]);
        assert!(told.contains("ok    notices"), "{channel}: {told}");
    }
    let checks = folder.json(&["doctor", "--offline"]);
    assert!(checks.as_array().unwrap().iter().any(|check| check["area"] == "ledger" && check["state"] == "ok"), "{checks}");
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
    assert!(folder.ok(&["reviews", "list"]).contains("No reviews."));
    assert!(folder.refused(&["reviews", "accept", "7"]).contains("there is no review `7`"));
    assert!(folder.ok(&["holds", "list"]).contains("No holds."));
    assert!(folder.refused(&["holds", "release", "7"]).contains("there is no hold `7`"));
    assert!(folder.refused(&["dead-letters", "edit", "7", "--set", "email=ada@example.com"]).contains("there is no dead letter `7`"));
    assert!(folder.ok(&["dead-letters", "retry", "--class", "data"]).contains("No open dead letter fits"));
    assert!(folder.ok(&["undo", "--since", "2h"]).contains("Nothing to put back"));
    assert!(folder.refused(&["undo", "--entry", "7"]).contains("there is no entry `7`"));
    assert!(folder.refused(&["undo", "--since", "yesterday"]).contains("`yesterday` is no instant"));
    assert!(folder.refused(&["show", "nobody", "--as-of", "2h"]).contains("there is no record `nobody`"));
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

/// Both platforms, simulated in a process of their own, which ends with its standard input.
struct Platforms {
    process: Child,
    ready: Value,
}

impl Platforms {
    fn start(customers: usize) -> Self {
        let customers = customers.to_string();
        let arguments = ["sim", "salesforce", "zendesk", "--customers", &customers, "--profile", "instant", "--with-parent"];
        let mut process = Command::new(env!("CARGO_BIN_EXE_entente"))
            .args(arguments)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { process, ready: serde_json::from_str(&line).unwrap() }
    }

    /// A configuration of both, reached at this port.
    fn configuration(&self, port: u16) -> String {
        let mut text =
            format!("[server]\nlisten = \"127.0.0.1:{port}\"\npublic_url = \"http://127.0.0.1:{port}\"\n[sync]\nlatency_target_ms = 500\n");
        for name in ["salesforce", "zendesk"] {
            let credentials = &self.ready["credentials"][name];
            text.push_str(&format!(
                "[[connection]]\nname = \"{name}\"\nplatform = \"{name}\"\nbase_url = {}\nauth = {{ kind = \"client_credentials\", client_id = {}, client_secret = {} }}\n",
                self.ready[name], credentials["client_id"], credentials["client_secret"]
            ));
        }
        text
    }
}

impl Drop for Platforms {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        self.process.wait().unwrap();
    }
}

/// A port that nobody listens on right now.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// `entente serve`, ended with the test.
struct Serving(Child);

impl Serving {
    fn start(folder: &Folder) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_entente"));
        Self(command.arg("serve").current_dir(folder.path()).env_clear().stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Asks until the answer is right, for half a minute at most.
fn eventually(what: &str, mut right: impl FnMut() -> bool) {
    for _ in 0..150 {
        if right() {
            return;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    panic!("{what} did not happen within 30 seconds");
}

#[test]
fn a_newcomer_goes_from_a_configuration_to_two_sides_in_agreement() {
    let platforms = Platforms::start(6);
    let folder = Folder::with(&platforms.configuration(free_port()));

    // What is missing is shown first, and the exit code says so.
    let shown = folder.run(&["provision"]);
    assert_eq!(shown.status.code(), Some(2), "{}", text(&shown.stderr));
    assert!(text(&shown.stdout).contains("Webhooks of zendesk to http://127.0.0.1:") && text(&shown.stdout).contains(": missing"));
    let doctor = folder.run(&["doctor"]);
    assert_eq!(doctor.status.code(), Some(1));
    assert!(text(&doctor.stdout).contains("it sends no webhooks to http://127.0.0.1:"), "{}", text(&doctor.stdout));
    assert!(text(&doctor.stdout).contains("every webhook would be refused: no signing secret is configured"));

    // Made once, and not twice.
    let made = folder.json(&["provision", "--apply"]);
    let webhook =
        |answer: &Value, name: &str| answer["webhooks"].as_array().unwrap().iter().find(|hook| hook["connection"] == name).unwrap().clone();
    assert_eq!((&webhook(&made, "zendesk")["state"], &webhook(&made, "zendesk")["verified"]), (&"created".into(), &true.into()), "{made}");
    let messages = webhook(&made, "salesforce");
    assert_eq!((&messages["state"], &messages["verified"]), (&"created".into(), &true.into()), "{made}");
    assert!(messages["address"].as_str().unwrap().ends_with("/hooks/salesforce/<path secret>"), "{messages}");
    let account = messages["objects"].as_array().unwrap().iter().find(|object| object["object"] == "Account").unwrap();
    for field in ["Id", "SystemModstamp", "LastModifiedDate", "LastModifiedById", "Entente_Id__c", "Industry"] {
        assert!(account["fields"].as_array().unwrap().contains(&field.into()), "{field} is missing in {account}");
    }
    let again = folder.json(&["provision", "--apply"]);
    assert_eq!(
        (&webhook(&again, "zendesk")["state"], &webhook(&again, "salesforce")["state"]),
        (&"present".into(), &"present".into()),
        "{again}"
    );
    let whole = folder.ok(&["provision", "--address", "salesforce"]);
    let secret = whole.trim().rsplit('/').next().unwrap().to_owned();
    assert!(secret.len() > 20, "{whole}");
    assert!(!made.to_string().contains(&secret) && !folder.ok(&["doctor"]).contains(&secret));
    assert!(folder.ok(&["doctor"]).contains("it sends webhooks to http://127.0.0.1:"));

    // The plan before the first sync: rows that no record stands for. The two rows of one customer go together.
    let plan = folder.run(&["plan", "--output", "json"]);
    assert_eq!(plan.status.code(), Some(2), "{}", text(&plan.stderr));
    let plan: Value = serde_json::from_slice(&plan.stdout).unwrap();
    let outcomes = |outcome: &str| plan["adoptions"].as_array().unwrap().iter().filter(|row| row["outcome"] == outcome).count();
    assert!(outcomes("create") > 0 && outcomes("link") > 0, "{plan}");

    // Planning has changed nothing.
    assert_eq!(folder.json(&["status"])["consistency"]["records"], 0);

    let serving = Serving::start(&folder);
    eventually("the first sync", || {
        let status = folder.json(&["status"]);
        status["health"]["overall"] == "operational" && status["consistency"]["in_flight"] == 0
    });
    drop(serving);
    let status = folder.json(&["status"]);
    assert_eq!(status["consistency"]["in_agreement"], status["consistency"]["records"], "{status}");
    // Zendesk's webhooks were verified with the secret that was read and kept.
    let zendesk = status["connections"].as_array().unwrap().iter().find(|connection| connection["name"] == "zendesk").unwrap();
    assert!(zendesk["webhooks"].as_u64().unwrap() > 0 && zendesk["webhooks_refused"] == 0, "{zendesk}");
    // Salesforce's messages came too, to the address with the secret.
    let salesforce = status["connections"].as_array().unwrap().iter().find(|connection| connection["name"] == "salesforce").unwrap();
    assert!(salesforce["webhooks"].as_u64().unwrap() > 0 && salesforce["webhooks_refused"] == 0, "{salesforce}");
    assert_eq!(status["mappings"]["crm_to_support"], status["mappings"]["crm_to_support_operational"]);
    assert!(folder.ok(&["status"]).contains("(all operational)"));
    let quiet = folder.run(&["plan"]);
    assert_eq!(quiet.status.code(), Some(0), "{}", text(&quiet.stdout));
    assert!(text(&quiet.stdout).contains("Nothing to write"), "{}", text(&quiet.stdout));
    assert!(folder.ok(&["doctor"]).contains("the last poll was less than a minute ago"));

    // Both sides are compared and certified; what was certified is checked again, and a copy that was changed is refused.
    let reconciled = folder.json(&["reconcile", "--out", "certificate.json"]);
    assert_eq!((&reconciled["report"]["exceptions_total"], &reconciled["report"]["complete"]), (&0.into(), &true.into()), "{reconciled}");
    let calls = reconciled["report"]["calls"].as_array().unwrap();
    assert!(calls.iter().all(|calls| calls["made"] == calls["expected"]), "{reconciled}");
    assert_eq!(folder.json(&["reconcile", "--verify", "certificate.json"])["verdict"], "holds");
    assert!(folder.ok(&["reconcile", "--last"]).contains("Both sides are in agreement, without exception."));
    let certificate = std::fs::read_to_string(folder.path().join("certificate.json")).unwrap();
    std::fs::write(folder.path().join("changed.json"), certificate.replace("\"complete\":true", "\"complete\":false")).unwrap();
    assert!(folder.refused(&["reconcile", "--verify", "changed.json"]).contains("it was changed after it was signed"));
}

#[test]
fn a_plan_is_blocked_when_a_platform_cannot_be_read() {
    let folder = {
        let platforms = Platforms::start(2);
        let folder = Folder::with(&platforms.configuration(free_port()));
        let serving = Serving::start(&folder);
        eventually("the first sync", || {
            let status = folder.json(&["status"]);
            status["health"]["overall"] == "operational" && status["consistency"]["in_flight"] == 0
        });
        drop(serving);
        folder
    };
    // Both platforms are gone. One record is asked for, so that nothing else stands in the way.
    let record = folder.json(&["plan", "--offline", "--limit", "1"]);
    assert_eq!(record["looked_at"], 1);
    let plan = folder.run(&["plan", "--limit", "2"]);
    assert_eq!(plan.status.code(), Some(3), "{}{}", text(&plan.stdout), text(&plan.stderr));
    assert!(text(&plan.stdout).contains("2 records cannot go on") && text(&plan.stdout).contains("blocked: "), "{}", text(&plan.stdout));
}

#[test]
fn a_mapping_is_edited_as_a_file_saved_and_rolled_back() {
    let platforms = Platforms::start(2);
    let folder = Folder::with(&platforms.configuration(free_port()));
    folder.ok(&["provision", "--apply"]);
    let at = ["--connection", "zendesk", "--object", "account"];
    let shown = folder.ok(&["mapping", "show", "--toml", at[0], at[1], at[2], at[3]]);
    let file = folder.path().join("account.toml");
    let write = |line: &str| std::fs::write(&file, format!("{shown}\n[[fields]]\n{line}\n")).unwrap();

    write("field = \"kind\"\nremote = \"detials\"\nowner = \"crm\"");
    let refused = folder.refused(&["mapping", "save", "account.toml", "--connection", "zendesk"]);
    assert!(refused.contains("(`kind`): `organization` has no field `detials`"), "{refused}");
    assert!(refused.contains("fix: nothing was saved"), "{refused}");
    let checked = folder.run(&["mapping", "check", "account.toml", "--connection", "zendesk"]);
    assert_eq!(checked.status.code(), Some(1));
    write("field = \"kind\"\nremote = \"details\"\nownr = \"crm\"");
    let refused = folder.refused(&["mapping", "save", "account.toml", "--connection", "zendesk"]);
    assert!(refused.contains("account.toml is not a mapping") && refused.contains("ownr") && refused.contains("line "), "{refused}");

    write("field = \"kind\"\nremote = \"details\"\nowner = \"crm\"\ndirection = \"out\"");
    let saved = folder.json(&["mapping", "save", "account.toml", "--connection", "zendesk", "--note", "agents asked", "--accept-loss"]);
    assert_eq!((&saved["version"], &saved["judgement"]["added"]), (&2.into(), &serde_json::json!(["kind"])), "{saved}");
    assert!(folder.ok(&["status"]).contains("\"Account: Type\" at zendesk — added "));
    assert!(folder.ok(&["mapping", "versions", at[0], at[1], at[2], at[3]]).contains("agents asked"));
    folder.ok(&["mapping", "activate", "1", at[0], at[1], at[2], at[3]]);
    assert!(!folder.ok(&["mapping", "show", at[0], at[1], at[2], at[3]]).contains("details"));
    assert!(folder.refused(&["mapping", "activate", "7", at[0], at[1], at[2], at[3]]).contains("there are: 2, 1"));
}

#[test]
fn what_cannot_be_meant_is_refused_before_anything_is_done() {
    let folder = Folder::with(CONNECTIONS);
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    std::fs::write(folder.path().join("noise.toml"), [0xff, 0xfe, 0x00]).unwrap();
    for (arguments, reason, remedy) in [
        (&["plan", "-f", "empty"][..], "there is no mapping and no object in empty", "`entente export` wrote"),
        (&["apply", "-f", "empty", "--digest", "abc"], "there is no mapping and no object in empty", "`entente export` wrote"),
        (&["show", " "], "record: no record is named", "give its id"),
        (&["privacy", "erase", "", "--yes"], "record: no record is named", "give its id"),
        (&["undo", "--since", "2100-01-01"], "since: it lies in the future", "a time that is over"),
        (&["reconcile", "--out", "nowhere/certificate.json"], "nowhere/certificate.json cannot be written", "a folder that is there"),
        (&["--config", ".", "status"], "Is a directory", "name the file in it, such as ./entente.toml"),
        (&["--config", "noise.toml", "status"], "the configuration file cannot be read", "name a text file in TOML"),
        (&["plan", "--limit", "0"], "give a whole number, 1 or more", ""),
        (&["conflicts", "resolve", "--all", "--side", "zendsk"], "there is no connection `zendsk`", "did you mean `zendesk`?"),
        (&["conflicts", "resolve", "--all", "--side", "zendesk", "--field", "emial"], "there is no field `emial`", "did you mean `email`?"),
        (&["dead-letters", "retry", "99"], "there is no dead letter `99`", "from the list of dead letters"),
        (&["dead-letters", "discard", "99", "--reason", "gone"], "there is no dead letter `99`", "from the list of dead letters"),
        (&["privacy", "erase", "ada@", "--yes"], "who: `ada@` is no e-mail address", "ada@example.com"),
        (
            &["show", "--output", "json"],
            "\"message\":\"the following required arguments were not provided: <RECORD>\"",
            "Usage: entente show",
        ),
        (&["demo", "--customers", "0"], "give 1 to 1000000 customers", ""),
        (&["demo", "--scenario", "gdpr", "--rate", "3"], "cannot be used with", ""),
    ] {
        let told = folder.refused(arguments);
        assert!(told.contains(reason) && told.contains(remedy), "{arguments:?}: {told}");
    }
    assert!(!folder.path().join("nowhere").exists());
}

#[test]
fn credentials_that_a_platform_does_not_take_are_told_when_the_configuration_is_checked() {
    let jwt = r#"{ kind = "jwt_bearer", client_id = "id", username = "ada@example.com", private_key = "hush-hush-secret" }"#;
    let password = r#"{ kind = "client_credentials", client_id = "id", client_secret = "hush-hush-secret" }"#;
    let told = Folder::with(&CONNECTIONS.replacen(password, jwt, 1)).refused(&["config", "check"]);
    assert!(told.contains("connection `salesforce`") && told.contains("PEM text of the RSA key"), "{told}");
    assert!(!told.contains("hush-hush-secret"), "{told}");
    let (first, second) = CONNECTIONS.split_at(CONNECTIONS.rfind("[[connection]]").unwrap());
    let told = Folder::with(&format!("{first}{}", second.replace(password, jwt))).refused(&["config", "check"]);
    assert!(told.contains("connection `zendesk`: `auth` is of a kind that Zendesk does not take"), "{told}");
    assert!(Folder::with(CONNECTIONS).ok(&["config", "check"]).contains("is in order"));
}

#[test]
fn mistakes_are_told_in_the_order_of_the_file() {
    let wrong = "[locale]\nregion = \"Germany\"\ntimezone = \"Mars\"\ncurrency = \"Taler\"\n[server]\nlisten = \"here\"\n";
    let told = Folder::with(wrong).refused(&["config", "check"]);
    let at = |key: &str| told.find(key).unwrap_or_else(|| panic!("no {key} in {told}"));
    assert!(at("locale.region") < at("locale.timezone") && at("locale.timezone") < at("locale.currency"), "{told}");
    assert!(at("locale.currency") < at("server.listen"), "{told}");
}
