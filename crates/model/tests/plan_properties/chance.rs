//! Worlds and lives drawn by chance.

use entente_model::actor::Actor;
use entente_model::mapping::{Owner, Role};
use entente_model::plan::policy::{FieldPolicy, Kind, Merge};
use proptest::prelude::*;

use super::world::{CRM, DESK, FIELDS, Fate, Step, World, value};

pub(crate) fn actor() -> impl Strategy<Value = Actor> {
    let rare = prop::sample::select(vec![Actor::Customer, Actor::Automation, Actor::Us, Actor::Person, Actor::Unknown]);
    prop_oneof![1 => Just(Actor::Sales), 1 => Just(Actor::Support), 2 => rare]
}

/// Around the window of the simultaneous rule, and far beyond it.
fn wait() -> impl Strategy<Value = i64> {
    prop_oneof![0..10_000_i64, Just(4_999), Just(5_000), 60_000..90_000_i64]
}

fn policies() -> impl Strategy<Value = Vec<FieldPolicy>> {
    let owner = prop_oneof![1 => Just(Owner::Crm), 1 => Just(Owner::Support), 1 => Just(Owner::Native), 5 => Just(Owner::Shared)];
    let kind = prop::sample::select(vec![Kind::Contact, Kind::Status, Kind::Other]);
    let merge = prop_oneof![2 => Just(Merge::Scalar), 1 => Just(Merge::Set)];
    prop::collection::vec((owner, kind, merge), FIELDS.len()).prop_map(|drawn| {
        let name = |(field, (owner, kind, merge)): (&&str, _)| FieldPolicy { kind, merge, ..FieldPolicy::new(*field, owner) };
        FIELDS.iter().zip(drawn).map(name).collect()
    })
}

/// A CRM, a support desk, and sometimes one more of either, all in agreement with the record.
pub(crate) fn agreed_world() -> impl Strategy<Value = World> {
    let third = prop::option::of(prop::sample::select(vec![("crm2", Role::Crm), ("desk2", Role::Support)]));
    (policies(), third, any::<[u8; 3]>()).prop_map(|(policy, third, picks)| {
        let values = policy.iter().zip(picks).map(|(policy, pick)| (policy.field.clone(), value(policy, pick))).collect();
        let sides: Vec<_> = [CRM, DESK].into_iter().chain(third).collect();
        World::agreed(policy, &values, &sides)
    })
}

/// A world in which a side may be new (nothing was ever agreed with it, and it has values of its own) and fields may be read-only.
pub(crate) fn any_world() -> impl Strategy<Value = World> {
    let new = prop::option::weighted(0.3, any::<[u8; 3]>());
    let read_only = prop_oneof![3 => Just(0_u8), 1 => 0..8_u8];
    (agreed_world(), prop::collection::vec((new, read_only), 3)).prop_map(|(mut world, drawn)| {
        for (side, (new, read_only)) in world.sides.iter_mut().zip(drawn) {
            if let Some(picks) = new {
                side.base.clear();
                side.values = world.policy.iter().zip(picks).map(|(policy, pick)| (policy.field.clone(), value(policy, pick))).collect();
            }
            side.writable.retain(|field| FIELDS.iter().position(|known| known == field).is_some_and(|bit| read_only >> bit & 1 == 0));
        }
        world
    })
}

pub(crate) fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![3 => Just(Fate::Lands), 1 => Just(Fate::Unheard), 1 => Just(Fate::Fails), 1 => (0..8_u8).prop_map(Fate::Partly)]
}

pub(crate) fn edit() -> impl Strategy<Value = Step> {
    let timed = prop::bool::weighted(0.8);
    // One field is everybody's darling, so that people meet there.
    let field = prop_oneof![2 => Just(0_usize), 1 => 0..FIELDS.len()];
    (0..3_usize, field, any::<u8>(), actor(), wait(), timed).prop_map(|(side, field, pick, by, wait, timed)| Step::Edit {
        side,
        field,
        pick,
        by,
        wait,
        timed,
    })
}

fn look() -> impl Strategy<Value = Step> {
    let blind = prop_oneof![3 => Just(0_u16), 1 => 0..512_u16];
    ([fate(), fate(), fate()], blind).prop_map(|(fates, blind)| Step::Look { fates, blind })
}

/// What happens to a record in its days.
pub(crate) fn days() -> impl Strategy<Value = Vec<Step>> {
    let edit_here = (0..FIELDS.len(), any::<u8>(), wait()).prop_map(|(field, pick, wait)| Step::EditHere { field, pick, wait });
    let decide = (0..FIELDS.len(), any::<u8>()).prop_map(|(field, pick)| Step::Decide { field, pick });
    prop::collection::vec(prop_oneof![6 => edit(), 1 => edit_here, 3 => look(), 1 => decide], 0..16)
}

/// A world after some days of edits, looks and failures.
pub(crate) fn lived_in(world: impl Strategy<Value = World>) -> impl Strategy<Value = World> {
    (world, days()).prop_map(|(mut world, days)| {
        world.run(&days);
        world
    })
}
