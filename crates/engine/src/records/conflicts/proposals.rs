//! Rules proposed from decisions: when people have decided conflicts of one kind alike again and again, the rule that would have decided them is
//! proposed with its evidence and with what it would have done to last month's conflicts. One step adopts it, and it can be withdrawn.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use entente_model::actor::Actor;
use entente_model::actor::ChangeMark;
use entente_model::value::Value;
use entente_store::{Change, Conflict, ConflictRule, NewEntry, NewNotice, RuleState, StoreError, Tx, Viewer};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::kind::{End, Kind, opened, present};
use super::ruling::Ruling;
use crate::catalog::Catalog;
use crate::engine::Engine;
use crate::error::{EngineError, Result};
use crate::metadata::{refresh, touch};
use crate::records::{Display, label, titles};

/// Days back in which decisions count as evidence.
const EVIDENCE_DAYS: i64 = 90;
/// Days back that a rule is tried on.
const TRIED_DAYS: i64 = 30;
/// Decisions that are listed as evidence; beyond them it counts.
const LISTED: usize = 20;
/// Milliseconds of a day.
const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// Kind of the notice that tells of a new proposal.
pub const NOTICE: &str = "proposal";
/// Object of the ledger's entries about rules.
const RULE: &str = "conflict_rule";

/// Who changed the field at a side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RuleSide {
    /// Connection, or `entente` for Entente itself.
    pub side: String,
    /// The kind of hand: `customer`, `sales`, `support`, `automation`, `us`, `person` or `unknown`.
    pub by: String,
}

/// A decision that speaks for a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = RuleDecision)]
pub struct Decision {
    /// Conflict id.
    pub conflict: String,
    /// The record.
    pub record: String,
    /// What people call it.
    pub title: String,
    /// The value that was decided for, as people read it.
    pub value: Option<String>,
    /// Who decided.
    pub by: String,
    /// When.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub at: Option<Timestamp>,
}

/// What a rule would have done to the conflicts of the last thirty days.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = RuleTried)]
pub struct Tried {
    /// Conflicts of its kind that no other rule decided.
    pub conflicts: u64,
    /// Of those, how many people decided as it does.
    pub as_people: u64,
    /// How many people decided otherwise.
    pub otherwise: u64,
    /// How many wait for a person now: adopting it decides them.
    pub waiting: u64,
    /// How many ended by themselves.
    pub by_themselves: u64,
}

/// A proposed rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ProposedRule)]
pub struct Proposal {
    /// Its id.
    pub id: String,
    /// Our object.
    pub object: String,
    /// Our field.
    pub field: String,
    /// What people call the field.
    pub label: String,
    /// When it applies: the sides that changed the field, and whose hand it was on each.
    pub sides: Vec<RuleSide>,
    /// The side that wins.
    pub winner: String,
    /// The rule in a sentence.
    pub words: String,
    /// How many of the latest decisions were alike, one after the other.
    pub alike: u64,
    /// The latest of them.
    pub decisions: Vec<Decision>,
    /// What it would have done to the conflicts of the last thirty days.
    pub tried: Tried,
}

/// A rule that somebody decided about.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = ConflictRule)]
pub struct Rule {
    /// Its id.
    pub id: String,
    /// Our object.
    pub object: String,
    /// Our field.
    pub field: String,
    /// What people call the field.
    pub label: String,
    /// When it applies.
    pub sides: Vec<RuleSide>,
    /// The side that wins.
    pub winner: String,
    /// The rule in a sentence.
    pub words: String,
    /// `adopted`, `declined` or `withdrawn`.
    pub state: String,
    /// When that was decided.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Who decided.
    pub by: String,
    /// Why, where a reason was given.
    pub reason: Option<String>,
    /// Conflicts that it has decided since it was adopted.
    pub decided: u64,
}

/// Why a rule is not wanted.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = RuleReason)]
pub struct Reason {
    /// The reason, in words.
    pub reason: String,
}

/// A rule that was adopted, with the conflicts that it decided at once.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = AdoptedRule)]
pub struct Adoption {
    /// The rule.
    pub rule: Rule,
    /// Conflicts that waited and are decided by it now.
    pub decided: u64,
}

