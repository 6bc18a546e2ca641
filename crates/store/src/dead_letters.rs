//! Dead letters: converges that failed for good, kept with the error and every attempt until a person retries or discards them.

use std::collections::BTreeMap;

use entente_model::clock::Timestamp;
use entente_model::id::RecordId;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::named::named;
use crate::sql::{Row, Val, vals};
use crate::tx::{Tx, page};
use crate::viewer::Viewer;

named! {
    /// What has become of a dead letter.
    pub enum DeadLetterState {
        /// Waits for a person.
        Open = "open",
        /// Somebody, or news about the record, made it be tried again.
        Retried = "retried",
        /// Somebody decided to let it be.
        Discarded = "discarded",
    }
}

/// One failed attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// When.
    pub at: Timestamp,
    /// Why it failed.
    pub error: String,
}

/// A dead letter to be kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewDeadLetter {
    /// Subject of the hint.
    pub subject: String,
    /// The record, when there is one yet.
    pub record: Option<RecordId>,
    /// The connection that refused.
    pub connection: Option<String>,
    /// Our object.
    pub object: String,
    /// Kind of error: what a person can filter by.
    pub error_class: String,
    /// The vendor's code, or ours.
    pub error_code: String,
    /// The error in words.
    pub message: String,
    /// The vendor's answer, without secrets and personal values.
    pub vendor_answer: String,
    /// Every attempt.
    pub attempts: Vec<Attempt>,
    /// What to do about it.
    pub advice: String,
    /// When it was first tried.
    pub first_at: Timestamp,
    /// When it was given up.
    pub died_at: Timestamp,
}

/// A dead letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeadLetter {
    /// Number.
    pub id: i64,
    /// What was kept.
    #[serde(flatten)]
    pub letter: NewDeadLetter,
    /// What has become of it.
    pub state: DeadLetterState,
    /// Why it was closed, and by whom.
    pub reason: Option<String>,
    /// When it was closed.
    pub closed_at: Option<Timestamp>,
}

/// Which dead letters to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeadLetterFilter {
    /// In this state only.
    pub state: Option<DeadLetterState>,
    /// Of this connection only.
    pub connection: Option<String>,
    /// Of this kind of error only.
    pub error_class: Option<String>,
    /// Of this record only.
    pub record: Option<RecordId>,
    /// Only with smaller numbers: the last one of the page before.
    pub before: Option<i64>,
}

/// What failed for good, and how often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeadLetterCause {
    /// The connection; empty when there was none.
    pub connection: String,
    /// Our object.
    pub object: String,
    /// Code of the error.
    pub code: String,
    /// What to do.
    pub advice: String,
    /// Dead letters.
    pub many: u64,
}

const COLUMNS: &str = "id, subject, record, connection, object, error_class, error_code, message, vendor_answer, attempts, advice, first_at, \
                       died_at, state, reason, closed_at";

fn dead_letter(mut row: Row) -> Result<DeadLetter> {
    Ok(DeadLetter {
        id: row.int()?,
        letter: NewDeadLetter {
            subject: row.text()?,
            record: row.opt_parse()?,
            connection: row.opt_text()?,
            object: row.text()?,
            error_class: row.text()?,
            error_code: row.text()?,
            message: row.text()?,
            vendor_answer: row.text()?,
            attempts: row.json()?,
            advice: row.text()?,
            first_at: row.time()?,
            died_at: row.time()?,
        },
        state: row.parse()?,
        reason: row.opt_text()?,
        closed_at: row.opt_time()?,
    })
}

