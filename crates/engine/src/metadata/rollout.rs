//! How a version of a mapping comes into force: drafted, tried on a sample, in the shadow of live traffic, for a share of the records, for
//! all; and back in one step. The version before stays at hand until somebody has verified the new one.

use std::collections::BTreeSet;

use entente_model::id::RecordId;
use entente_store::{NewHint, PAGE_ROWS_MAX, Rollout, Stage, StoreError, Viewer};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::mappings::{MappingVersion, Proposal, hint_all, judge_proposal, refuse, version_of, versions};
use super::proposal::Judgement;
use super::{refresh, touch};
use crate::catalog::share_of;
use crate::engine::Engine;
use crate::error::{EngineError, Result};
use crate::sync::shadow::Difference;
use crate::sync::task::LANE_BACKFILL;

/// Records shown that a version in the shadow decides otherwise.
const FINDINGS: usize = 100;

/// A draft: a version that is saved and not in force.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Drafted {
    /// The version.
    #[serde(flatten)]
    pub saved: MappingVersion,
    /// What was found on the way.
    pub judgement: Judgement,
}

/// A version on its way into force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RolloutState {
    /// Connection.
    pub connection: String,
    /// Our object.
    pub object: String,
    /// The version.
    pub version: i64,
    /// The version that one step goes back to.
    pub previous: i64,
    /// `shadow`, `share`, or `all` until it is verified.
    pub stage: String,
    /// Share of the records that it decides, in percent.
    pub percent: u64,
    /// When it came so far.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Who brought it so far.
    pub by: String,
    /// Decisions compared while it was in the shadow.
    pub compared: u64,
    /// Of these, those that differ.
    pub differing: u64,
    /// Records that it decides otherwise, the latest first.
    pub findings: Vec<ShadowFinding>,
}

/// A record that a version in the shadow decides otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ShadowFinding {
    /// Record id.
    pub record: String,
    /// When it was decided last.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// What differs.
    pub differences: Vec<Difference>,
}

/// How far a version is to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Advance {
    /// The version.
    pub version: i64,
    /// Share of the records that it is to decide, 1 to 99 percent; none for the shadow.
    #[serde(default)]
    pub percent: Option<u64>,
}

/// A step back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SteppedBack {
    /// The version that is in force for all records now.
    pub version: i64,
    /// The version that was taken back.
    pub from: i64,
    /// Records that are looked at again because of it.
    pub records: u64,
}

fn invalid(field: &str, reason: impl Into<String>, remedy: impl Into<String>) -> EngineError {
    EngineError::Invalid { field: field.to_owned(), reason: reason.into(), remedy: remedy.into() }
}

/// Judges a mapping and saves it as a version that is not in force.
///
/// # Errors
/// As [`super::mappings::save`]; nothing is saved then.
pub async fn draft(engine: &Engine, viewer: &Viewer, connection: &str, proposal: Proposal) -> Result<Drafted> {
    refresh(engine).await?;
    let (judgement, objects) = judge_proposal(engine, connection, &proposal).await?;
    let Proposal { mapping, note, accept_loss, .. } = proposal;
    refuse(&judgement, accept_loss)?;
    let (name, by, now, object) = (connection.to_owned(), viewer.name.clone(), engine.now(), mapping.object.clone());
    let version = engine
        .store()
        .write(move |tx| {
            if !objects.is_empty() {
                objects.iter().try_for_each(|object| tx.put_object(object))?;
                touch(tx)?;
            }
            tx.draft_mapping(&name, &mapping, &by, &note, now)
        })
        .await?;
    refresh(engine).await?;
    Ok(Drafted { saved: version_of(engine, connection, &object, version).await?, judgement })
}

