//! Admins change the CRM's schema while everything runs.

use entente_engine::flaws::Flaws;
use entente_engine::schema::{self, Apply, Change, ChangeQuery};
use entente_sims::salesforce::{FieldSpec, FieldType};
use entente_store::{DeadLetterFilter, NoticeState, Viewer};
use serde_json::{Value, json};

use crate::hub::{Hub, SALESFORCE, fields, seed_customer};

const BILLING: &str = "Billing_Contact__c";

fn admin() -> Viewer {
    Viewer::new("olga", "admin")
}

/// Customers in agreement, each with a billing contact of its own, and their organizations at the desk.
async fn customers(seed: u64) -> (Hub, Vec<(String, u64)>) {
    let mut hub = Hub::new(seed, Flaws::none()).await;
    // A field that the org's own admin made: what is renamed stays visible to us.
    hub.salesforce.remove_field("Account", BILLING).unwrap();
    hub.salesforce.add_field("Account", FieldSpec::new(BILLING, FieldType::String)).unwrap();
    let names = ["Acme", "Globex", "Initech", "Umbrella"];
    let accounts: Vec<String> = names.iter().map(|name| seed_customer(&hub, name, &[]).0).collect();
    let rep = hub.rep();
    for (account, name) in accounts.iter().zip(names) {
        hub.salesforce.update("Account", account, &fields(json!({ BILLING: format!("Bea of {name}") })), &rep).unwrap();
    }
    hub.run_for(40).await;
    let with_desk = accounts.into_iter().map(|account| {
        let organization = hub.salesforce.get("Account", &account).unwrap()["Support_Id__c"].as_str().unwrap().parse().unwrap();
        (account, organization)
    });
    let pairs = with_desk.collect();
    (hub, pairs)
}

fn at_desk(hub: &Hub, organization: u64, field: &str) -> Value {
    hub.zendesk.organization(organization).unwrap()["organization_fields"][field].clone()
}

fn set(hub: &Hub, account: &str, values: Value) {
    hub.salesforce.update("Account", account, &fields(values), &hub.rep()).unwrap();
}

async fn changes(hub: &Hub, state: &str) -> Vec<Change> {
    let query = ChangeQuery { state: Some(state.to_owned()), ..ChangeQuery::default() };
    schema::list(&hub.engine, &admin(), query).await.unwrap().items
}

async fn dead(hub: &Hub) -> Vec<String> {
    let letters = hub.store.read(|tx| tx.dead_letters(&Viewer::system(), &DeadLetterFilter::default(), 20)).await.unwrap();
    letters.into_iter().map(|letter| letter.letter.message).collect()
}

async fn alerts(hub: &Hub) -> Vec<String> {
    entente_engine::reports::watch::watch(&hub.engine).await.unwrap();
    let notices = hub.store.read(|tx| tx.notices(NoticeState::Pending, 100, None)).await.unwrap();
    notices.into_iter().map(|notice| notice.notice.title).filter(|title| title.contains("Schema")).collect()
}