impl Tx<'_> {
    /// Keeps a dead letter and answers its number. One that is still open for the same subject is closed: this one
    /// takes its place.
    ///
    /// # Errors
    /// As for any write.
    pub fn bury(&mut self, new: &NewDeadLetter) -> Result<i64> {
        self.close_dead_letters_of(std::slice::from_ref(&new.subject), "failed again", new.died_at)?;
        let params = [
            new.subject.as_str().into(),
            new.record.as_ref().into(),
            new.connection.as_ref().into(),
            new.object.as_str().into(),
            new.error_class.as_str().into(),
            new.error_code.as_str().into(),
            new.message.as_str().into(),
            new.vendor_answer.as_str().into(),
            Val::json(&new.attempts)?,
            new.advice.as_str().into(),
            new.first_at.into(),
            new.died_at.into(),
        ];
        self.the_row(
            "dead_letters",
            "insert into dead_letters (subject, record, connection, object, error_class, error_code, message, vendor_answer, attempts,
                    advice, first_at, died_at, state)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 'open') returning id",
            &params,
        )?
        .int()
    }

    /// One dead letter.
    ///
    /// # Errors
    /// As for any read.
    pub fn dead_letter(&mut self, viewer: &Viewer, id: i64) -> Result<Option<DeadLetter>> {
        let sql = format!("select {COLUMNS} from dead_letters where id = $1 and {}", viewer.clause());
        self.row("dead_letters", &sql, vals![id])?.map(dead_letter).transpose()
    }

    /// Dead letters, newest first.
    ///
    /// # Errors
    /// As for any read.
    pub fn dead_letters(&mut self, viewer: &Viewer, filter: &DeadLetterFilter, limit: usize) -> Result<Vec<DeadLetter>> {
        let mut sql = format!("select {COLUMNS} from dead_letters where {}", viewer.clause());
        let mut params: Vec<Val> = Vec::new();
        let conditions: [(&str, Val); 5] = [
            ("state = ", filter.state.map(DeadLetterState::as_str).into()),
            ("connection = ", filter.connection.as_ref().into()),
            ("error_class = ", filter.error_class.as_ref().into()),
            ("record = ", filter.record.as_ref().into()),
            ("id < ", filter.before.into()),
        ];
        for (condition, value) in conditions {
            if value != Val::Null {
                params.push(value);
                sql.push_str(&format!(" and {condition}${}", params.len()));
            }
        }
        params.push(page(limit));
        sql.push_str(&format!(" order by id desc limit ${}", params.len()));
        self.rows("dead_letters", &sql, &params)?.into_iter().map(dead_letter).collect()
    }

    /// Closes open dead letters, and answers those that were closed, so that their subjects can be hinted at.
    ///
    /// # Errors
    /// As for any write.
    pub fn close_dead_letters(&mut self, ids: &[i64], state: DeadLetterState, reason: &str, now: Timestamp) -> Result<Vec<DeadLetter>> {
        let sql = format!(
            "update dead_letters set state = $2, reason = $3, closed_at = $4 where id IN_LIST($1) and state = 'open' returning {COLUMNS}"
        );
        self.rows("dead_letters", &sql, vals![ids.to_vec(), state.as_str(), reason, now])?.into_iter().map(dead_letter).collect()
    }

    /// Closes the open dead letters of subjects that converged after all. Answers how many there were.
    ///
    /// # Errors
    /// As for any write.
    pub fn close_dead_letters_of(&mut self, subjects: &[String], reason: &str, now: Timestamp) -> Result<u64> {
        self.exec(
            "update dead_letters set state = 'retried', reason = $2, closed_at = $3 where subject IN_LIST($1) and state = 'open'",
            vals![subjects.to_vec(), reason, now],
        )
    }

    /// What failed for good within a range, by connection, object and code of the error, with what is advised: the most frequent first.
    ///
    /// # Errors
    /// As for any read.
    pub fn dead_letter_causes(&mut self, from: Timestamp, to: Timestamp, limit: usize) -> Result<Vec<DeadLetterCause>> {
        let sql = "select coalesce(connection, ''), object, error_code, max(advice), count(*) from dead_letters
             where died_at >= $1 and died_at < $2 group by 1, 2, 3 order by 5 desc, 1, 2, 3 limit $3";
        self.rows("dead_letters", sql, &[from.into(), to.into(), page(limit)])?
            .into_iter()
            .map(|mut row| {
                Ok(DeadLetterCause {
                    connection: row.text()?,
                    object: row.text()?,
                    code: row.text()?,
                    advice: row.text()?,
                    many: row.num()?,
                })
            })
            .collect()
    }

    /// Open dead letters by kind of error.
    ///
    /// # Errors
    /// As for any read.
    pub fn dead_letter_counts(&mut self) -> Result<BTreeMap<String, u64>> {
        let sql = "select error_class, count(*) from dead_letters where state = 'open' group by error_class";
        self.rows("dead_letters", sql, &[])?.into_iter().map(|mut row| Ok((row.text()?, row.num()?))).collect()
    }
}
