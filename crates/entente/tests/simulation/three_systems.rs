//! Three systems at once: a CRM and two support desks. What is changed at one reaches the other two, once, and comes back to nobody.

use entente_engine::flaws::Flaws;
use entente_engine::records::conflicts::{self, ConflictQuery, Resolution};
use entente_store::{ConflictState, Viewer};
use serde_json::{Value, json};

use crate::hub::{SALESFORCE, ZENDESK, fields};
use crate::second_desk::{OfPerson, Person, Platform, SECOND};
use crate::steps::{QUIET, at_every_step, judged};
use crate::world::{Nature, Side, World, text};

/// Minutes in which a crash heals: leases run out after one.
const HEALS_IN: i64 = 3;
/// Minutes until the next poll of the second desk has come for certain.
const POLLED_IN: i64 = 16;

/// A world of three systems, in which nothing goes wrong by itself, after its first sync.
async fn world(seed: u64) -> World {
    let mut world = World::with(seed, Nature { second_desk: Some(Platform::Freshdesk), ..QUIET }, Flaws::none()).await;
    world.hub.run_for(40).await;
    world
}

/// A contact of the CRM with its counterparts at both desks.
fn everywhere(world: &World, contact: &str) -> (u64, String) {
    let row = world.hub.salesforce.get("Contact", contact).unwrap();
    let user = world.user_of(&row).expect("a user of the first desk");
    let person = world.hub.second.as_ref().unwrap().contact_of(contact).expect("a contact of the second desk");
    (user, person.id)
}

/// Names in the CRM, at the first desk and at the second.
fn names(world: &World, contact: &str, (user, person): (u64, &str)) -> [String; 3] {
    let here = text(&world.hub.salesforce.get("Contact", contact).unwrap(), "LastName");
    let last = |name: String| name.rsplit(' ').next().unwrap_or_default().to_owned();
    [here, last(text(&world.hub.zendesk.user(user).unwrap(), "name")), last(at_second(world, person).name)]
}

fn at_second(world: &World, person: &str) -> Person {
    world.second().people().into_iter().find(|known| known.id == person).unwrap()
}

fn rename_at_second(world: &World, person: &str, name: &str) {
    assert!(world.second().change_person(person, &OfPerson::Name(format!("Ana {name}"))));
}

