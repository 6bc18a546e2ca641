//! Two records turn out to be one customer at one side, while the other side still has a row for each: nothing may be thrown away there
//! without a person, so a person is asked, and the operators are told.

use entente_model::clock::Timestamp;
use entente_model::id::RecordId;
use entente_store::{Link, LinkState, NewNotice, NewReview, Record, ReviewState, StoreError, Tx};

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

fn present(tx: &mut Tx<'_>, record: &RecordId) -> Result<Vec<Link>, StoreError> {
    let links = tx.links_of(std::slice::from_ref(record))?;
    Ok(links.into_iter().filter(|link| link.state == LinkState::Present).collect())
}

fn link_text(link: &Link) -> String {
    format!("{}/{}/{}", link.connection, link.remote_object, link.external_id)
}