/// Every version on its way, and those in force that nobody has verified.
///
/// # Errors
/// When the store fails.
pub async fn list(engine: &Engine) -> Result<Vec<RolloutState>> {
    let read = engine.store().read(|tx| {
        let mut all = Vec::new();
        for rollout in tx.rollouts()? {
            let findings = tx.shadow_findings(&rollout.connection, &rollout.object, FINDINGS)?;
            all.push((rollout, findings));
        }
        Ok(all)
    });
    read.await?.into_iter().map(|(rollout, findings)| shown(rollout, findings)).collect()
}

fn shown(rollout: Rollout, findings: Vec<entente_store::ShadowFinding>) -> Result<RolloutState> {
    let findings = findings.into_iter().map(|finding| {
        let differences = serde_json::from_value(finding.detail).map_err(|error| EngineError::Corrupt {
            what: format!("what was compared of {}", finding.record),
            reason: error.to_string(),
        })?;
        Ok(ShadowFinding { record: finding.record.to_string(), at: finding.at, differences })
    });
    Ok(RolloutState {
        connection: rollout.connection,
        object: rollout.object,
        version: rollout.version,
        previous: rollout.previous,
        stage: rollout.stage.to_string(),
        percent: rollout.percent,
        at: rollout.at,
        by: rollout.by,
        compared: rollout.compared,
        differing: rollout.differing,
        findings: findings.collect::<Result<_>>()?,
    })
}

/// Brings a version into the shadow, or in force for a share of the records. Which records these are follows from their ids: a larger share
/// has those of a smaller one among them.
///
/// # Errors
/// When there is no such version, it is in force already, another version of the object is on its way, or the store fails.
pub async fn advance(engine: &Engine, viewer: &Viewer, connection: &str, object: &str, to: Advance) -> Result<RolloutState> {
    refresh(engine).await?;
    if to.percent.is_some_and(|percent| !(1..=99).contains(&percent)) {
        return Err(invalid(
            "percent",
            "a share is 1 to 99 percent of the records",
            "leave it out for the shadow; `mapping activate` is for all",
        ));
    }
    let known = versions(engine, connection, object).await?;
    let chosen = version_of(engine, connection, object, to.version).await?;
    let Some(previous) = known.iter().find(|version| version.active).filter(|version| version.version != chosen.version) else {
        return Err(invalid("version", format!("version {} is in force for all records", to.version), "name a draft"));
    };
    if chosen.mapping.remote != previous.mapping.remote {
        let reason = format!("it is of `{}`, and the version in force of `{}`", chosen.mapping.remote, previous.mapping.remote);
        return Err(invalid("version", reason, "such a version comes into force for all records at once: `entente mapping activate`"));
    }
    super::mappings::with(engine, &engine.catalog(), &[(connection.to_owned(), chosen.mapping.clone())], &[])?;
    let stage = if to.percent.is_some() { Stage::Share } else { Stage::Shadow };
    let rollout = Rollout {
        connection: connection.to_owned(),
        object: object.to_owned(),
        version: to.version,
        previous: previous.version,
        stage,
        percent: to.percent.unwrap_or_default(),
        at: engine.now(),
        by: viewer.name.clone(),
        compared: 0,
        differing: 0,
    };
    let new = rollout.clone();
    let before = engine
        .store()
        .write(move |tx| {
            let others = tx.rollouts()?.into_iter().find(|other| other.object == new.object && other.connection != new.connection);
            if let Some(other) = others.filter(|other| other.stage != Stage::All) {
                let what = format!("{} at {}, of which version {} is on its way,", other.object, other.connection, other.version);
                return Err(StoreError::Conflict { what });
            }
            let before = tx.rollout(&new.connection, &new.object)?;
            tx.put_rollout(&new)?;
            touch(tx)?;
            Ok(before)
        })
        .await?;
    refresh(engine).await?;
    let decided = before.filter(|before| before.stage == Stage::Share).map_or(0, |before| before.percent);
    let reach = decided.max(rollout.percent);
    if reach > 0 {
        hint_share(engine, connection, object, reach).await?;
    }
    shown(rollout, Vec::new())
}

