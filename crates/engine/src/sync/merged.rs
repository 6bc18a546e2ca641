//! Two records turn out to be one customer at one side, while the other side still has a row for each: nothing may be thrown away there
//! without a person, so a person is asked, and the operators are told.

use entente_model::clock::Timestamp;
use entente_model::id::RecordId;
use entente_store::{
    EntryId, Link, LinkState, MergeWay, Moved, NewMerge, NewNotice, NewReview, Record, RemoteKey, ReviewState, StoreError, Tx,
};

/// Kind of the review, and of the notice.
pub const MERGE: &str = "merge";

/// Asks for a merge at the other sides, if `losing` has counterparts left there. A person is asked once for each pair.
///
/// # Errors
/// As for any write.
pub(crate) fn ask(tx: &mut Tx<'_>, losing: &Record, survivor: &RecordId, connection: &str, now: Timestamp) -> Result<(), StoreError> {
    let left = present(tx, &losing.id)?;
    if left.is_empty() {
        return Ok(());
    }
    if !tx.reviews_of(&[losing.id.to_string()])?.iter().all(|review| review.review.kind != MERGE) {
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
    now: Timestamp,
) -> Result<(), StoreError> {
    let earlier = Timestamp::from_millisecond(now.as_millisecond() - DOINGS_MS).unwrap_or(now);
    let after = tx.entry_before(earlier)?;
    keep(tx, losing, survivor, MergeWay::Followed, connection, after, Moved::default(), now)
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
    now: Timestamp,
) -> Result<(), StoreError> {
    let connection = row.connection.clone();
    keep(tx, losing, survivor, MergeWay::OneRow, &connection, after, Moved { rows: vec![row], ..Moved::default() }, now)
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