#[tokio::test]
async fn a_field_that_is_removed_pauses_alone_and_comes_back_with_its_values() {
    let (mut hub, customers) = customers(31).await;
    let (account, organization) = &customers[0];
    assert_eq!(at_desk(&hub, *organization, "billing_contact"), "Bea of Acme");
    hub.salesforce.remove_field("Account", BILLING).unwrap();
    set(&hub, account, json!({ "Industry": "Mining" }));
    hub.run_for(20).await;
    let open = changes(&hub, "open").await;
    assert_eq!(open.len(), 1, "{open:?}");
    assert_eq!((open[0].kind.as_str(), open[0].field.as_str(), open[0].connection.as_str()), ("removed", BILLING, SALESFORCE));
    assert_eq!((open[0].hits[0].object.as_str(), open[0].hits[0].fields.as_slice()), ("account", &["billing_contact".to_owned()][..]));
    assert!(open[0].patches[0].patch.lines[0].after.archived, "nothing took its place, so its line is to be put away");
    assert_eq!(at_desk(&hub, *organization, "industry"), "Mining", "the rest flows");
    assert_eq!(at_desk(&hub, *organization, "billing_contact"), "Bea of Acme");
    assert_eq!(alerts(&hub).await.len(), 1);

    // Both sides go on while it is away.
    let agent = hub.agent();
    hub.zendesk
        .update_organization(*organization, &fields(json!({ "organization_fields": { "account_status": "Suspended" } })), agent)
        .unwrap();
    set(&hub, &customers[1].0, json!({ "Industry": "Retail" }));
    hub.run_for(20).await;
    assert_eq!(hub.salesforce.get("Account", account).unwrap()["Status__c"], "Suspended");
    assert_eq!(at_desk(&hub, customers[1].1, "industry"), "Retail");

    hub.salesforce.add_field("Account", FieldSpec::new(BILLING, FieldType::String)).unwrap();
    set(&hub, &customers[2].0, json!({ BILLING: "Bob" }));
    hub.run_for(60).await;
    assert_eq!(changes(&hub, "open").await, []);
    assert_eq!(changes(&hub, "closed").await[0].outcome.as_deref(), Some("the field is as the mapping needs it again"));
    assert_eq!(hub.salesforce.get("Account", account).unwrap()[BILLING], "Bea of Acme", "what was known of it is put back");
    assert_eq!(at_desk(&hub, *organization, "billing_contact"), "Bea of Acme", "and nothing is blanked elsewhere");
    assert_eq!(at_desk(&hub, customers[2].1, "billing_contact"), "Bob", "what was entered meanwhile is caught up with");
    assert!(alerts(&hub).await.iter().any(|title| title.starts_with("✅ Over")));
    // From now on a value that is cleared is cleared.
    set(&hub, account, json!({ BILLING: "" }));
    hub.run_for(20).await;
    assert_eq!(at_desk(&hub, *organization, "billing_contact"), Value::Null);
    assert_eq!(dead(&hub).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_field_that_is_renamed_is_found_by_its_values_and_one_step_patches_the_mapping() {
    let (mut hub, customers) = customers(32).await;
    hub.salesforce.rename_field("Account", BILLING, "Invoices_To__c").unwrap();
    hub.salesforce.add_field("Account", FieldSpec::new("Colour__c", FieldType::String)).unwrap();
    set(&hub, &customers[0].0, json!({ "Invoices_To__c": "Nina", "Colour__c": "red" }));
    hub.run_for(20).await;
    let open = changes(&hub, "open").await;
    assert_eq!(open.len(), 1, "{open:?}");
    let change = &open[0];
    assert_eq!((change.kind.as_str(), change.field.as_str()), ("renamed", BILLING), "{change:?}");
    // One of them was edited since: the others, all different, are enough.
    assert!(change.evidence.as_deref().unwrap().contains("rows hold in `Invoices_To__c`"), "{change:?}");
    assert_eq!(change.patches[0].patch.lines[0].after.remote, "Invoices_To__c");
    assert_eq!(at_desk(&hub, customers[0].1, "billing_contact"), "Bea of Acme", "it waits");

    let applied = schema::apply(&hub.engine, &admin(), &change.id, Apply::default()).await.unwrap();
    assert_eq!((applied.saved.len(), applied.saved[0].saved.saved_by.as_str()), (1, "olga"));
    assert!(applied.saved[0].saved.note.contains("was renamed to Invoices_To__c"), "{}", applied.saved[0].saved.note);
    hub.run_for(20).await;
    assert_eq!(at_desk(&hub, customers[0].1, "billing_contact"), "Nina", "what was entered meanwhile is caught up with");
    assert_eq!(at_desk(&hub, customers[1].1, "billing_contact"), "Bea of Globex");
    assert_eq!((changes(&hub, "open").await, changes(&hub, "returning").await), (vec![], vec![]));
    let again = schema::apply(&hub.engine, &admin(), &change.id, Apply::default()).await.unwrap_err();
    assert!(again.to_string().contains("it is closed"), "{again}");
}

#[tokio::test]
async fn a_list_that_refuses_a_value_holds_back_that_value_alone() {
    let (mut hub, customers) = customers(33).await;
    let agent = hub.agent();
    hub.salesforce.set_picklist("Account", "Status__c", &["Active", "Churned"], true).unwrap();
    let both = json!({ "organization_fields": { "account_status": "Suspended" } });
    hub.zendesk.update_organization(customers[0].1, &fields(both), agent).unwrap();
    hub.zendesk
        .update_organization(customers[1].1, &fields(json!({ "organization_fields": { "account_status": "Churned" } })), agent)
        .unwrap();
    hub.run_for(20).await;
    let open = changes(&hub, "open").await;
    assert_eq!((open.len(), open[0].kind.as_str(), open[0].field.as_str()), (1, "values", "Status__c"), "{open:?}");
    let status = |at: usize| hub.salesforce.get("Account", &customers[at].0).unwrap()["Status__c"].clone();
    assert_eq!((status(0), status(1)), (json!("Active"), json!("Churned")), "what the list takes is written");
    assert_eq!(dead(&hub).await, Vec::<String>::new(), "nothing failed");
    assert_eq!(at_desk(&hub, customers[0].1, "account_status"), "Suspended", "nothing is put back");
    set(&hub, &customers[0].0, json!({ "Industry": "Mining" }));
    hub.run_for(20).await;
    assert_eq!(at_desk(&hub, customers[0].1, "industry"), "Mining", "the rest of the record flows");

    hub.salesforce.set_picklist("Account", "Status__c", &["Active", "Suspended", "Churned"], true).unwrap();
    hub.run_for(60).await;
    assert_eq!(hub.salesforce.get("Account", &customers[0].0).unwrap()["Status__c"], "Suspended", "it is caught up with");
    assert_eq!(changes(&hub, "open").await.len(), 1, "the list still refuses what it took before");
    hub.salesforce.set_picklist("Account", "Status__c", &["Active", "Suspended", "Churned"], false).unwrap();
    hub.run_for(60).await;
    assert_eq!(changes(&hub, "open").await, []);
}

#[tokio::test]
async fn a_field_of_another_type_pauses_and_a_conversion_is_proposed() {
    let (mut hub, customers) = customers(34).await;
    hub.salesforce.remove_field("Account", BILLING).unwrap();
    hub.salesforce.add_field("Account", FieldSpec::new(BILLING, FieldType::Double)).unwrap();
    schema::check(&hub.engine, Some(SALESFORCE)).await.unwrap();
    let open = changes(&hub, "open").await;
    assert_eq!((open.len(), open[0].kind.as_str()), (1, "retyped"), "{open:?}");
    let line = &open[0].patches[0].patch.lines[0].after;
    assert_eq!((line.put.as_deref(), line.archived), (Some("VALUE(billing_contact)"), false), "{line:?}");
    hub.run_for(20).await;
    assert_eq!(at_desk(&hub, customers[0].1, "billing_contact"), "Bea of Acme", "no number takes the place of a name meanwhile");
    let change = schema::accept(&hub.engine, &admin(), &open[0].id).await.unwrap();
    assert_eq!((change.state.as_str(), change.by.as_deref()), ("closed", Some("olga")));
}

#[tokio::test]
async fn a_field_that_gets_its_type_back_without_its_values_gets_them_back_too() {
    let (mut hub, customers) = customers(36).await;
    let retype = |hub: &Hub, to: FieldType| {
        hub.salesforce.remove_field("Account", BILLING).unwrap();
        hub.salesforce.add_field("Account", FieldSpec::new(BILLING, to)).unwrap();
    };
    retype(&hub, FieldType::Double);
    schema::check(&hub.engine, Some(SALESFORCE)).await.unwrap();
    hub.run_for(20).await;
    assert_eq!(changes(&hub, "open").await[0].kind, "retyped");
    retype(&hub, FieldType::String);
    schema::check(&hub.engine, Some(SALESFORCE)).await.unwrap();
    hub.run_for(60).await;
    assert_eq!(changes(&hub, "open").await, []);
    for ((account, organization), name) in customers.iter().zip(["Acme", "Globex", "Initech", "Umbrella"]) {
        let expected = format!("Bea of {name}");
        assert_eq!(hub.salesforce.get("Account", account).unwrap()[BILLING], json!(expected), "{}", hub.backlog().await);
        assert_eq!(at_desk(&hub, *organization, "billing_contact"), json!(expected), "and nothing is blanked elsewhere");
    }
}

#[tokio::test]
async fn a_field_that_a_new_type_has_emptied_is_not_taken_for_cleared_before_the_schema_is_looked_at() {
    let (mut hub, customers) = customers(37).await;
    // Looked at once, so that what follows is a change.
    schema::check(&hub.engine, Some(SALESFORCE)).await.unwrap();
    let described =
        |hub: &Hub| hub.salesforce.calls().by_kind.iter().filter(|(kind, _)| kind.contains("describe")).map(|(_, n)| n).sum::<u64>();
    hub.salesforce.remove_field("Account", BILLING).unwrap();
    hub.salesforce.add_field("Account", FieldSpec::new(BILLING, FieldType::Double)).unwrap();
    // One row is changed by a person, so that its stamp tells nothing.
    set(&hub, &customers[0].0, json!({ "Industry": "Mining" }));
    hub.run_for(20).await;
    assert_eq!(at_desk(&hub, customers[0].1, "industry"), "Mining", "{}", hub.backlog().await);
    assert_eq!(at_desk(&hub, customers[0].1, "billing_contact"), "Bea of Acme", "nobody has cleared it");
    assert_eq!(changes(&hub, "open").await.iter().map(|change| change.kind.as_str()).collect::<Vec<_>>(), ["retyped"]);
    hub.salesforce.remove_field("Account", BILLING).unwrap();
    hub.salesforce.add_field("Account", FieldSpec::new(BILLING, FieldType::String)).unwrap();
    hub.run_for(60).await;
    assert_eq!(hub.salesforce.get("Account", &customers[0].0).unwrap()[BILLING], "Bea of Acme", "{}", hub.backlog().await);

    // What a person clears is cleared, for one look at the schema.
    let before = described(&hub);
    set(&hub, &customers[1].0, json!({ BILLING: "" }));
    hub.run_for(5).await;
    assert_eq!(at_desk(&hub, customers[1].1, "billing_contact"), Value::Null, "{}", hub.backlog().await);
    assert_eq!(described(&hub) - before, 1, "{:?}", hub.salesforce.calls().by_kind);
    assert_eq!(dead(&hub).await, Vec::<String>::new());
}

#[tokio::test]
async fn what_breaks_nothing_is_in_the_journal_and_no_more() {
    let (mut hub, _) = customers(35).await;
    hub.salesforce.add_field("Account", FieldSpec::new("Shoe_Size__c", FieldType::Double)).unwrap();
    hub.run_for(20).await;
    assert_eq!(changes(&hub, "noted").await, [], "the day is not over, and nothing was refused");
    hub.run_for(24 * 60).await;
    let noted = changes(&hub, "noted").await;
    assert_eq!(noted.iter().map(|change| (change.field.as_str(), change.kind.as_str())).collect::<Vec<_>>(), [("Shoe_Size__c", "added")]);
    assert_eq!(alerts(&hub).await, ["Schema: Account.Shoe_Size__c at salesforce is new"], "told once, and no alert that lasts");
}
