//! Every CRM of the registry beside every support desk of it: the same year of the same customers, told of each pair on a virtual clock.
//!
//! A platform joins with a file here and its line in [`side::start`].

mod described;
pub mod dynamics;
mod freshdesk;
pub mod hubspot;
mod intercom;
pub mod pair;
mod pipedrive;
mod salesforce;
pub mod side;
mod story;
mod zendesk;

use std::panic;
use std::thread;

use entente_connect::capability::Found;
use entente_connect::registry;
use entente_connect::spec::Spec;
use entente_model::mapping::Role;

/// Platforms of a part, but for those that were only begun and say that they can do nothing.
fn of_role(role: Role) -> Vec<&'static str> {
    let able = |spec: &&Spec| spec.objects.iter().any(|object| object.changes != Found::NEVER);
    registry::ALL.iter().map(|platform| platform.spec).filter(|spec| spec.role == role).filter(able).map(|spec| spec.key).collect()
}

/// Tells the story of one pair; why it does not hold.
fn told(crm: &'static str, desk: &'static str) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let story = panic::AssertUnwindSafe(|| runtime.block_on(story::the_main_flows(crm, desk)));
    panic::catch_unwind(story).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned().or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        format!("{crm} beside {desk}: {}", text.unwrap_or_default())
    })
}

#[test]
fn every_crm_beside_every_desk_comes_to_agree() {
    let (crms, desks) = (of_role(Role::Crm), of_role(Role::Support));
    for (known, all) in
        [(&crms, &["salesforce", "hubspot", "pipedrive", "dynamics"][..]), (&desks, &["zendesk", "freshdesk", "intercom"][..])]
    {
        assert!(all.iter().all(|name| known.contains(name)), "{known:?} lacks one of {all:?}");
    }
    // A thread for each CRM, so that the cores are used; the pairs of one follow each other.
    let failures: Vec<String> = thread::scope(|scope| {
        let threads: Vec<_> = crms
            .into_iter()
            .map(|crm| {
                let desks = &desks;
                scope.spawn(move || desks.iter().filter_map(|desk| told(crm, desk).err()).collect::<Vec<_>>())
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
