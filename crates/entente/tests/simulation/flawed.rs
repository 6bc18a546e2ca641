//! Deliberate mistakes that the worlds must catch: tests of the tests.

use entente_engine::flaws::Flaws;
use serde_json::json;

use crate::hub::fields;
use crate::steps::QUIET;
use crate::world::{Side, World};
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
fn creating_without_a_key_is_caught() {
    let flaws = Flaws { create_without_key: true, ..Flaws::none() };
    assert!(!run_worlds(WORLDS, flaws).is_empty(), "no world noticed the twins");
}