/// What is known of a kind of conflict.
struct Evidence {
    kind: Kind,
    winner: String,
    alike: Vec<Conflict>,
    tried: Tried,
    waiting: Vec<i64>,
}

/// The rules that are proposed now, best founded first.
///
/// # Errors
/// When the store fails.
pub async fn proposals(engine: &Engine, viewer: &Viewer) -> Result<Vec<Proposal>> {
    let (seer, catalog, now, least) = (viewer.clone(), engine.catalog(), engine.now(), engine.options().propose_rule_after);
    let proposals = engine.store().read(move |tx| {
        let found = gather(tx, least, now)?;
        found.iter().map(|evidence| shown(tx, &seer, &catalog, evidence)).collect()
    });
    Ok(proposals.await?)
}

/// Every kind whose latest decisions are alike often enough, without those that were decided about and have no new evidence since.
fn gather(tx: &mut Tx<'_>, least: u64, now: Timestamp) -> std::result::Result<Vec<Evidence>, StoreError> {
    if least == 0 {
        return Ok(Vec::new());
    }
    let days_ago = |days: i64| Timestamp::from_millisecond(now.as_millisecond() - days * DAY_MS).unwrap_or(now);
    let (tried_from, next) = (days_ago(TRIED_DAYS), Timestamp::from_millisecond(now.as_millisecond() + 1).unwrap_or(now));
    let decided_about: BTreeMap<String, ConflictRule> = tx.conflict_rules()?.into_iter().map(|rule| (rule.id.clone(), rule)).collect();
    let mut kinds: HashMap<Kind, Vec<Conflict>> = HashMap::new();
    for conflict in opened(tx, days_ago(EVIDENCE_DAYS), next)? {
        if let Some(kind) = Kind::of(&conflict) {
            kinds.entry(kind).or_default().push(conflict);
        }
    }
    let mut found = Vec::new();
    for (kind, conflicts) in kinds {
        let mut decisions: Vec<&Conflict> = conflicts.iter().filter(|one| matches!(End::of(one), End::Person(_))).collect();
        decisions.sort_by_key(|one| std::cmp::Reverse((one.resolved_at, one.id)));
        let Some(End::Person(Some(winner))) = decisions.first().map(|latest| End::of(latest)) else { continue };
        let rule = kind.rule(&winner)?;
        let since = match decided_about.get(&rule.id) {
            Some(known) if known.state == RuleState::Adopted => continue,
            Some(known) => Some(known.at),
            None => None,
        };
        let as_it = End::Person(Some(winner.clone()));
        let new = decisions.into_iter().filter(|one| since.is_none_or(|since| one.resolved_at.is_some_and(|at| at > since)));
        let alike: Vec<Conflict> = new.take_while(|one| End::of(one) == as_it).cloned().collect();
        if (alike.len() as u64) < least {
            continue;
        }
        let (mut tried, mut waiting) = (Tried::default(), Vec::new());
        for conflict in &conflicts {
            let end = End::of(conflict);
            if end == End::Waits {
                waiting.push(conflict.id);
            }
            if conflict.conflict.opened_at < tried_from || matches!(end, End::Rule(_)) {
                continue;
            }
            tried.conflicts += 1;
            match end {
                End::Waits => tried.waiting += 1,
                End::Itself => tried.by_themselves += 1,
                end if end == as_it => tried.as_people += 1,
                _ => tried.otherwise += 1,
            }
        }
        found.push(Evidence { kind, winner, alike, tried, waiting });
    }
    found.sort_by_key(|one| (std::cmp::Reverse(one.alike.len()), one.kind.object.clone(), one.kind.field.clone(), one.winner.clone()));
    Ok(found)
}

