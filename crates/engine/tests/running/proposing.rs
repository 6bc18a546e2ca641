//! People who decide alike again and again are offered a rule that does it for them.

use entente_engine::Engine;
use entente_engine::files::{self, FileText};
use entente_engine::records::conflicts::proposals::{self, Reason};
use entente_engine::records::conflicts::statistics::{StatisticsQuery, statistics};
use entente_engine::records::conflicts::{self, ConflictQuery, Resolution};
use entente_engine::records::history::{self, HistoryQuery};
use entente_store::{LinkState, NoticeState, Viewer};

use crate::house::{CRM, DESK, House, read_all, work_off};

const STATUS: &str = "organization_fields.account_status";

fn ada() -> Viewer {
    Viewer::new("ada", "admin")
}

async fn settle(house: &House, engine: &Engine) {
    for _ in 0..3 {
        read_all(engine).await;
        work_off(house, engine).await;
    }
}

/// A customer whose status both sides change at once: nobody says when or who, so a person is asked. Returns its row at the desk.
async fn contested(house: &House, engine: &Engine, at: usize) -> (String, String) {
    let account = house.customer(&format!("Company {at}"));
    house.crm.put("Account", Some(&account), &[("Status__c", "Active")]);
    settle(house, engine).await;
    let record = house.accounts().await.remove(&format!("Company {at}")).unwrap();
    let link = house.link(&record, DESK).await;
    assert_eq!(link.state, LinkState::Present);
    house.crm.put("Account", Some(&account), &[("Status__c", "Churned")]);
    house.desk.put("organization", Some(&link.external_id), &[(STATUS, "Suspended")]);
    settle(house, engine).await;
    (account, link.external_id)
}

async fn waiting(engine: &Engine) -> Vec<String> {
    let page = conflicts::list(engine, &ada(), ConflictQuery::default()).await.unwrap();
    page.items.into_iter().map(|conflict| conflict.id).collect()
}

async fn decide(house: &House, engine: &Engine, side: &str) {
    let id = waiting(engine).await.pop().expect("a conflict waits");
    conflicts::resolve(engine, &ada(), &id, Resolution { side: Some(side.to_owned()), value: None }).await.unwrap();
    settle(house, engine).await;
}

/// By whom the conflict about a customer was decided, as the list of conflicts tells it.
async fn decided_by(house: &House, engine: &Engine, at: usize) -> String {
    let record = house.accounts().await.remove(&format!("Company {at}")).unwrap();
    let resolved = ConflictQuery { state: Some("resolved".to_owned()), ..ConflictQuery::default() };
    let page = conflicts::list(engine, &ada(), resolved).await.unwrap();
    page.items.into_iter().find(|one| one.record == record.id.to_string()).and_then(|one| one.resolved?.by).unwrap()
}

/// How that decision is told in the customer's history, and why the field has its value.
async fn words_of(house: &House, engine: &Engine, at: usize) -> (String, Option<String>) {
    let record = house.accounts().await.remove(&format!("Company {at}")).unwrap();
    let history = history::history(engine, &ada(), record.id.as_str(), HistoryQuery::default()).await.unwrap();
    let entry = history.items.into_iter().find(|entry| entry.detail.as_ref().is_some_and(|detail| detail.contains("decided"))).unwrap();
    (entry.detail.unwrap().split_once(" was ").unwrap().1.to_owned(), entry.changes.into_iter().next().and_then(|change| change.reason))
}

#[tokio::test]
async fn five_decisions_alike_become_a_rule_that_one_step_adopts_and_another_withdraws() {
    let house = House::sqlite().await;
    house.describe_accounts(&[], &[]);
    let engine = house.engine().await;
    contested(&house, &engine, 0).await;
    decide(&house, &engine, CRM).await;
    for at in 1..=5 {
        assert!(proposals::proposals(&engine, &ada()).await.unwrap().is_empty(), "{at}: not yet");
        contested(&house, &engine, at).await;
        decide(&house, &engine, DESK).await;
    }
    contested(&house, &engine, 6).await;
    let proposed = proposals::proposals(&engine, &ada()).await.unwrap();
    assert_eq!(proposed.len(), 1, "{proposed:?}");
    let rule = &proposed[0];
    assert_eq!((rule.field.as_str(), rule.winner.as_str(), rule.alike, rule.decisions.len()), ("status", DESK, 5, 5));
    assert_eq!((rule.tried.conflicts, rule.tried.as_people, rule.tried.otherwise, rule.tried.waiting), (7, 5, 1, 1));
    let told = house.store.read(|tx| tx.notices(NoticeState::Pending, 100, None)).await.unwrap();
    assert_eq!(told.iter().filter(|notice| notice.notice.kind == proposals::NOTICE).count(), 1, "told once");

    let adopted = proposals::adopt(&engine, &ada(), &rule.id).await.unwrap();
    assert_eq!((adopted.decided, adopted.rule.state.as_str()), (1, "adopted"), "what waits is decided by it");
    let by = format!("the rule “Status of account: desk wins”, adopted by ada on {}", engine.now().strftime("%-d %B %Y"));
    assert_eq!(decided_by(&house, &engine, 6).await, by);
    assert_eq!(words_of(&house, &engine, 6).await, (format!("decided by {by}"), Some("adopted".to_owned())));
    assert_eq!(words_of(&house, &engine, 5).await, ("decided by a person".to_owned(), Some("user".to_owned())));
    settle(&house, &engine).await;
    let (account, organization) = contested(&house, &engine, 7).await;
    assert!(waiting(&engine).await.is_empty(), "nobody is asked");
    let shown = |row: Option<entente_model::mapping::remote::Row>, name: &str| row.unwrap()[name].as_str().unwrap().to_owned();
    assert_eq!(shown(house.crm.row("Account", &account), "Status__c"), "Suspended");
    assert_eq!(shown(house.desk.row("organization", &organization), STATUS), "Suspended");
    let rules = proposals::rules(&engine, &ada()).await.unwrap();
    assert_eq!((rules.len(), rules[0].decided), (1, 1));
    let history = house.store.read({
        let id = rule.id.parse().unwrap();
        move |tx| tx.history(&Viewer::system(), &id, 10, None)
    });
    assert_eq!(history.await.unwrap().len(), 1, "it is in the ledger");

    let found = statistics(&engine, &ada(), StatisticsQuery::default()).await.unwrap();
    assert_eq!((found.conflicts, found.automatic, found.manual, found.waiting), (8, 2, 6, 0));
    assert_eq!((found.by_rule.len(), found.by_rule[0].rule.as_str(), found.by_field[0].field.as_str()), (1, "adopted", "status"));
    assert!(found.mean_hours.is_some() && found.late == 0 && found.syncs > 0);

    proposals::withdraw(&engine, &ada(), &rule.id, Reason { reason: "the desk guesses".to_owned() }).await.unwrap();
    contested(&house, &engine, 8).await;
    assert_eq!(waiting(&engine).await.len(), 1, "a person is asked again");
}

