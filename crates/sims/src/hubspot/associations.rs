//! Associations between records: always both directions, each with its type ids.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::kinds::{DEALS, LEADS, association};
use super::record::Hand;
use super::refusal::Refusal;
use super::state::State;

/// A record of a kind.
type End = (usize, u64);

/// All associations: from, to, and the type ids between them.
#[derive(Debug, Default)]
pub(crate) struct Links(BTreeMap<End, BTreeMap<End, BTreeSet<u32>>>);

impl Links {
    /// Records of a kind that a record is associated with, with the type ids.
    pub(crate) fn of(&self, from: End, to: usize) -> Vec<(u64, Vec<u32>)> {
        let Some(ends) = self.0.get(&from) else { return Vec::new() };
        ends.range((to, 0)..=(to, u64::MAX)).map(|((_, id), types)| (*id, types.iter().copied().collect())).collect()
    }

    /// The primary record of a kind, if there is one.
    pub(crate) fn primary(&self, kind: usize, id: u64, to: usize) -> Option<u64> {
        let primary = association(kind, to)?.1?;
        self.of((kind, id), to).into_iter().find(|(_, types)| types.contains(&primary)).map(|(id, _)| id)
    }

    fn put(&mut self, from: End, to: End, ty: u32) -> bool {
        self.0.entry(from).or_default().entry(to).or_default().insert(ty)
    }

    fn drop_type(&mut self, from: End, to: End, ty: u32) {
        if let Some(types) = self.0.get_mut(&from).and_then(|ends| ends.get_mut(&to)) {
            types.remove(&ty);
        }
    }

    fn cut(&mut self, from: End, to: End) -> bool {
        let there = self.0.get_mut(&from).is_some_and(|ends| ends.remove(&to).is_some());
        if let Some(ends) = self.0.get_mut(&to) {
            ends.remove(&from);
        }
        there
    }

    /// Drops everything about a record.
    pub(crate) fn forget(&mut self, kind: usize, id: u64) {
        for (end, _) in self.0.remove(&(kind, id)).unwrap_or_default() {
            if let Some(ends) = self.0.get_mut(&end) {
                ends.remove(&(kind, id));
            }
        }
    }

    /// Moves a record's associations to the record that it was merged into. A primary one stays only where there is none yet.
    pub(crate) fn rehome(&mut self, kind: usize, old: u64, new: u64) {
        for (end, types) in self.0.remove(&(kind, old)).unwrap_or_default() {
            let back = self.0.get_mut(&end).and_then(|ends| ends.remove(&(kind, old))).unwrap_or_default();
            let spare = |from: usize, to: usize| association(from, to).and_then(|(_, primary)| primary);
            let taken = self.primary(kind, new, end.0).is_some();
            for ty in types.into_iter().filter(|ty| !taken || Some(*ty) != spare(kind, end.0)) {
                self.put((kind, new), end, ty);
            }
            for ty in back.into_iter().filter(|ty| !taken || Some(*ty) != spare(end.0, kind)) {
                self.put(end, (kind, new), ty);
            }
        }
    }
}

impl State {
    /// The records of a kind that a reader is told a record is associated with. A deal does not tell of the lead that it came of.
    pub(crate) fn told_ends(&self, from: (usize, u64), to: usize) -> Vec<(u64, Vec<u32>)> {
        if from.0 == DEALS && to == LEADS { Vec::new() } else { self.links.of(from, to) }
    }

    /// The ends of an association, both live.
    pub(crate) fn ends(&self, from: (usize, &str), to: (usize, &str)) -> Result<(u64, u64), Refusal> {
        let find = |(kind, id): (usize, &str)| self.find(kind, id, None);
        match (find(from), find(to)) {
            (Some(from), Some(to)) => Ok((from, to)),
            (None, _) => {
                Err(Refusal::new(404, "OBJECT_NOT_FOUND", format!("{} with ID {} does not exist", self.kinds[from.0].singular, from.1)))
            }
            _ => Err(Refusal::new(404, "OBJECT_NOT_FOUND", format!("{} with ID {} does not exist", self.kinds[to.0].singular, to.1))),
        }
    }

    /// Associates two records by a type id, or by the plain one. A primary type moves the primary mark.
    ///
    /// # Errors
    /// When the type does not lead from one kind to the other.
    pub(crate) fn associate(&mut self, from: (usize, u64), to: (usize, u64), ty: Option<u32>, by: Hand) -> Result<(), Refusal> {
        let Some(((plain, primary), (back_plain, back_primary))) = self.association(from.0, to.0).zip(self.association(to.0, from.0))
        else {
            let message = format!("{} cannot be associated with {}", self.kinds[from.0].name, self.kinds[to.0].name);
            return Err(Refusal::validation(message));
        };
        let is_primary = match ty {
            None => false,
            Some(ty) if ty == plain => false,
            Some(ty) if Some(ty) == primary => true,
            Some(ty) => {
                let message = format!("Invalid association type {ty} from {} to {}", self.kinds[from.0].name, self.kinds[to.0].name);
                return Err(Refusal::validation(message));
            }
        };
        let mut new = self.links.put(from, to, plain);
        self.links.put(to, from, back_plain);
        if is_primary && let Some(primary) = primary {
            for (other, types) in self.links.of(from, to.0) {
                if other != to.1 && types.contains(&primary) {
                    self.links.drop_type(from, (to.0, other), primary);
                    if let Some(back) = back_primary {
                        self.links.drop_type((to.0, other), from, back);
                    }
                }
            }
            new |= self.links.put(from, to, primary);
            if let Some(back) = back_primary {
                self.links.put(to, from, back);
            }
        }
        if new {
            self.tell_association(from, to, is_primary, false, by);
        }
        Ok(())
    }

    /// Ends every association between two records.
    pub(crate) fn dissociate(&mut self, from: (usize, u64), to: (usize, u64), by: Hand) {
        if self.links.cut(from, to) {
            self.tell_association(from, to, false, true, by);
        }
    }

    /// Label of a type id, and whether it is the primary one.
    pub(crate) fn label(&self, from: usize, to: usize, ty: u32) -> Value {
        let primary = self.association(from, to).and_then(|(_, primary)| primary) == Some(ty);
        json!({"category": self.category(from, to), "typeId": ty, "label": if primary { json!("Primary") } else { Value::Null }})
    }

    /// `associations` inside a record: each type by its old name.
    pub(crate) fn inline_associations(&self, kind: usize, id: u64, to: &[String]) -> Map<String, Value> {
        let mut inline = Map::new();
        for name in to {
            let Ok(target) = self.kind(name) else { continue };
            let primary = self.association(kind, target).and_then(|(_, primary)| primary);
            let base = format!("{}_to_{}", self.kinds[kind].singular, self.kinds[target].singular);
            let mut results = Vec::new();
            for (other, types) in self.told_ends((kind, id), target) {
                for ty in types {
                    let name = if primary.is_some() && Some(ty) != primary { format!("{base}_unlabeled") } else { base.clone() };
                    results.push(json!({"id": other.to_string(), "type": name}));
                }
            }
            if !results.is_empty() {
                inline.insert(self.kinds[target].name.to_owned(), json!({"results": results}));
            }
        }
        inline
    }
}
