//! Mappings that say differently how conflicts of a field are decided: a field has one way, as it has one owner.

use entente_model::mapping::conflicts::Conflicts;
use entente_model::mapping::{FieldMap, Mapping};

use super::proposal::{Among, Finding};
use crate::catalog::Catalog;
use crate::engine::Engine;

/// What the other connections contradict, each with its line; without one where it is what the mappings say of their object.
pub(super) fn contradictions(engine: &Engine, catalog: &Catalog, connection: &str, mapping: &Mapping, among: &Among) -> Vec<Finding> {
    let mut findings = Vec::new();
    for other in engine.connections().keys().filter(|name| *name != connection) {
        let proposed = among.mappings.iter().find(|(name, proposed)| name == other && proposed.object == mapping.object);
        let saved = || catalog.mapped(other, &mapping.object).map(|mapped| &mapped.saved);
        let Some(theirs) = proposed.map(|(_, proposed)| proposed).or_else(saved) else { continue };
        let mut of_object: Vec<&'static str> = Vec::new();
        for (at, line) in mapping.fields.iter().enumerate().filter(|(_, line)| !line.archived) {
            let Some(their_line) = theirs.fields.iter().find(|their| their.field == line.field && !their.archived) else { continue };
            if let (Some(ours), Some(others)) = (&line.conflicts, &their_line.conflicts) {
                findings.extend(ours.contradictions(others).into_iter().map(|part| finding(Some((at, line)), part, other)));
            }
            if let (Some(ours), Some(others)) = (&mapping.conflicts, &theirs.conflicts) {
                let says = |line: &FieldMap, part: &str| line.conflicts.as_ref().is_some_and(|said: &Conflicts| said.says(part));
                let open = |part: &&'static str| !says(line, part) && !says(their_line, part) && !of_object.contains(part);
                let new: Vec<&'static str> = ours.contradictions(others).into_iter().filter(open).collect();
                of_object.extend(new);
            }
        }
        findings.extend(of_object.into_iter().map(|part| finding(None, part, other)));
    }
    findings
}

fn finding(line: Option<(usize, &FieldMap)>, part: &str, other: &str) -> Finding {
    Finding {
        line: line.map(|(at, _)| at + 1),
        field: line.map(|(_, line)| line.field.clone()),
        reason: format!("`conflicts.{part}` is another one than in the mapping of {other}"),
        remedy: "a field has one way of being decided: say the same in both, or say it in one of them alone".to_owned(),
        known: false,
    }
}
