//! Two records turn out to be one customer at one side, while the other side still has a row for each: nothing may be thrown away there
//! without a person, so a person is asked, and the operators are told.

use std::collections::{BTreeMap, BTreeSet};

use entente_model::clock::Timestamp;
use entente_model::id::RecordId;
use entente_model::value::{Value, get};
use entente_store::{
    EntryId, Link, LinkState, MergeWay, Moved, NewHint, NewMerge, NewNotice, NewReview, Record, RecordState, RemoteKey, Review,
    ReviewState, StoreError, Tx, Viewer,
};

use super::task::LANE_UPDATE;
use crate::catalog::Catalog;
use crate::records::title;

/// Kind of the review, and of the notice.
pub const MERGE: &str = "merge";

/// Kind of the notice that two records have become one.
pub const MERGED: &str = "duplicates_merged";

/// Asks for a merge at the other sides, if `losing` has counterparts left there. A person is asked once for each pair.
///
/// # Errors
/// As for any write.
pub(crate) fn ask(tx: &mut Tx<'_>, losing: &Record, survivor: &RecordId, connection: &str, now: Timestamp) -> Result<(), StoreError> {
    let left = present(tx, &losing.id)?;
    if left.is_empty() {
        return Ok(());
    }
    // What was asked about either of them and a third one says nothing of these two.
    let of_both = |pair: [&str; 2]| pair.contains(&losing.id.as_str()) && pair.contains(&survivor.as_str());
    let asked = tx.reviews_of(&[losing.id.to_string()])?;
    if asked.iter().map(|known| &known.review).any(|one| one.kind == MERGE && of_both([one.record.as_str(), one.other.as_str()])) {
        return Ok(());
    }
    let kept = present(tx, survivor)?;
    let rows = |links: &[Link]| links.iter().map(link_text).collect::<Vec<_>>();
    let (left, kept) = (rows(&left), rows(&kept));
    let why = format!("merged at {connection}, and both are still there elsewhere");
    tx.open_review(&NewReview {
        kind: MERGE.to_owned(),
        record: survivor.clone(),
        other: losing.id.to_string(),
        object: losing.object.clone(),
        score: 1.0,
        evidence: serde_json::json!({ "why": why, "survivor": kept, "left": left }),
        opened_at: now,
    })?;
    tx.notify(&NewNotice {
        at: now,
        kind: MERGE.to_owned(),
        recipient: "ops".to_owned(),
        title: format!("A {} was merged at {connection} and not elsewhere", losing.object),
        body: format!(
            "{} was merged into {survivor} at {connection}. Left over: {}. The survivor is {}. Merge them there too, or part them again.",
            losing.id,
            left.join(", "),
            kept.join(", ")
        ),
        record: Some(survivor.clone()),
    })
    .map(drop)
}

/// Tells those who look after a customer that two records of it have become one: its account executive and its customer success manager, or the
/// operators where neither is known.
///
/// # Errors
/// As for any write.
pub(crate) fn tell_sales(
    tx: &mut Tx<'_>,
    catalog: &Catalog,
    survivor: &Record,
    absorbed: &Record,
    by: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let account = match get(&survivor.data, "account") {
        Value::Ref(account) => tx.record(&Viewer::system(), account)?,
        _ => (survivor.object == "account").then(|| survivor.clone()),
    };
    let addresses = |account: &Record| -> BTreeSet<String> {
        let people = ["ae_email", "csm_email"].map(|person| get(&account.data, person).display());
        people.into_iter().filter(|address| !address.is_empty()).collect()
    };
    let mut people = account.as_ref().map(addresses).unwrap_or_default();
    if people.is_empty() {
        people.insert("ops".to_owned());
    }
    let title = title(catalog.object(&survivor.object), &survivor.id, &survivor.data);
    for recipient in people {
        tx.notify(&NewNotice {
            at: now,
            kind: MERGED.to_owned(),
            recipient,
            title: format!("{title} was there twice, and is one {} now", survivor.object),
            body: format!(
                "{} was merged into {} by {by}. Tickets, activities and whatever else pointed to it are with the one that stayed. If they are two: \
                 `entente unmerge {}`.",
                absorbed.id, survivor.id, absorbed.id
            ),
            record: Some(survivor.id.clone()),
        })?;
    }
    Ok(())
}

/// Nobody is asked any more to merge elsewhere what has no row left elsewhere.
///
/// # Errors
/// As for any write.
pub(crate) fn end_asking(tx: &mut Tx<'_>, ended: &RecordId, connection: &str, now: Timestamp) -> Result<(), StoreError> {
    if !present(tx, ended)?.is_empty() {
        return Ok(());
    }
    for open in tx.reviews_of(&[ended.to_string()])? {
        if open.state == ReviewState::Waiting && open.review.kind == MERGE && open.review.other == ended.as_str() {
            tx.decide_review(open.id, ReviewState::Accepted, &format!("merged at {connection}"), now)?;
        }
    }
    Ok(())
}

/// Whoever was asked whether two records are one has the answer, when their rows were merged at a platform.
///
/// # Errors
/// As for any write.
pub(crate) fn answer(
    tx: &mut Tx<'_>,
    absorbed: &RecordId,
    survivor: &RecordId,
    connection: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    for open in tx.reviews_of(&[absorbed.to_string()])? {
        let pair = [open.review.record.as_str(), open.review.other.as_str()];
        let of_both = pair.contains(&absorbed.as_str()) && pair.contains(&survivor.as_str());
        if of_both && open.state == ReviewState::Waiting && open.review.kind != MERGE {
            tx.decide_review(open.id, ReviewState::Accepted, &format!("merged at {connection}"), now)?;
        }
    }
    Ok(())
}

