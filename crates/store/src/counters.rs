//! Counters: what the dashboard adds up, per hour.

use std::collections::BTreeMap;

use entente_model::clock::Timestamp;

use crate::error::Result;
use crate::sql::{Val, cells, vals};
use crate::tx::Tx;

/// Milliseconds of an hour.
const HOUR_MS: i64 = 3_600_000;

/// The hour an instant lies in, since 1970.
pub(crate) fn hour(at: Timestamp) -> i64 {
    at.as_millisecond().div_euclid(HOUR_MS)
}

/// The first hour at or after an instant, so that a range ends before it.
pub(crate) fn hour_up(at: Timestamp) -> i64 {
    at.as_millisecond().div_euclid(HOUR_MS) + i64::from(at.as_millisecond().rem_euclid(HOUR_MS) > 0)
}

impl Tx<'_> {
    /// Adds to counters: name, connection (empty where none is meant) and how much.
    ///
    /// # Errors
    /// As for any write.
    pub fn count(&mut self, now: Timestamp, adds: &[(&str, &str, i64)]) -> Result<()> {
        let mut sums: BTreeMap<(&str, &str), i64> = BTreeMap::new();
        for (name, connection, delta) in adds {
            *sums.entry((name, connection)).or_default() += delta;
        }
        if sums.is_empty() {
            return Ok(());
        }
        let rows = sums.into_iter().map(|((name, connection), delta)| cells![name, connection, delta]).collect();
        self.exec(
            "insert into counters (hour, name, connection, value)
             select $2, x.value->>'name', x.value->>'connection', cast(x.value->>'delta' as bigint) from EACH($1) where true
             on conflict (name, hour, connection) do update set value = counters.value + excluded.value",
            &[Val::rows(&["name", "connection", "delta"], rows), hour(now).into()],
        )?;
        Ok(())
    }

    /// Sum of a counter over the hours that touch the range, for one connection or for all together.
    ///
    /// # Errors
    /// As for any read.
    pub fn counted(&mut self, name: &str, connection: Option<&str>, from: Timestamp, to: Timestamp) -> Result<i64> {
        Ok(self
            .counted_by_connection(name, from, to)?
            .into_iter()
            .filter(|(at, _)| connection.is_none_or(|wanted| wanted == at))
            .map(|(_, sum)| sum)
            .sum())
    }

    /// Sums of a counter by connection.
    ///
    /// # Errors
    /// As for any read.
    pub fn counted_by_connection(&mut self, name: &str, from: Timestamp, to: Timestamp) -> Result<BTreeMap<String, i64>> {
        let sql =
            "select connection, cast(sum(value) as bigint) from counters where name = $1 and hour >= $2 and hour < $3 group by connection";
        self.rows("counters", sql, vals![name, hour(from), hour_up(to)])?.into_iter().map(|mut row| Ok((row.text()?, row.int()?))).collect()
    }

    /// Sums of a counter by hour, for charts. Hours without any are left out.
    ///
    /// # Errors
    /// As for any read.
    pub fn counted_by_hour(
        &mut self,
        name: &str,
        connection: Option<&str>,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<BTreeMap<Timestamp, i64>> {
        let mut sums = BTreeMap::new();
        let sql = "select hour * 3600000, connection, value from counters where name = $1 and hour >= $2 and hour < $3";
        for mut row in self.rows("counters", sql, vals![name, hour(from), hour_up(to)])? {
            let (at, of, value) = (row.time()?, row.text()?, row.int()?);
            if connection.is_none_or(|wanted| wanted == of) {
                *sums.entry(at).or_default() += value;
            }
        }
        Ok(sums)
    }
}
