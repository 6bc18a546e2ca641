//! Compiling a mapping: everything that can be wrong with it is found here, and all of it at once.

use std::collections::{BTreeSet, HashMap};

use super::fit::{kind_name, misfit, remote_name};
use super::{Lens, Line, MappingError};
use crate::formula::{Formula, Schema, Type};
use crate::mapping::conflicts::Conflicts;
use crate::mapping::remote::{RemoteField, RemoteObject};
use crate::mapping::{Direction, FieldMap, Mapping, Owner};
use crate::normalise::Locale;
use crate::object::{FieldType, Object};

/// What formulas over a remote row may read.
struct RowSchema<'a> {
    remote: Option<&'a RemoteObject>,
    ours: Option<&'a Object>,
}

impl Schema for RowSchema<'_> {
    fn type_of(&self, name: &str) -> Option<Type> {
        match self.remote {
            Some(remote) => remote.field(name).map(|field| Type::of_remote(field.kind)),
            // An undescribed platform: types are seen when a row is at hand.
            None => Some(Type::Any),
        }
    }

    fn prior_type_of(&self, name: &str) -> Option<Type> {
        self.ours.and_then(|object| object.type_of(name))
    }

    fn names(&self) -> Vec<String> {
        self.remote.map_or_else(Vec::new, |remote| remote.fields.iter().map(|field| field.name.clone()).collect())
    }

    fn prior_names(&self) -> Vec<String> {
        self.ours.map_or_else(Vec::new, |object| object.names())
    }
}

/// What formulas over our record may read. There is no earlier record to look back at.
struct RecordSchema<'a>(&'a Object);

impl Schema for RecordSchema<'_> {
    fn type_of(&self, name: &str) -> Option<Type> {
        self.0.type_of(name)
    }

    fn prior_type_of(&self, _name: &str) -> Option<Type> {
        None
    }

    fn names(&self) -> Vec<String> {
        self.0.names()
    }

    fn prior_names(&self) -> Vec<String> {
        Vec::new()
    }
}

struct Compiler<'a> {
    mapping: &'a Mapping,
    object: &'a Object,
    remote: Option<&'a RemoteObject>,
    errors: Vec<MappingError>,
}

impl Lens {
    /// Compiles a mapping and checks it against our object and, when given, against what the platform says of its own. Every error
    /// names the line, the reason and what to do; all are reported together.
    pub fn compile(mapping: Mapping, object: &Object, remote: Option<&RemoteObject>, locale: Locale) -> Result<Self, Vec<MappingError>> {
        let mut compiler = Compiler { mapping: &mapping, object, remote, errors: Vec::new() };
        let lines = compiler.lines();
        compiler.shared_remotes(&lines);
        let filter = compiler.filter();
        let when = compiler.create();
        let rules = compiler.rules();
        compiler.conflicts();
        compiler.names();
        if !compiler.errors.is_empty() {
            return Err(compiler.errors);
        }
        let kinds: HashMap<_, _> =
            remote.map_or_else(HashMap::new, |remote| remote.fields.iter().map(|field| (field.name.clone(), field.kind)).collect());
        let ours = object.fields.iter().map(|field| (field.key.clone(), field.kind.clone())).collect();
        Ok(Self { mapping, locale, lines, ours, kinds, filter, when, rules })
    }
}

