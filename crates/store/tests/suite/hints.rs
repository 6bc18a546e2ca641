//! Hints: coalescing, leases, generations.

use std::collections::{BTreeSet, HashSet};

use entente_store::{Claim, Hint, LANE_LAST, NewHint, Outcome, Settled, Settlement, Store};

use crate::house::{House, at, hint, story};

fn claim(owner: &str, now: i64) -> Claim {
    Claim {
        owner: owner.into(),
        now: at(now),
        window_ms: 500,
        lease_ms: 10_000,
        limit: 100,
        full: 1_000,
        only_full: false,
        shown: false,
        lanes: 0..=LANE_LAST,
    }
}

async fn give(store: &Store, hints: Vec<NewHint>) {
    store.write(move |tx| tx.hint(&hints)).await.unwrap();
}

async fn take(store: &Store, claim: Claim) -> Vec<Hint> {
    store.write(move |tx| tx.claim(&claim)).await.unwrap()
}

async fn end(store: &Store, owner: &'static str, now: i64, hint: &Hint, outcome: Outcome) -> Settlement {
    let settled = Settled { subject: hint.subject.clone(), generation: hint.generation, outcome };
    store.write(move |tx| tx.settle(owner, at(now), std::slice::from_ref(&settled))).await.unwrap()
}

fn subjects(hints: &[Hint]) -> Vec<&str> {
    hints.iter().map(|hint| hint.subject.as_str()).collect()
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(ToString::to_string).collect()
}

story! {
    async fn many_hints_of_one_record_become_one(house: &House) {
        let first = NewHint { fetch: names(&["crm"]), origin_at: Some(at(-50)), ..hint("a", 1_000) };
        let second = NewHint { fetch: names(&["desk"]), lane: 1, at: at(10), due_at: at(2_000), ..hint("a", 0) };
        let third = NewHint { lane: 3, cause: "poll".into(), origin_at: Some(at(-70)), at: at(20), due_at: at(700), ..hint("a", 0) };
        give(house, vec![first]).await;
        give(house, vec![second.clone(), third.clone()]).await;
        give(house, vec![third]).await;

        let taken = take(house, claim("w", 700)).await;
        assert_eq!(taken.len(), 1);
        let one = &taken[0];
        assert_eq!((one.lane, one.due_at, one.first_at, one.origin_at), (1, at(700), at(0), Some(at(-70))));
        assert_eq!(one.fetch, names(&["crm", "desk"]));
        assert_eq!(one.cause, "webhook");
    }
}

story! {
    async fn nothing_is_claimed_before_its_time_and_then_neighbours_come_along(house: &House) {
        give(house, vec![hint("a", 1_000), hint("b", 1_400), hint("c", 1_600)]).await;
        assert_eq!(take(house, claim("w", 999)).await, []);
        assert_eq!(house.read(|tx| tx.next_due()).await.unwrap(), Some(at(1_000)));
        assert_eq!(subjects(&take(house, claim("w", 1_000)).await), ["a", "b"]);
    }
}

story! {
    async fn enough_hints_go_without_waiting(house: &House) {
        give(house, vec![hint("a", 1_300), hint("b", 1_400), hint("c", 9_000)]).await;
        assert_eq!(subjects(&take(house, Claim { full: 2, ..claim("w", 1_000) }).await), ["a", "b"]);
    }
}

story! {
    async fn those_that_need_no_fetch_can_be_taken_alone(house: &House) {
        let asking = NewHint { fetch: names(&["desk"]), ..hint("asking", 0) };
        give(house, vec![hint("shown", 1_300), asking, hint("desk/user/7", 0), hint("later", 9_000)]).await;
        let shown = Claim { full: 1, shown: true, ..claim("w", 1_000) };
        assert_eq!(subjects(&take(house, shown.clone()).await), ["shown"]);
        assert_eq!(take(house, shown).await, []);
        assert_eq!(subjects(&take(house, claim("w", 1_000)).await), ["asking", "desk/user/7"]);
    }
}

