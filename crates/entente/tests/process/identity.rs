//! Who is one customer, decided in the terminal and taken back there; rules that follow from decisions; and words that nobody understands.

use std::collections::BTreeMap;

use entente_model::actor::Actor;
use entente_model::id::RecordId;
use entente_model::value::{Fields, Value};
use entente_store::{
    Change, ConflictSide, MasterKey, NewConflict, NewEntry, NewReview, PutRecord, Record, RecordState, Store, StoreOptions, StoreUrl,
};
use jiff::Timestamp;
use serde_json::{Value as Json, json};

use crate::hub::Folder;

/// Both platforms are configured; nobody answers there.
const CONFIGURATION: &str = r#"
[server]
listen = "{listen}"

[[connection]]
name = "salesforce"
platform = "salesforce"
base_url = "http://127.0.0.1:9"
auth = { kind = "client_credentials", client_id = "id", client_secret = "secret" }

[[connection]]
name = "zendesk"
platform = "zendesk"
base_url = "http://127.0.0.1:9"
auth = { kind = "client_credentials", client_id = "id", client_secret = "secret" }
"#;

/// What a command came to: its exit code, what it said, and what it complained of.
async fn said(folder: &Folder, arguments: &[&str]) -> (i32, String, String) {
    let output = folder.run(arguments).await;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

async fn ok(folder: &Folder, arguments: &[&str]) -> String {
    let (code, said, complained) = said(folder, arguments).await;
    assert_eq!(code, 0, "{arguments:?}: {said}{complained}");
    said
}

async fn refused(folder: &Folder, arguments: &[&str]) -> String {
    let (code, said, complained) = said(folder, arguments).await;
    assert_eq!(code, 1, "{arguments:?}: {said}{complained}");
    complained
}

async fn json_of(folder: &Folder, arguments: &[&str]) -> Json {
    let all: Vec<&str> = arguments.iter().copied().chain(["--output", "json"]).collect();
    serde_json::from_str(&ok(folder, &all).await).unwrap()
}

/// An installation that was started once, and its store.
async fn installation() -> (Folder, Store) {
    let folder = Folder::new(CONFIGURATION);
    ok(&folder, &["status"]).await;
    let key = MasterKey::parse(std::fs::read_to_string(folder.path().join("entente.key")).unwrap().trim()).unwrap();
    let store = Store::open(&StoreUrl::Sqlite(folder.path().join("entente.db")), StoreOptions::new(key)).await.unwrap();
    (folder, store)
}

/// A record with a number of its own, as a person entered it.
async fn enter(store: &Store, object: &str, prefix: &str, number: u128, fields: &[(&str, &str)]) -> RecordId {
    let (id, now) = (RecordId::new(prefix, number), Timestamp::now());
    let data: Fields = fields.iter().map(|(field, value)| ((*field).to_owned(), Value::text(*value))).collect();
    let record = Record {
        id: id.clone(),
        object: object.to_owned(),
        subject: id.to_string(),
        data: data.clone(),
        provenance: BTreeMap::new(),
        created_at: now,
        updated_at: now,
        version: 0,
        state: RecordState::Active,
        merged_into: None,
    };
    let changes = data.iter().map(|(field, value)| {
        let change = Change { before: Value::Null, after: value.clone(), ..Change::default() };
        (field.clone(), change)
    });
    let entry = NewEntry {
        record: id.clone(),
        object: object.to_owned(),
        subject: id.to_string(),
        at: now,
        actor: Actor::Person,
        actor_name: "ada".to_owned(),
        cause: "user".to_owned(),
        detail: "entered".to_owned(),
        connection: None,
        changes: changes.collect(),
    };
    store
        .write(move |tx| {
            tx.append(std::slice::from_ref(&entry))?;
            tx.put_records(&[PutRecord { record: record.clone(), search_text: String::new() }])
        })
        .await
        .unwrap();
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn two_records_are_merged_and_parted_again_in_the_terminal() {
    let (folder, store) = installation().await;
    let stays = enter(&store, "contact", "con", 1, &[("last_name", "Lovelace"), ("email", "ada@example.com")]).await.to_string();
    let gone = enter(&store, "contact", "con", 2, &[("last_name", "King"), ("job_title", "Countess")]).await;
    let new = NewReview {
        kind: "match".to_owned(),
        record: gone.clone(),
        other: stays.clone(),
        object: "contact".to_owned(),
        score: 0.9,
        evidence: json!({ "why": "told" }),
        opened_at: Timestamp::now(),
    };
    let review = store.write(move |tx| tx.open_review(&new)).await.unwrap().id.to_string();
    let gone = gone.to_string();
    assert!(ok(&folder, &["reviews", "list"]).await.contains("Lovelace"));
    ok(&folder, &["reviews", "accept", &review]).await;
    assert!(ok(&folder, &["blame", &stays, "Job title"]).await.contains("Countess"), "what only the other one knew is taken over");

    let (code, plan, _) = said(&folder, &["unmerge", &gone, "--plan"]).await;
    assert!(code == 2 && plan.contains(&format!("was merged into Lovelace ({stays})")) && plan.contains("Nothing was written."), "{plan}");
    let done = ok(&folder, &["unmerge", &gone]).await;
    assert!(done.contains("They are two again"), "{done}");
    assert!(ok(&folder, &["unmerge", &gone]).await.contains("They are two already."));
    let (back, stayed) = (json_of(&folder, &["show", &gone]).await, json_of(&folder, &["show", &stays]).await);
    assert_eq!((&back["state"], &stayed["state"]), (&json!("active"), &json!("active")));
    let title =
        |record: &Json| record["fields"].as_array().unwrap().iter().find(|field| field["key"] == "job_title").unwrap()["value"].clone();
    assert_eq!((title(&back), title(&stayed)), (json!("Countess"), Json::Null), "each has what is its own");
    let complaint = refused(&folder, &["unmerge", "con_01h455vb4pex5vsknk084sn02q"]).await;
    assert!(complaint.contains("error: ") && complaint.contains("fix: "), "{complaint}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_is_proposed_adopted_and_withdrawn_in_the_terminal() {
    let (folder, store) = installation().await;
    for number in 1..=5 {
        let (record, now) = (enter(&store, "account", "acc", number, &[("name", "Acme")]).await, Timestamp::now());
        let of = |name: &str, value: &str, by: &str| ConflictSide {
            side: name.to_owned(),
            value: Value::text(value),
            at: Some(now),
            by: by.to_owned(),
            who: None,
        };
        let new = NewConflict {
            record,
            object: "account".to_owned(),
            field: "status".to_owned(),
            base: Value::text("active"),
            sides: vec![of("salesforce", "churned", "sales"), of("zendesk", "suspended", "support")],
            suggested: None,
            opened_at: now,
        };
        let opened = store.write(move |tx| tx.open_conflicts(std::slice::from_ref(&new))).await.unwrap();
        assert!(ok(&folder, &["conflicts", "proposals"]).await.contains("No rule is proposed"));
        let decided = ok(&folder, &["conflicts", "resolve", &opened[0].0.to_string(), "--side", "zendesk"]).await;
        assert!(decided.contains("decided for  suspended"), "{decided}");
    }
    let proposed = ok(&folder, &["conflicts", "proposals"]).await;
    assert!(proposed.contains("5 decisions in a row were alike") && proposed.contains("adopt it: entente conflicts adopt "), "{proposed}");
    let id = proposed.split_whitespace().next().unwrap();
    assert!(ok(&folder, &["conflicts", "adopt", id]).await.contains("adopted by "));
    assert!(ok(&folder, &["conflicts", "rules"]).await.contains("it has decided 0 conflicts"));
    assert!(ok(&folder, &["conflicts", "withdraw", id, "--reason", "the desk guesses"]).await.contains("withdrawn by "));
    assert!(ok(&folder, &["conflicts", "stats"]).await.contains("decided by people       5"));
}

#[tokio::test(flavor = "multi_thread")]
async fn several_conflicts_are_shown_with_what_is_known_of_them_and_decided_at_once() {
    let (folder, store) = installation().await;
    let now = Timestamp::now();
    let mut ids = Vec::new();
    for number in 1..=3 {
        let record = enter(&store, "account", "acc", number, &[("name", "Acme")]).await;
        let of = |name: &str, value: &str| ConflictSide {
            side: name.to_owned(),
            value: Value::text(value),
            at: Some(now),
            by: "support".to_owned(),
            who: None,
        };
        let new = NewConflict {
            record,
            object: "account".to_owned(),
            field: "status".to_owned(),
            base: Value::text("active"),
            sides: vec![of("salesforce", "churned"), of("zendesk", "suspended")],
            suggested: Some(Value::text("suspended")),
            opened_at: now - jiff::SignedDuration::from_hours(30),
        };
        ids.push(store.write(move |tx| tx.open_conflicts(std::slice::from_ref(&new))).await.unwrap()[0].0.to_string());
    }
    let listed = ok(&folder, &["conflicts", "list"]).await;
    for part in ["last agreed  active", "zendesk      suspended", "suggested    suspended", "waiting 30 h, 6 h overdue (since "] {
        assert!(listed.contains(part), "`{part}` is missing in\n{listed}");
    }
    let page = ok(&folder, &["conflicts", "list", "--limit", "2"]).await;
    assert!(page.contains(&format!("More: --before {}", ids[1])), "{page}");
    let rest = ok(&folder, &["conflicts", "list", "--limit", "2", "--before", &ids[1]]).await;
    assert!(rest.contains(&format!("{}  ", ids[2])) && !rest.contains("More:"), "what waits longest came first: {rest}");

    let some = ok(&folder, &["conflicts", "resolve", &ids[0], &ids[1], "--side", "zendesk"]).await;
    assert!(some.contains("Decided 2 conflicts"), "{some}");
    let again = folder.run(&["conflicts", "resolve", &ids[0], &ids[2], "--side", "zendesk"]).await;
    let said = String::from_utf8_lossy(&again.stdout).into_owned();
    assert!(again.status.code() == Some(1) && said.contains("Decided 1 conflict;") && said.contains("was not decided"), "{said}");
    assert!(
        ok(&folder, &["conflicts", "resolve", "--all", "--field", "status", "--side", "zendesk"])
            .await
            .contains("No waiting conflict fits")
    );
    for wrong in [&["conflicts", "resolve", "--side", "zendesk"][..], &["conflicts", "resolve", &ids[0], "--all", "--side", "zendesk"]] {
        assert_eq!(folder.run(wrong).await.status.code(), Some(1), "{wrong:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undo_is_taken_back_only_by_whoever_says_so() {
    let (folder, store) = installation().await;
    let id = enter(&store, "contact", "con", 1, &[("last_name", "Lovelace")]).await;
    let (record, now) = (id.clone(), Timestamp::now());
    let entry = NewEntry {
        record: id.clone(),
        object: "contact".to_owned(),
        subject: id.to_string(),
        at: now,
        actor: Actor::Person,
        actor_name: "eve".to_owned(),
        cause: "user".to_owned(),
        detail: "entered".to_owned(),
        connection: None,
        changes: BTreeMap::from([(
            "last_name".to_owned(),
            Change { before: Value::text("Lovelace"), after: Value::text("King"), ..Change::default() },
        )]),
    };
    store
        .write(move |tx| {
            tx.append(std::slice::from_ref(&entry))?;
            let mut records = tx.records(&entente_store::Viewer::system(), std::slice::from_ref(&record))?;
            let mut record = records.remove(&record).unwrap();
            record.data.insert("last_name".to_owned(), Value::text("King"));
            tx.put_records(&[PutRecord { record, search_text: String::new() }])
        })
        .await
        .unwrap();
    let id = id.to_string();
    let (code, plan, _) = said(&folder, &["undo", &id, "--field", "Last name"]).await;
    assert!(code == 2 && plan.contains("Last name: King → Lovelace") && !plan.contains("an undo"), "{plan}");
    ok(&folder, &["undo", &id, "--apply"]).await;
    let complaint = refused(&folder, &["undo", &id, "--apply"]).await;
    assert!(complaint.contains("its latest change is an undo itself: entry ") && complaint.contains("--again"), "{complaint}");
    let (code, plan, _) = said(&folder, &["undo", &id, "--again"]).await;
    assert!(code == 2 && plan.contains("Last name: Lovelace → King") && plan.contains(", which is an undo"), "{plan}");
    assert!(plan.contains("itself an undo of entry "), "{plan}");
    ok(&folder, &["undo", &id, "--again", "--apply"]).await;
    assert!(ok(&folder, &["history", &id, "--field", "Last name", "--limit", "1"]).await.contains("Last name: Lovelace → King"));
}

#[tokio::test(flavor = "multi_thread")]
async fn words_that_stand_for_nothing_are_refused_with_those_that_do() {
    let (folder, _store) = installation().await;
    for (arguments, expected) in [
        (&["undo"][..], ["nothing is named that could be undone", "--entry ENTRY"]),
        (
            &["undo", "--since", "2h", "--cause", "webhok"][..],
            ["`webhok` is no cause of an entry", "did you mean `webhook`? There are: webhook, poll"],
        ),
        (&["undo", "--since", "2h", "--field", "Lastname"][..], ["`Lastname` is no field", "did you mean `last_name`?"]),
        (&["undo", "--since", "2h", "--connection", "zendex"][..], ["there is no connection `zendex`", "did you mean `zendesk`?"]),
        (&["undo", "--since", "2h", "--object", "contacts"][..], ["there is no object `contacts`", "did you mean `contact`?"]),
        (&["dead-letters", "retry"][..], ["nothing is named that could be retried", "--class CLASS, --connection CONNECTION, or --all"]),
        (&["dead-letters", "retry", "--class", "datta"][..], ["`datta` is no class of error", "did you mean `data`?"]),
        (&["dead-letters", "list", "--class", "config"][..], ["`config` is no class of error", "did you mean `configuration`?"]),
        (&["dead-letters", "list", "--connection", "sales"][..], ["there is no connection `sales`", "did you mean `salesforce`?"]),
        (&["mapping", "show", "--object", "acount"][..], ["there is no object `acount`", "did you mean `account`?"]),
        (
            &["mapping", "back", "--connection", "zendesk", "--object", "account"][..],
            ["there is no version of the mapping of account at zendesk on its way or unverified", "mapping versions"],
        ),
        (
            &["mapping", "try", "7", "--connection", "zendesk", "--object", "account"][..],
            ["there is no version 7 of the mapping of account at zendesk", "there are: 1"],
        ),
        (
            &["mapping", "versions", "--connection", "zendesk", "--object", "acount"][..],
            ["there is no mapping of acount at zendesk", "did you mean `account`?"],
        ),
        (&["connect", "freshdesk", "--from-env"][..], ["the address of the account", "give it with --base-url URL"]),
        (
            &["connect", "freshdesk", "--base-url", "http://127.0.0.1:9", "--from-env"][..],
            ["ENTENTE_TOKEN is not set", "set ENTENTE_TOKEN to the key (Profile settings"],
        ),
        (
            &["connect", "freshdesk", "--base-url", "http://127.0.0.1:9"][..],
            ["the key (Profile settings", "set the environment variable ENTENTE_TOKEN, and give --from-env"],
        ),
        (&["connect", "hubspot", "--with", "browser", "--from-env"][..], ["the client id of your app", "give it with --client-id ID"]),
    ] {
        let complaint = refused(&folder, arguments).await;
        let folded = complaint.split_whitespace().collect::<Vec<_>>().join(" ");
        for words in expected {
            assert!(folded.contains(words), "{arguments:?}: `{words}` is missing in\n{complaint}");
        }
    }
    let quality = ok(&folder, &["quality"]).await;
    assert!(quality.contains("not counted yet; a server counts within a minute of its start, and then every 15 minutes"), "{quality}");
    let month = Timestamp::now().strftime("%Y-%m").to_string();
    let report = ok(&folder, &["report", "--month", &month]).await;
    assert!(report.contains("Records fully synchronized: not counted yet"), "{report}");
}
