//! A crash at every step: each thing that can happen to a customer is done again and again, and the process dies at the first step of the
//! work that it causes, at the second, the third, until the work ends before the crash comes. A step is a call about to leave, an answer
//! just in, a commit before and after it is durable.

use entente_engine::flaws::Flaws;
use entente_engine::records::conflicts::{self, ConflictQuery, Resolution};
use entente_sims::faults::DeliveryFault;
use entente_store::Viewer;
use serde_json::json;

use crate::hub::{SALESFORCE, fields, seed_customer};
use crate::world::{Deal, Nature, Side, World, text};

/// Steps of one thing at most: it would be no longer one thing.
const STEPS_MAX: i64 = 400;
/// Contacts that are there to be merged and deleted.
const SPARE: usize = 600;
/// Minutes in which a crash heals: leases run out after one.
const HEALS_IN: i64 = 3;
/// Minutes until the next poll has come for certain.
const POLLED_IN: i64 = 16;

/// A world in which nothing goes wrong by itself.
pub const QUIET: Nature = Nature {
    loses_mail: false,
    faults: false,
    departures: false,
    schema: false,
    quota: false,
    lag: false,
    clocks: (0, 0),
    erasures: false,
    ticket_activities: false,
    second_desk: None,
};

/// Does `act` with a crash at step 1, 2, 3, … of what follows within `minutes`, until no crash comes any more. Answers how many steps
/// there were.
pub async fn at_every_step(world: &mut World, minutes: i64, mut act: impl FnMut(&mut World)) -> i64 {
    for step in 1..=STEPS_MAX {
        let crashes = world.hub.crashes;
        act(world);
        world.hub.fuse.set(step);
        world.hub.run_for(minutes).await;
        world.hub.fuse.set(0);
        if world.hub.crashes == crashes {
            return step - 1;
        }
        assert!(!world.hub.livelock, "no rest after a crash at step {step}: {}", world.hub.backlog().await);
    }
    panic!("more than {STEPS_MAX} steps");
}

/// A world without faults whose first sync is done.
async fn world() -> World {
    let mut world = World::with(1, QUIET, Flaws::none()).await;
    world.hub.run_for(40).await;
    world
}

