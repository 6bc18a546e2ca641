//! Reading: nothing is missed, and nothing is read for ever.

use std::collections::BTreeSet;

use entente_connect::connector::Priority;

use super::trial::Trial;
use crate::stage::rows::read_on;

pub async fn a_read_misses_nothing_that_comes_or_changes_meanwhile(trial: Trial) {
    let rows = usize::try_from(trial.capabilities().page_rows).unwrap() * 2 + 30;
    let ids: Vec<String> = (0..rows).map(|n| trial.host.plant(&format!("Person {n}"), &format!("p{n}@read.example"))).collect();
    trial.pass(300);
    let read = trial.read(&[]);
    let first = trial.connector.page(&read, None, Priority::Backfill).await.unwrap();
    assert!(first.more && first.looks.len() <= usize::try_from(trial.capabilities().page_rows).unwrap(), "{}", first.looks.len());
    // Between two pages somebody comes, somebody who was read changes, and somebody who was not.
    let newcomer = trial.host.plant("Newcomer", "newcomer@read.example");
    trial.host.rename(&ids[0], "Renamed first");
    trial.host.rename(&ids[rows - 1], "Renamed last");
    trial.pass(5);
    let (rest, cursor) = read_on(trial.connector.as_ref(), &read, Some(first.next)).await;
    trial.pass(600);
    let (poll, _) = read_on(trial.connector.as_ref(), &read, Some(cursor)).await;
    let seen: BTreeSet<&str> = first.looks.iter().chain(&rest).map(|look| look.id.as_str()).collect();
    let missed: Vec<&String> = ids.iter().filter(|id| !seen.contains(id.as_str())).collect();
    assert!(missed.is_empty(), "{} of {rows} are missed", missed.len());
    let all = || first.looks.iter().chain(&rest).chain(&poll);
    assert!(all().any(|look| look.id == newcomer), "who came meanwhile is seen, by the next poll at the latest");
    for (id, name) in [(&ids[0], "Renamed first"), (&ids[rows - 1], "Renamed last")] {
        let last = all().rfind(|look| look.id == **id).unwrap();
        assert_eq!(last.row[trial.names().name], name, "the newest look is of the newest name");
    }
    // Fields that need no further call are in every look.
    assert!(all().filter(|look| look.complete).all(|look| look.row.contains_key(trial.names().email)));
}

pub async fn twelve_thousand_changes_of_one_instant_are_each_read_once(trial: Trial) {
    const CHANGES: usize = 12_000;
    let read = trial.read(&[]);
    let present = trial.connector.present(&read).await.unwrap();
    trial.pass(300);
    let ids: BTreeSet<String> =
        (0..CHANGES).map(|n| trial.host.plant(&format!("Person {n}"), &format!("p{n}@instant.example"))).collect();
    trial.pass(300);
    let (looks, cursor) = read_on(trial.connector.as_ref(), &read, Some(present)).await;
    let seen: Vec<&String> = looks.iter().map(|look| &look.id).filter(|id| ids.contains(*id)).collect();
    assert_eq!((seen.iter().collect::<BTreeSet<_>>().len(), seen.len()), (CHANGES, CHANGES), "distinct rows, and looks");
    // And then it is over.
    trial.pass(7_200);
    let (again, _) = read_on(trial.connector.as_ref(), &read, Some(cursor)).await;
    assert!(again.iter().all(|look| !ids.contains(&look.id)), "{} are read again", again.len());
}

pub async fn what_nobody_knows_yet_changes_nothing(trial: Trial) {
    let id = trial.host.plant("Ada", "ada@unknown.example");
    let before = trial.fetch(&[], &id).await;
    trial.line.grow();
    let after = trial.fetch(&[], &id).await;
    assert_eq!((&after.row, &after.version, after.complete), (&before.row, &before.version, before.complete));
    let (all, _) = read_on(trial.connector.as_ref(), &trial.read(&[]), None).await;
    assert!(all.iter().any(|look| look.id == id));
    let made = trial.write(&[trial.newcomer("con_unknown", "Ben", "ben@unknown.example")]).await.remove(0).unwrap();
    trial.write(&[trial.rename(&made.id, "Benno")]).await.remove(0).unwrap();
    assert_eq!(trial.fetch(&[], &made.id).await.row[trial.names().name], "Benno");
}
