//! What waits for a person: dead letters, conflicts, reviews, notices, failures.

use entente_model::value::Value;
use entente_store::{
    Attempt, ConflictSide, ConflictState, DeadLetterFilter, DeadLetterState, NewConflict, NewDeadLetter, NewNotice, NewReview,
    NewSyncEvent, NoticeState, Resolution, ReviewState, StoreError, SyncStatus, Viewer,
};
use serde_json::json;

use super::house::{House, at, contact, story};

fn letter(number: u64, class: &str) -> NewDeadLetter {
    NewDeadLetter {
        subject: contact(number).to_string(),
        record: Some(contact(number)),
        connection: Some("crm".into()),
        object: "contact".into(),
        error_class: class.into(),
        error_code: "FIELD_CUSTOM_VALIDATION_EXCEPTION".into(),
        message: "the phone number is refused".into(),
        vendor_answer: "{}".into(),
        attempts: vec![Attempt { at: at(1), error: "400".into() }, Attempt { at: at(2), error: "400".into() }],
        advice: "correct the number".into(),
        first_at: at(1),
        died_at: at(2),
    }
}

story! {
    async fn a_dead_letter_keeps_every_attempt_until_it_is_closed(house: &House) {
        let ids = house.write(|tx| Ok([tx.bury(&letter(1, "validation"))?, tx.bury(&letter(2, "permission"))?])).await.unwrap();
        let found = house.read(move |tx| tx.dead_letter(&Viewer::system(), ids[0])).await.unwrap().unwrap();
        assert_eq!((found.letter, found.state), (letter(1, "validation"), DeadLetterState::Open));

        let filter = DeadLetterFilter { error_class: Some("permission".into()), ..DeadLetterFilter::default() };
        assert_eq!(house.read(move |tx| tx.dead_letters(&Viewer::system(), &filter, 10)).await.unwrap().len(), 1);
        let closed = house.write(move |tx| tx.close_dead_letters(&ids, DeadLetterState::Discarded, "not needed", at(9))).await.unwrap();
        assert_eq!(closed.len(), 2);
        assert!(house.write(move |tx| tx.close_dead_letters(&ids, DeadLetterState::Retried, "", at(9))).await.unwrap().is_empty());
        assert!(house.read(|tx| tx.dead_letter_counts()).await.unwrap().is_empty());
        assert_eq!(house.read(|tx| tx.dead_letters(&Viewer::system(), &DeadLetterFilter::default(), 10)).await.unwrap().len(), 2);
    }
}

story! {
    async fn one_dead_letter_is_open_per_subject(house: &House) {
        house.write(|tx| tx.bury(&letter(1, "validation"))).await.unwrap();
        house.write(|tx| tx.bury(&letter(1, "permission"))).await.unwrap();
        let counts = house.read(|tx| tx.dead_letter_counts()).await.unwrap();
        assert_eq!(counts.into_iter().collect::<Vec<_>>(), [("permission".to_owned(), 1)]);
        assert_eq!(house.write(|tx| tx.close_dead_letters_of(&[contact(1).to_string()], "converged", at(3))).await.unwrap(), 1);
    }
}

fn conflict(value: &str) -> NewConflict {
    let side = |side: &str, value: &str| ConflictSide {
        side: side.into(),
        value: Value::text(value),
        at: Some(at(1)),
        by: "sales".into(),
        who: None,
    };
    NewConflict {
        record: contact(1),
        object: "contact".into(),
        field: "phone".into(),
        base: Value::Null,
        sides: vec![side("crm", value), side("desk", "2")],
        suggested: Some(Value::text(value)),
        opened_at: at(1),
    }
}

