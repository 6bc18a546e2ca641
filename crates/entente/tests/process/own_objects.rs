//! An object that an account defines itself, from a file that declares it to rows that are kept in agreement.

use serde_json::{Value, json};

use crate::hub::{Folder, stop};
use crate::pair::{arrives, configuration};
use crate::people::{hubspot, zendesk};
use crate::sims::Sims;

/// Cars, as the configuration declares them.
const VEHICLE: &str = "object: vehicle
label: Vehicle
prefix: veh
title: [model]
fields:
  - { key: model, label: Model, type: text, custom: true }
  - { key: mileage, label: Mileage, type: number, scale: 0, custom: true }
  - { key: driver, label: Driver, type: reference, object: contact, custom: true }
";

/// How HubSpot's cars are read.
const MAPPING: &str = "object: vehicle
remote: car
key: entente_id
fields:
  - { field: model, remote: model_name, owner: crm }
  - { field: mileage, remote: mileage, owner: shared }
  - { field: driver, remote: associations.contacts, owner: crm }
";

async fn json_of(folder: &Folder, arguments: &[&str]) -> Value {
    let output = folder.run(arguments).await;
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{arguments:?}: {}", String::from_utf8_lossy(&output.stderr)))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declared_object_is_made_at_hubspot_and_its_rows_become_records() {
    let sims = Sims::start(&["hubspot", "zendesk"], &[]).await;
    let folder = Folder::new(&configuration(&sims, &[("hubspot", hubspot::auth(&sims)), ("zendesk", zendesk::auth(&sims))], 10_000));
    let files = folder.path().join("files");
    std::fs::create_dir_all(files.join("objects")).unwrap();
    std::fs::create_dir_all(files.join("mappings/hubspot")).unwrap();
    std::fs::write(files.join("objects/vehicle.yaml"), VEHICLE.replace("prefix: veh", "prefix: con")).unwrap();
    std::fs::write(files.join("mappings/hubspot/vehicle.yaml"), MAPPING).unwrap();
    let refused = json_of(&folder, &["plan", "-f", "files", "--output", "json"]).await;
    assert!(refused["faults"][0]["reason"].as_str().unwrap().contains("`contact` begin with `con`"), "{refused}");

    std::fs::write(files.join("objects/vehicle.yaml"), VEHICLE).unwrap();
    let plan = json_of(&folder, &["plan", "-f", "files", "--output", "json"]).await;
    assert_eq!(plan["faults"], json!([]), "{plan}");
    let applied = folder.run(&["apply", "-f", "files", "--digest", plan["digest"].as_str().unwrap()]).await;
    assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
    let again = json_of(&folder, &["plan", "-f", "files", "--output", "json"]).await;
    assert_eq!(again["steps"], json!([]), "{again}");

    let missing = json_of(&folder, &["provision", "--output", "json"]).await;
    let of_cars = |found: &Value, state: &str| {
        found["fields"].as_array().unwrap().iter().filter(|need| need["object"] == "car" && need["state"] == state).count()
    };
    assert_eq!(of_cars(&missing, "missing"), 4, "{missing}");
    let made = json_of(&folder, &["provision", "--apply", "--output", "json"]).await;
    assert_eq!((of_cars(&made, "refused"), of_cars(&made, "missing")), (0, 0), "{made}");

    let mut server = folder.serve();
    folder.serves(&mut server).await;
    let driver = hubspot::create(&sims, "contacts", json!({"firstname": "Dee", "lastname": "River", "email": "dee@example.com"})).await;
    let car = hubspot::create(&sims, "car", json!({"model_name": "Beetle", "mileage": "90000"})).await;
    let joined = json!({"object": "car", "id": car, "to": "contacts", "into": driver, "primary": false});
    sims.steer("hubspot", "associate", &joined).await;
    let of_the_car = async || {
        let page = folder.get("/api/v1/records?object=vehicle").await;
        let item = page["items"].as_array().unwrap().iter().find(|item| item["title"] == "Beetle").cloned()?;
        Some(folder.get(&format!("/api/v1/records/{}", item["id"].as_str().unwrap())).await)
    };
    let shows = |record: &Value, field: &str, part: &str| {
        record["fields"].as_array().unwrap().iter().any(|shown| shown["key"] == field && shown["raw"].to_string().contains(part))
    };
    let record =
        arrives("the car as a record", &folder, async || of_the_car().await.filter(|record| shows(record, "mileage", "90000"))).await;
    assert!(record["id"].as_str().unwrap().starts_with("veh_"), "{record}");
    hubspot::change(&sims, "car", &car, json!({"mileage": "90500"})).await;
    arrives("the new mileage", &folder, async || of_the_car().await.filter(|record| shows(record, "mileage", "90500"))).await;
    stop(server).await;
    let exported = folder.run(&["export", "out"]).await;
    assert!(exported.status.success());
    let text = std::fs::read_to_string(folder.path().join("out/objects/vehicle.yaml")).unwrap();
    assert!(text.contains("prefix: veh") && text.contains("mileage"), "{text}");
}
