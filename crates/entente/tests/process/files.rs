//! Mappings and custom fields as files, told to the real program: written out, edited, planned, applied, and refused when the world moved.

use std::path::PathBuf;

use serde_json::Value;

use crate::hub::Folder;
use crate::platforms::Platforms;

/// A custom field of accounts, as a person writes it.
const NICKNAME: &str = "object: account\nfields:\n  - key: nickname\n    label: Nickname\n    type: text\n    custom: true\n";

/// A rule of conflicts that people adopted, as a person writes it.
const RULES: &str = "object: account\nadopted:\n- field: status\n  sides: {salesforce: sales, zendesk: support}\n  winner: zendesk\n";

fn configuration(platforms: &Platforms) -> String {
    let connection = |name: &str, url: &str, id: &str, secret: &str| {
        format!(
            "[[connection]]\nname = \"{name}\"\nplatform = \"{name}\"\nbase_url = \"{url}\"\n\
             auth = {{ kind = \"client_credentials\", client_id = \"{id}\", client_secret = \"{secret}\" }}\n"
        )
    };
    format!(
        "[server]\nlisten = \"{{listen}}\"\n{}{}",
        connection("salesforce", &platforms.salesforce, "sim-client", "sim-secret"),
        connection("zendesk", &platforms.zendesk, "entente", "zendesk-client-secret")
    )
}

/// The program in a folder, and its files in another one within.
struct Desk {
    folder: Folder,
    _platforms: Platforms,
}

impl Desk {
    async fn with_files() -> Self {
        let platforms = Platforms::start(5, 12).await;
        let desk = Self { folder: Folder::new(&configuration(&platforms)), _platforms: platforms };
        let (code, text) = desk.run(&["export", "files"]).await;
        assert_eq!(code, 0, "{text}");
        desk
    }

    async fn run(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.folder.run(arguments).await;
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
        (output.status.code().unwrap(), text)
    }

