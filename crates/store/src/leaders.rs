//! Leaders: what one process at a time does for all of them (polling, following the ledger, sealing it, refreshing a token), under a
//! lease that another process takes over when it is not prolonged.

use entente_model::clock::Timestamp;

use crate::error::Result;
use crate::sql::vals;
use crate::tx::Tx;

impl Tx<'_> {
    /// Takes or prolongs the lease of `name` until an instant. Answers its term, which goes up with every change of hands; `None`
    /// while another holder's lease lasts.
    ///
    /// # Errors
    /// As for any write.
    pub fn lead(&mut self, name: &str, holder: &str, now: Timestamp, until: Timestamp) -> Result<Option<i64>> {
        self.row(
            "leaders",
            "insert into leaders (name, holder, until, term) values ($1, $2, $4, 1)
             on conflict (name) do update set holder = excluded.holder, until = excluded.until,
                    term = case when leaders.holder = excluded.holder then leaders.term else leaders.term + 1 end
             where leaders.holder = excluded.holder or leaders.until <= $3
             returning term",
            vals![name, holder, now, until],
        )?
        .map(|mut row| row.int())
        .transpose()
    }

    /// Gives a lease back, so that the next one need not wait for its end. Answers whether it was held.
    ///
    /// # Errors
    /// As for any write.
    pub fn resign(&mut self, name: &str, holder: &str) -> Result<bool> {
        let given = self.exec("update leaders set until = 0 where name = $1 and holder = $2", vals![name, holder])? > 0;
        if given {
            self.wake();
        }
        Ok(given)
    }
}