/// Goes back to the version before: of one in the shadow or for a share nothing is left, and one that is in force for all gives way.
///
/// # Errors
/// When no version is on its way or unverified, or the store fails.
pub async fn back(engine: &Engine, viewer: &Viewer, connection: &str, object: &str) -> Result<SteppedBack> {
    let rollout = current(engine, connection, object).await?;
    let records = match rollout.stage {
        Stage::All => {
            super::mappings::activate(engine, viewer, connection, object, rollout.previous).await?;
            end(engine, connection, object).await?;
            hint_all(engine, connection, object).await?
        }
        Stage::Share => {
            end(engine, connection, object).await?;
            hint_share(engine, connection, object, rollout.percent).await?
        }
        Stage::Shadow => {
            end(engine, connection, object).await?;
            0
        }
    };
    Ok(SteppedBack { version: rollout.previous, from: rollout.version, records })
}

/// Says that the version in force is right: there is no more going back in one step. Every version stays, and can be put in force.
///
/// # Errors
/// When no version waits for it, or the store fails.
pub async fn verify(engine: &Engine, connection: &str, object: &str) -> Result<MappingVersion> {
    let rollout = current(engine, connection, object).await?;
    if rollout.stage != Stage::All {
        let remedy = "put it in force for all records first: `entente mapping activate`";
        return Err(invalid("mapping", format!("version {} is in the stage `{}`", rollout.version, rollout.stage), remedy));
    }
    end(engine, connection, object).await?;
    version_of(engine, connection, object, rollout.version).await
}

async fn current(engine: &Engine, connection: &str, object: &str) -> Result<Rollout> {
    engine.connection(connection)?;
    let (name, of) = (connection.to_owned(), object.to_owned());
    engine.store().read(move |tx| tx.rollout(&name, &of)).await?.ok_or_else(|| EngineError::Missing {
        what: format!("version of the mapping of {object} at {connection} on its way or unverified"),
        remedy: "`entente mapping versions` shows every version, and `entente mapping activate` puts one in force".to_owned(),
    })
}

async fn end(engine: &Engine, connection: &str, object: &str) -> Result<()> {
    let (name, of, now) = (connection.to_owned(), object.to_owned(), engine.now());
    engine
        .store()
        .write(move |tx| {
            tx.end_rollout(&name, &of, now)?;
            touch(tx).map(drop)
        })
        .await?;
    refresh(engine).await?;
    Ok(())
}

/// Has the records of a share looked at, with their rows at the connection read afresh. Answers how many there are.
async fn hint_share(engine: &Engine, connection: &str, object: &str, percent: u64) -> Result<u64> {
    let (mut after, mut many): (Option<RecordId>, u64) = (None, 0);
    loop {
        let (of, fetch, now, last) = (object.to_owned(), BTreeSet::from([connection.to_owned()]), engine.now(), after.clone());
        let (ids, hinted) = engine
            .store()
            .write(move |tx| {
                let records = tx.records_after(&Viewer::system(), &of, last.as_ref(), PAGE_ROWS_MAX)?;
                let ids: Vec<RecordId> = records.into_iter().map(|record| record.id).collect();
                let hints: Vec<NewHint> = ids
                    .iter()
                    .filter(|id| share_of(id.as_str()) < percent)
                    .map(|id| NewHint {
                        subject: id.to_string(),
                        object: of.clone(),
                        lane: LANE_BACKFILL,
                        due_at: now,
                        cause: "resync".to_owned(),
                        fetch: fetch.clone(),
                        origin_at: None,
                        is_news: true,
                        at: now,
                    })
                    .collect();
                tx.hint(&hints)?;
                Ok((ids, hints.len() as u64))
            })
            .await?;
        many += hinted;
        if ids.len() < PAGE_ROWS_MAX {
            return Ok(many);
        }
        after = ids.last().cloned();
    }
}
