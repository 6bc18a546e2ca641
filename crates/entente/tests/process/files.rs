//! Mappings and custom fields as files, told to the real program: written out, edited, planned, applied, and refused when the world moved.

use std::path::PathBuf;

use serde_json::Value;

use crate::hub::Folder;
use crate::platforms::Platforms;

/// A custom field of accounts, as a person writes it.
const NICKNAME: &str = "object: account\nfields:\n  - key: nickname\n    label: Nickname\n    type: text\n    custom: true\n";

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
