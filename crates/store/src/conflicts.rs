//! Conflicts: fields that more than one side changed to different values and that a person has to decide. At most one waits per
//! record and field; the field is frozen while it does.

use std::collections::BTreeMap;

use entente_model::clock::Timestamp;
use entente_model::id::RecordId;
use entente_model::value::{FieldKey, Value};
use serde::{Deserialize, Serialize};

use crate::error::{Result, StoreError};
use crate::ledger::EntryId;
use crate::named::named;
use crate::sql::{Row, Val, vals};
use crate::tx::{BATCH_ROWS, PAGE_ROWS_MAX, Tx, page};
use crate::viewer::Viewer;

named! {
    /// What has become of a conflict.
    pub enum ConflictState {
        /// Waits for a person.
        Waiting = "waiting",
        /// Decided, or gone because the sides came to agree.
        Resolved = "resolved",
    }
}

/// One side's value in a conflict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConflictSide {
    /// Name of the connection, or `native`.
    pub side: String,
    /// Its value.
    pub value: Value,
    /// When it was changed.
    pub at: Option<Timestamp>,
    /// Whose hand changed it.
    pub by: String,
    /// The user who did, as people call them; neither the customer, whose record it is, nor ourselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
}

/// A conflict to be opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewConflict {
    /// The record.
    pub record: RecordId,
    /// Its object.
    pub object: String,
    /// The field.
    pub field: FieldKey,
    /// The value last agreed.
    pub base: Value,
    /// The sides' values. In a conflict that was found again, those of before follow: the first of a side is its present one.
    pub sides: Vec<ConflictSide>,
    /// What Entente would choose.
    pub suggested: Option<Value>,
    /// When it was found.
    pub opened_at: Timestamp,
}

/// A conflict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Conflict {
    /// Number.
    pub id: i64,
    /// What was found.
    #[serde(flatten)]
    pub conflict: NewConflict,
    /// What has become of it.
    pub state: ConflictState,
    /// When it was resolved.
    pub resolved_at: Option<Timestamp>,
    /// The value decided for.
    pub resolution: Option<Value>,
    /// Who decided.
    pub resolved_by: Option<String>,
    /// The ledger entry of the decision.
    pub entry: Option<EntryId>,
    /// When somebody looked at the value that a rule had flagged.
    pub reviewed_at: Option<Timestamp>,
    /// Who did.
    pub reviewed_by: Option<String>,
    /// The ledger entry where the flagged value was taken after all.
    pub reviewed_entry: Option<EntryId>,
}

/// A decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    /// The value decided for.
    pub value: Value,
    /// Who decided.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// The ledger entry of the decision, when it changed the record.
    pub entry: Option<EntryId>,
}

pub(crate) const COLUMNS: &str = "id, record, object, field, base, sides, suggested, opened_at, state, resolved_at, resolution, resolved_by, \
                                  entry, reviewed_at, reviewed_by, reviewed_entry";

pub(crate) fn conflict(mut row: Row) -> Result<Conflict> {
    Ok(Conflict {
        id: row.int()?,
        conflict: NewConflict {
            record: row.parse()?,
            object: row.text()?,
            field: row.text()?,
            base: row.json()?,
            sides: row.json()?,
            suggested: row.opt_json()?,
            opened_at: row.time()?,
        },
        state: row.parse()?,
        resolved_at: row.opt_time()?,
        resolution: row.opt_json()?,
        resolved_by: row.opt_text()?,
        entry: row.opt_int()?,
        reviewed_at: row.opt_time()?,
        reviewed_by: row.opt_text()?,
        reviewed_entry: row.opt_int()?,
    })
}

