//! Leads: items of a pipeline, each about a contact.

use std::collections::BTreeMap;

use entente_connect::connector::{NewField, Priority};
use entente_connect::erase::{Erase, Manner};
use entente_connect::error::Class;
use entente_connect::look::{Existence, Find, Look, ReadSpec};
use entente_connect::merge::Merge;
use entente_connect::webhook::Incoming;
use entente_connect::write::WriteOutcome;
use entente_model::mapping::remote::{RemoteField, RemoteKind};
use entente_sims::faults::Fault;
use entente_sims::hubspot::{LeadProgress, v1};
use serde_json::{Value, json};

use super::portal::{Portal, oauth, settings, target};
use crate::stage::rows::{create, delete, ids, map, spec, update};

/// A portal whose leads have a key of ours.
fn open() -> Portal {
    let portal = Portal::open();
    let key = json!({"name": "entente_id", "label": "Entente id", "type": "string", "fieldType": "text", "groupName": "leadinformation",
                     "hasUniqueValue": true});
    portal.sim.add_property("leads", &key).unwrap();
    portal
}

fn contact(portal: &Portal, name: &str) -> String {
    portal.plant("contacts", json!({"email": format!("{name}@example.com"), "lastname": name}))
}

fn lead(portal: &Portal, about: &str, name: &str) -> String {
    portal.sim.create_lead(about, &map(json!({"hs_lead_name": name, "hs_lead_label": "WARM"})), portal.person()).unwrap()
}

fn usual() -> ReadSpec {
    spec("leads", &["hs_lead_name", "stage.name", "stage.state", "associations.contacts", "associations.companies", "associations.deals"])
}

async fn look(portal: &Portal, read: &ReadSpec, id: &str) -> Look {
    portal.crm.fetch(read, &[id.to_owned()], Priority::Update).await.unwrap().remove(0)
}

fn row(name: &str, contact: &str) -> Value {
    json!({"hs_lead_name": name, "associations.contacts": contact})
}

fn failed(outcome: &WriteOutcome) -> (Class, String, Option<String>) {
    let error = outcome.as_ref().unwrap_err();
    (error.class, error.code.clone(), error.field.clone())
}

#[tokio::test]
async fn a_lead_is_followed_from_its_contact_to_the_deal_that_comes_of_it() {
    let portal = open();
    let [ada, eve] = ["ada", "eve"].map(|name| contact(&portal, name));
    let company = portal.plant("companies", json!({"name": "One"}));
    let id = lead(&portal, &ada, "Ada, spring fair");
    // Somebody else takes part: the primary contact is whom the lead is about.
    portal.sim.associate(("leads", &id), ("contacts", &eve), false, portal.person()).unwrap();
    portal.sim.associate(("leads", &id), ("companies", &company), false, portal.person()).unwrap();
    let (looks, cursor) = portal.read_on(&usual(), None).await;
    let first = json!({"hs_lead_name": "Ada, spring fair", "stage.name": "New", "stage.state": "NEW", "associations.contacts": ada,
                       "associations.companies": company, "associations.deals": null});
    assert_eq!((ids(&looks), Value::Object(looks[0].row.clone())), (vec![id.as_str()], first));

    portal.pass(600);
    portal.edit("leads", &id, json!({"hs_pipeline_stage": "qualified-stage-id"}));
    let deal = portal.plant("deals", json!({"dealname": "One, first year", "dealstage": "qualifiedtobuy"}));
    portal.sim.associate(("leads", &id), ("deals", &deal), true, portal.person()).unwrap();
    let (polled, cursor) = portal.read_on(&usual(), Some(cursor)).await;
    let told = ["stage.name", "stage.state", "associations.deals"].map(|field| polled[0].row[field].clone());
    assert_eq!((polled.len(), told), (1, [json!("Qualified"), json!("QUALIFIED"), json!(deal)]));

    portal.sim.archive("leads", &id, portal.person()).unwrap();
    portal.pass(600);
    let (swept, _) = portal.read_on(&usual(), Some(cursor)).await;
    assert!(swept.iter().any(|look| look.id == id && look.existence == Existence::Deleted), "{swept:?}");
}

