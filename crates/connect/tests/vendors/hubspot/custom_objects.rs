//! Objects that a portal defines itself.

use std::collections::BTreeMap;

use entente_connect::connector::{NO_OBJECT, NewField, NewObject, Priority};
use entente_connect::error::Class;
use entente_connect::look::{Existence, Find};
use entente_connect::webhook::Incoming;
use entente_model::mapping::remote::{RemoteField, RemoteKind};
use entente_sims::hubspot::{Tier, v1};
use serde_json::{Value, json};

use super::portal::{Portal, oauth, settings, target};
use crate::stage::rows::{create, delete, map, spec, update};

fn field(name: &str, kind: RemoteKind) -> RemoteField {
    RemoteField { writable: true, unique: name == "entente_id", ..RemoteField::new(name, name, kind) }
}

/// What provisioning asks for.
fn car() -> NewObject {
    let fields = vec![
        field("entente_id", RemoteKind::Text),
        field("model_name", RemoteKind::Text),
        field("mileage", RemoteKind::Number),
        field("associations.contacts", RemoteKind::Reference),
    ];
    NewObject { object: "car".to_owned(), label: "Car".to_owned(), fields }
}

/// A portal in which a person has defined cars.
fn garage() -> (Portal, String) {
    let portal = Portal::open();
    let ty = portal.sim.define(&definition()).unwrap();
    (portal, ty)
}

fn definition() -> Value {
    json!({
        "name": "car", "labels": {"singular": "Car", "plural": "Cars"}, "primaryDisplayProperty": "model_name", "requiredProperties": ["model_name"],
        "properties": [
            {"name": "model_name", "label": "Model", "type": "string", "fieldType": "text"},
            {"name": "mileage", "label": "Mileage", "type": "number", "fieldType": "number"},
            {"name": "entente_id", "label": "Entente id", "type": "string", "fieldType": "text", "hasUniqueValue": true},
        ],
        "associatedObjects": ["CONTACT"],
    })
}

#[tokio::test]
async fn an_object_is_made_once_with_everything_that_is_mapped() {
    let portal = Portal::open();
    let missing = portal.crm.describe("car").await.unwrap_err();
    assert_eq!((missing.code.as_str(), missing.class), (NO_OBJECT, Class::Configuration));
    assert!(missing.advice.contains("provision --apply"));
    for _ in 0..2 {
        portal.crm.create_object(&car()).await.unwrap();
    }
    let made = portal.crm.describe("car").await.unwrap();
    assert_eq!((made.field("mileage").unwrap().kind, made.field("entente_id").unwrap().unique), (RemoteKind::Number, true));
    assert!(made.field("associations.contacts").is_some_and(|field| field.writable));
    let contacts = portal.crm.describe("contacts").await.unwrap();
    assert!(contacts.field("associations.car").is_some(), "and the other way round");
    let derived = ["hs_searchable_calculated_phone_number", "email"].map(|name| contacts.field(name).unwrap().derived);
    assert_eq!(derived, [true, false], "what HubSpot computes");
    // Fields that a mapping gains later are made like any other.
    let later = NewField { object: "car".to_owned(), field: field("colour", RemoteKind::Text) };
    for _ in 0..2 {
        portal.crm.create_field(&later).await.unwrap();
    }
    assert!(portal.crm.describe("car").await.unwrap().field("colour").is_some());
    let full = NewObject { object: "p62515_boat".to_owned(), ..car() };
    assert_eq!(portal.crm.create_object(&full).await.unwrap_err().code, "object_name");
}

#[tokio::test]
async fn an_account_below_the_tier_is_told_what_it_lacks() {
    let portal = Portal::with(settings(oauth()), |options| options.tier = Tier::Professional);
    for error in [
        portal.crm.describe("car").await.unwrap_err(),
        portal.crm.create_object(&car()).await.unwrap_err(),
        portal.crm.page(&spec("car", &["model_name"]), None, Priority::Backfill).await.unwrap_err(),
    ] {
        assert_eq!((error.code.as_str(), error.class), ("custom_objects", Class::Configuration), "{error}");
        assert!(error.message.contains("`car`") && error.advice.contains("Enterprise"), "{error}: {}", error.advice);
    }
    portal.crm.describe("contacts").await.unwrap();
    assert_eq!(portal.calls("GET schemas"), 1, "it is not asked over and over");
}

#[tokio::test]
async fn rows_are_read_by_any_of_the_three_names() {
    let (portal, ty) = garage();
    let mut mileage = "90000".to_owned();
    let id = portal.plant("car", json!({"model_name": "Beetle", "mileage": mileage}));
    for name in ["car", "p62515_car", ty.as_str()] {
        let read = spec(name, &["model_name", "mileage"]);
        let (looks, cursor) = portal.read_on(&read, None).await;
        assert_eq!((looks.len(), looks[0].id.as_str(), &looks[0].row["mileage"]), (1, id.as_str(), &json!(mileage)), "{name}");
        portal.pass(600);
        mileage = format!("9{}", name.len());
        portal.edit("car", &id, json!({"mileage": mileage}));
        let (polled, _) = portal.read_on(&read, Some(cursor)).await;
        assert_eq!((polled.len(), polled[0].object.as_str()), (1, name));
    }
    let described = portal.crm.describe("car").await.unwrap();
    assert!(described.field("model_name").unwrap().required, "no car can be made without it");
    let unknown = portal.crm.page(&spec("lorry", &["model_name"]), None, Priority::Backfill).await.unwrap_err();
    assert!(unknown.code == NO_OBJECT && unknown.message.contains("its own are car"), "{unknown}");
}