story! {
    async fn a_field_has_one_waiting_conflict_and_it_is_decided_once(house: &House) {
        let first = house.write(|tx| tx.open_conflicts(&[conflict("1")])).await.unwrap()[0];
        let second = house.write(|tx| tx.open_conflicts(&[conflict("3")])).await.unwrap()[0];
        assert_eq!((first.1, second), (true, (first.0, false)));
        let waiting = house.read(|tx| tx.conflicts_of(&[contact(1)])).await.unwrap();
        assert_eq!(waiting[0].conflict, NewConflict { sides: [conflict("3").sides, vec![conflict("1").sides[0].clone()]].concat(), ..conflict("3") });
        assert_eq!(house.read(|tx| tx.conflict_counts()).await.unwrap()["contact"], 1);

        let decide = || {
            let decision = Resolution { value: Value::text("2"), by: "ada".into(), at: at(5), entry: Some(7) };
            house.write(move |tx| tx.resolve_conflict(first.0, &decision))
        };
        assert_eq!(decide().await.unwrap().resolution, Some(Value::text("2")));
        assert!(matches!(decide().await, Err(StoreError::Conflict { .. })));
        assert!(house.read(|tx| tx.conflicts_of(&[contact(1)])).await.unwrap().is_empty());
        let (id, new) = house.write(|tx| tx.open_conflicts(&[conflict("4")])).await.unwrap()[0];
        assert!(new && id != first.0);
        let resolved = house.read(|tx| tx.conflicts(&Viewer::system(), ConflictState::Resolved, 10, None)).await.unwrap();
        assert_eq!(resolved.len(), 1);
        assert_eq!(house.read(move |tx| tx.conflict(&Viewer::system(), id)).await.unwrap().unwrap().state, ConflictState::Waiting);
    }
}

story! {
    async fn what_the_latest_change_passed_over_is_flagged_until_somebody_has_looked_at_it(house: &House) {
        let decide = |record: u64, by: &'static str| async move {
            house
                .write(move |tx| {
                    let (id, _) = tx.open_conflicts(&[NewConflict { record: contact(record), ..conflict("1") }])?[0];
                    tx.resolve_conflict(id, &Resolution { value: Value::text("2"), by: by.into(), at: at(2), entry: None })
                })
                .await
                .unwrap()
        };
        let (first, second, other) = (decide(1, "rule latest").await, decide(2, "rule latest").await, decide(3, "rule self_service").await);
        assert!(first.is_flagged() && second.is_flagged() && !other.is_flagged() && !other.was_latest());
        let flagged = |limit, before| house.read(move |tx| tx.flagged_conflicts(&Viewer::system(), limit, before));
        assert_eq!(flagged(10, None).await.unwrap(), [second.clone(), first.clone()], "newest first, and what another rule decided is not flagged");
        assert_eq!(flagged(1, None).await.unwrap(), std::slice::from_ref(&second));
        assert_eq!(flagged(1, Some(second.id)).await.unwrap(), std::slice::from_ref(&first));
        assert_eq!(house.read(|tx| tx.flagged_count()).await.unwrap(), 2);

        let id = first.id;
        let looked = house.write(move |tx| tx.review_conflict(id, "ada", at(9), Some(7))).await.unwrap();
        assert_eq!((looked.reviewed_by.as_deref(), looked.reviewed_at, looked.reviewed_entry), (Some("ada"), Some(at(9)), Some(7)));
        assert!(looked.was_latest() && !looked.is_flagged() && looked.resolution == first.resolution, "what was decided stays on record");
        assert_eq!((flagged(10, None).await.unwrap(), house.read(|tx| tx.flagged_count()).await.unwrap()), (vec![second.clone()], 1));
        for again in [first.id, other.id, 4711] {
            let refused = house.write(move |tx| tx.review_conflict(again, "ada", at(9), None)).await;
            assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{again}");
        }
    }
}

