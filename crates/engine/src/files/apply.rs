//! Applying files: all of them or none, and only as they were planned.

use entente_store::Viewer;
use serde::Serialize;
use utoipa::ToSchema;

use super::format::FileText;
use super::plan::{FilePlan, make};
use crate::engine::Engine;
use crate::error::{EngineError, Result};
use crate::metadata::mappings::{MappingVersion, save_all};

/// Files that were applied.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct AppliedFiles {
    /// The plan that was carried out.
    pub plan: FilePlan,
    /// The versions of mappings that are in force now.
    pub saved: Vec<MappingVersion>,
    /// Records that are looked at again because of it.
    pub records: u64,
    /// Conflicts that waited for a person and are decided by rules that came in.
    pub conflicts: u64,
}

/// Applies files in one transaction, if the digest is the one of their plan as it comes out now.
///
/// # Errors
/// When anything has moved since the plan was made, something is wrong with the files, they lose something that was not accepted, or the
/// store fails. Nothing is changed then.
pub async fn apply(
    engine: &Engine,
    viewer: &Viewer,
    files: &[FileText],
    digest: &str,
    note: &str,
    accept_loss: bool,
) -> Result<AppliedFiles> {
    let planned = make(engine, files).await?;
    let invalid =
        |field: &str, reason: String, remedy: &str| EngineError::Invalid { field: field.to_owned(), reason, remedy: remedy.to_owned() };
    let plan = planned.plan;
    if plan.digest != digest {
        let reason = "the files, the mappings in force or a platform's schema are not as they were when this was planned".to_owned();
        return Err(invalid("digest", reason, "nothing was changed: plan again, look at it, and apply that plan"));
    }
    if !plan.faults.is_empty() {
        let faults = plan.faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        return Err(invalid("files", faults, "nothing was changed: correct this and plan again"));
    }
    let losses: Vec<String> = plan.steps.iter().flat_map(|step| step.losses.iter().cloned()).collect();
    if !accept_loss && !losses.is_empty() {
        return Err(invalid("files", losses.join("\n"), "nothing was changed: change these lines, or accept the loss (--accept-loss)"));
    }
    if plan.steps.is_empty() {
        return Ok(AppliedFiles { plan, saved: Vec::new(), records: 0, conflicts: 0 });
    }
    let rules = planned.rules;
    let saved = save_all(engine, viewer, &planned.of, planned.mappings, planned.objects, rules.clone(), note).await?;
    let conflicts = rules.decide_waiting(engine, viewer).await?;
    let records = saved.iter().map(|(_, records)| records).sum();
    Ok(AppliedFiles { plan, saved: saved.into_iter().map(|(version, _)| version).collect(), records, conflicts })
}
