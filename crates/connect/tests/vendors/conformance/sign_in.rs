//! Access that ends.

use entente_connect::connector::Priority;
use entente_connect::error::Class;
use entente_sims::faults::Fault;

use super::trial::Trial;
use crate::stage::line::Interjection;
use crate::stage::rows::read_on;

pub async fn access_that_ends_between_two_pages_is_renewed_or_a_person_is_asked_for(trial: Trial) {
    let rows = usize::try_from(trial.capabilities().page_rows).unwrap() + 30;
    let ids: Vec<String> = (0..rows).map(|n| trial.host.plant(&format!("Person {n}"), &format!("p{n}@page.example"))).collect();
    trial.pass(300);
    let read = trial.read(&[]);
    let first = trial.connector.page(&read, None, Priority::Backfill).await.unwrap();
    assert!(first.more);
    if !trial.connector.spec().renews_access {
        let refusal = Interjection {
            status: 401,
            header: None,
            body: r#"{"type":"error.list","errors":[{"code":"unauthorized","message":"Access Token Invalid"}]}"#,
        };
        trial.line.interject(refusal);
        let refused = trial.connector.page(&read, Some(&first.next), Priority::Backfill).await.unwrap_err();
        assert_eq!(refused.class, Class::Reauthenticate, "{refused}");
        assert!(!refused.advice.is_empty());
        return;
    }
    trial.host.end_sessions();
    let (rest, _) = read_on(trial.connector.as_ref(), &read, Some(first.next)).await;
    let seen: Vec<&str> =
        first.looks.iter().chain(&rest).map(|look| look.id.as_str()).filter(|id| ids.iter().any(|known| known == id)).collect();
    assert_eq!(seen.len(), rows, "each is read once, the page during which access ended included");
    // The platform may also say so in the midst of a write, which then happens once.
    trial.faults.order([Fault::ExpiredSession]);
    let before = trial.host.count();
    trial.write(&[trial.newcomer("con_page", "Ada", "ada@page.example")]).await.remove(0).unwrap();
    assert_eq!(trial.host.count(), before + 1);
}

pub async fn two_workers_renew_access_side_by_side(trial: Trial) {
    let id = trial.host.plant("Ada", "ada@workers.example");
    let (one, other) = (&trial.connector, trial.beside());
    let read = trial.read(&[]);
    let ids = [id.clone()];
    for _ in 0..5 {
        // Both hold the same token, and it ends.
        one.fetch(&read, &ids, Priority::Update).await.unwrap();
        other.fetch(&read, &ids, Priority::Update).await.unwrap();
        if trial.connector.spec().renews_access {
            trial.host.end_sessions();
        }
        let asked = || [one, &other].map(|worker| worker.counts().by_kind.get("token").copied().unwrap_or(0)).iter().sum::<u64>();
        let before = asked();
        let (a, b) = tokio::join!(one.fetch(&read, &ids, Priority::Update), other.fetch(&read, &ids, Priority::Update));
        assert_eq!((&a.unwrap()[0].id, &b.unwrap()[0].id), (&id, &id));
        let renewed = asked() - before;
        match (trial.connector.spec().renews_access, trial.rotates()) {
            (false, _) => assert_eq!(renewed, 0),
            (true, true) => {
                assert_eq!(renewed, 1, "one of them renews it, for both: a second use of what it is renewed with would be fatal")
            }
            (true, false) => assert!((1..=2).contains(&renewed), "{renewed}"),
        }
        trial.pass(60);
    }
}
