//! Alerts of the real program: an outage is told to every kind of channel once, and its end once, across a kill; and the month's report.

use std::time::Duration;

use entente_sims::receivers::{MailServer, SlackWorkspace, StandardReceiver, TeamsWorkflow};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::hub::{Folder, stop};
use crate::pair::{configuration, first_sync, provision};
use crate::people::{freshdesk, salesforce};
use crate::sims::Sims;

/// One receiver of each kind.
struct Receivers {
    slack: SlackWorkspace,
    /// Another workspace, where a bot posts.
    channels: SlackWorkspace,
    teams: TeamsWorkflow,
    pager: StandardReceiver,
    mail: MailServer,
}

impl Receivers {
    async fn start() -> Self {
        Self {
            slack: SlackWorkspace::start().await.unwrap(),
            channels: SlackWorkspace::start().await.unwrap(),
            teams: TeamsWorkflow::start().await.unwrap(),
            pager: StandardReceiver::start().await.unwrap(),
            mail: MailServer::start().await.unwrap(),
        }
    }

    fn configuration(&self) -> String {
        format!(
            r##"
[notify]
slack_webhook = "{}"
slack_api = "{}"
slack_token = "{}"
teams_webhook = "{}"
from = "Entente <entente@acme.example>"

[notify.channels]
ops = ["slack", "#ops", "teams", "pager", "ops@acme.example"]

[notify.smtp]
host = "127.0.0.1"
port = {}
encryption = "none"

[[notify.webhook]]
name = "pager"
url = "{}"
secret = "{}"
"##,
            self.slack.address,
            self.channels.api,
            SlackWorkspace::BOT,
            self.teams.address,
            self.mail.address.port(),
            self.pager.address,
            self.pager.secret
        )
    }

    /// What each was told, in words.
    fn told(&self) -> [Vec<String>; 5] {
        let events = self.pager.events().iter().map(|event| event["data"]["title"].as_str().unwrap().to_owned()).collect();
        let mails = self.mail.letters().into_iter().map(|letter| letter.subject).collect();
        [self.slack.texts(), self.channels.texts(), self.teams.titles(), events, mails]
    }

    /// Whether all were told just this.
    fn all_told(&self, titles: &[&str]) -> bool {
        self.told().iter().all(|told| told == titles)
    }

    fn wrong(&self) -> Vec<String> {
        [self.slack.wrong(), self.channels.wrong(), self.teams.wrong(), self.pager.wrong(), self.mail.wrong()].concat()
    }
}

/// Time that a message may take: a platform that rests, a look for alerts, a look for notices.
const TOLD_MAX: Duration = Duration::from_secs(150);

/// Waits until every receiver was told just this.
async fn told(what: &str, folder: &Folder, receivers: &Receivers, titles: &[&str]) {
    let began = Instant::now();
    while !receivers.all_told(titles) {
        let (told, wrong, log) = (receivers.told(), receivers.wrong(), folder.last_words());
        assert!(began.elapsed() < TOLD_MAX, "{what} is not told: {told:?}; wrong: {wrong:?}; the log ends:\n{log}");
        sleep(Duration::from_millis(200)).await;
    }
}

