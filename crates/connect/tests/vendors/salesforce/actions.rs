//! Approvals, the locks that come with them, and flows.

use entente_connect::action::{Action, Target};
use entente_connect::connector::Priority;
use entente_connect::error::Class;
use serde_json::{Map, Value, json};

use super::live::{Live, target};
use crate::stage::rows::{map, update};

fn at(id: &str) -> Target {
    Target { object: "Account".to_owned(), id: id.to_owned() }
}

fn submit(approver: &str) -> Action {
    Action::Submit { process: Some("Discount".to_owned()), approvers: vec![approver.to_owned()], comment: "please".to_owned() }
}

/// An org with an approval process for accounts, and an account.
fn org() -> (Live, String) {
    let live = Live::open();
    live.sim.add_approval_process("Account", "Discount");
    let id = live.add("Account", json!({"Name": "Acme"}));
    (live, id)
}

fn rename(id: &str) -> Vec<entente_connect::write::Write> {
    vec![update(id, json!({"Name": "Acme AG"}))]
}

#[tokio::test]
async fn a_row_is_submitted_and_waits_for_whom_was_named() {
    let (live, id) = org();
    let seller = live.sim.users().sales[1].clone();
    let acted = live.crm.act(Some(&at(&id)), &submit("rita.rep@acme.example")).await.unwrap();
    assert_eq!((acted.status.as_str(), acted.waits_for), ("Pending", vec![seller.clone()]));
    let waiting = live.crm.waiting(&at(&id)).await.unwrap();
    assert_eq!((waiting[0].process.as_str(), &waiting[0].user), ("Discount", &seller));
    assert!(waiting[0].since.is_some());
    let again = live.crm.act(Some(&at(&id)), &submit(&seller)).await.unwrap_err();
    assert_eq!((again.class, again.code.as_str()), (Class::Data, "ALREADY_IN_PROCESS"));
}

#[tokio::test]
async fn a_locked_row_waits_and_says_why_until_somebody_has_decided() {
    for decision in [
        Action::Approve { approvers: Vec::new(), comment: "fine".to_owned() },
        Action::Reject { comment: "no".to_owned() },
        Action::Recall { comment: "later".to_owned() },
    ] {
        let (live, id) = org();
        live.crm.act(Some(&at(&id)), &submit(&live.sim.users().sales[0])).await.unwrap();
        let locked = live.crm.write(&target("Account"), &rename(&id), Priority::Update).await.unwrap().remove(0).unwrap_err();
        let Class::Wait { until } = locked.class else { panic!("{locked:?}") };
        assert!(until > entente_model::clock::Clock::now(&*live.hands));
        assert!(locked.is_held_there());
        assert!(locked.message.contains("Discount") && locked.message.contains("2026-01-05"), "{}", locked.message);

        let acted = live.crm.act(Some(&at(&id)), &decision).await.unwrap();
        let status = match decision {
            Action::Approve { .. } => "Approved",
            Action::Reject { .. } => "Rejected",
            _ => "Removed",
        };
        assert_eq!(acted.status, status);
        live.crm.write(&target("Account"), &rename(&id), Priority::Update).await.unwrap().remove(0).unwrap();
        assert!(live.crm.waiting(&at(&id)).await.unwrap().is_empty());
        let nothing = live.crm.act(Some(&at(&id)), &decision).await.unwrap_err();
        assert_eq!((nothing.class, nothing.code.as_str()), (Class::Data, "nothing_waits"));
    }
}

#[tokio::test]
async fn what_cannot_be_submitted_is_told_with_its_remedy() {
    let (live, id) = org();
    let strange = Action::Submit { process: Some("No_Such".to_owned()), approvers: Vec::new(), comment: String::new() };
    let error = live.crm.act(Some(&at(&id)), &strange).await.unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (Class::Data, "NO_APPLICABLE_PROCESS"));
    assert!(error.advice.contains("entry criteria"));
    let nobody = live.crm.act(Some(&at(&id)), &submit("nobody@acme.example")).await.unwrap_err();
    assert_eq!(nobody.code, "unknown_approver");
    assert!(live.crm.act(None, &submit("x")).await.is_err());
}

#[tokio::test]
async fn the_org_offers_its_processes_and_its_flows() {
    let (live, _) = org();
    live.sim.add_flow("Welcome_Customer", Box::new(|_| Ok(Map::new())));
    let offers = live.crm.offers().await.unwrap();
    let told: Vec<(&str, Option<&str>, &str)> =
        offers.iter().map(|offer| (offer.kind, offer.object.as_deref(), offer.name.as_str())).collect();
    assert_eq!(told, [("approval", Some("Account"), "Discount"), ("flow", None, "Welcome_Customer")]);
}

#[tokio::test]
async fn a_flow_runs_with_the_row_and_gives_its_outputs_back() {
    let (live, id) = org();
    let greet = |inputs: &Map<String, Value>| {
        let row = inputs.get("recordId").and_then(Value::as_str).unwrap_or("nobody");
        Ok(map(json!({"greeted": row, "words": inputs.get("words").cloned().unwrap_or(Value::Null)})))
    };
    live.sim.add_flow_with("Welcome", &["recordId", "words"], Box::new(greet));
    let run = Action::Run { flow: "Welcome".to_owned(), inputs: map(json!({"words": "hello"})) };
    let acted = live.crm.act(Some(&at(&id)), &run).await.unwrap();
    assert_eq!((acted.status.as_str(), Value::Object(acted.outputs)), ("Finished", json!({"greeted": id, "words": "hello"})));
    // Without a row it runs as well.
    assert_eq!(live.crm.act(None, &run).await.unwrap().outputs["greeted"], "nobody");
}

#[tokio::test]
async fn a_flow_that_fails_or_is_not_there_says_which_one_it_is() {
    let (live, id) = org();
    live.sim.add_flow("Broken", Box::new(|_| Err("The flow failed to access the value for myVar".to_owned())));
    let run = |flow: &str| Action::Run { flow: flow.to_owned(), inputs: Map::new() };
    let failed = live.crm.act(None, &run("Broken")).await.unwrap_err();
    assert_eq!(failed.class, Class::Data);
    assert!(failed.message.contains("flow `Broken`") && failed.message.contains("myVar"), "{}", failed.message);
    let missing = live.crm.act(Some(&at(&id)), &run("No_Such")).await.unwrap_err();
    assert!(missing.message.contains("No_Such") && missing.advice.contains("actions list"), "{missing:?}");
}

#[tokio::test]
async fn a_save_that_a_flow_or_a_rule_refuses_names_it() {
    let (live, id) = org();
    live.sim.add_flow_guard(
        "Account",
        "Guard names",
        Box::new(|row| (row.get("Name")? == "Acme AG").then(|| ("You can look up ExceptionCode in the docs.".to_owned(), None))),
    );
    let error = live.crm.write(&target("Account"), &rename(&id), Priority::Update).await.unwrap().remove(0).unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (Class::Data, "CANNOT_EXECUTE_FLOW_TRIGGER"));
    assert!(error.message.starts_with("flow `Guard names`"), "{}", error.message);
    assert!(error.advice.contains("flow"));

    live.sim.add_validation(
        "Account",
        Box::new(|row| (row.get("Name")? == "Bad").then(|| ("Names must be good".to_owned(), Some("Name".to_owned())))),
    );
    let ruled = live.crm.write(&target("Account"), &[update(&id, json!({"Name": "Bad"}))], Priority::Update).await.unwrap();
    let ruled = ruled.into_iter().next().unwrap().unwrap_err();
    assert_eq!((ruled.class, ruled.field.as_deref()), (Class::Data, Some("Name")));
}
