//! Automation rules send webhooks of tickets: unsigned, with labels instead of codes.

use serde_json::{Value, json};

use crate::account::Account;

fn rule(ty: u64) -> Value {
    let mut rule = json!({"name": "Tell", "active": true, "conditions": [], "actions": [{
        "field_name": "trigger_webhook", "url": "https://hub.example/hooks/freshdesk", "request_type": "POST",
        "content": {"content_layout": "1", "content_type": "JSON"}, "custom_headers": {"X-Token": "s3cret"},
    }]});
    if ty == 4 {
        rule["performer"] = json!({"type": 3});
        rule["events"] = json!([{"field_name": "status"}, {"field_name": "reply_sent"}]);
    }
    rule
}

#[tokio::test]
async fn a_rule_tells_of_what_it_is_for() {
    let account = Account::open();
    account.post("automations/1/rules", rule(1)).await.ok();
    let made = account.post("automations/4/rules", rule(4)).await.ok();
    let id = account.ticket("Say \"please\"").await;
    let mail = account.mail.take_due();
    assert_eq!(mail.len(), 1);
    let told: Value = serde_json::from_slice(&mail[0].body).unwrap();
    let told = &told["freshdesk_webhook"];
    assert_eq!((&told["ticket_id"], &told["ticket_status"], &told["ticket_priority"]), (&json!(id), &json!("Open"), &json!("Low")));
    assert!(mail[0].headers.contains(&("x-token".to_owned(), "s3cret".to_owned())));
    account.put(&format!("tickets/{id}"), json!({"status": 4})).await.ok();
    account.post(&format!("tickets/{id}/notes"), json!({"body": "hm"})).await.ok();
    account.post(&format!("tickets/{id}/reply"), json!({"body": "hello"})).await.ok();
    let events: Vec<String> = account
        .mail
        .take_due()
        .iter()
        .map(|mail| {
            serde_json::from_slice::<Value>(&mail.body).unwrap()["freshdesk_webhook"]["triggered_event"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(events, ["{ticket_action:updated}", "{reply_sent:sent}"]);
    let off = account.put(&format!("automations/4/rules/{}", made["id"]), json!({"active": false})).await.ok();
    assert_eq!(off["name"], "Tell");
    account.put(&format!("tickets/{id}"), json!({"status": 2})).await.ok();
    assert!(account.mail.take_due().is_empty());
}

#[tokio::test]
async fn rules_are_checked_and_not_in_every_plan() {
    let account = Account::open();
    assert_eq!(account.post("automations/4/rules", rule(1)).await.flaw().2, "missing_field");
    assert_eq!(account.get("automations/2/rules").await.status, 404);
    let small = Account::with(|options| options.automations = false);
    assert_eq!(small.get("automations/1/rules").await.json()["code"], "require_feature");
}
