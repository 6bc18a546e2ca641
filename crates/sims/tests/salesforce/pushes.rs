use std::sync::{Arc, Mutex};

use entente_sims::salesforce::{OutboundRule, WriteKind};
use serde_json::json;

use crate::desk::{Desk, map};

#[tokio::test]
async fn saves_are_pushed_as_soap_and_deletes_are_not() {
    let desk = Desk::open();
    desk.sf.subscribe_outbound("Contact", "http://hub/hook", &["LastName", "Email"]);
    let id = desk.make("Contact", json!({"LastName": "A & B"})).await;
    let letters = desk.mail.take_due();
    assert_eq!(letters.len(), 1);
    let body = String::from_utf8(letters[0].body.clone()).unwrap();
    assert!(body.contains(&format!("<OrganizationId>{}</OrganizationId>", desk.sf.org_id())));
    assert!(body.contains(&format!(r#"<sObject xsi:type="sf:Contact" xmlns:sf="urn:sobject.enterprise.soap.sforce.com"><sf:Id>{id}</sf:Id><sf:LastName>A &amp; B</sf:LastName></sObject>"#)), "{body}");
    desk.sf.delete("Contact", &id, "").unwrap();
    assert!(desk.mail.take_due().is_empty());
}

#[tokio::test]
async fn one_transaction_sends_up_to_a_hundred_notifications_a_message() {
    let desk = Desk::open();
    desk.sf.subscribe_outbound("Contact", "http://hub/hook", &["LastName"]);
    let records: Vec<_> = (0..150).map(|n| json!({"attributes": {"type": "Contact"}, "LastName": format!("N{n}")})).collect();
    desk.call("POST", "/composite/sobjects", json!({"records": records})).await;
    let counts: Vec<usize> =
        desk.mail.take_due().iter().map(|l| String::from_utf8_lossy(&l.body).matches("<Notification>").count()).collect();
    assert_eq!(counts, [100, 50]);
    let bad = json!({"allOrNone": true, "records": [records[0], {"attributes": {"type": "Contact"}}]});
    desk.call("POST", "/composite/sobjects", bad).await;
    assert!(desk.mail.take_due().is_empty(), "what is rolled back is not told");
}

#[tokio::test]
async fn a_rule_may_ignore_the_integration_user_and_quiet_fields() {
    let desk = Desk::open();
    let mut rule = OutboundRule::new("Contact", "http://hub/hook", &["Email"]).when(|row| row.contains_key("Email"));
    rule.except = vec![desk.sf.users().integration];
    rule.when_changed = vec!["Email".to_owned()];
    desk.sf.add_outbound(rule);
    let id = desk.make("Contact", json!({"LastName": "x", "Email": "a@x.org"})).await;
    let site = desk.sf.users().site;
    desk.sf.update("Contact", &id, &map(json!({"Title": "t"})), &site).unwrap();
    assert!(desk.mail.take_due().is_empty());
    desk.sf.update("Contact", &id, &map(json!({"Email": "b@x.org"})), &site).unwrap();
    assert_eq!(desk.mail.take_due().len(), 1);
    desk.sf.update("Contact", &id, &map(json!({"Email": null})), &site).unwrap();
    assert!(desk.mail.take_due().is_empty());
}

#[tokio::test]
async fn listeners_hear_every_committed_write_with_its_author() {
    let desk = Desk::open();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let ear = Arc::clone(&heard);
    desk.sf.on_write(Box::new(move |notice| ear.lock().unwrap().push(notice.clone())));
    let id = desk.make("Contact", json!({"LastName": "x"})).await;
    desk.pass(10);
    desk.sf.update("Contact", &id, &map(json!({"Title": "t"})), &desk.sf.users().site).unwrap();
    desk.sf.delete("Contact", &id, "").unwrap();
    let heard = heard.lock().unwrap();
    assert_eq!(heard.iter().map(|n| n.kind).collect::<Vec<WriteKind>>(), [WriteKind::Create, WriteKind::Update, WriteKind::Delete]);
    assert_eq!(heard[1].changed, [("Title".to_owned(), json!("t"))]);
    assert_eq!((&heard[1].by, heard[1].at_ms - heard[0].at_ms), (&desk.sf.users().site, 10));
}

#[tokio::test]
async fn flows_run_and_approvals_pass_through_their_states() {
    let desk = Desk::open();
    desk.sf.add_flow(
        "Greet",
        Box::new(|inputs| match inputs.get("name") {
            Some(name) => Ok(map(json!({"greeting": format!("Hello {}", name.as_str().unwrap_or_default())}))),
            None => Err("name is missing".to_owned()),
        }),
    );
    let ran = desk.call("POST", "/actions/custom/flow/Greet", json!({"inputs": [{"name": "Ada"}]})).await.json();
    assert_eq!((&ran[0]["isSuccess"], &ran[0]["outputValues"]["greeting"]), (&json!(true), &json!("Hello Ada")));
    let failed = desk.call("POST", "/actions/custom/flow/Greet", json!({"inputs": [{}]})).await;
    assert_eq!((failed.status, failed.json()[0]["isSuccess"].clone()), (400, json!(false)));
    assert_eq!(desk.get("/actions/custom/flow").await.json()["actions"][0]["name"], "Greet");

    let deal = desk.make("Opportunity", json!({"Name": "D", "StageName": "Prospecting", "CloseDate": "2026-02-01"})).await;
    let submit = json!({"requests": [{"actionType": "Submit", "contextId": deal, "nextApproverIds": [desk.sf.users().sales[0]]}]});
    assert_eq!(desk.call("POST", "/process/approvals", submit.clone()).await.json()[0]["errorCode"], "NO_APPLICABLE_PROCESS");
    desk.sf.add_approval_process("Opportunity", "Discount");
    let pending = desk.call("POST", "/process/approvals", submit.clone()).await.json();
    assert_eq!(pending[0]["instanceStatus"], "Pending");
    assert_eq!(desk.call("POST", "/process/approvals", submit).await.json()[0]["errorCode"], "ALREADY_IN_PROCESS");
    let item = pending[0]["newWorkitemIds"][0].clone();
    let approved =
        desk.call("POST", "/process/approvals", json!({"requests": [{"actionType": "Approve", "contextId": item}]})).await.json();
    assert_eq!((&approved[0]["instanceStatus"], &approved[0]["entityId"]), (&json!("Approved"), &json!(deal)));
}