#[tokio::test]
async fn rows_are_written_found_associated_and_archived_in_batches() {
    let (portal, _) = garage();
    let [ada, eve] = ["ada", "eve"].map(|name| portal.plant("contacts", json!({"email": format!("{name}@example.com")})));
    let row =
        |n: usize| create(&format!("veh_{n}"), json!({"model_name": format!("Model {n}"), "mileage": n, "associations.contacts": ada}));
    let writes: Vec<_> = (0..30).map(row).collect();
    let landed = portal.write("car", &writes).await;
    let first = landed[0].as_ref().unwrap().id.clone();
    assert!(landed.iter().all(|outcome| outcome.as_ref().is_ok_and(|written| written.created == Some(true))), "{landed:?}");
    let again = portal.write("car", &writes[..1]).await;
    assert_eq!(
        again[0].as_ref().map(|written| (written.id.as_str(), written.created)),
        Ok((first.as_str(), Some(false))),
        "no twin is made"
    );
    assert_eq!((portal.sim.count("car"), portal.sim.associated("contacts", &ada, "car").len()), (30, 30));

    let read = spec("car", &["model_name", "associations.contacts"]);
    let found = portal
        .crm
        .find(&read, &[Find::Key("veh_7".to_owned()), Find::Key("veh_99".to_owned())], "entente_id", Priority::Update)
        .await
        .unwrap();
    assert_eq!(
        (&found[0][0].row["model_name"], &found[0][0].row["associations.contacts"], found[1].len()),
        (&json!("Model 7"), &json!(ada), 0)
    );

    portal.write("car", &[update(&first, json!({"mileage": 12, "associations.contacts": eve}))]).await.remove(0).unwrap();
    assert_eq!(portal.sim.associated("car", &first, "contacts"), [eve.as_str()], "the old one ends where nothing marks the primary one");
    let owner = portal.crm.fetch(&spec("contacts", &["associations.car"]), &[eve], Priority::Update).await.unwrap();
    assert_eq!(owner[0].row["associations.car"], json!(first));

    portal.write("car", &[delete(&first)]).await.remove(0).unwrap();
    let gone = portal.crm.fetch(&read, std::slice::from_ref(&first), Priority::Update).await.unwrap();
    assert_eq!(gone[0].existence, Existence::Deleted);
    let bad = portal.write("car", &[create("veh_x", json!({"model_name": "Lada", "mileage": "far"}))]).await.remove(0).unwrap_err();
    assert_eq!((bad.class, bad.field.as_deref()), (Class::Data, Some("mileage")));
}

#[tokio::test]
async fn rows_that_a_person_merges_lead_to_the_survivor() {
    let (portal, _) = garage();
    let [one, two] = ["One", "Two"].map(|name| portal.plant("car", json!({"model_name": name})));
    let read = spec("car", &["model_name"]);
    let (_, cursor) = portal.read_on(&read, None).await;
    portal.pass(600);
    portal.sim.merge("car", &one, &two, portal.person()).unwrap();
    let (looks, _) = portal.read_on(&read, Some(cursor)).await;
    assert!(looks.iter().any(|look| look.id == two && look.existence == Existence::MergedInto(one.clone())), "{looks:?}");
}

#[tokio::test]
async fn webhooks_of_its_rows_are_understood_under_every_name() {
    let (portal, ty) = garage();
    portal
        .sim
        .subscribe("https://hub.example/hooks/hubspot", &[&format!("object.creation:{ty}"), &format!("object.propertyChange:{ty}:mileage")])
        .unwrap();
    let id = portal.plant("car", json!({"model_name": "Beetle", "mileage": "5"}));
    let body = portal.mail.take_due().remove(0).body;
    let headers = [("x-hubspot-signature-version", "v1".to_owned()), ("x-hubspot-signature", v1("hubspot-secret", &body))];
    let incoming = Incoming { headers: headers.map(|(name, value)| (name.to_owned(), value)).into(), body };
    let told = |portal: &Portal| -> BTreeMap<String, String> {
        let delivery = portal.crm.open(&incoming, "", portal.time()).unwrap();
        delivery.events.into_iter().map(|event| (event.object, event.id)).collect()
    };
    assert_eq!(told(&portal), [(ty.clone(), id.clone())].into(), "the type id is understood before anything was read");
    portal.crm.describe("car").await.unwrap();
    assert_eq!(told(&portal), ["car", "p62515_car", ty.as_str()].map(|name| (name.to_owned(), id.clone())).into());
}

#[tokio::test]
async fn nothing_of_a_row_is_sent_that_the_definition_lacks() {
    let (portal, _) = garage();
    let error =
        portal.crm.write(&target("car"), &[create("veh_1", json!({"model_name": "A", "wheels": 4}))], Priority::Update).await.unwrap_err();
    assert_eq!((error.code.as_str(), error.field.as_deref()), ("unknown_field", Some("wheels")));
    assert_eq!(map(json!({})).len(), portal.sim.count("car"));
}