async fn said(folder: &Folder, arguments: &[&str]) -> Value {
    let output = folder.run(&[arguments, &["--output", "json"]].concat()).await;
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{arguments:?}: {}", String::from_utf8_lossy(&output.stderr)))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_told_once_to_every_channel_and_its_end_once_though_the_process_is_killed_in_between() {
    const BEGUN: &str = "⚠ freshdesk fails and is left alone";
    const OVER: &str = "✅ Over: freshdesk fails and is left alone";
    let sims = Sims::start(&["salesforce", "freshdesk"], &["--seed", "9"]).await;
    let receivers = Receivers::start().await;
    let pair = configuration(&sims, &[("salesforce", salesforce::auth(&sims)), ("freshdesk", freshdesk::auth(&sims))], 10_000);
    // Three calls that fail are an outage; ten would take the polls of a minute.
    let pair = pair.replace("poll_interval_ms", "breaker_failures = 3\npoll_interval_ms");
    let folder = Folder::new(&format!("{pair}{}", receivers.configuration()));
    provision(&folder).await;

    // Each channel takes a test message in its own format.
    let tried = folder.run(&["alerts", "test"]).await;
    assert!(tried.status.success(), "{}{}", String::from_utf8_lossy(&tried.stdout), String::from_utf8_lossy(&tried.stderr));
    assert!(receivers.all_told(&["Test message of Entente"]), "{:?} {:?}", receivers.told(), receivers.wrong());

    let mut server = folder.serve();
    folder.serves(&mut server).await;
    first_sync(&folder).await;
    sims.steer("freshdesk", "faults", &json!({ "calls": { "unavailable": 1_000 } })).await;
    let begun = ["Test message of Entente", BEGUN];
    told("the alert", &folder, &receivers, &begun).await;
    let card = &receivers.teams.cards()[1];
    assert!(card.to_string().contains("Platform left alone") && card["actions"][0]["url"].as_str().unwrap().ends_with("/alerts"), "{card}");
    let event = &receivers.pager.events()[1];
    assert_eq!((&event["type"], &event["data"]["alert"]["kind"]), (&json!("alert.raised"), &json!("circuit_open")), "{event}");
    let letter = &receivers.mail.letters()[1];
    assert_eq!((letter.from.as_str(), letter.to.as_slice()), ("entente@acme.example", ["ops@acme.example".to_owned()].as_slice()));
    assert!(letter.text.contains("Severity: critical"), "{letter:?}");

    // Killed and started again in the middle of it: that is no end and no second beginning.
    server.kill().await.unwrap();
    let mut server = folder.serve();
    folder.serves(&mut server).await;
    sleep(Duration::from_secs(35)).await;
    assert!(receivers.all_told(&begun), "{:?}", receivers.told());
    let open = said(&folder, &["alerts", "list"]).await;
    assert_eq!(open["items"].as_array().unwrap().len(), 1, "{open}");

    sims.steer("freshdesk", "faults", &json!({ "clear": true })).await;
    let all = [begun.as_slice(), &[OVER]].concat();
    told("its end", &folder, &receivers, &all).await;
    assert_eq!(said(&folder, &["alerts", "list"]).await["items"], json!([]));
    let listed = said(&folder, &["alerts", "list", "--all"]).await;
    assert_eq!((&listed["items"][0]["state"], &listed["items"][0]["messages"][1]["state"]), (&json!("over"), &json!("sent")), "{listed}");
    assert_eq!(receivers.wrong(), [""; 0], "every format was taken as it came");

    // The month's report is there in every form; no secret is in what anybody sees.
    let month = folder.get("/api/v1/dashboard").await["at"].as_str().unwrap()[..7].to_owned();
    let report = said(&folder, &["report", "--month", &month]).await;
    assert_eq!(report["alerts"][0]["kind"], "circuit_open", "{report}");
    for (format, beginning) in [("text", "CRM SYNC MONTHLY REPORT"), ("html", "<!doctype html>"), ("pdf", "%PDF-")] {
        let out = folder.run(&["report", "--month", &month, "--format", format]).await;
        assert!(out.status.success() && out.stdout.starts_with(beginning.as_bytes()), "{format}: {}", String::from_utf8_lossy(&out.stderr));
    }
    let out = folder.run(&["report", "--month", "2026-1"]).await;
    assert!(!out.status.success() && String::from_utf8_lossy(&out.stderr).contains("such as 2026-01"));
    let seen = format!("{}{}", folder.last_words(), folder.get("/api/v1/alerts/channels").await);
    for secret in ["XXXXXXXX", SlackWorkspace::BOT, "sig=", &receivers.pager.secret] {
        assert!(!seen.contains(secret), "{secret} is shown: {seen}");
    }
    stop(server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_in_the_configuration_of_channels_are_named_with_their_remedy() {
    let folder = Folder::new(
        r#"
[notify]
teams_webhook = "outlook"
[notify.channels]
ops = ["pagr", "teams"]
[[notify.webhook]]
name = "pager"
url = "https://pager.example/in"
secret = "swordfish"
[notify.quiet_hours]
from = "10 pm"
until = "07:00"
timezone = "Europe/Atlantis"
"#,
    );
    let out = folder.run(&["config", "check"]).await;
    let error = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(!out.status.success(), "{error}");
    for part in [
        "notify.teams_webhook: this is not a web address",
        "`pagr` is no destination",
        "notify.webhook.secret: this is no secret of Standard Webhooks: it does not begin with whsec_",
        "notify.quiet_hours.from: this is no time of a day",
        "notify.quiet_hours.timezone: this is not the name of a time zone",
    ] {
        assert!(error.contains(part), "`{part}` is missing in\n{error}");
    }
    assert!(!error.contains("swordfish"), "{error}");
}