    async fn plan(&self) -> (i32, Value) {
        let output = self.folder.run(&["plan", "-f", "files", "--output", "json"]).await;
        let code = output.status.code().unwrap();
        (code, serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr))))
    }

    async fn apply(&self, digest: &Value) -> (i32, String) {
        self.run(&["apply", "-f", "files", "--digest", digest.as_str().unwrap(), "--note", "agreed with sales"]).await
    }

    fn file(&self, path: &str) -> PathBuf {
        self.folder.path().join("files").join(path)
    }

    fn text(&self, path: &str) -> String {
        std::fs::read_to_string(self.file(path)).unwrap()
    }

    fn write(&self, path: &str, text: &str) {
        let file = self.file(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_go_out_change_and_come_back_exactly_as_they_were_planned() {
    let desk = Desk::with_files().await;
    let (code, plan) = desk.plan().await;
    assert_eq!((code, plan["steps"].as_array().unwrap().len()), (0, 0), "what was written out is what is in force: {plan}");
    let schema: Value = serde_json::from_str(&desk.text("schemas/mapping.json")).unwrap();
    assert!(schema["required"].as_array().unwrap().contains(&"object".into()), "{schema}");

    let accounts = desk.text("mappings/zendesk/account.yaml");
    assert!(accounts.starts_with("# yaml-language-server: $schema=../../schemas/mapping.json\n"), "{accounts}");
    let line = "- field: nickname\n  remote: details\n  owner: crm\n";
    let with_line = format!("{}\n{line}", accounts.trim_end());
    desk.write("objects/account.yaml", NICKNAME);
    desk.write("mappings/zendesk/account.yaml", &with_line);
    let (code, plan) = desk.plan().await;
    assert_eq!(code, 2, "{plan}");
    let steps: Vec<(&str, &Value)> =
        plan["steps"].as_array().unwrap().iter().map(|step| (step["path"].as_str().unwrap(), &step["added"])).collect();
    let nickname = serde_json::json!(["nickname"]);
    assert_eq!(steps, [("objects/account.yaml", &nickname), ("mappings/zendesk/account.yaml", &nickname)]);
    let (_, text) = desk.run(&["plan", "-f", "files"]).await;
    assert!(text.contains("    + nickname\n") && text.contains("entente apply -f files --digest"), "{text}");

    let (code, text) = desk.apply(&plan["digest"]).await;
    assert!(code == 0 && text.contains("Version 2 of account at zendesk is in force."), "{text}");
    let (code, again) = desk.plan().await;
    assert_eq!((code, again["steps"].as_array().unwrap().len()), (0, 0), "{again}");
    let (code, text) = desk.apply(&plan["digest"]).await;
    assert!(code == 1 && text.contains("are not as they were when this was planned"), "{text}");

    // The line is put away in the file, and somebody goes back to the first version before that is applied.
    desk.write("mappings/zendesk/account.yaml", &with_line.replace(line, &format!("{line}  archived: true\n")));
    let (code, plan) = desk.plan().await;
    assert_eq!((code, &plan["steps"][0]["changed"]), (2, &nickname), "{plan}");
    let (code, text) = desk.run(&["mapping", "activate", "1", "--connection", "zendesk", "--object", "account"]).await;
    assert_eq!(code, 0, "{text}");
    let (code, text) = desk.apply(&plan["digest"]).await;
    assert!(code == 1 && text.contains("plan again, look at it, and apply that plan"), "{text}");
    let (_, versions) = desk.run(&["mapping", "versions", "--connection", "zendesk", "--object", "account"]).await;
    // By its first column: seconds of a time end in a three, too.
    assert!(!versions.lines().any(|line| line.trim_start().starts_with("3 ")), "nothing was saved: {versions}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_a_file_is_named_with_its_place() {
    let desk = Desk::with_files().await;
    let accounts = desk.text("mappings/zendesk/account.yaml");
    let lines = accounts.trim_end().lines().count();
    let broken = |more: &str| format!("{}\n{more}", accounts.trim_end());
    for (path, text, place, reason) in [
        ("mappings/zendesk/account.yaml", broken("colour: red\n"), format!(":{}:", lines + 1), "colour"),
        ("mappings/zendesk/account.yaml", broken("- field: [\n"), format!(":{}", lines + 1), ""),
        (
            "mappings/zendesk/account.yaml",
            broken("- field: kind\n  remote: nope\n  owner: crm\n"),
            format!(":{}:3", lines + 1),
            "`organization` has no field `nope`",
        ),
        (
            "mappings/zendesk/account.yaml",
            broken("- field: shoe_size\n  remote: details\n  owner: crm\n"),
            format!(":{}:3", lines + 1),
            "`account` has no field `shoe_size`",
        ),
        ("mappings/zendesk/account.yaml", broken("conflicts:\n  rules: [loudest]\n"), format!(":{}:", lines + 2), "loudest"),
        ("mappings/zendesk/account.yaml", broken("conflicts:\n  window: 2h\n"), format!(":{}:", lines + 2), "an hour is the longest"),
        ("mappings/zendesk/account.yaml", broken("conflicts:\n  window: 5\n"), format!(":{}:", lines + 2), "such as 5s"),
        ("mappings/zendesk/account.yaml", broken("conflicts:\n  rules: [latest, latest]\n"), ":1:1".to_owned(), "`latest` twice"),
        (
            "mappings/zendesk/account.yaml",
            broken("- field: kind\n  remote: details\n  owner: crm\n  conflicts:\n    rules: []\n"),
            format!(":{}:3", lines + 1),
            "this one has an owner",
        ),
        ("rules/account.yaml", RULES.replace("winner: zendesk", "winner: intercom"), ":3:3".to_owned(), "is none of the sides"),
        ("rules/account.yaml", RULES.replace("field: status", "field: industry"), ":3:3".to_owned(), "has an owner"),
        ("rules/account.yaml", RULES.replace(": sales", ": boss"), ":4:".to_owned(), "boss"),
        ("objects/account.yaml", NICKNAME.replace("nickname", "Nick-Name"), ":3:5".to_owned(), "is no name of a field"),
        ("objects/account.yaml", NICKNAME.replace("key: nickname", "key: industry"), ":3:5".to_owned(), "that Entente ships"),
        ("mappings/nowhere/account.yaml", accounts.clone(), ":1:1".to_owned(), "there is no connection `nowhere`"),
    ] {
        desk.write(path, &text);
        let (code, plan) = desk.plan().await;
        assert_eq!(code, 1, "{path}: {plan}");
        let fault = &plan["faults"][0];
        let told =
            format!("{}:{}:{}: {}", fault["path"].as_str().unwrap(), fault["line"], fault["column"], fault["reason"].as_str().unwrap());
        assert!(told.starts_with(&format!("{path}{place}")) && told.contains(reason), "{told} instead of {path}{place} {reason}");
        let (code, text) = desk.apply(&plan["digest"]).await;
        assert!(code == 1 && text.contains("nothing was changed"), "{text}");
        std::fs::remove_file(desk.file(path)).unwrap();
        desk.write("mappings/zendesk/account.yaml", &accounts);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn adopted_rules_and_how_conflicts_are_decided_go_out_and_come_in() {
    let desk = Desk::with_files().await;
    assert!(!desk.file("rules/account.yaml").exists(), "nobody has adopted any");
    desk.write("rules/account.yaml", RULES);
    let contacts = desk.text("mappings/zendesk/contact.yaml");
    let with_rules =
        contacts.replacen("field: phone\n", "field: phone\n  conflicts:\n    rules: [latest]\n    without: [self_service]\n", 1);
    assert_ne!(contacts, with_rules);
    desk.write("mappings/zendesk/contact.yaml", &format!("{}\nconflicts:\n  window: 1min\n", with_rules.trim_end()));
    let (code, plan) = desk.plan().await;
    assert_eq!(code, 2, "{plan}");
    let steps = plan["steps"].as_array().unwrap();
    let told: Vec<(&str, bool)> = steps.iter().map(|step| (step["of"].as_str().unwrap(), step["frame"] == true)).collect();
    assert_eq!(told, [("mapping", true), ("rules", false)], "{plan}");
    assert_eq!((&steps[0]["changed"], steps[1]["added"].as_array().unwrap().len()), (&serde_json::json!(["phone"]), 1), "{plan}");
    let (code, text) = desk.apply(&plan["digest"]).await;
    assert!(code == 0 && text.contains("Rules of conflicts: 1 adopted, 0 withdrawn"), "{text}");
    let (_, text) = desk.run(&["conflicts", "rules"]).await;
    assert!(text.contains("the value of zendesk wins") && text.contains("adopted by") && text.contains("agreed with sales"), "{text}");

    // What was written out says all of it, and is what is in force.
    let (code, text) = desk.run(&["export", "files"]).await;
    assert_eq!(code, 0, "{text}");
    let (out, rules) = (desk.text("mappings/zendesk/contact.yaml"), desk.text("rules/account.yaml"));
    assert!(out.contains("window: 1min") && out.contains("- self_service"), "{out}");
    assert!(rules.starts_with("# yaml-language-server: $schema=../schemas/rules.json\n") && rules.contains("winner: zendesk"), "{rules}");
    let (code, plan) = desk.plan().await;
    assert_eq!((code, plan["steps"].as_array().unwrap().len()), (0, 0), "{plan}");

    // The other mapping of the field must not say it otherwise.
    let theirs = desk.text("mappings/salesforce/contact.yaml");
    let otherwise = theirs.replacen("field: phone\n", "field: phone\n  conflicts:\n    rules: []\n", 1);
    let line = 1 + otherwise.lines().position(|line| line == "- field: phone").unwrap();
    desk.write("mappings/salesforce/contact.yaml", &otherwise);
    let (code, plan) = desk.plan().await;
    let fault = &plan["faults"][0];
    assert_eq!((code, fault["line"].as_u64()), (1, Some(line as u64)), "{plan}");
    assert!(fault["reason"].as_str().unwrap().contains("`conflicts.rules` is another one than in the mapping of zendesk"), "{plan}");
    desk.write("mappings/salesforce/contact.yaml", &theirs);

    desk.write("rules/account.yaml", "object: account\nadopted: []\n");
    let (_, plan) = desk.plan().await;
    let (code, text) = desk.apply(&plan["digest"]).await;
    assert!(code == 0 && text.contains("0 adopted, 1 withdrawn"), "{text}");
    let (_, text) = desk.run(&["conflicts", "rules"]).await;
    assert!(text.contains("withdrawn by"), "{text}");
}
