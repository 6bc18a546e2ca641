//! Reviews: likely counterparts and duplicates that are not sure enough to be linked without a person.

use std::collections::BTreeMap;

use entente_model::clock::Timestamp;
use entente_model::id::RecordId;
use serde::Serialize;

use crate::error::Result;
use crate::named::named;
use crate::sql::{Row, Val, vals};
use crate::tx::{Tx, page};
use crate::viewer::Viewer;

named! {
    /// What has become of a review.
    pub enum ReviewState {
        /// Waits for a person.
        Waiting = "waiting",
        /// They are the same.
        Accepted = "accepted",
        /// They are not; it is not asked again.
        Rejected = "rejected",
    }
}

/// A review to be opened.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NewReview {
    /// What is asked: `match` for a counterpart, `duplicate` for two records.
    pub kind: String,
    /// The record.
    pub record: RecordId,
    /// The other one: a record's id, or `connection/object/external id`.
    pub other: String,
    /// Our object.
    pub object: String,
    /// How likely they are the same, from 0 to 1.
    pub score: f64,
    /// What speaks for it and against.
    pub evidence: serde_json::Value,
    /// When it was found.
    pub opened_at: Timestamp,
}

/// A review.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Review {
    /// Number.
    pub id: i64,
    /// What is asked.
    #[serde(flatten)]
    pub review: NewReview,
    /// What has become of it.
    pub state: ReviewState,
    /// When it was decided.
    pub decided_at: Option<Timestamp>,
    /// Who decided.
    pub decided_by: Option<String>,
}

const COLUMNS: &str = "id, kind, record, other, object, score, evidence, opened_at, state, decided_at, decided_by";

fn review(mut row: Row) -> Result<Review> {
    Ok(Review {
        id: row.int()?,
        review: NewReview {
            kind: row.text()?,
            record: row.parse()?,
            other: row.text()?,
            object: row.text()?,
            score: row.real()?,
            evidence: row.json()?,
            opened_at: row.time()?,
        },
        state: row.parse()?,
        decided_at: row.opt_time()?,
        decided_by: row.opt_text()?,
    })
}

impl Tx<'_> {
    /// Opens a review, or answers the one there is for the same pair, decided or not: a person is asked once.
    ///
    /// # Errors
    /// As for any write.
    pub fn open_review(&mut self, new: &NewReview) -> Result<Review> {
        let sql = format!(
            "insert into reviews (kind, record, other, object, score, evidence, state, opened_at)
             values ($1, $2, $3, $4, $5, $6, 'waiting', $7)
             on conflict (kind, record, other) do update set score = excluded.score, evidence = excluded.evidence returning {COLUMNS}"
        );
        let params = [
            new.kind.as_str().into(),
            (&new.record).into(),
            new.other.as_str().into(),
            new.object.as_str().into(),
            new.score.into(),
            Val::json(&new.evidence)?,
            new.opened_at.into(),
        ];
        review(self.the_row("reviews", &sql, &params)?)
    }

    /// One review.
    ///
    /// # Errors
    /// As for any read.
    pub fn review(&mut self, viewer: &Viewer, id: i64) -> Result<Option<Review>> {
        let sql = format!("select {COLUMNS} from reviews where id = $1 and {}", viewer.clause());
        self.row("reviews", &sql, vals![id])?.map(review).transpose()
    }

    /// Reviews in a state, newest first. `before` is the number of the last one of the page before.
    ///
    /// # Errors
    /// As for any read.
    pub fn reviews(&mut self, viewer: &Viewer, state: ReviewState, limit: usize, before: Option<i64>) -> Result<Vec<Review>> {
        let sql = format!("select {COLUMNS} from reviews where state = $1 and id < $2 and {} order by id desc limit $3", viewer.clause());
        let before = before.unwrap_or(i64::MAX);
        self.rows("reviews", &sql, &[state.as_str().into(), before.into(), page(limit)])?.into_iter().map(review).collect()
    }

    /// The reviews of pairs, decided or not: those of a record, or those that have it as the other one.
    ///
    /// # Errors
    /// As for any read.
    pub fn reviews_of(&mut self, names: &[String]) -> Result<Vec<Review>> {
        let sql = format!("select {COLUMNS} from reviews where record IN_LIST($1) or other IN_LIST($1) order by id");
        self.rows("reviews", &sql, vals![names.to_vec()])?.into_iter().map(review).collect()
    }

    /// All pairs of an object that there ever was a review of, whatever became of it: the record, and the other one as it is named there.
    ///
    /// # Errors
    /// As for any read.
    pub fn reviewed_pairs(&mut self, object: &str) -> Result<Vec<(RecordId, String)>> {
        let sql = "select record, other from reviews where object = $1";
        self.rows("reviews", sql, vals![object])?.into_iter().map(|mut row| Ok((row.parse()?, row.text()?))).collect()
    }

    /// Decides a waiting review. `None` when it waits no longer.
    ///
    /// # Errors
    /// As for any write.
    pub fn decide_review(&mut self, id: i64, state: ReviewState, by: &str, now: Timestamp) -> Result<Option<Review>> {
        let sql = format!(
            "update reviews set state = $2, decided_by = $3, decided_at = $4 where id = $1 and state = 'waiting' returning {COLUMNS}"
        );
        self.row("reviews", &sql, vals![id, state.as_str(), by, now])?.map(review).transpose()
    }

    /// Waiting reviews by kind.
    ///
    /// # Errors
    /// As for any read.
    pub fn review_counts(&mut self) -> Result<BTreeMap<String, u64>> {
        let sql = "select kind, count(*) from reviews where state = 'waiting' group by kind";
        self.rows("reviews", sql, &[])?.into_iter().map(|mut row| Ok((row.text()?, row.num()?))).collect()
    }
}