#[tokio::test]
async fn what_was_declined_is_proposed_again_only_on_new_evidence() {
    let mut house = House::sqlite().await;
    house.options.propose_rule_after = 2;
    house.describe_accounts(&[], &[]);
    let engine = house.engine().await;
    for at in 0..2 {
        contested(&house, &engine, at).await;
        decide(&house, &engine, DESK).await;
    }
    let rule = proposals::proposals(&engine, &ada()).await.unwrap().remove(0);
    assert!(proposals::decline(&engine, &ada(), &rule.id, Reason::default()).await.is_err(), "a reason is needed");
    let declined = proposals::decline(&engine, &ada(), &rule.id, Reason { reason: "they were tests".to_owned() }).await.unwrap();
    assert_eq!((declined.state.as_str(), declined.reason.as_deref()), ("declined", Some("they were tests")));
    for at in 2..4 {
        assert!(proposals::proposals(&engine, &ada()).await.unwrap().is_empty());
        house.watch.pass(1_000);
        contested(&house, &engine, at).await;
        decide(&house, &engine, DESK).await;
    }
    assert_eq!(proposals::proposals(&engine, &ada()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_rule_that_a_file_declares_decides_what_waits_and_what_comes() {
    let house = House::sqlite().await;
    house.describe_accounts(&[], &[]);
    let engine = house.engine().await;
    contested(&house, &engine, 0).await;
    assert_eq!(waiting(&engine).await.len(), 1);
    let of = |adopted: &str| {
        let text = format!("object: account\nadopted:{adopted}\n");
        [FileText { path: "rules/account.yaml".to_owned(), text }]
    };
    let desk_wins = of("\n- field: status\n  sides: {crm: unknown, desk: unknown}\n  winner: desk");
    let plan = files::plan(&engine, &desk_wins).await.unwrap();
    assert_eq!(
        (plan.faults.as_slice(), plan.steps[0].added.as_slice()),
        (&[][..], &["status: of crm by unknown and desk by unknown, desk wins".to_owned()][..])
    );
    let applied = files::apply(&engine, &ada(), &desk_wins, &plan.digest, "agreed", false).await.unwrap();
    assert_eq!((applied.conflicts, waiting(&engine).await.len()), (1, 0), "what waits is decided by it");
    settle(&house, &engine).await;
    let by = decided_by(&house, &engine, 0).await;
    assert!(by.starts_with("the rule “Status of account: desk wins”, adopted by ada on "), "{by}");
    assert_eq!(words_of(&house, &engine, 0).await.0, format!("decided by {by}"));
    contested(&house, &engine, 1).await;
    assert!(waiting(&engine).await.is_empty(), "and so is what comes");
    assert_eq!(decided_by(&house, &engine, 1).await, by);

    let exported = files::export(&engine).await.unwrap();
    let file = exported.iter().find(|file| file.path == "rules/account.yaml").unwrap();
    assert!(files::plan(&engine, std::slice::from_ref(file)).await.unwrap().steps.is_empty(), "{}", file.text);
    // Somebody withdraws it while a plan of the file is at hand: that plan is no longer what would happen.
    let crm_wins = of("\n- field: status\n  sides: {crm: unknown, desk: unknown}\n  winner: crm");
    let plan = files::plan(&engine, &crm_wins).await.unwrap();
    assert_eq!((plan.steps[0].added.len(), plan.steps[0].removed.len()), (1, 1), "{plan:?}");
    let id = proposals::rules(&engine, &ada()).await.unwrap()[0].id.clone();
    proposals::withdraw(&engine, &ada(), &id, Reason { reason: "no".to_owned() }).await.unwrap();
    assert!(files::apply(&engine, &ada(), &crm_wins, &plan.digest, "", false).await.is_err());
    assert!(proposals::rules(&engine, &ada()).await.unwrap().iter().all(|rule| rule.state != "adopted"));
}
