use super::*;
use entente_connect::settings::Auth;

fn parse(text: &str, environment: &[(&str, &str)]) -> Result<Config, Flaws> {
    Config::parse(Path::new("etc/entente.toml"), text, &Environment::of_pairs(environment))
}

fn flaws(text: &str) -> Vec<String> {
    parse(text, &[]).expect_err("this configuration must be refused").0.iter().map(ToString::to_string).collect()
}

fn connection(extra: &str) -> String {
    format!(
        "[[connection]]\nname = \"sf\"\nplatform = \"salesforce\"\nbase_url = \"https://example.my.salesforce.com\"\nauth = {{ kind = \"client_credentials\", client_id = \"id\", client_secret = {{ env = \"SF_SECRET\" }} }}\n{extra}\n"
    )
}

#[test]
fn an_empty_file_is_the_defaults() {
    let config = parse("", &[]).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:7171");
    assert_eq!(config.store, StoreUrl::Sqlite("etc/entente.db".into()));
    assert!(matches!(config.key, KeySource::File(path) if path == Path::new("etc/entente.key")));
    assert_eq!(config.sync, Options::default());
}

#[test]
fn an_unknown_key_names_its_line_and_its_neighbour() {
    let found = flaws("[server]\nlisten = \"127.0.0.1:1\"\npublicurl = \"https://x.example\"\n");
    assert_eq!(found, ["etc/entente.toml:3: server.publicurl: there is no key `publicurl` here; did you mean `public_url`?"]);
}

#[test]
fn an_unknown_table_is_refused() {
    let found = flaws("[servre]\nlisten = \"127.0.0.1:1\"\n");
    assert!(found[0].contains("there is no key `servre` here; did you mean `server`?"), "{found:?}");
}

#[test]
fn an_unknown_key_of_the_engine_is_found_too() {
    let found = flaws("[sync]\nlatency_target = 5000\n");
    assert_eq!(
        found,
        ["etc/entente.toml:2: sync.latency_target: there is no key `latency_target` here; did you mean `latency_target_ms`?"]
    );
}

#[test]
fn every_mistake_is_reported_at_once() {
    let text = "[server]\nlisten = \"everywhere\"\n[store]\nurl = \"mysql://root:hunter2@db/x\"\n[sync]\nlatency_target_ms = 1\n[locale]\ntimezone = \"Mars/Olympus\"\n";
    let found = flaws(text);
    assert_eq!(found.len(), 4, "{found:?}");
    assert!(found[0].starts_with("etc/entente.toml:2: server.listen:"), "{found:?}");
    assert!(found[1].starts_with("etc/entente.toml:4: store.url:"), "{found:?}");
    assert!(found.iter().all(|line| !line.contains("hunter2")), "{found:?}");
    assert!(found.iter().any(|line| line.starts_with("etc/entente.toml:6: sync.latency_target_ms: 1 is out of bounds")), "{found:?}");
    assert!(found.iter().any(|line| line.starts_with("etc/entente.toml:8: locale.timezone:")), "{found:?}");
}

#[test]
fn a_secret_comes_from_the_environment() {
    let config = parse(&connection(""), &[("SF_SECRET", "s3cret")]).unwrap();
    let Auth::ClientCredentials { client_secret, .. } = &config.connections[0].auth else { panic!("other credentials") };
    assert_eq!(client_secret.reveal(), "s3cret");
    assert!(!format!("{config:?}").contains("s3cret"));
}

#[test]
fn a_variable_that_is_not_set_is_named() {
    let found = flaws(&connection(""));
    assert_eq!(
        found,
        [
            "etc/entente.toml:5: connection.auth.client_secret: the environment variable SF_SECRET is not set; set SF_SECRET where entente is started, or use { file = \"path\" }"
        ]
    );
}

