//! Whose hand a contested value is of, where a platform keeps that by field and does not answer for the moment.

use entente_connect::error::Class;
use entente_engine::Engine;
use entente_engine::records::dead_letters::{self, DeadLetterQuery};
use entente_model::actor::{Actor, ChangeMark};
use entente_model::clock::Timestamp;
use entente_store::{ConflictState, Record, SyncStatus, Viewer};
use serde_json::json;

use crate::house::{CRM, DESK, House, work_off};
use crate::marks::{STATUS, after, customer, sides, tell};
use crate::platform::failing;

const HISTORIES: &str = "histories Account";
const INDUSTRY: &str = "organization_fields.industry";

struct Story {
    house: House,
    engine: Engine,
    record: Record,
    start: Timestamp,
}

impl Story {
    /// A seller changes the status, an agent half a minute later, and a flow the industry, a minute after the seller: by the row that it touched
    /// last the CRM would have the latest word, and by its history the desk has. Both are told of at once; the CRM's history is silent or not.
    async fn contested(silent: Option<Class>) -> Self {
        let (house, engine, record, start) = customer().await;
        let row = house.link(&record, CRM).await.external_id;
        house.crm.remembers(&row, "Status__c", "Churned", ChangeMark { at: Some(start), by: Actor::Sales, who: None });
        if let Some(class) = silent {
            house.crm.refuse(move |call| call.starts_with(HISTORIES).then(|| failing(class, "gone_for_lunch")));
        }
        house.crm.put_silently("Account", &row, &[("Status__c", "Churned"), ("Industry", "Steel")]);
        let desk_row = house.link(&record, DESK).await.external_id;
        house.desk.put_silently("organization", &desk_row, &[(STATUS, "Suspended")]);
        let both = json!({ "Status__c": "Churned", "Industry": "Steel" });
        tell(&house, &engine, &record, CRM, both, (after(start, 60), Actor::Automation)).await;
        tell(&house, &engine, &record, DESK, json!({ STATUS: "Suspended" }), (after(start, 30), Actor::Unknown)).await;
        work_off(&house, &engine).await;
        Self { house, engine, record, start }
    }

    async fn pass(&self, minutes: i64) {
        self.house.watch.pass(minutes * 60_000);
        work_off(&self.house, &self.engine).await;
    }

    /// What stands at the CRM, at the desk and in the record of a field.
    async fn shown(&self, at_crm: &str, at_desk: &str, field: &str) -> [String; 3] {
        let (crm, desk) = (self.house.link(&self.record, CRM).await, self.house.link(&self.record, DESK).await);
        let crm = self.house.crm.row("Account", &crm.external_id).unwrap().remove(at_crm);
        let desk = self.house.desk.row("organization", &desk.external_id).unwrap().remove(at_desk);
        let text = |value: Option<serde_json::Value>| value.and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default();
        let held = self.house.accounts().await.remove("Acme").unwrap().data.remove(field);
        [text(crm), text(desk), held.map(|value| value.display()).unwrap_or_default()]
    }

    async fn status(&self) -> [String; 3] {
        self.shown("Status__c", STATUS, "status").await
    }

    async fn industry(&self) -> [String; 3] {
        self.shown("Industry", INDUSTRY, "industry").await
    }

    async fn is_over(&self) -> bool {
        let id = self.record.id.to_string();
        self.house.store.read(move |tx| tx.hint_of(&id)).await.unwrap().is_none()
    }
}

const DECIDED: [&str; 3] = ["Suspended"; 3];
const CONTESTED: [&str; 3] = ["Churned", "Suspended", "Active"];

#[tokio::test]
async fn while_a_history_does_not_answer_the_contested_field_waits_alone_and_is_decided_afterwards_as_it_would_have_been() {
    let at_once = Story::contested(None).await;
    assert_eq!((at_once.status().await, at_once.industry().await), (DECIDED.map(str::to_owned), ["Steel"; 3].map(str::to_owned)));
    let by_history = sides(&at_once.house, ConflictState::Resolved).await;

    let story = Story::contested(Some(Class::Retry)).await;
    assert_eq!(story.industry().await, ["Steel"; 3], "the field beside it flows");
    assert_eq!(story.status().await, CONTESTED, "and of the contested one nothing is written");
    assert_eq!((sides(&story.house, ConflictState::Waiting).await.len(), sides(&story.house, ConflictState::Resolved).await.len()), (0, 0));
    assert_eq!(story.house.crm.calls(HISTORIES), 1, "it is asked again later, not at once");
    let told = story.house.store.read(|tx| tx.sync_events(&Viewer::system(), Timestamp::UNIX_EPOCH, 10)).await.unwrap();
    let [event] = told.as_slice() else { panic!("{told:?}") };
    assert!(event.event.status == SyncStatus::Failing && event.event.error.contains("whose change of status counts"), "{event:?}");

    // The row goes on meanwhile, by other hands; it is looked at with the next try, which is as vain.
    let glass = json!({ "Industry": "Glass" });
    let row = story.house.link(&story.record, CRM).await.external_id;
    story.house.crm.put_silently("Account", &row, &[("Industry", "Glass")]);
    tell(&story.house, &story.engine, &story.record, CRM, glass, (after(story.start, 90), Actor::Automation)).await;
    story.pass(2).await;
    assert_eq!(story.house.crm.calls(HISTORIES), 2);
    assert_eq!((story.industry().await, story.status().await), (["Glass"; 3].map(str::to_owned), CONTESTED.map(str::to_owned)));

    story.house.crm.relent();
    story.pass(6).await;
    assert_eq!(story.status().await, DECIDED);
    let entered = sides(&story.house, ConflictState::Resolved).await;
    let plain = |story: &Story, found: &[Vec<entente_store::ConflictSide>]| -> Vec<(String, String, Option<i64>, String)> {
        let start = story.start.as_second();
        let side = |side: &entente_store::ConflictSide| {
            (side.side.clone(), side.value.display(), side.at.map(|at| at.as_second() - start), side.by.clone())
        };
        found.iter().flatten().map(side).collect()
    };
    assert_eq!(plain(&story, &entered), plain(&at_once, &by_history));
    assert!(story.is_over().await);
    assert_eq!(story.house.store.read(|tx| tx.dead_letter_counts()).await.unwrap().len(), 0);
}

