//! Rollouts: versions of mappings on their way into force.

use entente_model::clock::Timestamp;
use entente_model::id::RecordId;
use entente_model::mapping::Mapping;
use serde::Serialize;

use crate::error::Result;
use crate::named::named;
use crate::sql::{Row, Val, vals};
use crate::tx::{Tx, page};

named! {
    /// How far a version has come.
    pub enum Stage {
        /// It decides along with the version in force, and nothing of it is written.
        Shadow = "shadow",
        /// It decides a share of the records.
        Share = "share",
        /// It is in force, and nobody has verified it yet.
        All = "all",
    }
}

/// A version on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rollout {
    /// Connection.
    pub connection: String,
    /// Our object.
    pub object: String,
    /// The version.
    pub version: i64,
    /// The version that was in force before it.
    pub previous: i64,
    /// How far it has come.
    pub stage: Stage,
    /// Share of the records that it decides, in percent.
    pub percent: u64,
    /// When it came so far.
    pub at: Timestamp,
    /// Who brought it so far.
    pub by: String,
    /// Decisions compared while it was in the shadow.
    pub compared: u64,
    /// Of these, those that differ.
    pub differing: u64,
}

/// A record that a version in the shadow decides otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShadowFinding {
    /// The record.
    pub record: RecordId,
    /// When it was decided last.
    pub at: Timestamp,
    /// What differs, as a document of the caller's.
    pub detail: serde_json::Value,
}

const COLUMNS: &str = "connection, object, version, previous, stage, percent, at, by_whom, compared, differing";

fn rollout(mut row: Row) -> Result<Rollout> {
    Ok(Rollout {
        connection: row.text()?,
        object: row.text()?,
        version: row.int()?,
        previous: row.int()?,
        stage: row.parse()?,
        percent: row.num()?,
        at: row.time()?,
        by: row.text()?,
        compared: row.num()?,
        differing: row.num()?,
    })
}

impl Tx<'_> {
    /// Every rollout.
    ///
    /// # Errors
    /// As for any read.
    pub fn rollouts(&mut self) -> Result<Vec<Rollout>> {
        let sql = format!("select {COLUMNS} from rollouts order by connection, object");
        self.rows("rollouts", &sql, &[])?.into_iter().map(rollout).collect()
    }

    /// The rollout of an object's mapping at a connection.
    ///
    /// # Errors
    /// As for any read.
    pub fn rollout(&mut self, connection: &str, object: &str) -> Result<Option<Rollout>> {
        let sql = format!("select {COLUMNS} from rollouts where connection = $1 and object = $2");
        self.row("rollouts", &sql, vals![connection, object])?.map(rollout).transpose()
    }

    /// Brings a version so far, in place of the rollout that there was. What was compared starts anew, and the findings of before go.
    ///
    /// # Errors
    /// As for any write.
    pub fn put_rollout(&mut self, new: &Rollout) -> Result<()> {
        self.end_rollout(&new.connection, &new.object, new.at)?;
        let share = (new.stage == Stage::Share).then_some((new.version, new.percent));
        self.note_share(&new.connection, &new.object, share, new.at)?;
        self.exec(
            "insert into rollouts (connection, object, version, previous, stage, percent, at, by_whom, compared, differing)
             values ($1, $2, $3, $4, $5, $6, $7, $8, 0, 0)",
            vals![
                &new.connection,
                &new.object,
                new.version,
                new.previous,
                new.stage.as_str(),
                i64::try_from(new.percent).unwrap_or(100),
                new.at,
                &new.by
            ],
        )
        .map(drop)
    }

    /// Ends a rollout, with its findings. Answers whether there was one.
    ///
    /// # Errors
    /// As for any write.
    pub fn end_rollout(&mut self, connection: &str, object: &str, now: Timestamp) -> Result<bool> {
        self.note_share(connection, object, None, now)?;
        self.exec("delete from shadow_findings where connection = $1 and object = $2", vals![connection, object])?;
        Ok(self.exec("delete from rollouts where connection = $1 and object = $2", vals![connection, object])? > 0)
    }

    /// Notes what comparing decisions came to: how many were compared, which differ, and which do no more.
    ///
    /// # Errors
    /// As for any write.
    pub fn note_shadow(
        &mut self,
        connection: &str,
        object: &str,
        compared: &[RecordId],
        differing: &[(RecordId, serde_json::Value)],
        now: Timestamp,
    ) -> Result<()> {
        let sql = "update rollouts set compared = compared + $3, differing = differing + $4 where connection = $1 and object = $2";
        if self.exec(sql, vals![connection, object, compared.len(), differing.len()])? == 0 {
            return Ok(());
        }
        for record in compared {
            let sql = "delete from shadow_findings where connection = $1 and object = $2 and record = $3";
            self.exec(sql, vals![connection, object, record])?;
        }
        for (record, detail) in differing {
            self.exec(
                "insert into shadow_findings (connection, object, record, at, detail) values ($1, $2, $3, $4, $5)",
                &[connection.into(), object.into(), record.into(), now.into(), Val::json(detail)?],
            )?;
        }
        Ok(())
    }

    /// Records that a version in the shadow decides otherwise, the latest first.
    ///
    /// # Errors
    /// As for any read.
    pub fn shadow_findings(&mut self, connection: &str, object: &str, limit: usize) -> Result<Vec<ShadowFinding>> {
        let sql = "select record, at, detail from shadow_findings where connection = $1 and object = $2 order by at desc, record limit $3";
        let rows = self.rows("shadow_findings", sql, vals![connection, object, page(limit)])?;
        rows.into_iter().map(|mut row| Ok(ShadowFinding { record: row.parse()?, at: row.time()?, detail: row.json()? })).collect()
    }

    /// Saves a version of a mapping that is not in use. Answers the version.
    ///
    /// # Errors
    /// [`crate::StoreError::Conflict`] when somebody else saved at the same moment.
    pub fn draft_mapping(&mut self, connection: &str, mapping: &Mapping, by: &str, note: &str, now: Timestamp) -> Result<i64> {
        let object = mapping.object.as_str();
        let sql = "select coalesce(max(version), 0) + 1 from mappings where connection = $1 and object = $2";
        let version = self.the_row("mappings", sql, vals![connection, object])?.int()?;
        self.exec(
            "insert into mappings (connection, object, version, definition, active, saved_at, saved_by, note)
             values ($1, $2, $3, $4, 0, $5, $6, $7)",
            &[connection.into(), object.into(), version.into(), Val::json(mapping)?, now.into(), by.into(), note.into()],
        )?;
        Ok(version)
    }
}