#[test]
fn a_secret_comes_from_a_file_without_its_line_end() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("secret"), "from a file\n").unwrap();
    let text = connection("").replace("env = \"SF_SECRET\"", "file = \"secret\"");
    let config = Config::parse(&folder.path().join("entente.toml"), &text, &Environment::of_pairs(&[])).unwrap();
    let Auth::ClientCredentials { client_secret, .. } = &config.connections[0].auth else { panic!("other credentials") };
    assert_eq!(client_secret.reveal(), "from a file");
}

#[test]
fn a_secret_of_the_wrong_type_is_never_quoted() {
    let found = flaws(&connection("").replace("{ env = \"SF_SECRET\" }", "123456"));
    assert!(found[0].contains("put it in quotes") && !found[0].contains("123456"), "{found:?}");
}

#[test]
fn credentials_that_lack_a_part_say_which() {
    let found = flaws(&connection("").replace(", client_secret = { env = \"SF_SECRET\" }", ""));
    assert!(found[0].contains("connection.auth.client_secret: credentials of kind client_credentials need `client_secret`"), "{found:?}");
}

#[test]
fn a_bad_address_a_bad_name_and_a_bad_platform_are_each_named() {
    let text = connection("")
        .replace("https://example.my", "example.my")
        .replace("\"sf\"", "\"a/b\"")
        .replace("\"salesforce\"", "\"salesforc\"")
        .replace("{ env = \"SF_SECRET\" }", "\"s\"");
    let found = flaws(&text);
    assert!(found.iter().any(|line| line.contains("connection.name: `a/b` cannot be a name")), "{found:?}");
    assert!(
        found.iter().any(|line| line.contains("connection.platform: there is no platform `salesforc`; did you mean `salesforce`?")),
        "{found:?}"
    );
    assert!(
        found.iter().any(|line| line.contains("etc/entente.toml:4: connection.base_url: this is not a usable web address")),
        "{found:?}"
    );
}

#[test]
fn two_connections_of_one_name_are_refused() {
    let text = connection("").replace("{ env = \"SF_SECRET\" }", "\"s\"").repeat(2);
    assert!(flaws(&text)[0].contains("there are two connections named `sf`"));
}

#[test]
fn mail_needs_a_sender_and_slack_a_webhook() {
    let found = flaws("[notify]\nchannels = { ops = [\"slack\", \"ops@example.com\", \"pager\"] }\n");
    assert_eq!(found.len(), 3, "{found:?}");
    let found = flaws("[notify]\n[notify.smtp]\nhost = \"mail\"\n");
    assert!(found[0].contains("notify.from: mail needs a sender"), "{found:?}");
}

#[test]
fn a_channel_of_slack_needs_a_bot_and_a_bot_a_channel() {
    let text = |token: &str, channels: &str| format!("[notify]\n{token}\nchannels = {{ {channels} }}\n");
    let bot = |token: &str, channels: &str| flaws(&text(token, channels));
    let config = parse(&text("slack_token = \"xoxb-1\"", "ops = [\"#ops\"]"), &[]).unwrap();
    assert_eq!(config.notify.slack_bot.unwrap().0, "https://slack.com/api/");
    assert!(bot("", "ops = [\"#ops\"]")[0].contains("set notify.slack_token"));
    assert!(bot("slack_token = \"xoxb-1\"", "")[0].contains("notify.slack_token: the bot has no channel"));
    assert!(bot("slack_token = \"xoxb-1\"", "ops = [\"slack\", \"#ops\"]")[0].contains("set notify.slack_webhook"));
    let found = bot("slack_token = \"xoxp-1\"", "ops = [\"#ops\"]");
    assert!(found[0].contains("this is not the token of a bot") && !found[0].contains("xoxp-1"), "{found:?}");
    let found = bot("slack_token = \"xoxb-1\"\nslack_api = \"slack.internal\"", "ops = [\"#ops\"]");
    assert!(found[0].contains("notify.slack_api: this is not a usable web address"), "{found:?}");
    assert!(bot("slack_api = \"https://slack.internal/api\"", "")[0].contains("there is no bot that would use it"));
}

