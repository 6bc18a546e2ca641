//! What the sync was good for in a month.

use entente_model::mapping::Role;
use entente_store::{StoreError, Tx};
use serde::Serialize;
use utoipa::ToSchema;

use super::performance::days_of;
use super::{Range, sum};
use crate::engine::Engine;
use crate::notify::CSM_NOTICES;
use crate::sync::settle::{CSAT, PROFILES, PROFILES_MS};

/// What it was good for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ImpactMonth {
    /// Customers that were won and onboarded.
    pub new_customers: u64,
    /// Support profiles that were made for them.
    pub profiles: u64,
    /// Mean time from won to the support profile, in milliseconds.
    pub profile_ms: Option<u64>,
    /// Support health scores written to the CRM.
    pub health_scores: u64,
    /// Of those, on a day, in the mean.
    pub health_scores_per_day: u64,
    /// Days that were counted.
    pub days: u64,
    /// Satisfaction scores logged in the CRM.
    pub csat_scores: u64,
    /// Support activities made in the CRM.
    pub activities: u64,
    /// Notices to customer success managers that support data gave rise to.
    pub csm_notices: u64,
}

/// Adds the month up.
pub(super) fn impact(tx: &mut Tx<'_>, engine: &Engine, range: Range) -> Result<ImpactMonth, StoreError> {
    let of = (range.from, range.to);
    let is_crm = |name: &str| engine.connections().get(name).is_some_and(|connection| connection.role == Role::Crm);
    let health = tx.counted_by_connection("health", of.0, of.1)?;
    let health_scores = health.iter().filter(|(name, _)| is_crm(name)).map(|(_, many)| u64::try_from(*many).unwrap_or(0)).sum();
    let (profiles, profiles_ms) = (sum(tx, PROFILES, of)?, sum(tx, PROFILES_MS, of)?);
    let days = days_of(engine, of).len() as u64;
    Ok(ImpactMonth {
        new_customers: sum(tx, "onboarding_new", of)?,
        profiles,
        profile_ms: profiles_ms.checked_div(profiles),
        health_scores,
        health_scores_per_day: health_scores / days.max(1),
        days,
        csat_scores: sum(tx, CSAT, of)?,
        activities: sum(tx, "activities", of)?,
        csm_notices: sum(tx, CSM_NOTICES, of)?,
    })
}