/// Judges everything, and that there were crashes enough.
pub async fn judged(mut world: World, steps: &[(&str, i64)]) {
    println!("{steps:?}");
    for (what, count) in steps {
        assert!(*count >= 4, "{what}: {count} steps are too few to be the whole way");
    }
    let broken = world.judge().await;
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// A new customer with one contact.
fn customer(world: &mut World) -> (String, String) {
    let (company, last) = (world.fresh("Firm"), world.fresh("Newcomer"));
    let (account, people) = seed_customer(&world.hub, &company, &[("Nina", &last, &format!("{}@firm.example", last.to_lowercase()))]);
    world.accounts.push(account.clone());
    world.contacts.extend(people.clone());
    (account, people[0].clone())
}

/// A linked user other than the ones before.
fn user_of(world: &World, contact: &str) -> u64 {
    let row = world.hub.salesforce.get("Contact", contact).unwrap();
    world.user_of(&row).unwrap_or_else(|| panic!("contact {contact} has no user"))
}

#[tokio::test]
async fn a_creation_survives_a_crash_at_every_step() {
    let mut world = world().await;
    let crm = at_every_step(&mut world, HEALS_IN, |world| drop(customer(world))).await;
    let desk = at_every_step(&mut world, HEALS_IN, |world| {
        let (organization, _) = world.organizations()[0].clone();
        let last = world.fresh("Caller");
        let user = json!({ "name": format!("Cleo {last}"), "email": format!("{}@call.example", last.to_lowercase()), "organization_id": organization });
        let user = world.hub.zendesk.create_user(&fields(user), world.hub.agent()).unwrap();
        world.note(Side::Desk, user, "last_name", last);
    })
    .await;
    let won = at_every_step(&mut world, HEALS_IN, |world| {
        let (name, rep) = (world.fresh("Prospect"), world.hub.rep());
        let insert = |object: &str, row| world.hub.salesforce.insert(object, &fields(row), &rep).unwrap();
        let account = insert("Account", json!({ "Name": name, "Type": "Prospect" }));
        let email = format!("nell@{}.example", name.to_lowercase());
        let contact = insert("Contact", json!({ "FirstName": "Nell", "LastName": "Newby", "Email": email, "AccountId": account }));
        let opportunity =
            insert("Opportunity", json!({ "Name": name, "AccountId": account, "StageName": "Closed Won", "CloseDate": "2026-02-01" }));
        world.deals.push(Deal { name, account, contact, opportunity, won: true });
    })
    .await;
    judged(world, &[("a customer of the CRM", crm), ("a person at the desk", desk), ("a won deal", won)]).await;
}

#[tokio::test]
async fn an_update_survives_a_crash_at_every_step() {
    let mut world = world().await;
    let contact = world.contacts[0].clone();
    let account = world.accounts[0].clone();
    let user = user_of(&world, &contact);
    let organization = text(&world.hub.salesforce.get("Account", &account).unwrap(), "Support_Id__c").parse().unwrap();
    let rename = |world: &mut World| {
        let last = world.fresh("Name");
        world.hub.salesforce.update("Contact", &contact, &fields(json!({ "LastName": last })), &world.hub.rep()).unwrap();
        world.note(Side::Crm, &contact, "last_name", last);
    };
    let crm = at_every_step(&mut world, HEALS_IN, |world| {
        rename(world);
        let plan = world.fresh("Plan");
        world.hub.salesforce.update("Account", &account, &fields(json!({ "Plan__c": plan })), &world.hub.rep()).unwrap();
        world.note(Side::Crm, &account, "plan", plan);
    })
    .await;
    let desk = at_every_step(&mut world, HEALS_IN, |world| {
        let (last, status) = (world.fresh("Desk"), world.fresh("Status"));
        world.hub.zendesk.update_user(user, &fields(json!({ "name": format!("Ana {last}") })), world.hub.agent()).unwrap();
        world.note(Side::Desk, user, "last_name", last);
        let edit = json!({ "organization_fields": { "account_status": status } });
        world.hub.zendesk.update_organization(organization, &fields(edit), world.hub.agent()).unwrap();
        world.note(Side::Desk, organization, "status", status);
    })
    .await;
    // The owner's field is put back, whenever the process dies on the way.
    let drift = at_every_step(&mut world, HEALS_IN, |world| {
        let edit = json!({ "organization_fields": { "plan": world.fresh("Wrong") } });
        world.hub.zendesk.update_organization(organization, &fields(edit), world.hub.agent()).unwrap();
    })
    .await;
    // Nobody tells of these edits but the next poll.
    world.hub.crm_faults.set_deliveries(DeliveryFault::Lost, 1_000);
    let polled = at_every_step(&mut world, POLLED_IN, rename).await;
    world.hub.crm_faults.clear();
    judged(world, &[("the CRM", crm), ("the desk", desk), ("drift", drift), ("a poll", polled)]).await;
}

#[tokio::test]
async fn a_conflict_and_a_ticket_survive_a_crash_at_every_step() {
    let mut world = world().await;
    let contact = world.contacts[1].clone();
    let user = user_of(&world, &contact);
    let (mut crashed, mut decided) = (0, 0);
    // Nobody's change of contact data outranks the other's, and both come within a second: a person decides, here before the next conflict.
    let nobody = world.hub.salesforce.users().automation;
    loop {
        let (ours, theirs) = (world.fresh("Ours"), world.fresh("Theirs"));
        world.hub.salesforce.update("Contact", &contact, &fields(json!({ "LastName": ours })), &nobody).unwrap();
        world.hub.zendesk.update_user(user, &fields(json!({ "name": format!("Alan {theirs}") })), world.hub.agent()).unwrap();
        world.note(Side::Crm, &contact, "last_name", ours.clone());
        world.note(Side::Desk, user, "last_name", theirs);
        let crashes = world.hub.crashes;
        world.hub.fuse.set(crashed + 1);
        world.hub.run_for(HEALS_IN).await;
        world.hub.fuse.set(0);
        // A webhook that met a dead process comes again a minute later: by then the other side's value may stand everywhere, and this one
        // is in the ledger as the one that lost.
        let (engine, viewer) = (world.hub.engine.clone(), Viewer::system());
        let page = conflicts::list(&engine, &viewer, ConflictQuery::default()).await.unwrap();
        if let Some(conflict) = page.items.first() {
            decided += 1;
            let side = Resolution { side: Some(SALESFORCE.to_owned()), value: None };
            conflicts::resolve(&engine, &viewer, &conflict.id, side).await.unwrap();
            world.hub.run_for(1).await;
        }
        let name = text(&world.hub.zendesk.user(user).unwrap(), "name");
        assert!(name.ends_with(&ours), "the decision reached the desk: {name} and {ours}; {}", world.hub.backlog().await);
        if world.hub.crashes == crashes {
            break;
        }
        // The agent's webhook may have met the dead process.
        if let Some(theirs) = world.entered.last_mut() {
            theirs.unannounced = true;
        }
        crashed += 1;
    }
    assert!(decided > crashed / 2, "{decided} conflicts of {crashed} waited for a person");
    let ticket = at_every_step(&mut world, HEALS_IN, |world| {
        let ticket = json!({ "subject": world.fresh("Ticket"), "requester_id": user, "priority": "high", "comment": { "body": "Help" } });
        world.hub.zendesk.create_ticket(&fields(ticket), user).unwrap();
    })
    .await;
    let solved = at_every_step(&mut world, HEALS_IN, |world| {
        // Solving may have more steps than asking had, and so need more tickets.
        let open = world.tickets().into_iter().find(|(_, ticket)| text(ticket, "status") != "solved").map(|(id, _)| id);
        let open = open.unwrap_or_else(|| {
            let ticket = json!({ "subject": world.fresh("Ticket"), "requester_id": user, "comment": { "body": "Help" } });
            world.hub.zendesk.create_ticket(&fields(ticket), user).unwrap()
        });
        world.hub.zendesk.solve(open, world.hub.agent()).unwrap();
    })
    .await;
    judged(world, &[("a conflict", crashed), ("a ticket", ticket), ("a solved ticket", solved)]).await;
}

#[tokio::test]
async fn a_departure_survives_a_crash_at_every_step() {
    let mut world = world().await;
    // Each step needs rows of its own; they are made before any crash.
    let account = world.accounts[0].clone();
    let mut spare: Vec<String> = Vec::new();
    for number in 0..SPARE {
        let (last, email) = (format!("Spare{number}"), format!("spare{number}@acme.example"));
        let contact = json!({ "FirstName": "Sam", "LastName": last, "Email": email, "AccountId": account });
        spare.push(world.hub.salesforce.insert("Contact", &fields(contact), &world.hub.rep()).unwrap());
    }
    world.contacts.extend(spare.clone());
    world.hub.run_for(20).await;
    let mut next = move |world: &mut World| {
        let contact = spare.pop().expect("more customers are needed");
        (user_of(world, &contact), contact)
    };
    // Of rows that are gone, the CRM tells polls alone.
    let merged_crm = at_every_step(&mut world, POLLED_IN, |world| {
        let ((_, stays), (_, goes)) = (next(world), next(world));
        world.hub.salesforce.merge("Contact", &stays, &[&goes], &world.hub.rep()).unwrap();
        world.contacts.retain(|id| *id != goes);
        world.departed.merged_contacts.push((goes, stays));
    })
    .await;
    let merged_desk = at_every_step(&mut world, HEALS_IN, |world| {
        let ((stays, _), (goes, _)) = (next(world), next(world));
        world.hub.zendesk.merge_users(goes, stays, world.hub.agent()).unwrap();
        world.departed.merged_users.push((goes, stays));
    })
    .await;
    let deleted_crm = at_every_step(&mut world, POLLED_IN, |world| {
        let (_, contact) = next(world);
        world.hub.salesforce.delete("Contact", &contact, &world.hub.rep()).unwrap();
        world.contacts.retain(|id| *id != contact);
        world.departed.contacts.insert(contact);
    })
    .await;
    let deleted_desk = at_every_step(&mut world, HEALS_IN, |world| {
        let (user, _) = next(world);
        world.hub.zendesk.delete_user(user, world.hub.agent()).unwrap();
        world.departed.users.insert(user);
    })
    .await;
    let steps = [
        ("merged in the CRM", merged_crm),
        ("merged at the desk", merged_desk),
        ("deleted in the CRM", deleted_crm),
        ("deleted at the desk", deleted_desk),
    ];
    judged(world, &steps).await;
}