impl Compiler<'_> {
    fn report(&mut self, line: Option<usize>, reason: impl Into<String>, remedy: impl Into<String>) {
        self.errors.push(MappingError {
            mapping: format!("{} = {}", self.mapping.object, self.mapping.remote),
            line: line.map(|line| line + 1),
            field: line.and_then(|line| self.mapping.fields.get(line)).map(|map| map.field.clone()),
            reason: reason.into(),
            remedy: remedy.into(),
        });
    }

    /// A remote field by name; reports when the platform was described and has none.
    fn remote_field(&mut self, line: Option<usize>, name: &str) -> Option<RemoteField> {
        let remote = self.remote?;
        let found = remote.field(name).cloned();
        if found.is_none() {
            let alike = remote.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name) || field.label.eq_ignore_ascii_case(name));
            let remedy = match alike {
                Some(field) => format!("did you mean `{}`?", field.name),
                None => "pick another, or create it there; if it is new, refresh the connection's fields first".to_owned(),
            };
            self.report(line, format!("`{}` has no field `{name}`", remote.name), remedy);
        }
        found
    }

    fn conflicts(&mut self) {
        for (reason, remedy) in self.mapping.conflicts.iter().flat_map(Conflicts::faults) {
            self.report(None, reason, remedy);
        }
        for (at, map) in self.mapping.fields.iter().enumerate().filter(|(_, map)| !map.archived) {
            let Some(conflicts) = &map.conflicts else { continue };
            for (reason, remedy) in conflicts.faults() {
                self.report(Some(at), reason, remedy);
            }
            if map.owner != Owner::Shared {
                let reason = "`conflicts` says how a field is decided that several sides change, and this one has an owner";
                self.report(Some(at), reason, "take `conflicts` out, or set the owner to shared in every mapping of the field");
            }
        }
    }

    fn names(&mut self) {
        if self.mapping.object != self.object.key {
            let reason = format!("it is checked against `{}`, yet maps `{}`", self.object.key, self.mapping.object);
            self.report(None, reason, "choose the object that the mapping names");
        }
        if self.mapping.key.trim().is_empty() {
            self.report(None, "no key field", "name the remote field that carries Entente's record id");
        } else {
            self.remote_field(None, &self.mapping.key.clone());
        }
        for name in self.mapping.also_read.clone() {
            self.remote_field(None, &name);
        }
        let create = self.mapping.create.clone();
        let parents = create.after.iter().map(|field| ("after", field)).chain(create.or_after.iter().map(|field| ("or_after", field)));
        for (list, field) in parents {
            match self.object.field(field).map(|field| &field.kind) {
                Some(FieldType::Reference { .. }) => {}
                Some(kind) => {
                    let reason = format!("create.{list} lists `{field}`, which holds {}", kind_name(kind));
                    self.report(None, reason, "list fields that refer to a record");
                }
                None => self.report(None, format!("create.{list} lists `{field}`, which does not exist"), "list fields of the object"),
            }
        }
    }

    fn lines(&mut self) -> Vec<Line> {
        let mut seen = BTreeSet::new();
        let mut lines = Vec::with_capacity(self.mapping.fields.len());
        for (at, map) in self.mapping.fields.iter().enumerate().filter(|(_, map)| !map.archived) {
            if !seen.insert(map.field.clone()) {
                self.report(Some(at), "the field is mapped twice", "keep one of the lines");
            }
            if map.remote == self.mapping.key {
                self.report(Some(at), format!("`{}` is the key, which Entente writes itself", map.remote), "remove the line");
            }
            if let Some(line) = self.line(at, map) {
                lines.push(line);
            }
        }
        lines
    }

    fn line(&mut self, at: usize, map: &FieldMap) -> Option<Line> {
        let remote = self.remote_field(Some(at), &map.remote);
        let Some(field) = self.object.field(&map.field) else {
            let remedy = "pick a field of the object, or add it as a custom field first";
            self.report(Some(at), format!("`{}` has no field `{}`", self.object.key, map.field), remedy);
            return None;
        };
        let kind = field.kind.clone();
        if map.direction == Direction::In && map.put.is_some() {
            self.report(Some(at), "the line only reads, so its put formula is never used", "remove `put`, or set the direction to both");
        }
        if let Some(remote) = &remote
            && !remote.writable
            && map.direction != Direction::In
        {
            let reason = format!("`{}` cannot be written by the connected user", remote.name);
            self.report(Some(at), reason, "set the direction to in, or grant the user write access there");
        }
        if let Some(name) = &map.currency {
            if !matches!(kind, FieldType::Money { .. }) {
                let reason = format!("`currency` names the currency of an amount, and the field holds {}", kind_name(&kind));
                self.report(Some(at), reason, "take `currency` out, or make the field an amount of money");
            }
            self.remote_field(Some(at), name);
        }
        let (remotes, ours) = (RowSchema { remote: self.remote, ours: Some(self.object) }, RecordSchema(self.object));
        let get = self.formula(Some(at), "get", map.get.as_deref(), &remotes);
        let put = self.formula(Some(at), "put", map.put.as_deref(), &ours);
        if let Some((_, given)) = &get
            && !given.fits_field(&kind)
            && map.values.is_empty()
        {
            let reason = format!("get gives {}, and the field holds {}", given.name(), kind_name(&kind));
            self.report(Some(at), reason, "convert the result, for instance with TEXT, VALUE or DATEVALUE");
        }
        if let (Some((_, given)), Some(remote)) = (&put, &remote)
            && !given.fits_remote(remote.kind)
            && map.values.is_empty()
        {
            let reason = format!("put gives {}, and `{}` holds {}", given.name(), remote.name, remote_name(remote.kind));
            self.report(Some(at), reason, "convert the result, for instance with TEXT, VALUE or DATEVALUE");
        }
        if let Some(remote) = &remote {
            self.identity(at, map, &kind, remote);
            self.picklist(at, map, &kind, remote);
        }
        if !map.values.is_empty() {
            self.translation(at, map, &kind);
        }
        // Where one value has several translations the first listed counts; the laws name the loss.
        let mut to_ours = HashMap::new();
        let mut to_theirs = HashMap::new();
        for (theirs, own) in &map.values {
            to_ours.entry(theirs.trim().to_owned()).or_insert_with(|| own.trim().to_owned());
            to_theirs.entry(own.trim().to_owned()).or_insert_with(|| theirs.trim().to_owned());
        }
        Some(Line {
            map: map.clone(),
            kind,
            tells_no: false,
            remote_kind: remote.as_ref().map(|remote| remote.kind),
            length: remote.as_ref().and_then(|remote| remote.length),
            scale: remote.as_ref().and_then(|remote| remote.scale),
            restricted: remote.filter(|remote| remote.restricted && !remote.values.is_empty()).map(|remote| remote.values),
            get: get.map(|(formula, _)| formula),
            put: put.map(|(formula, _)| formula),
            to_ours,
            to_theirs,
        })
    }

    fn formula(&mut self, at: Option<usize>, part: &str, text: Option<&str>, schema: &dyn Schema) -> Option<(Formula, Type)> {
        let checked = Formula::parse(text?).and_then(|formula| {
            let kind = formula.check(schema)?;
            Ok((formula, kind))
        });
        match checked {
            Ok(checked) => Some(checked),
            Err(error) => {
                self.report(at, format!("the formula in `{part}` is wrong: {error}"), "correct it at the mark");
                None
            }
        }
    }

    /// Types of a direction that has no formula must fit as they are.
    fn identity(&mut self, at: usize, map: &FieldMap, kind: &FieldType, remote: &RemoteField) {
        if !map.values.is_empty() {
            return;
        }
        let direction = match (map.direction, map.get.is_some(), map.put.is_some()) {
            (Direction::In, true, _) | (Direction::Out, _, true) | (Direction::Both, true, true) => return,
            (Direction::Both, true, false) => Direction::Out,
            (Direction::Both, false, true) => Direction::In,
            (direction, ..) => direction,
        };
        if let Some(reason) = misfit(kind, remote.kind, direction) {
            self.report(Some(at), reason, "convert with a formula in `get` and `put`, or map another field");
        }
    }

    /// Every value we may write must be one that a restricted list takes.
    fn picklist(&mut self, at: usize, map: &FieldMap, kind: &FieldType, remote: &RemoteField) {
        if !remote.restricted || remote.values.is_empty() || map.direction == Direction::In {
            return;
        }
        let taken = |value: &str| remote.values.iter().any(|known| known == value);
        let mut refused: BTreeSet<&str> = map.values.iter().map(|(theirs, _)| theirs.trim()).filter(|theirs| !taken(theirs)).collect();
        if let (FieldType::Picklist { values } | FieldType::MultiPicklist { values }, None) = (kind, &map.put) {
            for own in values {
                let theirs = map.values.iter().find(|(_, ours)| ours.trim() == own).map_or(own.as_str(), |(theirs, _)| theirs.trim());
                if !taken(theirs) {
                    refused.insert(theirs);
                }
            }
        }
        if !refused.is_empty() {
            let list = refused.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", ");
            let remedy = format!("translate them in `values`, or add them there; `{}` takes {}", remote.name, remote.values.join(", "));
            self.report(Some(at), format!("`{}` does not take {list}", remote.name), remedy);
        }
    }

    fn translation(&mut self, at: usize, map: &FieldMap, kind: &FieldType) {
        match kind {
            FieldType::Picklist { values } | FieldType::MultiPicklist { values } => {
                let unknown: Vec<_> =
                    map.values.iter().map(|(_, ours)| ours.trim()).filter(|ours| !values.iter().any(|v| v == ours)).collect();
                if !values.is_empty() && !unknown.is_empty() {
                    let reason = format!("`values` names {}, which the field does not have", unknown.join(", "));
                    self.report(Some(at), reason, format!("use one of {}", values.join(", ")));
                }
            }
            FieldType::Text | FieldType::Boolean | FieldType::Number { .. } => {}
            other => {
                let reason = format!("`values` translates list values, and the field holds {}", kind_name(other));
                self.report(Some(at), reason, "remove `values`, or use a formula");
            }
        }
    }

    /// Several lines may write one remote field only when they write the same to it.
    fn shared_remotes(&mut self, lines: &[Line]) {
        let mut first: HashMap<&str, &Line> = HashMap::new();
        for line in lines.iter().filter(|line| line.writes()) {
            let Some(other) = first.get(line.map.remote.as_str()) else {
                first.insert(&line.map.remote, line);
                continue;
            };
            if line.put.is_none() || line.put != other.put || line.map.values != other.map.values {
                let at = self.mapping.fields.iter().position(|map| map == &line.map);
                let reason = format!("`{}` is also written by `{}`, with another value", line.map.remote, other.map.field);
                self.report(at, reason, "give both lines the same `put` formula, or set one of them to direction in");
            }
        }
    }

    fn filter(&mut self) -> Option<Formula> {
        let schema = RowSchema { remote: self.remote, ours: None };
        let (formula, kind) = self.formula(None, "filter", self.mapping.filter.as_deref(), &schema)?;
        self.condition("filter", kind);
        if formula.depends_on_time() {
            let remedy = "filter by a field that changes when the record should enter or leave";
            self.report(None, "the filter depends on the present time, and nothing happens to a record when time passes", remedy);
        }
        Some(formula)
    }

    fn create(&mut self) -> Option<Formula> {
        let schema = RecordSchema(self.object);
        let (formula, kind) = self.formula(None, "create.when", self.mapping.create.when.as_deref(), &schema)?;
        self.condition("create.when", kind);
        Some(formula)
    }

    fn rules(&mut self) -> Vec<Formula> {
        let schema = RecordSchema(self.object);
        let mut rules = Vec::new();
        for (at, rule) in self.mapping.rules.iter().enumerate() {
            let part = format!("rules[{at}].must");
            if let Some((formula, kind)) = self.formula(None, &part, Some(&rule.must), &schema) {
                self.condition(&part, kind);
                rules.push(formula);
            }
        }
        rules
    }

    fn condition(&mut self, part: &str, kind: Type) {
        if !matches!(kind, Type::Boolean | Type::Any | Type::Blank) {
            let remedy = "write a condition, such as ISPICKVAL(status, \"Active\")";
            self.report(None, format!("`{part}` gives {}, and must be true or false", kind.name()), remedy);
        }
    }
}