#[tokio::test]
async fn whichever_way_an_account_tells_of_progress_it_is_read() {
    for progress in [LeadProgress::Category, LeadProgress::Marks, LeadProgress::StageAlone] {
        let portal = Portal::with(settings(oauth()), |options| options.lead_progress = progress);
        let ada = contact(&portal, "ada");
        let mut expected = BTreeMap::new();
        for (stage, state) in [
            ("new-stage-id", "NEW"),
            ("connected-stage-id", "IN_PROGRESS"),
            ("qualified-stage-id", "QUALIFIED"),
            ("unqualified-stage-id", "DISQUALIFIED"),
        ] {
            let id = lead(&portal, &ada, stage);
            portal.edit("leads", &id, json!({"hs_pipeline_stage": stage}));
            expected.insert(id, json!(state));
        }
        let read = spec("leads", &["stage.state"]);
        let (looks, _) = portal.read_on(&read, None).await;
        let told: BTreeMap<String, Value> = looks.into_iter().map(|look| (look.id, look.row["stage.state"].clone())).collect();
        assert_eq!(told, expected, "{progress:?}");
        for (id, state) in expected {
            assert_eq!(look(&portal, &read, &id).await.row["stage.state"], state, "{progress:?}");
        }
    }
}

#[tokio::test]
async fn a_stage_that_was_added_since_is_known_by_its_name_within_a_minute() {
    let portal = open();
    let id = lead(&portal, &contact(&portal, "ada"), "Ada");
    let read = spec("leads", &["stage.name"]);
    assert_eq!(look(&portal, &read, &id).await.row["stage.name"], json!("New"));
    let stages = json!([{"label": "Demo booked", "stageId": "1701461226", "metadata": {}}]);
    portal.send("POST", "/crm/v3/pipelines/leads", json!({"label": "Second", "pipelineId": "77", "stages": stages})).await;
    portal.edit("leads", &id, json!({"hs_pipeline": "77", "hs_pipeline_stage": "1701461226"}));
    portal.pass(61);
    assert_eq!(look(&portal, &read, &id).await.row["stage.name"], json!("Demo booked"));
    look(&portal, &read, &id).await;
    assert_eq!(portal.calls("GET pipelines/leads"), 2, "what is known is not asked for again");
}

#[tokio::test]
async fn deals_and_tickets_are_shown_by_the_names_of_their_stages_too() {
    let portal = open();
    let deal = portal.plant("deals", json!({"dealname": "One", "dealstage": "closedwon"}));
    let ticket = portal.plant("tickets", json!({"subject": "Help", "hs_pipeline_stage": "2"}));
    for (object, id, name) in [("deals", deal, "Closed Won"), ("tickets", ticket, "Waiting on contact")] {
        assert_eq!(look(&portal, &spec(object, &["stage.name"]), &id).await.row["stage.name"], json!(name));
        assert!(portal.crm.describe(object).await.unwrap().field("stage.name").is_some_and(|field| !field.writable));
    }
    let strange = portal.crm.page(&spec("contacts", &["stage.name"]), None, Priority::Backfill).await.unwrap_err();
    assert_eq!((strange.code.as_str(), strange.field.as_deref()), ("unknown_field", Some("stage.name")));
}

