//! Notices: messages to people that wait to be sent.

use entente_model::clock::Timestamp;
use entente_model::id::RecordId;
use serde::Serialize;

use crate::error::Result;
use crate::named::named;
use crate::sql::{Row, vals};
use crate::tx::{Tx, page};

named! {
    /// What has become of a notice.
    pub enum NoticeState {
        /// To be sent.
        Pending = "pending",
        /// Sent.
        Sent = "sent",
        /// Given up.
        Failed = "failed",
    }
}

/// A notice to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewNotice {
    /// When it came up.
    pub at: Timestamp,
    /// How it is sent: `email`, `webhook`, `app`.
    pub kind: String,
    /// To whom.
    pub recipient: String,
    /// Title.
    pub title: String,
    /// Text.
    pub body: String,
    /// The record it is about.
    pub record: Option<RecordId>,
}

/// A notice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// Number.
    pub id: i64,
    /// What is to be told.
    #[serde(flatten)]
    pub notice: NewNotice,
    /// What has become of it.
    pub state: NoticeState,
    /// Failed attempts so far.
    pub attempts: u32,
    /// The last failure.
    pub error: Option<String>,
    /// The alert whose beginning or end it tells.
    pub alert: Option<i64>,
}

const COLUMNS: &str = "id, at, kind, recipient, title, body, record, state, attempts, error, alert";

fn notice(mut row: Row) -> Result<Notice> {
    Ok(Notice {
        id: row.int()?,
        notice: NewNotice {
            at: row.time()?,
            kind: row.text()?,
            recipient: row.text()?,
            title: row.text()?,
            body: row.text()?,
            record: row.opt_parse()?,
        },
        state: row.parse()?,
        attempts: row.num()?,
        error: row.opt_text()?,
        alert: row.opt_int()?,
    })
}

impl Tx<'_> {
    /// Keeps a notice to be sent and answers its number.
    ///
    /// # Errors
    /// As for any write.
    pub fn notify(&mut self, new: &NewNotice) -> Result<i64> {
        self.wake();
        self.the_row(
            "notices",
            "insert into notices (at, kind, recipient, title, body, record, state, attempts, not_before)
             values ($1, $2, $3, $4, $5, $6, 'pending', 0, 0) returning id",
            vals![new.at, &new.kind, &new.recipient, &new.title, &new.body, new.record.as_ref()],
        )?
        .int()
    }

    /// Keeps a notice that tells the beginning or the end of an alert. It is sent when those of the same alert before it are.
    ///
    /// # Errors
    /// As for any write.
    pub fn notify_of_alert(&mut self, alert: i64, new: &NewNotice) -> Result<i64> {
        let id = self.notify(new)?;
        self.exec("update notices set alert = $2 where id = $1", vals![id, alert])?;
        Ok(id)
    }

    /// Puts a notice off until an instant, without counting an attempt.
    ///
    /// # Errors
    /// As for any write.
    pub fn put_off_notice(&mut self, id: i64, until: Timestamp) -> Result<()> {
        self.exec("update notices set not_before = $2 where id = $1 and state = 'pending'", vals![id, until]).map(drop)
    }

    /// Notices of an alert, oldest first.
    ///
    /// # Errors
    /// As for any read.
    pub fn notices_of_alert(&mut self, alert: i64) -> Result<Vec<Notice>> {
        let sql = format!("select {COLUMNS} from notices where alert = $1 order by id");
        self.rows("notices", &sql, vals![alert])?.into_iter().map(notice).collect()
    }

    /// Takes notices that are due, and puts them off until `until` so that no other sender takes them meanwhile. A sender that dies
    /// has them sent once more then.
    ///
    /// # Errors
    /// As for any write.
    pub fn take_notices(&mut self, now: Timestamp, until: Timestamp, limit: usize) -> Result<Vec<Notice>> {
        let sql = format!(
            "update notices set not_before = $2 where id in
             (select id from notices where state = 'pending' and not_before <= $1 and (alert is null or not exists
                 (select 1 from notices earlier where earlier.alert = notices.alert and earlier.id < notices.id and earlier.state = 'pending'))
              order by not_before, id limit $3 SKIP_LOCKED)
             returning {COLUMNS}"
        );
        let mut taken =
            self.rows("notices", &sql, &[now.into(), until.into(), page(limit)])?.into_iter().map(notice).collect::<Result<Vec<_>>>()?;
        taken.sort_by_key(|notice| notice.id);
        Ok(taken)
    }

    /// Notes that a notice was sent.
    ///
    /// # Errors
    /// As for any write.
    pub fn notice_sent(&mut self, id: i64) -> Result<()> {
        self.exec("update notices set state = 'sent', error = null where id = $1", vals![id]).map(drop)
    }

    /// Notes that a notice could not be sent: once more at `again`, or never when there is none.
    ///
    /// # Errors
    /// As for any write.
    pub fn notice_failed(&mut self, id: i64, error: &str, again: Option<Timestamp>) -> Result<()> {
        let state = if again.is_some() { NoticeState::Pending } else { NoticeState::Failed };
        self.exec(
            "update notices set state = $2, attempts = attempts + 1, error = $3, not_before = coalesce($4, not_before) where id = $1",
            vals![id, state.as_str(), error, again],
        )
        .map(drop)
    }

    /// Notices in a state, newest first. `before` is the number of the last one of the page before.
    ///
    /// # Errors
    /// As for any read.
    pub fn notices(&mut self, state: NoticeState, limit: usize, before: Option<i64>) -> Result<Vec<Notice>> {
        let sql = format!("select {COLUMNS} from notices where state = $1 and id < $2 order by id desc limit $3");
        let before = before.unwrap_or(i64::MAX);
        self.rows("notices", &sql, &[state.as_str().into(), before.into(), page(limit)])?.into_iter().map(notice).collect()
    }
}