story! {
    async fn the_urgent_go_first_and_lanes_can_be_left_alone(house: &House) {
        give(house, vec![
            NewHint { lane: 3, ..hint("backfill", 0) },
            NewHint { lane: 0, ..hint("person", 10) },
            NewHint { lane: 1, ..hint("update", 5) },
        ])
        .await;
        assert_eq!(subjects(&take(house, Claim { limit: 2, ..claim("w", 100) }).await), ["person", "update"]);
        assert_eq!(take(house, Claim { lanes: 0..=2, ..claim("w", 100) }).await, []);
        assert_eq!(subjects(&take(house, claim("w", 100)).await), ["backfill"]);
    }
}

story! {
    async fn every_hint_goes_to_one_worker_only(house: &House) {
        give(house, (0..200).map(|number| hint(&format!("s{number:03}"), 0)).collect()).await;
        let workers: Vec<_> = (0..8)
            .map(|worker| {
                let store = house.store.clone();
                tokio::spawn(async move {
                    let mut taken = Vec::new();
                    loop {
                        let some = take(&store, Claim { limit: 7, ..claim(&format!("w{worker}"), 100) }).await;
                        if some.is_empty() {
                            break taken;
                        }
                        taken.extend(some.into_iter().map(|hint| hint.subject));
                    }
                })
            })
            .collect();
        let mut all = Vec::new();
        for worker in workers {
            all.extend(worker.await.unwrap());
        }
        // A worker that met only locked rows may have left early, but nobody got the same hint twice.
        all.extend(take(house, claim("late", 100)).await.into_iter().map(|hint| hint.subject));
        assert_eq!(all.len(), 200);
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), 200);
    }
}

story! {
    async fn a_lease_that_ran_out_goes_to_the_next_and_the_first_has_lost_it(house: &House) {
        give(house, vec![NewHint { fetch: names(&["crm"]), ..hint("a", 0) }]).await;
        let first = take(house, claim("first", 0)).await.remove(0);
        assert_eq!(take(house, claim("second", 9_999)).await, []);
        assert_eq!(house.write(|tx| tx.heartbeat("first", &["a".into()], at(12_000))).await.unwrap(), ["a"]);
        assert_eq!(take(house, claim("second", 11_000)).await, []);

        let second = take(house, claim("second", 12_000)).await.remove(0);
        assert_eq!(second.fetch, names(&["crm"]), "what was to be fetched is still to be fetched");
        assert_eq!(end(house, "first", 12_001, &first, Outcome::Done).await.lost, ["a"]);
        assert!(house.write(|tx| tx.heartbeat("first", &["a".into()], at(50_000))).await.unwrap().is_empty());
        assert_eq!(end(house, "second", 12_002, &second, Outcome::Done).await.gone, 1);
        assert_eq!(house.read(|tx| tx.next_due()).await.unwrap(), None);
    }
}

story! {
    async fn a_hint_given_during_the_work_is_looked_at_again(house: &House) {
        for outcome in [Outcome::Done, Outcome::Dead] {
            give(house, vec![NewHint { fetch: names(&["crm"]), ..hint("a", 0) }]).await;
            let taken = take(house, claim("w", 0)).await.remove(0);
            give(house, vec![NewHint { fetch: names(&["desk"]), at: at(5), ..hint("a", 5_000) }]).await;
            assert_eq!(take(house, claim("other", 6_000)).await, [], "the lease holds");

            assert_eq!(end(house, "w", 100, &taken, outcome).await.again, ["a"]);
            let again = take(house, claim("w", 100)).await.remove(0);
            assert_eq!(again.fetch, names(&["desk"]), "only what is new is fetched");
            assert_eq!((again.first_at, again.attempts), (at(5), 0));
            assert_eq!(end(house, "w", 101, &again, Outcome::Done).await.gone, 1);
        }
    }
}