fn shown(tx: &mut Tx<'_>, viewer: &Viewer, catalog: &Catalog, evidence: &Evidence) -> entente_store::Result<Proposal> {
    let listed = &evidence.alike[..evidence.alike.len().min(LISTED)];
    let ids: Vec<_> = listed.iter().map(|one| one.conflict.record.clone()).collect();
    let titles = titles(catalog, &tx.records(viewer, &ids)?);
    let display = Display::of(tx, viewer, catalog, listed.iter().filter_map(|one| one.resolution.as_ref()))?;
    // A record that the viewer may not see has no title here, and its decision is counted only.
    let decisions = listed.iter().filter_map(|one| {
        Some(Decision {
            conflict: one.id.to_string(),
            record: one.conflict.record.to_string(),
            title: titles.get(&one.conflict.record)?.clone(),
            value: one.resolution.as_ref().and_then(|value| display.show(value)),
            by: one.resolved_by.clone().unwrap_or_default(),
            at: one.resolved_at,
        })
    });
    let Kind { object, field, sides } = &evidence.kind;
    Ok(Proposal {
        id: evidence.kind.rule(&evidence.winner)?.id,
        label: label(catalog.object(object), field),
        words: words(catalog, object, field, sides, &evidence.winner),
        sides: rule_sides(sides),
        winner: evidence.winner.clone(),
        alike: evidence.alike.len() as u64,
        decisions: decisions.collect(),
        tried: evidence.tried,
        object: object.clone(),
        field: field.clone(),
    })
}

fn rule_sides(sides: &BTreeMap<String, Actor>) -> Vec<RuleSide> {
    sides.iter().map(|(side, by)| RuleSide { side: side.clone(), by: hand(*by) }).collect()
}