#[tokio::test]
async fn what_is_changed_at_one_reaches_the_other_two_once_and_comes_back_to_nobody() {
    let mut world = world(1).await;
    let contact = world.contacts[0].clone();
    let (user, person) = everywhere(&world, &contact);
    for origin in [Side::Crm, Side::Desk, Side::Second] {
        let name = world.fresh("Name");
        let before = world.writes();
        match origin {
            Side::Crm => world.hub.salesforce.update("Contact", &contact, &fields(json!({ "LastName": name })), &world.hub.rep()).unwrap(),
            Side::Desk => {
                let edit = json!({ "name": format!("Ana {name}") });
                world.hub.zendesk.update_user(user, &fields(edit), world.hub.agent()).unwrap();
            }
            Side::Second => rename_at_second(&world, &person, &name),
        }
        world.hub.run_for(POLLED_IN).await;
        assert_eq!(names(&world, &contact, (user, &person)), [&name, &name, &name].map(Clone::clone), "{origin:?}");
        let after = world.writes();
        let made = (after.0 - before.0, after.1 - before.1, after.2 - before.2);
        let wanted = match origin {
            Side::Crm => (0, 1, 1),
            Side::Desk => (1, 0, 1),
            Side::Second => (1, 1, 0),
        };
        assert_eq!(made, wanted, "one write for each of the others, from {origin:?}");
        world.hub.run_for(60).await;
        assert_eq!(world.writes(), after, "and then nobody writes any more");
    }
    let broken = world.judge().await;
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[tokio::test]
async fn somebody_new_at_one_is_made_at_the_other_two_once() {
    let mut world = world(2).await;
    let company = world.second().companies()[0].id.clone();
    world.second().meet("Zoe Zoner", "zoe@call.example", &company, false).unwrap();
    let organization = world.organizations()[0].0;
    let cleo = json!({ "name": "Cleo Caller", "email": "cleo@call.example", "organization_id": organization });
    world.hub.zendesk.create_user(&fields(cleo), world.hub.agent()).unwrap();
    world.hub.run_for(2 * POLLED_IN).await;
    let mut made = Vec::new();
    world.hub.salesforce.each("Contact", &mut |id, row| made.push((id.to_owned(), text(row, "Email"))));
    for email in ["zoe@call.example", "cleo@call.example"] {
        let found: Vec<&String> = made.iter().filter(|(_, of)| of == email).map(|(id, _)| id).collect();
        assert_eq!(found.len(), 1, "{email}: {made:?}; {}", world.hub.backlog().await);
        everywhere(&world, found[0]);
        world.contacts.push(found[0].clone());
    }
    let met = world.hub.store.read(|tx| {
        let viewer = Viewer::system();
        Ok([tx.conflicts(&viewer, ConflictState::Waiting, 10, None)?, tx.conflicts(&viewer, ConflictState::Resolved, 10, None)?].concat())
    });
    assert!(met.await.unwrap().is_empty(), "what the desks fill in by themselves (a language, a time zone) competes with nobody");
    // Somebody who writes to both desks at once is one customer.
    world.second().meet("Tess Twice", "tess@call.example", &company, false).unwrap();
    let at_first = json!({ "name": "Tess Twice", "email": "tess@call.example", "organization_id": organization });
    world.hub.zendesk.create_user(&fields(at_first), world.hub.agent()).unwrap();
    world.hub.run_for(2 * POLLED_IN).await;
    let mut tess = Vec::new();
    world.hub.salesforce.each("Contact", &mut |id, row| {
        if text(row, "Email") == "tess@call.example" {
            tess.push(id.to_owned());
        }
    });
    assert_eq!(tess.len(), 1, "{}", world.hub.backlog().await);
    everywhere(&world, &tess[0]);
    world.contacts.extend(tess);
    let broken = world.judge().await;
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[tokio::test]
async fn of_three_values_that_compete_a_person_decides_one_for_all() {
    let mut world = world(3).await;
    let contact = world.contacts[0].clone();
    let (user, person) = everywhere(&world, &contact);
    // All three within a second, and none outranks the others.
    world.hub.run_for(14).await;
    let automation = world.hub.salesforce.users().automation;
    world.hub.crm_faults.set_deliveries(entente_sims::faults::DeliveryFault::Lost, 1_000);
    world.hub.desk_faults.set_deliveries(entente_sims::faults::DeliveryFault::Lost, 1_000);
    world.hub.salesforce.update("Contact", &contact, &fields(json!({ "LastName": "Crm" })), &automation).unwrap();
    world.hub.zendesk.update_user(user, &fields(json!({ "name": "Ana Desk" })), world.hub.agent()).unwrap();
    rename_at_second(&world, &person, "Second");
    // Another field of the same rows goes on meanwhile.
    world.hub.salesforce.update("Contact", &contact, &fields(json!({ "Title": "Countess" })), &automation).unwrap();
    world.hub.run_for(POLLED_IN).await;
    world.hub.crm_faults.clear();
    world.hub.desk_faults.clear();
    assert_eq!(names(&world, &contact, (user, &person)), ["Crm", "Desk", "Second"], "each keeps its own until somebody decides");
    assert_eq!(world.hub.zendesk.user(user).unwrap()["user_fields"]["job_title"], "Countess");
    assert_eq!(at_second(&world, &person).job_title, "Countess");
    let (engine, viewer) = (world.hub.engine.clone(), Viewer::system());
    let page = conflicts::list(&engine, &viewer, ConflictQuery::default()).await.unwrap();
    let shown = serde_json::to_value(&page.items).unwrap();
    let of_name: Vec<&Value> = shown.as_array().unwrap().iter().filter(|one| one["field"] == "last_name").collect();
    assert_eq!(of_name.len(), 1, "{shown}");
    let mut sides: Vec<&str> = of_name[0]["sides"].as_array().unwrap().iter().filter_map(|side| side["side"].as_str()).collect();
    sides.sort_unstable();
    assert_eq!(sides, [SALESFORCE, ZENDESK, SECOND], "{shown}");
    let id = page.items.iter().find(|one| one.field == "last_name").unwrap().id.clone();
    conflicts::resolve(&engine, &viewer, &id, Resolution { side: Some(SECOND.to_owned()), value: None }).await.unwrap();
    world.hub.run_for(POLLED_IN).await;
    assert_eq!(names(&world, &contact, (user, &person)), ["Second", "Second", "Second"], "{}", world.hub.backlog().await);
    let broken = world.judge().await;
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[tokio::test]
async fn three_systems_survive_a_crash_at_every_step() {
    let mut world = world(4).await;
    let contact = world.contacts[0].clone();
    let (user, person) = everywhere(&world, &contact);
    let edit = at_every_step(&mut world, HEALS_IN, |world| {
        let last = world.fresh("Desk");
        world.hub.zendesk.update_user(user, &fields(json!({ "name": format!("Ana {last}") })), world.hub.agent()).unwrap();
        world.note(Side::Desk, user, "last_name", last);
    })
    .await;
    // Its health goes to all three.
    let ticket = at_every_step(&mut world, HEALS_IN, |world| {
        let subject = world.fresh("Ticket");
        world.second().ask(&person, &subject);
    })
    .await;
    judged(world, &[("an edit at the first desk", edit), ("a ticket at the second", ticket)]).await;
}