#[test]
fn the_file_is_found_by_flag_then_environment_then_here() {
    let environment = Environment::of_pairs(&[(FILE_VARIABLE, "/etc/e.toml")]);
    assert_eq!(locate(Some(Path::new("x.toml")), &environment), Path::new("x.toml"));
    assert_eq!(locate(None, &environment), Path::new("/etc/e.toml"));
    assert_eq!(locate(None, &Environment::of_pairs(&[])), Path::new("entente.toml"));
}

#[test]
fn an_audience_that_nobody_writes_to_is_refused() {
    let found = flaws(
        "[notify]\nslack_webhook = \"https://hooks.slack.com/services/x\"\nchannels = { opps = [\"slack\"], \"ada@example.com\" = [\"slack\"] }\n",
    );
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("notify.channels.opps: there is no audience `opps`; did you mean `ops`?"), "{found:?}");
    assert!(flaws("[notify]\nchannels = { legal = [] }\n")[0].contains("use `ops`, `compliance`, or a person's e-mail address"));
}

#[test]
fn a_kind_of_hand_that_does_not_exist_is_refused() {
    let text = connection("actors = { robots = [\"005\"], integration = [] }").replace("{ env = \"SF_SECRET\" }", "\"s\"");
    let found = flaws(&text);
    assert!(
        found
            .iter()
            .any(|line| line
                .contains("connection.actors.robots: there is no kind of hand `robots`; use one of: self_service, sales, support")),
        "{found:?}"
    );
    assert!(found.iter().any(|line| line.contains("connection.actors.integration: a user without an id")), "{found:?}");
}

#[test]
fn an_agent_of_the_crm_can_be_told_from_its_sales_people() {
    let text = connection("actors = { support = [\"005A\"], sales = [\"005B\"] }");
    let config = parse(&text, &[("SF_SECRET", "s")]).unwrap();
    let listed = &config.connections[0].actors;
    assert_eq!((listed["support"].as_slice(), listed["sales"].as_slice()), (&["005A".to_owned()][..], &["005B".to_owned()][..]));
    let found = flaws(&connection("actors = { sale = [\"005\"] }"));
    assert!(
        found.iter().any(|line| line.contains("connection.actors.sale: there is no kind of hand `sale`; did you mean `sales`?")),
        "{found:?}"
    );
}

#[test]
fn a_tier_needs_a_name_and_a_group() {
    for line in ["\"\" = \"VIP\"", "Enterprise = \" \""] {
        let found = flaws(&format!("[sync.tier_groups]\n{line}\n"));
        assert!(found[0].contains("sync.tier_groups") && found[0].contains("names no tier or no group"), "{found:?}");
    }
    assert!(flaws("[sync]\nonboarding_steps = [\"\"]\n")[0].contains("a step is blank"));
}

#[test]
fn settings_of_matching_are_bounded_and_checks_of_addresses_are_of_connections_that_there_are() {
    let connection = "[[connection]]\nname = \"zendesk\"\nplatform = \"zendesk\"\nbase_url = \"https://x.zendesk.com\"\nauth = { kind = \"client_credentials\", client_id = \"a\", client_secret = \"b\" }\n";
    let found = flaws(&format!("[sync]\nauto_link_percent = 50\nemail_check = {{ zendesc = \"hold\" }}\n{connection}"));
    assert!(
        found.iter().any(|line| line.starts_with("etc/entente.toml:2: sync.auto_link_percent: 50 percent is out of bounds")),
        "{found:?}"
    );
    assert!(
        found.iter().any(|line| line.starts_with("etc/entente.toml:3: sync.email_check: there is no connection `zendesc`")),
        "{found:?}"
    );
    assert_eq!(found.len(), 2, "{found:?}");
    let found = flaws(&format!("[sync]\nemail_check = {{ zendesk = \"sometimes\" }}\n{connection}"));
    assert!(found.len() == 1 && found[0].contains("sometimes"), "{found:?}");
    assert!(parse("[sync]\nmerge_values = { \"contact.phone\" = \"latest\" }\n", &[]).is_ok());
    let found = flaws("[sync]\nmerge_values = { phone = \"latest\" }\n");
    assert!(found.len() == 1 && found[0].contains("`phone` names no field of an object"), "{found:?}");
}

