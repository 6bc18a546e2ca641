//! Adopted rules of conflicts in files: what a file would adopt and withdraw, and what is wrong with it.

use std::collections::{BTreeMap, BTreeSet};

use entente_model::mapping::Owner;
use entente_model::plan::NATIVE;
use entente_model::spelling::nearest;

use super::format::{AdoptedRule, FileFault, Parsed, RulesFile};
use super::plan::{FileOf, FileStep};
use crate::catalog::Catalog;
use crate::error::Result;
use crate::records::conflicts::declared::{Declared, RuleChanges};

/// What a file of rules comes to.
pub(super) struct Compared {
    pub(super) step: Option<FileStep>,
    pub(super) changes: RuleChanges,
    pub(super) faults: Vec<FileFault>,
}

/// The rules in force as files hold them, object by object.
pub(super) fn in_force(catalog: &Catalog) -> Vec<RulesFile> {
    let mut files: BTreeMap<&str, Vec<AdoptedRule>> = BTreeMap::new();
    for (object, field, rule) in catalog.adopted() {
        let rule = AdoptedRule { field: field.clone(), sides: rule.sides.clone(), winner: rule.winner.clone() };
        files.entry(object).or_default().push(rule);
    }
    let files = files.into_iter().map(|(object, mut adopted)| {
        // By what they are about, so that two exports differ in nothing but what was decided in between.
        adopted.sort_by(|one, other| {
            (&one.field, one.sides.keys().collect::<Vec<_>>(), &one.winner).cmp(&(
                &other.field,
                other.sides.keys().collect(),
                &other.winner,
            ))
        });
        RulesFile { object: object.to_owned(), adopted }
    });
    files.collect()
}

/// Compares a file with the rules in force. `will_be` is the catalog with the other files of the folder.
pub(super) fn compare<'a>(
    catalog: &Catalog,
    will_be: &Catalog,
    connections: impl Iterator<Item = &'a str>,
    file: &Parsed,
    of: &RulesFile,
) -> Result<Compared> {
    let mut compared = Compared { step: None, changes: RuleChanges::default(), faults: Vec::new() };
    let known: Vec<Declared> = catalog
        .adopted()
        .iter()
        .filter(|(object, ..)| *object == of.object)
        .map(|(object, field, rule)| Declared { object: object.clone(), field: field.clone(), rule: rule.clone() })
        .collect();
    let sides: BTreeSet<&str> = connections.chain([NATIVE]).collect();
    let mut wanted: Vec<Declared> = Vec::new();
    for (at, one) in of.adopted.iter().enumerate() {
        let declared = Declared::new(&of.object, &one.field, one.sides.clone(), &one.winner)?;
        if wanted.iter().any(|other| other.field == declared.field && other.rule.sides == declared.rule.sides) {
            let reason = format!("another rule of `{}` is for the same sides and hands", one.field);
            compared.faults.push(file.fault(Some(at), reason, "keep one of the two"));
            continue;
        }
        // What is in force already may name a connection that is gone by now.
        if !known.contains(&declared)
            && let Some((reason, remedy)) = wrong(will_be, &sides, &of.object, one)
        {
            compared.faults.push(file.fault(Some(at), reason, remedy));
        }
        wanted.push(declared);
    }
    compared.changes.adopt = wanted.iter().filter(|one| !known.contains(one)).cloned().collect();
    compared.changes.withdraw = known.into_iter().filter(|one| !wanted.contains(one)).collect();
    if compared.changes != RuleChanges::default() {
        compared.step = Some(FileStep {
            path: file.path.clone(),
            of: FileOf::Rules,
            connection: None,
            object: of.object.clone(),
            added: compared.changes.adopt.iter().map(told).collect(),
            changed: Vec::new(),
            removed: compared.changes.withdraw.iter().map(told).collect(),
            frame: false,
            losses: Vec::new(),
            to_provision: Vec::new(),
        });
    }
    Ok(compared)
}

/// A rule in a few words.
fn told(one: &Declared) -> String {
    let sides: Vec<String> = one.rule.sides.iter().map(|(side, by)| format!("{side} by {by:?}").to_lowercase()).collect();
    format!("{}: of {}, {} wins", one.field, sides.join(" and "), one.rule.winner)
}

fn wrong(catalog: &Catalog, sides: &BTreeSet<&str>, object: &str, rule: &AdoptedRule) -> Option<(String, String)> {
    let Some(known) = catalog.object(object) else {
        let objects = catalog.objects().map(|object| object.key.as_str()).collect::<Vec<_>>().join(", ");
        return Some((format!("there is no object `{object}`"), format!("use one of: {objects}")));
    };
    let Some(policy) = catalog.policy_of(object, &rule.field) else {
        let fields = catalog.policy(object).iter().map(|policy| policy.field.as_str());
        let remedy = match nearest(&rule.field, fields) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.field(&rule.field).is_some() => "map the field first".to_owned(),
            None => "name a field of the object that is mapped".to_owned(),
        };
        return Some((format!("no mapping of `{object}` has a field `{}`", rule.field), remedy));
    };
    if policy.owner != Owner::Shared {
        let reason = format!("`{}` has an owner, whose value wins always", rule.field);
        return Some((reason, "take the rule out, or set the owner to shared in every mapping of the field".to_owned()));
    }
    if let Some(strange) = rule.sides.keys().find(|side| !sides.contains(side.as_str())) {
        let named = sides.iter().copied().collect::<Vec<_>>().join(", ");
        return Some((format!("there is no connection `{strange}`"), format!("use one of: {named}")));
    }
    if rule.sides.len() < 2 {
        return Some(("one side alone is no conflict".to_owned(), "name two sides or more, each with its hand".to_owned()));
    }
    if !rule.sides.contains_key(&rule.winner) {
        let named = rule.sides.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        return Some((format!("`{}` wins, and is none of the sides", rule.winner), format!("let one of these win: {named}")));
    }
    None
}