/// Who closes what was asked about a record that ended in another one.
pub(crate) fn merged_by(survivor: &RecordId) -> String {
    format!("merged into {survivor}")
}

/// What else was asked about a record that ended is asked about the one that stays from now on, unless that was asked before or the third one
/// has ended as well; nobody waits for an answer about a record that is not there. Answers the reviews that were closed for it, and those that
/// were opened in their place.
///
/// # Errors
/// As for any write.
pub(crate) fn carry_reviews(
    tx: &mut Tx<'_>,
    absorbed: &RecordId,
    survivor: &RecordId,
    now: Timestamp,
) -> Result<(Vec<i64>, Vec<i64>), StoreError> {
    let waiting: Vec<Review> =
        tx.reviews_of(&[absorbed.to_string()])?.into_iter().filter(|review| review.state == ReviewState::Waiting).collect();
    if waiting.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    let asked = tx.reviews_of(&[survivor.to_string()])?;
    let known: BTreeSet<String> = asked.iter().flat_map(|review| [review.review.record.to_string(), review.review.other.clone()]).collect();
    let third = |review: &Review| {
        if review.review.record == *absorbed { review.review.other.clone() } else { review.review.record.to_string() }
    };
    let ids: Vec<RecordId> = waiting.iter().filter_map(|review| third(review).parse().ok()).collect();
    let records = tx.records(&Viewer::system(), &ids)?;
    let (mut closed, mut opened, mut freed) = (Vec::new(), BTreeMap::new(), Vec::new());
    for open in waiting {
        let third = third(&open);
        let with_survivor = third == survivor.as_str();
        // Both are rows of one merged customer elsewhere: a person is still to merge them there.
        if with_survivor && open.review.kind == MERGE {
            continue;
        }
        tx.decide_review(open.id, ReviewState::Rejected, &merged_by(survivor), now)?;
        closed.push(open.id);
        let record = third.parse::<RecordId>().ok().and_then(|id| records.get(&id));
        // Of a merge that is to be repeated elsewhere the third one has ended by its nature.
        let is_there = open.review.kind == MERGE || record.is_none_or(|record| record.state == RecordState::Active);
        if !with_survivor && is_there && !known.contains(&third) {
            opened.insert(third.clone(), NewReview { record: survivor.clone(), other: third, ..open.review });
        } else if let Some(record) = record.filter(|record| record.state == RecordState::Active && !with_survivor) {
            freed.push(NewHint {
                subject: record.id.to_string(),
                object: record.object.clone(),
                lane: LANE_UPDATE,
                due_at: now,
                cause: "event".to_owned(),
                fetch: BTreeSet::new(),
                origin_at: None,
                is_news: false,
                at: now,
            });
        }
    }
    let opened = opened.values().map(|review| Ok(tx.open_review(review)?.id)).collect::<Result<Vec<i64>, StoreError>>()?;
    // Its counterparts waited for the answer.
    tx.hint(&freed)?;
    Ok((closed, opened))
}

/// How long before a merge at a platform is seen its doings may have been seen already, in milliseconds: what it moved and changed has
/// webhooks and polls of its own.
const DOINGS_MS: i64 = 60 * 60 * 1000;

/// Keeps a merge that a platform made, so that it can be taken back.
///
/// # Errors
/// As for any write.
pub(crate) fn keep_followed(
    tx: &mut Tx<'_>,
    losing: &Record,
    survivor: &RecordId,
    connection: &str,
    (closed, opened): (Vec<i64>, Vec<i64>),
    now: Timestamp,
) -> Result<(), StoreError> {
    let earlier = Timestamp::from_millisecond(now.as_millisecond() - DOINGS_MS).unwrap_or(now);
    let after = tx.entry_before(earlier)?;
    keep(tx, losing, survivor, MergeWay::Followed, connection, after, Moved { closed, opened, ..Moved::default() }, now)
}

/// Keeps a merge of two records that turned out to stand for one row, which goes over to the one that stays. `after` is the entry before it.
///
/// # Errors
/// As for any write.
pub(crate) fn keep_one_row(
    tx: &mut Tx<'_>,
    losing: &Record,
    survivor: &RecordId,
    row: RemoteKey,
    after: EntryId,
    (closed, opened): (Vec<i64>, Vec<i64>),
    now: Timestamp,
) -> Result<(), StoreError> {
    let connection = row.connection.clone();
    keep(tx, losing, survivor, MergeWay::OneRow, &connection, after, Moved { rows: vec![row], closed, opened, ..Moved::default() }, now)
}

#[expect(clippy::too_many_arguments, reason = "a merge has that many parts, and this is the one place that fills them in")]
fn keep(
    tx: &mut Tx<'_>,
    losing: &Record,
    survivor: &RecordId,
    way: MergeWay,
    connection: &str,
    after: EntryId,
    moved: Moved,
    now: Timestamp,
) -> Result<(), StoreError> {
    tx.keep_merge(&NewMerge {
        object: losing.object.clone(),
        survivor: survivor.clone(),
        absorbed: losing.id.clone(),
        way,
        connection: Some(connection.to_owned()),
        at: now,
        by: connection.to_owned(),
        after,
        moved,
    })
}

fn present(tx: &mut Tx<'_>, record: &RecordId) -> Result<Vec<Link>, StoreError> {
    let links = tx.links_of(std::slice::from_ref(record))?;
    Ok(links.into_iter().filter(|link| link.state == LinkState::Present).collect())
}

fn link_text(link: &Link) -> String {
    format!("{}/{}/{}", link.connection, link.remote_object, link.external_id)
}