story! {
    async fn failures_wait_and_are_counted_and_urgency_cuts_the_wait_short(house: &House) {
        give(house, vec![hint("a", 0)]).await;
        let taken = take(house, claim("w", 0)).await.remove(0);
        end(house, "w", 0, &taken, Outcome::Retry { at: at(60_000), error: "503".into() }).await;
        // Another ordinary hint does not cut the wait short.
        give(house, vec![hint("a", 10)]).await;
        assert_eq!(take(house, claim("w", 59_999)).await, []);
        let counts = house.read(|tx| tx.hint_counts(at(59_999))).await.unwrap();
        assert_eq!((counts[&2].waiting, counts[&2].retrying, counts[&2].leased), (0, 1, 0));

        let taken = take(house, claim("w", 60_000)).await.remove(0);
        assert_eq!((taken.attempts, taken.last_error.as_deref()), (1, Some("503")));
        end(house, "w", 60_000, &taken, Outcome::Later { at: at(90_000) }).await;
        assert_eq!(house.read(|tx| tx.hint_of("a")).await.unwrap().unwrap().attempts, 1);

        give(house, vec![NewHint { lane: 0, cause: "user".into(), ..hint("a", 61_000) }]).await;
        let taken = take(house, claim("w", 61_000)).await.remove(0);
        assert_eq!(taken.lane, 0);
        assert_eq!(end(house, "w", 61_000, &taken, Outcome::Dead).await.gone, 1);
        assert_eq!(house.read(|tx| tx.hint_of("a")).await.unwrap(), None);
    }
}

story! {
    async fn news_do_not_wait_out_the_pause_after_a_failure(house: &House) {
        let told = |heard: i64| NewHint { lane: 1, is_news: true, at: at(heard), ..hint("a", heard + 500) };
        give(house, vec![told(10)]).await;
        let taken = take(house, claim("w", 510)).await.remove(0);
        let failed = |until: i64| Outcome::Retry { at: at(until), error: "503".into() };
        end(house, "w", 600, &taken, failed(60_600)).await;

        give(house, vec![NewHint { is_news: false, cause: "poll".into(), ..told(700) }]).await;
        assert_eq!(take(house, claim("w", 60_000)).await, [], "what was known before does not help");
        give(house, vec![told(5_050)]).await;
        assert_eq!(take(house, Claim { window_ms: 0, ..claim("w", 5_549) }).await, [], "it goes with what else is changed, as ever");
        let taken = take(house, claim("w", 5_550)).await.remove(0);
        assert_eq!((taken.attempts, taken.failures.len()), (0, 1), "the attempt that it brings forward is one more");

        // The same while a worker is at it that fails in the end.
        give(house, vec![told(5_650)]).await;
        end(house, "w", 5_700, &taken, failed(65_700)).await;
        let taken = take(house, claim("w", 5_701)).await.remove(0);
        assert_eq!((taken.attempts, taken.failures.len()), (0, 2));
        end(house, "w", 5_800, &taken, failed(65_800)).await;
        assert_eq!(take(house, claim("w", 65_799)).await, [], "nothing came in during that attempt");
        let taken = take(house, claim("w", 65_800)).await.remove(0);
        assert_eq!(taken.attempts, 1);

        // What is not its turn yet waits all the same, whatever it failed at before.
        give(house, vec![told(65_950)]).await;
        end(house, "w", 66_000, &taken, Outcome::Later { at: at(90_000) }).await;
        give(house, vec![told(70_000)]).await;
        assert_eq!(take(house, claim("w", 89_999)).await, []);
        assert_eq!(take(house, claim("w", 90_000)).await[0].attempts, 1);
    }
}

story! {
    async fn what_always_fails_runs_out_of_attempts_however_much_news_there_is(house: &House) {
        give(house, vec![hint("a", 0)]).await;
        let (mut now, mut tries) = (0, 0);
        // Whoever gives up after four attempts does.
        while tries < 100 {
            let taken = take(house, claim("w", now)).await.remove(0);
            tries += 1;
            if taken.attempts == 3 {
                break;
            }
            let heard = NewHint { is_news: true, at: at(now), ..hint("a", now) };
            if tries % 2 == 0 {
                give(house, vec![heard.clone()]).await;
            }
            end(house, "w", now, &taken, Outcome::Retry { at: at(now + 60_000), error: "500".into() }).await;
            now += 1_000;
            give(house, vec![NewHint { at: at(now), due_at: at(now), ..heard }]).await;
            if take_nothing(house, now).await {
                now += 60_000;
            }
        }
        assert_eq!(tries, 14, "ten are given back, and four were promised");
    }
}

/// Whether nothing can be claimed at an instant.
async fn take_nothing(store: &Store, now: i64) -> bool {
    let claim = claim("w", now);
    !store.read(move |tx| tx.has_claim(&claim)).await.unwrap()
}

