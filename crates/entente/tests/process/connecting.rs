//! `entente connect`: people and programs who let Entente in, and those who do not.

use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::caller::client;
use crate::hub::Folder;
use crate::sims::Sims;

/// Time that the command may take until it shows the page to consent on, and until it ends.
const AWAITED_MAX: Duration = Duration::from_secs(60);

/// The configuration of somebody who has connected nothing yet.
const FRESH: &str = "# Ours.\n[server]\nlisten = \"{listen}\" # here\n";

fn command(folder: &Folder, arguments: &[&str], secrets: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_entente"));
    command.current_dir(folder.path()).env_clear().envs(secrets.iter().copied()).kill_on_drop(true);
    command.arg("connect").args(arguments).args(["--from-env", "--no-browser", "--port", "0", "--output", "json"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A sign-in that waits for consent, and the page to consent on.
pub struct Asking {
    child: Child,
    page: String,
    said: tokio::io::Lines<BufReader<tokio::process::ChildStderr>>,
}

pub async fn begin(folder: &Folder, arguments: &[&str], secrets: &[(&str, &str)]) -> Asking {
    let mut child = command(folder, arguments, secrets).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    let page = async {
        while let Some(line) = said.next_line().await.unwrap() {
            if line.starts_with("http") {
                return line;
            }
        }
        panic!("no page to consent on");
    };
    let page = tokio::time::timeout(AWAITED_MAX, page).await.expect("a page to consent on");
    Asking { child, page, said }
}

impl Asking {
    /// How it ends: exit, the answer, and what was said on standard error.
    async fn ends(mut self) -> (bool, Value, String) {
        let output = tokio::time::timeout(AWAITED_MAX, self.child.wait_with_output()).await.expect("an end").unwrap();
        let mut said = String::new();
        while let Some(line) = self.said.next_line().await.unwrap() {
            said.push_str(&line);
        }
        (output.status.success(), serde_json::from_slice(&output.stdout).unwrap_or(Value::Null), said)
    }

    /// Agrees on the page, as a browser that is sent on to this machine.
    pub async fn agree(self) -> (bool, Value, String) {
        let answer = client().get(&self.page).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
        self.ends().await
    }
}

async fn by_key(folder: &Folder, arguments: &[&str], token: &str) -> Output {
    command(folder, arguments, &[("ENTENTE_TOKEN", token)]).output().await.unwrap()
}

fn read(folder: &Folder) -> String {
    std::fs::read_to_string(folder.path().join("entente.toml")).unwrap()
}

fn answer(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_consents_in_the_browser_has_a_connection_that_works_at_every_platform() {
    let platforms = ["salesforce", "hubspot", "pipedrive", "zendesk", "intercom"];
    let sims = Sims::start(&platforms, &["--seed", "3"]).await;
    let folder = Folder::new(FRESH);
    for platform in platforms {
        let of = |name| sims.credential(platform, name);
        let arguments = [platform, "--with", "browser", "--client-id", of("client_id"), "--base-url", sims.base(platform)];
        let asking = begin(&folder, &arguments, &[("ENTENTE_CLIENT_SECRET", of("client_secret"))]).await;
        let challenged = asking.page.contains("code_challenge_method=S256");
        assert_eq!(challenged, matches!(platform, "salesforce" | "hubspot" | "zendesk"), "{}", asking.page);
        assert!(!asking.page.contains(of("client_secret")), "no secret in an address");
        let (good, connected, said) = asking.agree().await;
        assert!(good, "{platform}: {connected} {said}");
        assert_eq!((&connected["connection"], &connected["changed"], &connected["lacking"]), (&json!(platform), &json!(true), &json!([])));
        assert!(!connected["user"].as_str().unwrap().is_empty(), "{connected}");
        assert!(connected["calls_left"].as_u64().is_some(), "{platform}: {connected}");
        let text = read(&folder);
        assert!(!text.contains(of("client_secret")) && text.contains("stored = true"), "{text}");
    }
    let text = read(&folder);
    assert!(text.starts_with("# Ours.\n[server]\nlisten = ") && text.contains("# here"), "what stood there stays: {text}");
    // Each is let in again with what is kept.
    let doctor = folder.run(&["doctor", "--output", "json"]).await;
    let checks: Value = serde_json::from_slice(&doctor.stdout).unwrap();
    for platform in platforms {
        let signed_in = |check: &Value| check["area"] == platform && check["text"].as_str().unwrap().starts_with("signed in as");
        assert!(checks.as_array().unwrap().iter().any(signed_in), "{platform}: {checks}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_tried_before_it_is_kept_and_a_second_run_changes_what_has_ended_alone() {
    let sims = Sims::start(&["pipedrive", "freshdesk"], &["--seed", "3"]).await;
    let folder = Folder::new(FRESH);
    let before = read(&folder);
    let arguments = ["pipedrive", "--name", "crm", "--base-url", sims.base("pipedrive")];
    let refused = by_key(&folder, &arguments, "0000000000000000000000000000000000000000").await;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("did not let us in") && said.contains("nothing was changed"), "{said}");
    assert!(!said.contains("00000000000000000000"), "{said}");
    assert_eq!(read(&folder), before);

    let token = sims.credential("pipedrive", "token");
    let connected = by_key(&folder, &arguments, token).await;
    let first = answer(&connected);
    assert!(connected.status.success(), "{first}");
    assert_eq!((&first["connection"], &first["changed"]), (&json!("crm"), &json!(true)), "{first}");
    assert!(first["calls_left"].as_u64().is_some() && first["fields_missing"].as_u64().unwrap() > 30, "{first}");
    let text = read(&folder);
    assert!(!text.contains(token), "{text}");

    // Again, with everything made that is missing.
    let again = by_key(&folder, &["pipedrive", "--name", "crm", "--provision"], token).await;
    let second = answer(&again);
    assert_eq!((&second["changed"], &second["fields_missing"]), (&json!(false), &json!(0)), "{second}");
    assert!(second["fields_made"].as_u64().unwrap() > 30, "{second}");
    assert_eq!(read(&folder), text);
    let third = answer(&by_key(&folder, &["pipedrive", "--name", "crm", "--provision"], token).await);
    assert_eq!(third["fields_made"], 0, "{third}");

    // A wrong key in the place of a right one leaves that in force.
    assert!(!by_key(&folder, &["pipedrive", "--name", "crm"], "0000000000000000000000000000000000000000").await.status.success());
    let plan = folder.run(&["provision", "--output", "json"]).await;
    assert!(plan.status.success(), "{}", String::from_utf8_lossy(&plan.stderr));

    // The name belongs to its platform.
    let desk = ["freshdesk", "--name", "crm", "--base-url", sims.base("freshdesk")];
    let refused = by_key(&folder, &desk, sims.credential("freshdesk", "token")).await;
    assert!(String::from_utf8_lossy(&refused.stderr).contains("the connection `crm` is one to pipedrive"));
    let desk = ["freshdesk", "--base-url", sims.base("freshdesk")];
    let connected = by_key(&folder, &desk, sims.credential("freshdesk", "token")).await;
    assert!(connected.status.success(), "{}", String::from_utf8_lossy(&connected.stderr));
    let told = answer(&connected);
    assert_eq!(told["rights_unknown"], "Freshdesk's API keys have the rights of their agent's role", "{told}");
    assert_eq!(first["rights_unknown"], "Pipedrive's API tokens have the rights of their user", "{first}");
    assert_eq!(read(&folder).matches("[[connection]]").count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_does_not_consent_is_believed_and_a_stranger_s_answer_is_not() {
    let sims = Sims::start(&["pipedrive", "zendesk"], &["--seed", "3"]).await;
    let folder = Folder::new(FRESH);
    let before = read(&folder);
    for platform in ["pipedrive", "zendesk"] {
        let of = |name| sims.credential(platform, name);
        let arguments = [platform, "--with", "browser", "--client-id", of("client_id"), "--base-url", sims.base(platform)];
        let mut asking = begin(&folder, &arguments, &[("ENTENTE_CLIENT_SECRET", of("client_secret"))]).await;
        asking.page.push_str("&deny=1");
        let (good, _, said) = asking.agree().await;
        assert!(!good && said.contains("consent was refused: access_denied") && said.contains("nothing was changed"), "{said}");
        assert_eq!(read(&folder), before);
    }
    let of = |name| sims.credential("pipedrive", name);
    let arguments = ["pipedrive", "--with", "browser", "--client-id", of("client_id"), "--base-url", sims.base("pipedrive")];
    let asking = begin(&folder, &arguments, &[("ENTENTE_CLIENT_SECRET", of("client_secret"))]).await;
    let page = url::Url::parse(&asking.page).unwrap();
    let back = page.query_pairs().find(|(name, _)| name == "redirect_uri").unwrap().1.into_owned();
    let strange = client().get(format!("{back}?code=stolen&state=another")).send().await.unwrap();
    assert_eq!(strange.status().as_u16(), 400);
    let (good, connected, said) = asking.agree().await;
    assert!(good, "the sign-in that is under way goes on: {connected} {said}");
    // A client that is not the app's gets no token.
    let asking = begin(&folder, &arguments, &[("ENTENTE_CLIENT_SECRET", "not-the-secret-of-the-app")]).await;
    let (good, _, said) = asking.agree().await;
    assert!(!good && said.contains("gave no token: invalid_client") && !said.contains("not-the-secret"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_app_may_not_do_is_told_with_what_follows() {
    let sims = Sims::start(&["pipedrive"], &["--seed", "3"]).await;
    sims.ask(
        sims.client
            .post(format!("{}/_sim/scopes", sims.base("pipedrive")))
            .json(&json!({"scopes": "base,deals:read,contacts:full,activities:full,users:read,search:read,contact-fields:full"})),
    )
    .await;
    let folder = Folder::new(FRESH);
    let of = |name| sims.credential("pipedrive", name);
    let arguments = ["pipedrive", "--with", "browser", "--client-id", of("client_id"), "--base-url", sims.base("pipedrive")];
    let asking = begin(&folder, &arguments, &[("ENTENTE_CLIENT_SECRET", of("client_secret"))]).await;
    let (good, connected, _) = asking.agree().await;
    let lacking = connected["lacking"].as_array().unwrap();
    assert!(!good && lacking.len() == 1, "{connected}");
    assert_eq!(lacking[0]["what"], "scope admin");
    assert!(lacking[0]["without"].as_str().unwrap().contains("cannot make webhooks"), "{connected}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_without_a_page_to_consent_on_signs_in_as_itself() {
    let sims = Sims::start(&["dynamics"], &["--seed", "3"]).await;
    let folder = Folder::new(FRESH);
    let of = |name| sims.credential("dynamics", name);
    let login = format!("{}/{}", sims.base("dynamics"), of("tenant_id"));
    let asked = command(&folder, &["dynamics", "--client-id", of("client_id")], &[]).output().await.unwrap();
    let said = String::from_utf8_lossy(&asked.stderr).into_owned();
    assert!(!asked.status.success() && said.contains("such as https://example.crm.dynamics.com"), "{said}");
    let asked = command(&folder, &["freshdesk"], &[]).output().await.unwrap();
    let said = String::from_utf8_lossy(&asked.stderr).into_owned();
    assert!(!asked.status.success() && said.contains("such as https://example.freshdesk.com"), "{said}");

    let arguments = ["dynamics", "--client-id", of("client_id"), "--base-url", sims.base("dynamics"), "--login-url", &login];
    let connected = command(&folder, &arguments, &[("ENTENTE_CLIENT_SECRET", of("client_secret"))]).output().await.unwrap();
    let told = answer(&connected);
    assert!(connected.status.success(), "{told}");
    assert_eq!((&told["changed"], &told["lacking"], &told["rights_unknown"]), (&json!(true), &json!([]), &Value::Null), "{told}");
    assert!(read(&folder).contains("client_credentials"), "{}", read(&folder));
    // A client id is no key: it is not passed over in silence.
    let arguments = ["freshdesk", "--client-id", "ours", "--base-url", "http://127.0.0.1:1"];
    let refused = by_key(&folder, &arguments, "token").await;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("freshdesk has no page on which one could consent"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_to_be_made_and_was_not_is_a_failure_and_what_nobody_asked_for_is_none() {
    let sims = Sims::start(&["intercom"], &["--seed", "3"]).await;
    let token = sims.credential("intercom", "token");
    // The name of an archived attribute stays taken, and lists do not show it.
    let attributes = format!("{}/data_attributes", sims.base("intercom"));
    let body = json!({"name": "customer_tier", "model": "company", "data_type": "string"});
    let made = sims.ask(sims.client.post(&attributes).bearer_auth(token).json(&body)).await;
    let made: Value = serde_json::from_str(&made).unwrap();
    let one = format!("{attributes}/{}", made["id"].as_str().map_or_else(|| made["id"].to_string(), str::to_owned));
    sims.ask(sims.client.put(one).bearer_auth(token).json(&json!({"archived": true}))).await;

    let folder = Folder::new(FRESH);
    let arguments = ["intercom", "--base-url", sims.base("intercom")];
    let connected = by_key(&folder, &arguments, token).await;
    let first = answer(&connected);
    assert!(connected.status.success(), "nobody asked for fields: {first}");
    assert!(first["fields_missing"].as_u64().unwrap() > 30 && first["refused"] == json!([]), "{first}");

    let provisioned = by_key(&folder, &[&arguments[..], &["--provision"]].concat(), token).await;
    let second = answer(&provisioned);
    assert_eq!(provisioned.status.code(), Some(1), "{second}");
    assert_eq!((&second["lacking"], &second["fields_missing"]), (&json!([]), &json!(1)), "{second}");
    let refused = &second["refused"][0];
    assert_eq!(refused["what"], "company.custom_attributes.customer_tier", "{second}");
    assert!(refused["without"].as_str().unwrap().contains("You already have"), "{second}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_described_platform_is_checked_tried_and_connected_like_any_other() {
    let sims = Sims::start(&["pipedrive"], &["--seed", "3"]).await;
    let folder = Folder::new(FRESH);
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/examples/pipedrive.yaml");
    let text = std::fs::read_to_string(shipped).unwrap();
    // A mistake is told with its place.
    let broken = text.replace("  persons:\n    list:", "  persons:\n    lits:");
    std::fs::write(folder.path().join("ours.yaml"), broken).unwrap();
    let checked = folder.run(&["rest", "check", "ours.yaml"]).await;
    let said = String::from_utf8_lossy(&checked.stderr).into_owned();
    let line = text.lines().position(|line| line == "  persons:").unwrap() + 2;
    assert!(!checked.status.success() && said.contains(&format!("ours.yaml:{line}:5: objects.persons.lits: unknown field")), "{said}");
    let list = format!("ours.yaml:{}:3: objects.persons: missing field `list`", line - 1);
    assert!(said.contains(&list) && said.contains("fix: correct these; `entente rest check` looks again"), "{said}");

    std::fs::write(folder.path().join("ours.yaml"), text).unwrap();
    let checked = folder.run(&["rest", "check", "ours.yaml", "--output", "json"]).await;
    let said: Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert_eq!((&said["platform"], &said["webhooks"]), (&json!("Pipedrive, described"), &json!("made over the API")), "{said}");
    let arguments = ["rest", "--name", "crm", "--description", "ours.yaml", "--base-url", sims.base("pipedrive")];
    let connected = by_key(&folder, &arguments, sims.credential("pipedrive", "token")).await;
    assert!(connected.status.success(), "{}", String::from_utf8_lossy(&connected.stderr));
    let tried = folder.run(&["rest", "check", "ours.yaml", "--connection", "crm", "--output", "json"]).await;
    let said: Value = serde_json::from_slice(&tried.stdout).unwrap();
    let probes = said["probes"].as_array().unwrap();
    assert!(probes.len() > 10 && probes.iter().all(|probe| probe["good"] == true), "{said}");
    // What it can do follows from the description.
    let shown = folder.run(&["platforms", "crm", "--output", "json"]).await;
    let said: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!((&said["label"], &said["connections"]), (&json!("Pipedrive, described"), &json!(["crm"])), "{said}");
    let people = said["objects"].as_array().unwrap().iter().find(|object| object["object"] == "persons").unwrap();
    assert_eq!((&people["changes"]["webhook"], &people["creates_fields"]), (&json!(true), &json!(true)), "{people}");
    let listed = folder.run(&["platforms", "crm", "--fields", "--output", "json"]).await;
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    // A path that leads nowhere is found by trying.
    let wrong = std::fs::read_to_string(shipped).unwrap().replace("user_id: data.id", "user_id: data.number");
    std::fs::write(folder.path().join("wrong.yaml"), wrong).unwrap();
    let tried = folder.run(&["rest", "check", "wrong.yaml", "--connection", "crm", "--output", "json"]).await;
    assert!(!tried.status.success() && String::from_utf8_lossy(&tried.stdout).contains("shows no id at `data.number`"));
}
