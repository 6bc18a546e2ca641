//! Writing: nobody twice, nothing overwritten, and each row answers for itself.

use std::sync::Arc;

use entente_connect::connector::Priority;
use entente_connect::error::Class;
use entente_connect::look::Existence;
use entente_connect::write::Write;
use entente_model::mapping::remote::RemoteKind;
use serde_json::json;

use super::trial::{Trial, field};
use crate::stage::rows::{delete, update};

/// The id of a contact that is made now.
fn key(trial: &Trial, serial: u32) -> String {
    super::objects::key(trial, "con", serial)
}

pub async fn a_creation_that_is_repeated_makes_no_twin(trial: Trial) {
    assert!(trial.capabilities().key.is_some());
    let before = trial.host.count();
    let newcomer = trial.newcomer(&key(&trial, 1), "Ada", "ada@twice.example");
    let first = trial.write(std::slice::from_ref(&newcomer)).await.remove(0).unwrap();
    assert_ne!(first.created, Some(false));
    trial.pass(30);
    let second = trial.write(std::slice::from_ref(&newcomer)).await.remove(0).unwrap();
    // A process that knows nothing of the first attempt.
    let other = trial.beside();
    let third = other.write(&trial.target(), &[newcomer], Priority::Update).await.unwrap().remove(0).unwrap();
    assert_eq!((&second.id, &third.id, trial.host.count()), (&first.id, &first.id, before + 1));
    assert_ne!(second.created, Some(true));
}

pub async fn a_creation_that_landed_unheard_makes_no_twin(trial: Trial) {
    // What comes along with the first write is known from here on.
    trial.write(&[trial.newcomer(&key(&trial, 1), "Ada", "ada@unheard.example")]).await.remove(0).unwrap();
    let before = trial.host.count();
    let host = Arc::clone(&trial.host);
    trial.line.lose_creation(move || host.count());
    let newcomer = trial.newcomer(&key(&trial, 2), "Ben", "ben@unheard.example");
    let unheard = trial.write(std::slice::from_ref(&newcomer)).await.remove(0);
    assert_eq!(trial.host.count(), before + 1, "it landed");
    let refusal = unheard.unwrap_err();
    assert_eq!(refusal.class, Class::Retry, "{refusal:?}");
    for connector in [Arc::clone(&trial.connector), trial.beside()] {
        trial.pass(60);
        let again = connector.write(&trial.target(), std::slice::from_ref(&newcomer), Priority::Update).await.unwrap().remove(0).unwrap();
        assert_eq!((again.created, trial.host.count()), (Some(false), before + 1));
        assert!(trial.host.shown(&again.id).to_string().contains("Ben"));
    }
}

pub async fn every_row_of_a_batch_has_its_own_fate(trial: Trial) {
    let ids: Vec<String> = (0..3).map(|n| trial.host.plant(&format!("Person {n}"), &format!("p{n}@batch.example"))).collect();
    trial.host.delete(&ids[1]);
    trial.pass(5);
    let writes: Vec<Write> = ids.iter().enumerate().map(|(n, id)| trial.rename(id, &format!("Renamed {n}"))).collect();
    let outcomes = trial.write(&writes).await;
    assert_eq!((&outcomes[0].as_ref().unwrap().id, &outcomes[2].as_ref().unwrap().id), (&ids[0], &ids[2]));
    let gone = outcomes[1].as_ref().unwrap_err();
    assert_eq!(gone.class, Class::LookAgain, "{gone:?}");
    for n in [0, 2] {
        assert!(trial.host.shown(&ids[n]).to_string().contains(&format!("Renamed {n}")));
    }
    // The same with rows that are new, one of which nobody can reach.
    let writes: Vec<Write> = ["a@batch.example", "nobody at all", "c@batch.example"]
        .iter()
        .zip(10..)
        .map(|(email, serial)| trial.newcomer(&key(&trial, serial), &format!("New {serial}"), email))
        .collect();
    let before = trial.host.count();
    let outcomes = trial.write(&writes).await;
    let refused = outcomes[1].as_ref().unwrap_err();
    assert_eq!(refused.class, Class::Data, "{refused:?}");
    assert!(!format!("{refused}").contains("nobody at all"), "values stay out of errors: {refused}");
    for n in [0, 2] {
        let made = outcomes[n].as_ref().unwrap();
        assert!(trial.host.shown(&made.id).to_string().contains(&format!("New {}", n + 10)));
    }
    assert_eq!(trial.host.count(), before + 2);
}

pub async fn a_row_that_moved_on_is_not_overwritten_or_the_platform_is_said_to_be_unable(trial: Trial) {
    let id = trial.host.plant("Ada", "ada@moved.example");
    trial.pass(10);
    let look = trial.fetch(&[], &id).await;
    assert!(look.version.is_some());
    trial.host.rename(&id, "Ada King");
    trial.pass(10);
    let stale = Write { expect: look.version, ..trial.rename(&id, "Ada Byron") };
    let refusal = trial.write(&[stale]).await.remove(0).unwrap_err();
    match trial.capabilities().concurrency {
        Some(_) => assert_eq!(refusal.class, Class::LookAgain, "{refusal:?}"),
        None => assert_eq!((refusal.class, refusal.code.as_str()), (Class::Configuration, "no_precondition"), "{refusal:?}"),
    }
    assert!(trial.host.shown(&id).to_string().contains("Ada King"));
    let fresh = trial.fetch(&[], &id).await.version.filter(|_| trial.capabilities().concurrency.is_some());
    trial.write(&[Write { expect: fresh, ..trial.rename(&id, "Ada Byron") }]).await.remove(0).unwrap();
    assert!(trial.host.shown(&id).to_string().contains("Ada Byron"));
}

pub async fn an_update_leaves_alone_what_it_does_not_name(trial: Trial) {
    trial.make(field(&trial.custom("plan"), RemoteKind::Text)).await.unwrap();
    let id = trial.host.plant("Ada", "ada@alone.example");
    assert_eq!(trial.keep(&id, "plan", json!("Pro")).await.unwrap(), "Pro");
    let before = trial.host.shown(&id);
    trial.write(&[trial.rename(&id, "Ada King")]).await.remove(0).unwrap();
    trial.write(&[update(&id, json!({trial.names().email: "countess@alone.example"}))]).await.remove(0).unwrap();
    let look = trial.fetch(&[&trial.custom("plan")], &id).await;
    let names = trial.names();
    assert_eq!(
        (&look.row[&trial.custom("plan")], &look.row[names.name], &look.row[names.email]),
        (&json!("Pro"), &json!("Ada King"), &json!("countess@alone.example"))
    );
    // Nothing that the platform held beside is gone.
    let after = trial.host.shown(&id);
    let lost: Vec<&String> = before.as_object().unwrap().keys().filter(|name| after.get(name.as_str()).is_none()).collect();
    assert!(lost.is_empty(), "{lost:?}");
}

pub async fn what_is_deleted_twice_is_deleted(trial: Trial) {
    let id = trial.host.plant("Ada", "ada@deleted.example");
    let before = trial.host.count();
    trial.write(&[delete(&id)]).await.remove(0).unwrap();
    assert_eq!(trial.host.count(), before - 1);
    assert_eq!(trial.fetch(&[], &id).await.existence, Existence::Deleted);
    if let Err(refusal) = trial.write(&[delete(&id)]).await.remove(0) {
        assert_eq!(refusal.class, Class::LookAgain, "{refusal:?}");
    }
}