#[test]
fn a_described_platform_is_read_from_its_file_and_mistakes_there_have_line_and_column() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("entente.toml");
    let text = "[[connection]]\nname = \"crm\"\nplatform = \"rest\"\ndescription = \"crm.yaml\"\nauth = { kind = \"access_token\", token = \"t\" }\n";
    let parse = |text: &str| Config::parse(&file, text, &Environment::of_pairs(&[]));
    let refused = parse(text).unwrap_err().to_string();
    assert!(refused.contains("entente.toml:4: connection.description: the description") && refused.contains("cannot be read"), "{refused}");
    let described = include_str!("../../../../docs/examples/pipedrive.yaml");
    std::fs::write(folder.path().join("crm.yaml"), described.replace("role: crm", "role: sales")).unwrap();
    let refused = parse(text).unwrap_err().to_string();
    assert!(refused.contains("crm.yaml:5:7: role:"), "{refused}");
    std::fs::write(folder.path().join("crm.yaml"), described).unwrap();
    let config = parse(text).unwrap();
    assert_eq!(config.connections[0].base_url.as_str(), "https://api.pipedrive.com/", "the usual address");
    assert_eq!(config.connections[0].role, entente_model::mapping::Role::Crm);
    let refused = parse(&text.replace("\"rest\"", "\"zendesk\"")).unwrap_err().to_string();
    assert!(refused.contains("a platform that needs no description") && refused.contains("the key `base_url` is missing"), "{refused}");
}

#[test]
fn secrets_that_are_kept_need_not_stand_in_the_file() {
    let text = "[[connection]]\nname = \"desk\"\nplatform = \"freshdesk\"\nbase_url = \"https://x.freshdesk.com\"\nauth = { kind = \"access_token\", stored = true }\n";
    let config = parse(text, &[]).unwrap();
    assert!(matches!(&config.connections[0].auth, Auth::AccessToken { token } if token.is_empty()));
    assert!(flaws(&text.replace(", stored = true", ""))[0].contains("need `token`"));
}

#[test]
fn a_value_of_the_wrong_kind_says_what_belongs_there() {
    let found = flaws("[sync]\npoll_interval_ms = \"15 minutes\"\n");
    assert_eq!(found, ["etc/entente.toml:2: sync.poll_interval_ms: text stands here; write a whole number, 0 or more"]);
    let found = flaws("[notify]\nquiet_hours = \"22-6\"\n");
    assert!(found[0].contains("notify.quiet_hours: text stands here; write a table"), "{found:?}");
}

#[test]
fn a_country_that_there_is_not_and_a_header_that_cannot_be_sent_are_refused() {
    assert!(flaws("[locale]\nregion = \"XX\"\n")[0].starts_with("etc/entente.toml:2: locale.region: this is not a country code"));
    let text = connection("headers = { \"bad header\" = \"x\", Good = \"s3cret\\nline\" }").replace("{ env = \"SF_SECRET\" }", "\"s\"");
    let found = flaws(&text);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found.iter().any(|line| line.contains("connection.headers.bad header: `bad header` cannot be the name of a header")),
        "{found:?}"
    );
    assert!(found.iter().any(|line| line.contains("connection.headers.Good: the value holds characters that cannot be sent")), "{found:?}");
    assert!(found.iter().all(|line| !line.contains("s3cret")), "{found:?}");
    let text = "[[connection]]\nname = \"zd\"\nplatform = \"zendesk\"\nbase_url = \"https://x.zendesk.com\"\nauth = { kind = \"api_token\", email = \"ada\", token = \"t\" }\n";
    assert!(flaws(text)[0].contains("connection.auth.email: this is not an e-mail address"), "{:?}", flaws(text));
}