#[tokio::test]
async fn a_history_that_stays_silent_is_asked_four_times_and_the_dead_letter_says_what_waits() {
    let story = Story::contested(Some(Class::Retry)).await;
    for minutes in [2, 6, 17, 60, 60] {
        story.pass(minutes).await;
    }
    assert_eq!(story.house.crm.calls(HISTORIES), 4);
    assert_eq!((story.industry().await, story.status().await), (["Steel"; 3].map(str::to_owned), CONTESTED.map(str::to_owned)));
    let letters = dead_letters::list(&story.engine, &Viewer::system(), DeadLetterQuery::default()).await.unwrap().items;
    let [letter] = letters.as_slice() else { panic!("{letters:?}") };
    assert_eq!((letter.class.as_str(), letter.connection.as_deref()), ("retry", Some(CRM)));
    assert!(letter.error.contains("status") && letter.error.contains("all other fields flow"), "{letter:?}");

    story.house.crm.relent();
    dead_letters::retry(&story.engine, &Viewer::system(), &letter.id).await.unwrap();
    story.pass(1).await;
    assert_eq!(story.status().await, DECIDED);
    assert!(story.is_over().await);
}

#[tokio::test]
async fn while_a_history_waits_for_its_quota_no_attempt_is_spent_and_its_neighbours_flow() {
    let story = Story::contested(Some(Class::Retry)).await;
    let until = Timestamp::from_millisecond(story.house.watch.now_ms() + 600_000).unwrap();
    story.house.crm.refuse(move |call| call.starts_with(HISTORIES).then(|| failing(Class::Wait { until }, "quota")));
    story.pass(2).await;
    let (asked, id) = (story.house.crm.calls(HISTORIES), story.record.id.to_string());
    story.pass(2).await;
    assert_eq!(story.house.crm.calls(HISTORIES), asked, "its time has not come");
    let hint = story.house.store.read(move |tx| tx.hint_of(&id)).await.unwrap().unwrap();
    assert_eq!(hint.attempts, 1);
    story.house.crm.relent();
    story.pass(10).await;
    assert_eq!((story.status().await, story.is_over().await), (DECIDED.map(str::to_owned), true));
}

#[tokio::test]
async fn a_value_entered_beside_a_conflict_that_waits_for_a_person_is_asked_about_until_its_platform_answers() {
    let (house, engine, record, start) = customer().await;
    let row = house.link(&record, CRM).await.external_id;
    let of_sales = |seconds| ChangeMark { at: Some(after(start, seconds)), by: Actor::Sales, who: None };
    house.crm.remembers(&row, "Status__c", "Churned", of_sales(0));
    tell(&house, &engine, &record, CRM, json!({ "Status__c": "Churned" }), (start, Actor::Sales)).await;
    tell(&house, &engine, &record, DESK, json!({ STATUS: "Suspended" }), (after(start, 2), Actor::Unknown)).await;
    work_off(&house, &engine).await;
    assert_eq!(sides(&house, ConflictState::Waiting).await.len(), 1, "two seconds apart: a person decides");

    house.crm.refuse(|call| call.starts_with(HISTORIES).then(|| failing(Class::Retry, "gone_for_lunch")));
    house.crm.remembers(&row, "Status__c", "Paused", of_sales(60));
    tell(&house, &engine, &record, CRM, json!({ "Status__c": "Paused" }), (after(start, 90), Actor::Automation)).await;
    work_off(&house, &engine).await;
    house.crm.relent();
    house.watch.pass(120_000);
    work_off(&house, &engine).await;
    let asked = house.crm.calls(HISTORIES);
    let waiting = sides(&house, ConflictState::Waiting).await.remove(0);
    let crm = waiting.iter().find(|side| side.side == CRM).unwrap();
    assert_eq!((crm.value.display(), crm.at, crm.by.as_str()), ("Paused".to_owned(), Some(after(start, 60)), "sales"));

    tell(&house, &engine, &record, CRM, json!({ "Industry": "Steel" }), (after(start, 120), Actor::Automation)).await;
    work_off(&house, &engine).await;
    assert_eq!(house.crm.calls(HISTORIES), asked, "what is known is not asked again");
}
