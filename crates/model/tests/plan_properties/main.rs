//! The promises of DESIGN §5, as far as the pure function `plan` can keep them: told as stories to a small world of vendors that
//! lose writes, land them without saying so, hide fields and do not know the time.
//!
//! `world` is that world, `chance` draws one, `open` lists what is not kept yet.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should say so at once")]

mod cascade;
mod chance;
mod merging;
mod open;
mod promises;
mod waiting;
mod world;

use std::collections::BTreeSet;

use entente_model::plan::Reason;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

/// Properties of dull worlds would hold for any planner: here everything that a plan can say is said.
#[test]
fn the_worlds_are_not_dull() {
    let (mut runner, lives) = (TestRunner::deterministic(), (chance::any_world(), chance::days()));
    let (mut reasons, mut kinds) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..500 {
        let (mut world, days) = lives.new_tree(&mut runner).unwrap().current();
        for plan in days.iter().filter_map(|step| world.step(step)) {
            reasons.extend(plan.changes.iter().map(|change| change.reason.name()));
            kinds.extend(plan.conflicts.iter().map(|one| if one.resolved.is_some() { "resolved" } else { "waiting" }));
            kinds.extend(plan.drift.iter().map(|_| "drift"));
            kinds.extend(plan.overwritten.iter().map(|_| "overwritten"));
            kinds.extend(plan.thawed.iter().map(|_| "thawed"));
            kinds.extend(plan.sides.values().filter(|side| !side.writes.is_empty()).map(|_| "writes"));
        }
    }
    let all = [
        Reason::Owner,
        Reason::OnlyChange,
        Reason::SameChange,
        Reason::SetMerge,
        Reason::SelfService,
        Reason::SalesContact,
        Reason::SupportStatus,
        Reason::Latest,
    ];
    assert_eq!(reasons, all.map(Reason::name).into());
    assert_eq!(kinds, ["resolved", "waiting", "drift", "overwritten", "thawed", "writes"].into());
}