#[tokio::test]
async fn a_lead_is_made_with_its_contact_once_and_changed_found_and_archived() {
    let portal = open();
    let [ada, eve] = ["ada", "eve"].map(|name| contact(&portal, name));
    let company = portal.plant("companies", json!({"name": "One"}));
    let mut first = row("Ada", &ada);
    first["associations.companies"] = json!(company);
    let made = portal.write("leads", &[create("lea_1", first.clone())]).await.remove(0).unwrap();
    assert_eq!((made.created, portal.sim.count("leads")), (Some(true), 1));
    assert_eq!(portal.sim.get("leads", &made.id).unwrap()["hs_primary_contact_id"], json!(ada));
    assert_eq!(portal.calls("POST associations/leads/contacts/batch/create"), 0, "the contact came with the creation");
    let read = spec("leads", &["hs_lead_name", "entente_id", "associations.contacts", "associations.companies"]);
    let held = json!({"hs_lead_name": "Ada", "entente_id": "lea_1", "associations.contacts": ada, "associations.companies": company});
    assert_eq!(Value::Object(look(&portal, &read, &made.id).await.row), held);

    let again = portal.write("leads", &[create("lea_1", first)]).await.remove(0).unwrap();
    assert_eq!((again.id.as_str(), again.created, portal.sim.count("leads")), (made.id.as_str(), Some(false), 1));
    let questions = [Find::Key("lea_1".to_owned()), Find::Name("ada".to_owned()), Find::Email("ada@example.com".to_owned())];
    let found = portal.crm.find(&read, &questions, "entente_id", Priority::Update).await.unwrap();
    assert_eq!(found.iter().map(|looks| ids(looks)).collect::<Vec<_>>(), [vec![made.id.as_str()], vec![made.id.as_str()], Vec::new()]);

    portal.write("leads", &[update(&made.id, json!({"hs_lead_label": "HOT", "associations.contacts": eve}))]).await.remove(0).unwrap();
    assert_eq!(portal.sim.get("leads", &made.id).unwrap()["hs_primary_contact_id"], json!(eve));
    portal.write("leads", &[delete(&made.id)]).await.remove(0).unwrap();
    assert_eq!(look(&portal, &read, &made.id).await.existence, Existence::Deleted);
}

#[tokio::test]
async fn a_creation_that_landed_unheard_is_found_before_it_is_made_again() {
    let portal = open();
    let ada = contact(&portal, "ada");
    portal.faults.order_of_writes([Fault::TimeoutAfter]);
    let writes = [create("lea_1", row("Ada", &ada))];
    let unheard = portal.crm.write(&target("leads"), &writes, Priority::Update).await;
    assert_eq!((unheard.unwrap_err().class, portal.sim.count("leads")), (Class::Retry, 1), "it landed, and nobody heard of it");
    let again = portal.write("leads", &writes).await.remove(0).unwrap();
    assert_eq!((again.created, portal.sim.count("leads")), (Some(false), 1));
}

#[tokio::test]
async fn each_row_of_a_batch_of_leads_fails_alone() {
    let portal = open();
    let ada = contact(&portal, "ada");
    let writes = [
        create("lea_1", row("One", &ada)),
        create("lea_2", json!({"hs_lead_name": "Nobody's"})),
        create("lea_3", row("Of somebody who is gone", "404404")),
        create("lea_4", json!({"hs_lead_name": "Bad", "hs_lead_label": "BOILING", "associations.contacts": ada})),
        create("lea_5", row("Five", &ada)),
    ];
    let outcomes = portal.write("leads", &writes).await;
    assert!(outcomes[0].is_ok() && outcomes[4].is_ok(), "{outcomes:?}");
    assert_eq!(failed(&outcomes[1]), (Class::Data, "alone".to_owned(), Some("associations.contacts".to_owned())));
    assert_eq!(failed(&outcomes[2]).0, Class::LookAgain);
    assert_eq!((failed(&outcomes[3]).0, failed(&outcomes[3]).2.as_deref()), (Class::Data, Some("hs_lead_label")));
    assert_eq!(portal.sim.count("leads"), 2);
}

#[tokio::test]
async fn what_a_lead_needs_and_what_is_not_ours_to_write_is_described() {
    let portal = open();
    let described = portal.crm.describe("leads").await.unwrap();
    let field = |name: &str| described.field(name).unwrap();
    assert!(["hs_lead_name", "associations.contacts"].iter().all(|name| field(name).required && field(name).writable));
    assert!(["associations.deals", "stage.name", "stage.state"].iter().all(|name| !field(name).writable));
    assert!(field("associations.companies").writable && !field("associations.companies").required);
    let ada = contact(&portal, "ada");
    let made = portal.write("leads", &[create("lea_1", row("Ada", &ada))]).await.remove(0).unwrap();
    let refused = portal.write("leads", &[update(&made.id, json!({"associations.deals": "1"}))]).await;
    assert_eq!(failed(&refused[0]), (Class::Configuration, "association".to_owned(), Some("associations.deals".to_owned())));
}