impl Tx<'_> {
    /// Opens conflicts. Where one waits already for the field, its sides are brought up to date, and what they showed before follows
    /// after what they show now. Answers their numbers and whether they are new.
    ///
    /// # Errors
    /// As for any write.
    pub fn open_conflicts(&mut self, found: &[NewConflict]) -> Result<Vec<(i64, bool)>> {
        let mut opened = Vec::with_capacity(found.len());
        for new in found {
            let mut params = [
                (&new.record).into(),
                new.object.as_str().into(),
                new.field.as_str().into(),
                Val::json(&new.base)?,
                Val::json(&new.sides)?,
                new.suggested.as_ref().map(Val::json).transpose()?.unwrap_or(Val::Null),
                new.opened_at.into(),
            ];
            let inserted = self.row(
                "conflicts",
                "insert into conflicts (record, object, field, base, sides, suggested, state, opened_at)
                 values ($1, $2, $3, $4, $5, $6, 'waiting', $7)
                 on conflict (record, field) where state = 'waiting' do nothing returning id",
                &params,
            )?;
            opened.push(match inserted {
                Some(mut row) => (row.int()?, true),
                None => {
                    let mut sides = new.sides.clone();
                    let sql = "select sides from conflicts where record = $1 and field = $2 and state = 'waiting' FOR_UPDATE";
                    let known: Vec<ConflictSide> = self.the_row("conflicts", sql, vals![&new.record, new.field.as_str()])?.json()?;
                    let same = |one: &ConflictSide, other: &ConflictSide| one.side == other.side && one.value.agrees(&other.value);
                    sides.extend(known.into_iter().filter(|one| !new.sides.iter().any(|other| same(one, other))));
                    params[4] = Val::json(&sides)?;
                    let sql = "update conflicts set object = $2, base = $4, sides = $5, suggested = $6
                         where record = $1 and field = $3 and state = 'waiting' returning id";
                    (self.the_row("conflicts", sql, &params[..6])?.int()?, false)
                }
            });
        }
        Ok(opened)
    }

    /// The waiting conflicts of records: their frozen fields.
    ///
    /// # Errors
    /// As for any read.
    pub fn conflicts_of(&mut self, records: &[RecordId]) -> Result<Vec<Conflict>> {
        let mut found = Vec::new();
        let sql = format!("select {COLUMNS} from conflicts where record IN_LIST($1) and state = 'waiting' order by id");
        for batch in records.chunks(BATCH_ROWS) {
            let names: Vec<String> = batch.iter().map(ToString::to_string).collect();
            for row in self.rows("conflicts", &sql, vals![names])? {
                found.push(conflict(row)?);
            }
        }
        Ok(found)
    }

    /// One conflict.
    ///
    /// # Errors
    /// As for any read.
    pub fn conflict(&mut self, viewer: &Viewer, id: i64) -> Result<Option<Conflict>> {
        let sql = format!("select {COLUMNS} from conflicts where id = $1 and {}", viewer.clause());
        self.row("conflicts", &sql, vals![id])?.map(conflict).transpose()
    }

    /// Conflicts in a state, newest first. `before` is the number of the last one of the page before.
    ///
    /// # Errors
    /// As for any read.
    pub fn conflicts(&mut self, viewer: &Viewer, state: ConflictState, limit: usize, before: Option<i64>) -> Result<Vec<Conflict>> {
        let sql = format!("select {COLUMNS} from conflicts where state = $1 and id < $2 and {} order by id desc limit $3", viewer.clause());
        let before = before.unwrap_or(i64::MAX);
        self.rows("conflicts", &sql, &[state.as_str().into(), before.into(), page(limit)])?.into_iter().map(conflict).collect()
    }

    /// Conflicts that wait for a person, those that wait longest first. `after` is the number of the last one of the page before.
    ///
    /// # Errors
    /// As for any read.
    pub fn waiting_conflicts(&mut self, viewer: &Viewer, limit: usize, after: Option<i64>) -> Result<Vec<Conflict>> {
        let sql =
            format!("select {COLUMNS} from conflicts where state = 'waiting' and id > $1 and {} order by id limit $2", viewer.clause());
        self.rows("conflicts", &sql, &[after.unwrap_or(0).into(), page(limit)])?.into_iter().map(conflict).collect()
    }

    /// Resolves a waiting conflict.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when it waits no longer: somebody else was faster.
    pub fn resolve_conflict(&mut self, id: i64, resolution: &Resolution) -> Result<Conflict> {
        let sql = format!(
            "update conflicts set state = 'resolved', resolution = $2, resolved_by = $3, resolved_at = $4, entry = $5
             where id = $1 and state = 'waiting' returning {COLUMNS}"
        );
        let params =
            [id.into(), Val::json(&resolution.value)?, resolution.by.as_str().into(), resolution.at.into(), resolution.entry.into()];
        let resolved = self.row("conflicts", &sql, &params)?.map(conflict).transpose()?;
        resolved.ok_or_else(|| StoreError::Conflict { what: format!("conflict {id} is not waiting any more") })
    }

    /// Since when waiting conflicts wait: the oldest, and how many of them were opened before an instant.
    ///
    /// # Errors
    /// As for any read.
    pub fn conflict_ages(&mut self, before: Timestamp) -> Result<(Option<Timestamp>, u64)> {
        let sql =
            "select min(opened_at), coalesce(sum(case when opened_at < $1 then 1 else 0 end), 0) from conflicts where state = 'waiting'";
        let mut row = self.the_row("conflicts", sql, vals![before])?;
        Ok((row.opt_time()?, row.num()?))
    }

    /// Conflicts that were opened within a range, oldest first, decided or not.
    ///
    /// # Errors
    /// As for any read.
    pub fn conflicts_opened(&mut self, from: Timestamp, to: Timestamp, after: i64) -> Result<Vec<Conflict>> {
        let sql = format!("select {COLUMNS} from conflicts where opened_at >= $1 and opened_at < $2 and id > $3 order by id limit $4");
        let rows = self.rows("conflicts", &sql, &[from.into(), to.into(), after.into(), page(PAGE_ROWS_MAX)])?;
        rows.into_iter().map(conflict).collect()
    }

    /// Waiting conflicts by object.
    ///
    /// # Errors
    /// As for any read.
    pub fn conflict_counts(&mut self) -> Result<BTreeMap<String, u64>> {
        let sql = "select object, count(*) from conflicts where state = 'waiting' group by object";
        self.rows("conflicts", sql, &[])?.into_iter().map(|mut row| Ok((row.text()?, row.num()?))).collect()
    }
}
