//! Adopted rules as files declare them: taken over together with the mappings of the same folder, and applied to what waits.

use entente_model::plan::policy::Adopted;
use entente_store::{ConflictRule, ConflictState, PAGE_ROWS_MAX, RuleState, StoreError, Tx, Viewer};
use jiff::Timestamp;

use super::kind::Kind;
use super::proposals::{decide_by, note};
use crate::catalog::Catalog;
use crate::engine::Engine;
use crate::error::Result;

/// A rule with the object and the field that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Declared {
    pub(crate) object: String,
    pub(crate) field: String,
    pub(crate) rule: Adopted,
}

impl Declared {
    /// The rule by which `winner` wins, where these sides changed the field by these hands.
    pub(crate) fn new(
        object: &str,
        field: &str,
        sides: std::collections::BTreeMap<String, entente_model::actor::Actor>,
        winner: &str,
    ) -> std::result::Result<Self, StoreError> {
        let kind = Kind { object: object.to_owned(), field: field.to_owned(), sides };
        Ok(Self { rule: kind.rule(winner)?, object: kind.object, field: kind.field })
    }

    fn kind(&self) -> Kind {
        Kind { object: self.object.clone(), field: self.field.clone(), sides: self.rule.sides.clone() }
    }
}

/// What files change about adopted rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RuleChanges {
    /// Rules that decide from now on.
    pub(crate) adopt: Vec<Declared>,
    /// Rules that decide no more.
    pub(crate) withdraw: Vec<Declared>,
}

impl RuleChanges {
    /// Keeps them, each with an entry of the ledger.
    ///
    /// # Errors
    /// As for any write; [`StoreError::Conflict`] when a rule that is withdrawn was withdrawn meanwhile.
    pub(crate) fn keep(
        &self,
        tx: &mut Tx<'_>,
        catalog: &Catalog,
        by: &str,
        why: &str,
        now: Timestamp,
    ) -> std::result::Result<(), StoreError> {
        let reason = (!why.is_empty()).then(|| why.to_owned());
        for gone in &self.withdraw {
            if !tx.move_conflict_rule(&gone.rule.id, RuleState::Adopted, RuleState::Withdrawn, by, reason.as_deref(), now)? {
                return Err(StoreError::Conflict { what: format!("rule {}", gone.rule.id) });
            }
            if let Some(rule) = tx.conflict_rules()?.into_iter().find(|rule| rule.id == gone.rule.id) {
                note(tx, catalog, &rule, now)?;
            }
        }
        for new in &self.adopt {
            let rule = ConflictRule {
                id: new.rule.id.clone(),
                object: new.object.clone(),
                field: new.field.clone(),
                rule: new.rule.clone(),
                state: RuleState::Adopted,
                evidence: serde_json::json!({ "declared": "in a file" }),
                at: now,
                by: by.to_owned(),
                reason: reason.clone(),
            };
            tx.put_conflict_rule(&rule)?;
            note(tx, catalog, &rule, now)?;
        }
        Ok(())
    }

    /// Decides by the new rules what waits for a person. Answers how many conflicts that were.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn decide_waiting(&self, engine: &Engine, viewer: &Viewer) -> Result<u64> {
        if self.adopt.is_empty() {
            return Ok(0);
        }
        let new: Vec<(Kind, String)> = self.adopt.iter().map(|new| (new.kind(), new.rule.id.clone())).collect();
        let waiting = engine.store().read(move |tx| {
            let kept = tx.conflict_rules()?;
            let of = |id: &String| kept.iter().find(|rule| rule.id == *id && rule.state == RuleState::Adopted);
            let rules: Vec<(&Kind, &ConflictRule)> = new.iter().filter_map(|(kind, id)| Some((kind, of(id)?))).collect();
            let (mut found, mut before) = (Vec::new(), None);
            loop {
                let page = tx.conflicts(&Viewer::system(), ConflictState::Waiting, PAGE_ROWS_MAX, before)?;
                before = page.last().filter(|_| page.len() == PAGE_ROWS_MAX).map(|last| last.id);
                for conflict in page {
                    let Some(kind) = Kind::of(&conflict) else { continue };
                    found.extend(rules.iter().find(|(of, _)| **of == kind).map(|(_, rule)| (conflict.id, (*rule).clone())));
                }
                if before.is_none() {
                    return Ok(found);
                }
            }
        });
        decide_by(engine, viewer, waiting.await?).await
    }
}
