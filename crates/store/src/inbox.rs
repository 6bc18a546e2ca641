//! The inbox: webhook deliveries, kept as they arrived before anybody is told that they did.

use std::collections::BTreeMap;

use entente_model::clock::Timestamp;

use crate::error::Result;
use crate::named::named;
use crate::sql::{Row, Val, vals};
use crate::tx::{Tx, page};

named! {
    /// What has become of a delivery.
    pub enum DeliveryState {
        /// To be read.
        New = "new",
        /// Read.
        Done = "done",
        /// Could not be understood.
        Bad = "bad",
    }
}

/// A delivery to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDelivery {
    /// Name of the connection.
    pub connection: String,
    /// What the vendor, or a hash of the body, tells deliveries apart by.
    pub delivery_id: String,
    /// When it arrived.
    pub received_at: Timestamp,
    /// The body, byte for byte.
    pub body: Vec<u8>,
    /// Headers worth keeping for people; no signatures, tokens or cookies.
    pub headers: BTreeMap<String, String>,
    /// What it says, as it was read when it was verified: nothing has to be verified or parsed again later.
    pub events: serde_json::Value,
}

/// A delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Number, in order of arrival.
    pub id: i64,
    /// What arrived.
    pub delivery: NewDelivery,
    /// What has become of it.
    pub state: DeliveryState,
    /// Why it could not be understood.
    pub error: Option<String>,
}

const COLUMNS: &str = "id, connection, delivery_id, received_at, body, headers, events, state, error";

fn delivery(mut row: Row) -> Result<Delivery> {
    Ok(Delivery {
        id: row.int()?,
        delivery: NewDelivery {
            connection: row.text()?,
            delivery_id: row.text()?,
            received_at: row.time()?,
            body: row.blob()?,
            headers: row.json()?,
            events: row.json()?,
        },
        state: row.parse()?,
        error: row.opt_text()?,
    })
}

impl Tx<'_> {
    /// Keeps a delivery. `None` when it was delivered before: vendors repeat themselves.
    ///
    /// # Errors
    /// As for any write.
    pub fn deliver(&mut self, new: &NewDelivery) -> Result<Option<i64>> {
        let params = [
            new.connection.as_str().into(),
            new.delivery_id.as_str().into(),
            new.received_at.into(),
            new.body.as_slice().into(),
            Val::json(&new.headers)?,
            Val::json(&new.events)?,
        ];
        let kept = self.row(
            "inbox",
            "insert into inbox (connection, delivery_id, received_at, body, headers, events, state)
             values ($1, $2, $3, $4, $5, $6, 'new')
             on conflict (connection, delivery_id) do nothing returning id",
            &params,
        )?;
        if kept.is_some() {
            self.wake();
        }
        kept.map(|mut row| row.int()).transpose()
    }

    /// The oldest unread deliveries, to look at before they are [taken](Tx::take_deliveries).
    ///
    /// # Errors
    /// As for any read.
    pub fn unread_deliveries(&mut self, limit: usize) -> Result<Vec<Delivery>> {
        let sql = format!("select {COLUMNS} from inbox where state = 'new' order by id limit $1");
        self.rows("inbox", &sql, &[page(limit)])?.into_iter().map(delivery).collect()
    }

    /// Takes the oldest unread deliveries, and answers their numbers. They are this transaction's: note what they say, and
    /// [finish](Tx::finish_deliveries) them in the same closure; other processes pass them by meanwhile.
    ///
    /// # Errors
    /// As for any write.
    pub fn take_deliveries(&mut self, limit: usize) -> Result<Vec<i64>> {
        let taken = self.rows("inbox", "select id from inbox where state = 'new' order by id limit $1 SKIP_LOCKED", &[page(limit)])?;
        taken.into_iter().map(|mut row| row.int()).collect()
    }

    /// Deliveries by number, in order of arrival.
    ///
    /// # Errors
    /// As for any read.
    pub fn deliveries(&mut self, ids: &[i64]) -> Result<Vec<Delivery>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let sql = format!("select {COLUMNS} from inbox where id IN_LIST($1) order by id");
        self.rows("inbox", &sql, vals![ids.to_vec()])?.into_iter().map(delivery).collect()
    }

    /// Ends deliveries, with the reason for those that could not be understood.
    ///
    /// # Errors
    /// As for any write.
    pub fn finish_deliveries(&mut self, finished: &[(i64, Option<String>)]) -> Result<()> {
        let done: Vec<i64> = finished.iter().filter(|(_, error)| error.is_none()).map(|(id, _)| *id).collect();
        if !done.is_empty() {
            self.exec("update inbox set state = 'done' where id IN_LIST($1)", vals![done])?;
        }
        for (id, error) in finished.iter().filter_map(|(id, error)| Some((id, error.as_ref()?))) {
            self.exec("update inbox set state = 'bad', error = $2 where id = $1", vals![*id, error])?;
        }
        Ok(())
    }

    /// When the delivery arrived that has waited longest to be read, if one waits.
    ///
    /// # Errors
    /// As for any read.
    pub fn oldest_unread(&mut self) -> Result<Option<Timestamp>> {
        let sql = "select received_at from inbox where state = 'new' order by id limit 1";
        self.row("inbox", sql, &[])?.map(|mut row| row.time()).transpose()
    }

    /// Removes read and bad deliveries that arrived before the instant, at most `limit` of them. Later repetitions of them count as
    /// new, which is harmless. Answers how many are gone.
    ///
    /// # Errors
    /// As for any write.
    pub fn prune_inbox(&mut self, before: Timestamp, limit: usize) -> Result<u64> {
        self.exec(
            "delete from inbox where id in
             (select id from inbox where received_at < $1 and state <> 'new' order by received_at limit $2)",
            vals![before, limit],
        )
    }

    /// Empties read and bad deliveries that arrived before the instant of what they said, at most `limit` of them; that they came, and
    /// what became of them, stays. Answers how many were emptied.
    ///
    /// # Errors
    /// As for any write.
    pub fn empty_deliveries(&mut self, before: Timestamp, limit: usize) -> Result<u64> {
        self.exec(
            "update inbox set body = $3, headers = '{}', events = '[]' where id in
             (select id from inbox where received_at < $1 and state <> 'new' and length(body) > 0 order by received_at limit $2)",
            vals![before, limit, Vec::<u8>::new()],
        )
    }

    /// Deliveries by connection and state.
    ///
    /// # Errors
    /// As for any read.
    pub fn inbox_counts(&mut self) -> Result<BTreeMap<(String, DeliveryState), u64>> {
        self.rows("inbox", "select connection, state, count(*) from inbox group by connection, state", &[])?
            .into_iter()
            .map(|mut row| Ok(((row.text()?, row.parse()?), row.num()?)))
            .collect()
    }
}