story! {
    async fn a_person_is_asked_once_about_a_pair(house: &House) {
        let ask = |score: f64| NewReview {
            kind: "match".into(),
            record: contact(1),
            other: "desk/user/7".into(),
            object: "contact".into(),
            score,
            evidence: json!({ "email": "same domain" }),
            opened_at: at(1),
        };
        let first = house.write(move |tx| tx.open_review(&ask(0.5))).await.unwrap();
        let id = first.id;
        assert_eq!(house.read(|tx| tx.review_counts()).await.unwrap()["match"], 1);
        let decided = house.write(move |tx| tx.decide_review(id, ReviewState::Rejected, "ada", at(3))).await.unwrap().unwrap();
        assert_eq!(decided.decided_by.as_deref(), Some("ada"));
        assert_eq!(house.write(move |tx| tx.decide_review(id, ReviewState::Accepted, "bob", at(4))).await.unwrap(), None);
        let again = house.write(move |tx| tx.open_review(&ask(0.9))).await.unwrap();
        assert_eq!((again.id, again.state, again.review.score), (id, ReviewState::Rejected, 0.9));
        assert_eq!(house.read(|tx| tx.reviews_of(&["desk/user/7".into()])).await.unwrap(), [again]);
        assert_eq!(house.read(|tx| tx.reviewed_pairs("contact")).await.unwrap(), [(contact(1), "desk/user/7".to_owned())]);
        assert!(house.read(|tx| tx.reviewed_pairs("account")).await.unwrap().is_empty());
        assert!(house.read(|tx| tx.reviews(&Viewer::system(), ReviewState::Waiting, 10, None)).await.unwrap().is_empty());
        assert!(house.read(move |tx| tx.review(&Viewer::new("nobody", ""), id)).await.unwrap().is_none());
    }
}

story! {
    async fn a_notice_is_sent_by_one_sender_and_tried_again_later(house: &House) {
        let new = NewNotice {
            at: at(0),
            kind: "email".into(),
            recipient: "ops".into(),
            title: "A converge failed".into(),
            body: "…".into(),
            record: Some(contact(1)),
        };
        let id = house.write(move |tx| tx.notify(&new)).await.unwrap();
        let take = |now: i64| house.write(move |tx| tx.take_notices(at(now), at(now + 100), 10));
        assert_eq!(take(0).await.unwrap().len(), 1);
        assert!(take(50).await.unwrap().is_empty());
        house.write(move |tx| tx.notice_failed(id, "no route", Some(at(500)))).await.unwrap();
        assert!(take(499).await.unwrap().is_empty());
        let again = take(500).await.unwrap().remove(0);
        assert_eq!((again.attempts, again.error.as_deref()), (1, Some("no route")));
        house.write(move |tx| tx.notice_sent(id)).await.unwrap();
        assert!(take(9_000).await.unwrap().is_empty());
        assert_eq!(house.read(|tx| tx.notices(NoticeState::Sent, 10, None)).await.unwrap().len(), 1);
    }
}

story! {
    async fn the_list_of_failures_tells_what_became_of_each(house: &House) {
        let failure = |number: u64, status: SyncStatus, error: &str| NewSyncEvent {
            at: at(1),
            direction: "crm → desk".into(),
            subject: contact(number).to_string(),
            record: Some(contact(number)),
            object: "contact".into(),
            connection: (number == 1).then(|| "desk".into()),
            external_id: None,
            error: error.into(),
            status,
        };
        house
            .write(move |tx| {
                tx.sync_failed(&failure(1, SyncStatus::Failing, "503"))?;
                tx.sync_failed(&failure(1, SyncStatus::Failing, "504"))?;
                tx.sync_failed(&failure(2, SyncStatus::Failing, "400"))?;
                tx.sync_failed(&failure(2, SyncStatus::Manual, "400"))?;
                tx.sync_succeeded(&[contact(1).to_string(), contact(2).to_string()], at(5))
            })
            .await
            .unwrap();
        let list = house.read(|tx| tx.sync_events(&Viewer::system(), at(0), 10)).await.unwrap();
        let told: Vec<_> = list.iter().map(|one| (one.event.error.as_str(), one.event.status, one.updated_at)).collect();
        assert_eq!(told, [("400", SyncStatus::Fixed, at(5)), ("504", SyncStatus::Recovered, at(5))]);
        assert!(house.read(|tx| tx.sync_events(&Viewer::system(), at(2), 10)).await.unwrap().is_empty());
        assert_eq!(house.write(|tx| tx.prune_sync_events(at(2), 100)).await.unwrap(), 2);
    }
}
