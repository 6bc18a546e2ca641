//! Deliberate mistakes that the worlds must catch: tests of the tests.

use entente_engine::flaws::Flaws;

use crate::worlds::run_worlds;

/// Worlds within which one has to notice.
const WORLDS: std::ops::Range<u64> = 1..31;

#[test]
fn an_echo_filter_by_time_is_caught() {
    let flaws = Flaws { echo_filter_by_time: true, ..Flaws::none() };
    assert!(!run_worlds(WORLDS, flaws).is_empty(), "no world noticed that real edits were taken for echoes");
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
