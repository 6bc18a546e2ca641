//! Patches: lines of a mapping that take the place of others. A patch fits only where the lines are still as it knows them, so that it
//! never undoes what somebody changed meanwhile.

use serde::{Deserialize, Serialize};

use super::{FieldMap, Mapping};
use crate::formula::Formula;
use crate::value::FieldKey;

/// One line of a patch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinePatch {
    /// The line as it is; none when the patch adds it.
    pub before: Option<FieldMap>,
    /// The line as it becomes.
    pub after: FieldMap,
}

/// Lines that take the place of others in the mapping of one object.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Patch {
    /// The lines.
    pub lines: Vec<LinePatch>,
}

impl Patch {
    /// The mapping with the patch. Fails with the field whose line is no longer as the patch knows it.
    pub fn apply(&self, mapping: &Mapping) -> Result<Mapping, FieldKey> {
        let mut patched = mapping.clone();
        for line in &self.lines {
            let field = &line.after.field;
            let known = patched.fields.iter_mut().find(|known| known.field == *field);
            match (known, &line.before) {
                (Some(known), Some(before)) if known == before => *known = line.after.clone(),
                (None, None) => patched.fields.push(line.after.clone()),
                _ => return Err(field.clone()),
            }
        }
        Ok(patched)
    }
}

/// Whether a line reads or writes a remote field.
#[must_use]
pub fn touches(line: &FieldMap, remote: &str) -> bool {
    let reads = |formula: &String| Formula::parse(formula).is_ok_and(|formula| formula.reads().contains(remote));
    line.remote == remote || line.get.as_ref().is_some_and(reads)
}

/// The line with a remote field by its new name, in formulas too.
#[must_use]
pub fn renamed(line: &FieldMap, from: &str, to: &str) -> FieldMap {
    let mut line = line.clone();
    if line.remote == from {
        to.clone_into(&mut line.remote);
    }
    line.get = line.get.map(|formula| renamed_in(&formula, from, to));
    line
}

/// A formula with a field by its new name. What stands in quotes is a text and stays.
fn renamed_in(formula: &str, from: &str, to: &str) -> String {
    let is_name = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '.';
    let (mut out, mut word, mut quote) = (String::with_capacity(formula.len()), String::new(), None);
    let end = |word: &mut String, out: &mut String| {
        out.push_str(if word == from { to } else { word });
        word.clear();
    };
    for letter in formula.chars() {
        match quote {
            Some(mark) => {
                out.push(letter);
                quote = Some(mark).filter(|mark| *mark != letter);
            }
            None if is_name(letter) => word.push(letter),
            None => {
                end(&mut word, &mut out);
                quote = Some(letter).filter(|letter| matches!(letter, '"' | '\''));
                out.push(letter);
            }
        }
    }
    end(&mut word, &mut out);
    out.replace(&format!("[{from}]"), &format!("[{to}]"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::{Direction, Owner};

    fn line(field: &str, remote: &str) -> FieldMap {
        FieldMap {
            field: field.to_owned(),
            remote: remote.to_owned(),
            get: None,
            put: None,
            values: Vec::new(),
            currency: None,
            direction: Direction::Both,
            owner: Owner::Crm,
            required: false,
            conflicts: None,
            archived: false,
        }
    }

    #[test]
    fn a_patch_fits_only_where_its_lines_are_as_it_knows_them() {
        let text = r#"{"object": "account", "remote": "Account", "key": "Id__c", "fields": [{"field": "tier", "remote": "Tier__c", "owner": "crm"}]}"#;
        let mapping: Mapping = serde_json::from_str(text).unwrap();
        let moved = LinePatch { before: Some(line("tier", "Tier__c")), after: line("tier", "Level__c") };
        let added = LinePatch { before: None, after: line("plan", "Plan__c") };
        let patched = Patch { lines: vec![moved.clone(), added.clone()] }.apply(&mapping).unwrap();
        assert_eq!(patched.fields, [line("tier", "Level__c"), line("plan", "Plan__c")]);
        assert_eq!(Patch { lines: vec![moved] }.apply(&patched), Err("tier".to_owned()));
        assert_eq!(Patch { lines: vec![added] }.apply(&patched), Err("plan".to_owned()));
    }

    #[test]
    fn a_name_is_replaced_in_formulas_and_not_in_texts() {
        let known = FieldMap { get: Some("IF(Tier__c = 'Tier__c', Tier__c_Old, [Tier__c] & Tier__c)".into()), ..line("tier", "Tier__c") };
        assert!(touches(&known, "Tier__c") && touches(&known, "Tier__c_Old") && !touches(&known, "Tier"));
        let now = renamed(&known, "Tier__c", "Level__c");
        assert_eq!(now.remote, "Level__c");
        assert_eq!(now.get.as_deref(), Some("IF(Level__c = 'Tier__c', Tier__c_Old, [Level__c] & Level__c)"));
    }
}