story! {
    async fn what_the_engine_asks_for_itself_while_it_is_at_it_does_not_count_as_news(house: &House) {
        give(house, vec![NewHint { lane: 0, ..hint("a", 0) }]).await;
        let taken = take(house, claim("w", 0)).await.remove(0);
        give(house, vec![NewHint { lane: 0, fetch: names(&["crm"]), at: at(10), ..hint("a", 10) }]).await;
        end(house, "w", 20, &taken, Outcome::Retry { at: at(60_020), error: "503".into() }).await;
        assert!(take_nothing(house, 60_019).await, "it rests like any other");
        assert_eq!(take(house, claim("w", 60_020)).await[0].attempts, 1);
    }
}

story! {
    async fn a_lost_race_is_counted_apart_from_failures_and_urgency_gives_it_back(house: &House) {
        give(house, vec![hint("a", 0)]).await;
        let taken = take(house, claim("w", 0)).await.remove(0);
        assert!(taken.is_new());
        end(house, "w", 0, &taken, Outcome::Raced { at: at(4_000) }).await;
        assert_eq!(take(house, claim("w", 3_999)).await, []);
        let taken = take(house, claim("w", 4_000)).await.remove(0);
        assert_eq!((taken.races, taken.attempts, taken.failures.len(), taken.is_new()), (1, 0, 0, false));

        end(house, "w", 4_000, &taken, Outcome::Raced { at: at(12_000) }).await;
        give(house, vec![NewHint { lane: 0, ..hint("a", 5_000) }]).await;
        let taken = take(house, claim("w", 5_000)).await.remove(0);
        assert_eq!((taken.races, taken.attempts), (1, 0), "what was brought forward is one more");

        give(house, vec![hint("a", 5_001)]).await;
        assert_eq!(end(house, "w", 5_002, &taken, Outcome::Done).await.again, ["a"]);
        assert!(take(house, claim("w", 5_002)).await.remove(0).is_new());
    }
}

story! {
    async fn every_failed_attempt_is_kept_with_its_time_until_the_record_converges(house: &House) {
        give(house, vec![hint("a", 0)]).await;
        for number in 1..=25 {
            let taken = take(house, claim("w", number * 1_000)).await.remove(0);
            assert_eq!(taken.failures.len(), usize::try_from(number - 1).unwrap().min(20), "very many are not kept");
            let error = format!("failure {number}");
            end(house, "w", number * 1_000, &taken, Outcome::Retry { at: at(number * 1_000), error }).await;
        }
        let taken = take(house, claim("w", 30_000)).await.remove(0);
        let last = taken.failures.last().unwrap();
        assert_eq!((last.at, last.error.as_str()), (at(25_000), "failure 25"));
        assert_eq!(taken.failures[0].at, at(6_000));
        give(house, vec![NewHint { at: at(30_001), ..hint("a", 0) }]).await;
        end(house, "w", 30_002, &taken, Outcome::Done).await;
        assert_eq!(take(house, claim("w", 30_003)).await[0].failures, []);
    }
}

story! {
    async fn a_worker_is_told_which_records_it_still_holds(house: &House) {
        give(house, vec![hint("a", 0)]).await;
        take(house, claim("first", 0)).await;
        give(house, vec![hint("b", 0)]).await;
        take(house, claim("first", 100)).await;
        assert_eq!(subjects(&take(house, claim("second", 10_000)).await), ["a"]);
        let both = ["a".to_owned(), "b".to_owned()];
        let held = house.write(move |tx| Ok((tx.held("first", &both)?, tx.held("second", &both)?))).await.unwrap();
        assert_eq!(held, (names(&["b"]), names(&["a"])), "a lease that ran out and that nobody took is still held");
    }
}

story! {
    async fn a_worker_gives_back_what_it_holds(house: &House) {
        give(house, vec![hint("a", 0), hint("b", 0)]).await;
        assert_eq!(take(house, claim("w", 0)).await.len(), 2);
        assert_eq!(house.write(|tx| tx.release("w", at(1))).await.unwrap(), 2);
        assert_eq!(take(house, claim("other", 1)).await.len(), 2);
    }
}