fn hand(by: Actor) -> String {
    serde_json::to_value(by).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

/// The rule in a sentence.
fn words(catalog: &Catalog, object: &str, field: &str, sides: &BTreeMap<String, Actor>, winner: &str) -> String {
    let who = |by: Actor| match by {
        Actor::Customer => "the customer",
        Actor::Sales => "sales",
        Actor::Support => "support",
        Actor::Automation => "an automation",
        Actor::Us | Actor::Person => "Entente",
        Actor::Unknown => "somebody",
    };
    let changed = sides.iter().map(|(side, by)| format!("{} changed it at {side}", who(*by))).collect::<Vec<_>>().join(" and ");
    format!("{} of {object}: when {changed}, and no other rule decides, the value of {winner} wins", label(catalog.object(object), field))
}

fn unknown(what: &'static str, id: &str) -> EngineError {
    EngineError::Unknown {
        what,
        name: id.to_owned(),
        remedy: "take its id from `entente conflicts proposals` or `entente conflicts rules`".to_owned(),
    }
}

/// Adopts a proposed rule: from now on it decides what would go to a person, and it decides what waits for one now.
///
/// # Errors
/// When it is not proposed any more, or the store fails.
pub async fn adopt(engine: &Engine, viewer: &Viewer, id: &str) -> Result<Adoption> {
    let (seer, catalog, now, least, wanted) =
        (viewer.clone(), engine.catalog(), engine.now(), engine.options().propose_rule_after, id.to_owned());
    let waiting = engine
        .store()
        .write(move |tx| {
            let mut found = None;
            for evidence in gather(tx, least, now)? {
                let rule = evidence.kind.rule(&evidence.winner)?;
                if rule.id == wanted {
                    found = Some((evidence, rule));
                }
            }
            let Some((evidence, rule)) = found else { return Ok(None) };
            let ids: Vec<String> = evidence.alike.iter().map(|one| one.id.to_string()).collect();
            let rule = ConflictRule {
                id: rule.id.clone(),
                object: evidence.kind.object.clone(),
                field: evidence.kind.field.clone(),
                rule,
                state: RuleState::Adopted,
                evidence: serde_json::json!({ "decisions": ids, "tried": evidence.tried }),
                at: now,
                by: seer.name.clone(),
                reason: None,
            };
            tx.put_conflict_rule(&rule)?;
            note(tx, &catalog, &rule, now)?;
            touch(tx)?;
            Ok(Some((rule, evidence.waiting)))
        })
        .await?;
    let Some((adopted, waiting)) = waiting else { return Err(unknown("proposed rule", id)) };
    refresh(engine).await?;
    let decided = decide_by(engine, viewer, waiting.into_iter().map(|conflict| (conflict, adopted.clone())).collect()).await?;
    Ok(Adoption { rule: rule(engine, viewer, id).await?, decided })
}

/// Decides waiting conflicts, each by the adopted rule that it comes with. Answers how many there were.
pub(super) async fn decide_by(engine: &Engine, viewer: &Viewer, waiting: Vec<(i64, ConflictRule)>) -> Result<u64> {
    let mut decided = 0;
    for (conflict, rule) in waiting {
        let resolution = super::Resolution { side: Some(rule.rule.winner.clone()), value: None };
        match super::rule_on(engine, viewer, &conflict.to_string(), resolution, Ruling::Rule(Box::new(rule))).await {
            Ok(_) => decided += 1,
            // Somebody was faster.
            Err(EngineError::Store(StoreError::Conflict { .. }) | EngineError::Unknown { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(decided)
}

/// Declines a proposed rule. It is proposed again only when as many decisions speak for it anew.
///
/// # Errors
/// When it is not proposed any more, no reason is given, or the store fails.
pub async fn decline(engine: &Engine, viewer: &Viewer, id: &str, reason: Reason) -> Result<Rule> {
    let reason = given(reason)?;
    let (seer, catalog, now, least, wanted) =
        (viewer.clone(), engine.catalog(), engine.now(), engine.options().propose_rule_after, id.to_owned());
    let known = engine
        .store()
        .write(move |tx| {
            for evidence in gather(tx, least, now)? {
                let rule = evidence.kind.rule(&evidence.winner)?;
                if rule.id != wanted {
                    continue;
                }
                let rule = ConflictRule {
                    id: rule.id.clone(),
                    object: evidence.kind.object.clone(),
                    field: evidence.kind.field.clone(),
                    rule,
                    state: RuleState::Declined,
                    evidence: serde_json::json!({ "alike": evidence.alike.len(), "tried": evidence.tried }),
                    at: now,
                    by: seer.name.clone(),
                    reason: Some(reason.clone()),
                };
                tx.put_conflict_rule(&rule)?;
                note(tx, &catalog, &rule, now)?;
                return Ok(true);
            }
            Ok(false)
        })
        .await?;
    if known { rule(engine, viewer, id).await } else { Err(unknown("proposed rule", id)) }
}

/// Withdraws an adopted rule: what it would decide goes to a person again. What it has decided stays decided.
///
/// # Errors
/// When it is not adopted, no reason is given, or the store fails.
pub async fn withdraw(engine: &Engine, viewer: &Viewer, id: &str, reason: Reason) -> Result<Rule> {
    let reason = given(reason)?;
    let (seer, catalog, now, wanted) = (viewer.clone(), engine.catalog(), engine.now(), id.to_owned());
    let moved = engine
        .store()
        .write(move |tx| {
            if !tx.move_conflict_rule(&wanted, RuleState::Adopted, RuleState::Withdrawn, &seer.name, Some(&reason), now)? {
                return Ok(false);
            }
            if let Some(rule) = tx.conflict_rules()?.into_iter().find(|rule| rule.id == wanted) {
                note(tx, &catalog, &rule, now)?;
            }
            touch(tx)?;
            Ok(true)
        })
        .await?;
    if !moved {
        return Err(unknown("adopted rule", id));
    }
    refresh(engine).await?;
    rule(engine, viewer, id).await
}

fn given(reason: Reason) -> Result<String> {
    let reason = reason.reason.trim().to_owned();
    if reason.is_empty() {
        return Err(EngineError::Invalid {
            field: "reason".to_owned(),
            reason: "a reason is needed: whoever sees the rule later wants to know".to_owned(),
            remedy: "say why in a few words".to_owned(),
        });
    }
    Ok(reason)
}

/// Rules that somebody decided about, newest first.
///
/// # Errors
/// When the store fails.
pub async fn rules(engine: &Engine, _viewer: &Viewer) -> Result<Vec<Rule>> {
    let (catalog, now) = (engine.catalog(), engine.now());
    let rules = engine.store().read(move |tx| {
        let next = Timestamp::from_millisecond(now.as_millisecond() + 1).unwrap_or(now);
        let known = tx.conflict_rules()?;
        let first = known.iter().map(|rule| rule.at).min().unwrap_or(now);
        let mut decided: HashMap<Kind, Vec<Timestamp>> = HashMap::new();
        for conflict in opened(tx, first, next)? {
            if End::of(&conflict) == End::Rule(entente_model::plan::Reason::Adopted.name().to_owned())
                && let Some(kind) = Kind::of(&conflict)
            {
                decided.entry(kind).or_default().push(conflict.conflict.opened_at);
            }
        }
        let shown = known.into_iter().map(|rule| {
            let kind = Kind { object: rule.object.clone(), field: rule.field.clone(), sides: rule.rule.sides.clone() };
            let since = decided.get(&kind).map_or(0, |at| at.iter().filter(|at| **at >= rule.at).count());
            Rule {
                label: label(catalog.object(&rule.object), &rule.field),
                words: words(&catalog, &rule.object, &rule.field, &rule.rule.sides, &rule.rule.winner),
                sides: rule_sides(&rule.rule.sides),
                winner: rule.rule.winner,
                state: rule.state.to_string(),
                at: rule.at,
                by: rule.by,
                reason: rule.reason,
                decided: if rule.state == RuleState::Adopted { since as u64 } else { 0 },
                id: rule.id,
                object: rule.object,
                field: rule.field,
            }
        });
        Ok(shown.collect())
    });
    Ok(rules.await?)
}

async fn rule(engine: &Engine, viewer: &Viewer, id: &str) -> Result<Rule> {
    rules(engine, viewer).await?.into_iter().find(|rule| rule.id == id).ok_or_else(|| unknown("rule", id))
}

/// What was decided about a rule, as an entry of the ledger: the rule has a history like a record.
pub(super) fn note(tx: &mut Tx<'_>, catalog: &Catalog, rule: &ConflictRule, now: Timestamp) -> entente_store::Result<()> {
    let words = words(catalog, &rule.object, &rule.field, &rule.rule.sides, &rule.rule.winner);
    let record = rule.id.parse().map_err(|_| StoreError::Corrupt { what: format!("the id of rule {}", rule.id) })?;
    let state = Change {
        before: Value::Null,
        after: Value::text(rule.state.as_str()),
        rule: None,
        from: None,
        mark: ChangeMark { at: Some(now), by: Actor::Person, who: None },
        lost: Vec::new(),
    };
    tx.append(&[NewEntry {
        record,
        object: RULE.to_owned(),
        subject: rule.id.clone(),
        at: now,
        actor: Actor::Person,
        actor_name: rule.by.clone(),
        cause: "user".to_owned(),
        detail: format!("{}: {words}", rule.state),
        connection: None,
        changes: BTreeMap::from([("state".to_owned(), state)]),
    }])
    .map(drop)
}

/// Tells the operators once when a decision has made a rule worth proposing.
pub(super) fn tell_of_new(tx: &mut Tx<'_>, catalog: &Catalog, decided: &Conflict, least: u64, now: Timestamp) -> entente_store::Result<()> {
    let Some(kind) = Kind::of(decided) else { return Ok(()) };
    let here = |evidence: &&Evidence| evidence.kind == kind && evidence.alike.len() as u64 == least;
    let found = gather(tx, least, now)?;
    let Some(evidence) = found.iter().find(here) else { return Ok(()) };
    let sides: BTreeSet<&str> = present(&decided.conflict.sides).into_iter().map(|side| side.side.as_str()).collect();
    tx.notify(&NewNotice {
        at: now,
        kind: NOTICE.to_owned(),
        recipient: "ops".to_owned(),
        title: format!("{least} conflicts were decided alike; a rule is proposed"),
        body: format!(
            "{}. In the last thirty days it would have decided {} conflicts between {}, {} of them otherwise than people did. \
             `entente conflicts proposals` shows the evidence and how to adopt it.",
            words(catalog, &kind.object, &kind.field, &kind.sides, &evidence.winner),
            evidence.tried.conflicts,
            sides.into_iter().collect::<Vec<_>>().join(" and "),
            evidence.tried.otherwise
        ),
        record: None,
    })
    .map(drop)
}
