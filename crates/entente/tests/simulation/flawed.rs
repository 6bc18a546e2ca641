//! Deliberate mistakes that the worlds must catch: tests of the tests.

use entente_engine::flaws::Flaws;
use entente_sims::faults::Fault;
use serde_json::json;

use crate::hub::fields;
use crate::steps::QUIET;
use crate::world::{Nature, Side, World};
use crate::worlds::run_worlds;

/// Worlds within which one has to notice.
const WORLDS: std::ops::Range<u64> = 1..31;

/// An agent edits a user moments after a write of ours, and sales the same field a little later: the agent's value is in the ledger, if
/// anybody has looked.
async fn edits_after_our_writes(flaws: Flaws) -> Vec<String> {
    let mut world = World::with(1, QUIET, flaws).await;
    world.hub.run_for(40).await;
    let contact = world.contacts[0].clone();
    let user = world.user_of(&world.hub.salesforce.get("Contact", &contact).unwrap()).unwrap();
    for after_ms in [1_500, 2_000, 2_500, 3_000] {
        let (title, theirs, ours) = (world.fresh("Title"), world.fresh("Desk"), world.fresh("Name"));
        let (rep, agent) = (world.hub.rep(), world.hub.agent());
        world.hub.salesforce.update("Contact", &contact, &fields(json!({ "Title": title })), &rep).unwrap();
        world.hub.run_until(world.hub.now() + after_ms).await;
        world.hub.zendesk.update_user(user, &fields(json!({ "name": format!("Ana {theirs}") })), agent).unwrap();
        world.note(Side::Desk, user, "last_name", theirs);
        world.hub.run_until(world.hub.now() + 4_000).await;
        world.hub.salesforce.update("Contact", &contact, &fields(json!({ "LastName": ours })), &rep).unwrap();
        world.note(Side::Crm, &contact, "last_name", ours);
        world.hub.run_for(1).await;
    }
    world.judge().await
}

#[tokio::test]
async fn an_echo_filter_by_time_is_caught() {
    assert_eq!(edits_after_our_writes(Flaws::none()).await, [""; 0]);
    let broken = edits_after_our_writes(Flaws { echo_filter_by_time: true, ..Flaws::none() }).await;
    assert!(broken.iter().any(|what| what.starts_with("lost update")), "real edits were taken for echoes, and nobody noticed: {broken:?}");
}

#[test]
fn last_write_wins_on_the_whole_record_is_caught() {
    let flaws = Flaws { last_write_wins_record: true, ..Flaws::none() };
    assert!(!run_worlds(WORLDS, flaws).is_empty(), "no world noticed that whole records were overwritten");
}

#[test]
fn an_undo_that_an_owner_takes_back_is_caught() {
    let flaws = Flaws { undo_heeds_owners: true, ..Flaws::none() };
    // It shows where an undo meets what an owner has not been told yet: few worlds come to that, and the first that does ends the search.
    let caught = run_worlds(1..1 + crate::SEEDS, flaws);
    let told = |(_, broken): &(u64, Vec<String>)| broken.iter().any(|what| what.starts_with("undo: "));
    assert!(caught.iter().any(told), "no world noticed that what was undone came back by itself: {caught:?}");
}

/// A customer asks for help while the answers of the CRM get lost: whoever creates the task cannot know that it is there.
async fn creations_with_lost_answers(flaws: Flaws) -> Vec<String> {
    let mut world = World::with(1, QUIET, flaws).await;
    world.hub.run_for(40).await;
    let contact = world.contacts[0].clone();
    let user = world.user_of(&world.hub.salesforce.get("Contact", &contact).unwrap()).unwrap();
    world.hub.salesforce.faults().set_calls(Fault::TimeoutAfter, 1_000);
    let ticket = json!({ "subject": "Cannot sign in", "comment": { "body": "Help" }, "requester_id": user });
    world.hub.zendesk.create_ticket(&fields(ticket), user).unwrap();
    world.hub.run_for(3).await;
    world.hub.salesforce.faults().clear();
    world.hub.run_for(30).await;
    world.judge().await
}

#[tokio::test]
async fn creating_without_a_key_is_caught() {
    assert_eq!(creations_with_lost_answers(Flaws::none()).await, [""; 0]);
    let broken = creations_with_lost_answers(Flaws { create_without_key: true, ..Flaws::none() }).await;
    assert!(broken.iter().any(|what| what.starts_with("twins")), "a task was created twice, and nobody noticed: {broken:?}");
}

/// Sales edits a contact moments after a write of ours, and minutes later, but before any poll, the person asks to be forgotten.
async fn erased_before_a_poll(flaws: Flaws) -> Vec<String> {
    let mut world = World::with(1, Nature { erasures: true, ..QUIET }, flaws).await;
    // The next poll is a quarter of an hour away.
    world.hub.run_for(31).await;
    let contact = world.contacts[0].clone();
    let user = world.user_of(&world.hub.salesforce.get("Contact", &contact).unwrap()).unwrap();
    let (theirs, ours) = (world.fresh("Desk"), world.fresh("Title"));
    world.hub.zendesk.update_user(user, &fields(json!({ "name": format!("Ana {theirs}") })), world.hub.agent()).unwrap();
    world.hub.run_until(world.hub.now() + 5_000).await;
    assert_eq!(world.hub.salesforce.get("Contact", &contact).unwrap()["LastName"], theirs, "we have just written");
    world.hub.salesforce.update("Contact", &contact, &fields(json!({ "Title": ours })), &world.hub.rep()).unwrap();
    world.note(Side::Crm, &contact, "job_title", ours);
    world.hub.run_for(6).await;
    world.contacts = vec![contact];
    world.ask_to_be_forgotten();
    world.hub.run_for(40).await;
    let mut broken = Vec::new();
    world.judge_losses(&mut broken).await;
    broken
}

#[tokio::test]
async fn an_edit_that_the_engine_passed_over_is_caught_though_its_person_was_erased_since() {
    assert_eq!(erased_before_a_poll(Flaws::none()).await, [""; 0]);
    let broken = erased_before_a_poll(Flaws { echo_filter_by_time: true, ..Flaws::none() }).await;
    assert!(broken.len() == 1 && broken[0].starts_with("lost update"), "the erasure hid what was lost before it: {broken:?}");
}

#[tokio::test]
async fn an_edit_that_was_lost_before_its_person_was_erased_is_caught() {
    let mut world = World::with(1, Nature { erasures: true, ..QUIET }, Flaws::none()).await;
    world.hub.run_for(40).await;
    let (contact, title) = (world.contacts[0].clone(), world.fresh("Title"));
    world.hub.salesforce.update("Contact", &contact, &fields(json!({ "Title": title })), &world.hub.rep()).unwrap();
    world.note(Side::Crm, &contact, "job_title", title);
    world.hub.run_for(2).await;
    world.contacts = vec![contact];
    world.ask_to_be_forgotten();
    world.hub.run_for(40).await;
    let mut broken = Vec::new();
    world.judge_losses(&mut broken).await;
    assert_eq!(broken, [""; 0], "it was there before the erasure took it away");
    world.entered[0].value = "Never seen".to_owned();
    world.judge_losses(&mut broken).await;
    assert!(broken.len() == 1 && broken[0].starts_with("lost update"), "{broken:?}");
}