#[tokio::test]
async fn the_key_is_provisioned_like_any_other() {
    let portal = Portal::open();
    let key = RemoteField { writable: true, unique: true, ..RemoteField::new("entente_id", "Entente id", RemoteKind::Text) };
    for _ in 0..2 {
        portal.crm.create_field(&NewField { object: "leads".to_owned(), field: key.clone() }).await.unwrap();
    }
    assert!(portal.crm.describe("leads").await.unwrap().field("entente_id").is_some_and(|field| field.unique));
}

#[tokio::test]
async fn what_happens_to_leads_is_told_as_of_any_object() {
    let portal = open();
    let url = "https://hub.example/hooks/hubspot";
    portal
        .sim
        .subscribe(url, &["object.creation:0-136", "object.propertyChange:0-136:hs_pipeline_stage", "object.deletion:0-136"])
        .unwrap();
    let ada = contact(&portal, "ada");
    let id = lead(&portal, &ada, "Ada");
    portal.edit("leads", &id, json!({"hs_pipeline_stage": "attempting-stage-id"}));
    portal.sim.archive("leads", &id, portal.person()).unwrap();
    let mut told = Vec::new();
    for letter in portal.mail.take_due() {
        let headers = [("x-hubspot-signature-version", "v1".to_owned()), ("x-hubspot-signature", v1("hubspot-secret", &letter.body))];
        let incoming = Incoming { headers: headers.map(|(name, value)| (name.to_owned(), value)).into(), body: letter.body };
        told.extend(portal.crm.open(&incoming, "", portal.time()).unwrap().events.into_iter().map(|event| (event.object, event.id)));
    }
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told.iter().all(|row| *row == ("leads".to_owned(), id.clone())), "{told:?}");
}

#[tokio::test]
async fn what_cannot_be_done_with_leads_is_refused_by_name() {
    let portal = open();
    let ada = contact(&portal, "ada");
    let [one, two] = ["One", "Two"].map(|name| lead(&portal, &ada, name));
    assert!(!portal.crm.merges("leads"));
    let merge = Merge { object: "leads".to_owned(), stays: one.clone(), goes: two, key: "lea_1".to_owned() };
    assert!(portal.crm.merge(&merge, Priority::Update).await.unwrap_err().message.contains("leads"));
    assert_eq!(portal.sim.count("leads"), 2);
    // An account without the Sales Hub cannot grant the scope.
    portal.sim.grant(&["crm.objects.contacts.read", "crm.objects.owners.read"]);
    let refused = portal.crm.fetch(&spec("leads", &["hs_lead_name"]), &[one], Priority::Update).await.unwrap_err();
    assert_eq!((refused.status, refused.class, refused.is_of_object()), (403, Class::Configuration, true), "{refused}");
    assert!(refused.message.contains("crm.objects.leads.read"), "{refused}");
}

#[tokio::test]
async fn a_lead_is_blanked_before_it_goes_with_its_person() {
    let portal = open();
    let ada = contact(&portal, "ada");
    let id = lead(&portal, &ada, "Ada Lovelace");
    let blank = map(json!({"hs_lead_name": "Erased person"}));
    let erase = Erase { object: "leads".to_owned(), id: id.clone(), manner: Manner::Delete, blank };
    assert_eq!(portal.crm.erase(&erase, Priority::Urgent).await.unwrap().left, Vec::<&str>::new());
    let archived = portal.send("GET", &format!("/crm/v3/objects/leads/{id}?archived=true&properties=hs_lead_name"), Value::Null).await;
    assert_eq!((&archived["archived"], &archived["properties"]["hs_lead_name"]), (&json!(true), &json!("Erased person")));
}
