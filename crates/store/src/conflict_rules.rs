//! Rules that were proposed from people's decisions: adopted, declined or withdrawn.

use std::collections::BTreeMap;

use entente_model::actor::Actor;
use entente_model::clock::Timestamp;
use entente_model::plan::policy::Adopted;
use serde::Serialize;

use crate::error::Result;
use crate::named::named;
use crate::sql::{Row, Val, vals};
use crate::tx::Tx;

named! {
    /// What has become of a proposed rule.
    pub enum RuleState {
        /// It decides.
        Adopted = "adopted",
        /// A person did not want it.
        Declined = "declined",
        /// It decided for a while.
        Withdrawn = "withdrawn",
    }
}

/// A rule that somebody decided about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConflictRule {
    /// Its id, the same whenever the same is proposed.
    pub id: String,
    /// Our object.
    pub object: String,
    /// Our field.
    pub field: String,
    /// When it applies, and who wins.
    pub rule: Adopted,
    /// What has become of it.
    pub state: RuleState,
    /// What spoke for it.
    pub evidence: serde_json::Value,
    /// When that was decided.
    pub at: Timestamp,
    /// Who decided.
    pub by: String,
    /// Why, where a reason was given.
    pub reason: Option<String>,
}

const COLUMNS: &str = "id, object, field, sides, winner, state, evidence, at, by_whom, reason";

fn rule(mut row: Row) -> Result<ConflictRule> {
    let (id, object, field) = (row.text()?, row.text()?, row.text()?);
    let (sides, winner): (BTreeMap<String, Actor>, String) = (row.json()?, row.text()?);
    Ok(ConflictRule {
        rule: Adopted { id: id.clone(), sides, winner },
        id,
        object,
        field,
        state: row.parse()?,
        evidence: row.json()?,
        at: row.time()?,
        by: row.text()?,
        reason: row.opt_text()?,
    })
}

impl Tx<'_> {
    /// Every rule that somebody decided about, newest decision first.
    ///
    /// # Errors
    /// As for any read.
    pub fn conflict_rules(&mut self) -> Result<Vec<ConflictRule>> {
        let sql = format!("select {COLUMNS} from conflict_rules order by at desc, id");
        self.rows("conflict_rules", &sql, &[])?.into_iter().map(rule).collect()
    }

    /// Keeps what was decided about a rule, in place of what was decided before.
    ///
    /// # Errors
    /// As for any write.
    pub fn put_conflict_rule(&mut self, new: &ConflictRule) -> Result<()> {
        self.exec(
            "insert into conflict_rules (id, object, field, sides, winner, state, evidence, at, by_whom, reason)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
             on conflict (id) do update set state = excluded.state, evidence = excluded.evidence, at = excluded.at,
                 by_whom = excluded.by_whom, reason = excluded.reason",
            &[
                new.id.as_str().into(),
                new.object.as_str().into(),
                new.field.as_str().into(),
                Val::json(&new.rule.sides)?,
                new.rule.winner.as_str().into(),
                new.state.as_str().into(),
                Val::json(&new.evidence)?,
                new.at.into(),
                new.by.as_str().into(),
                new.reason.clone().into(),
            ],
        )
        .map(drop)
    }

    /// Moves a rule from one state to another. Answers whether it was in the first.
    ///
    /// # Errors
    /// As for any write.
    pub fn move_conflict_rule(
        &mut self,
        id: &str,
        from: RuleState,
        to: RuleState,
        by: &str,
        reason: Option<&str>,
        now: Timestamp,
    ) -> Result<bool> {
        let sql = "update conflict_rules set state = $3, by_whom = $4, reason = $5, at = $6 where id = $1 and state = $2";
        Ok(self.exec(sql, vals![id, from.as_str(), to.as_str(), by, reason.map(str::to_owned), now])? > 0)
    }
}
