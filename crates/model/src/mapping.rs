//! Mappings: for one connection and object, which remote field is which field, how values are transformed each way, who owns the
//! field. [`get`](crate::mapping::convert) turns a remote row into our values, `put` turns our values into a remote row; the laws
//! that make the pair safe are checked by [`crate::mapping::laws`] when a mapping is saved.

pub mod conflicts;
pub mod convert;
pub mod laws;
pub mod patch;
pub mod remote;
pub mod schema;

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::object::ObjectKey;
use crate::value::FieldKey;
use conflicts::Conflicts;

/// The part a connection plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, PartialOrd, Ord)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Customer relationship management: sales' system.
    Crm,
    /// Support desk.
    Support,
}

/// The side that is a field's source of truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// The CRM: its value wins always; a change elsewhere is drift and is put back.
    Crm,
    /// The support desk.
    Support,
    /// Entente itself (computed fields such as the support health score).
    Native,
    /// Both may change it; conflicts go through the rule cascade.
    Shared,
}

/// Which way values flow through one field mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Read and written.
    #[default]
    Both,
    /// Only read from the connection.
    In,
    /// Only written to the connection. Its value is still compared, so that drift is seen and put back.
    Out,
}

/// One line of a mapping.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FieldMap {
    /// Our field.
    pub field: FieldKey,
    /// The remote field, as the connector flattens it (`Email`, `user_fields.plan_tier`).
    pub remote: String,
    /// Formula over the remote row that gives our value; absent: the remote value itself. `PRIORVALUE(field)` is our present value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub get: Option<String>,
    /// Formula over our fields that gives the remote value; absent: our value itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub put: Option<String>,
    /// Picklist translation, pairs of (remote value, our value). Values not listed pass unchanged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<(String, String)>,
    /// The remote field that holds the currency of an amount of money, as an ISO 4217 code (`CurrencyIsoCode`). Absent: the currency of our
    /// field. A row has one currency for all amounts that name the same field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// Which way values flow.
    #[serde(default)]
    pub direction: Direction,
    /// Source of truth.
    pub owner: Owner,
    /// A record without a value here is not created at this connection.
    #[serde(default)]
    pub required: bool,
    /// How conflicts of the field are decided, where that is otherwise than the mapping says for its object. Only of a shared field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conflicts: Option<Conflicts>,
    /// Kept and not used: nothing is read or written through it, values stay as they are, and it can be taken up again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub archived: bool,
}

/// When a record that has no counterpart at a connection gets one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateRule {
    /// Formula over our fields that must be true; absent: never create.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// Reference fields whose target must have a counterpart at the connection first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<FieldKey>,
    /// Reference fields of which one with a counterpart at the connection makes up for what is missing of `after`; that follows when it is
    /// there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub or_after: Vec<FieldKey>,
}

/// What a deletion at one connection does to the record's other counterparts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeletePolicy {
    /// The link ends; other sides stay as they are and the record says where it was deleted.
    #[default]
    Unlink,
    /// Other sides are deleted too.
    Propagate,
}

/// A rule that a record must meet before anything of it is written to a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Formula over our fields that must be true; blank counts as false.
    pub must: String,
    /// What is told when it is not.
    pub message: String,
}

/// The mapping of one object at one connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// Our object.
    pub object: ObjectKey,
    /// The platform's name of the object (`Contact`, `user`).
    pub remote: String,
    /// The remote field that carries Entente's record id, unique at the platform (`Entente_Id__c`, `external_id`).
    pub key: String,
    /// Remote fields that are read with each row beyond those mapped, for formulas (`get`) and filters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also_read: Vec<String>,
    /// Formula over the remote row: rows where it is false are not ours to sync. Absent: every row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// When a counterpart is created.
    #[serde(default)]
    pub create: CreateRule,
    /// What a deletion here does elsewhere.
    #[serde(default)]
    pub on_delete: DeletePolicy,
    /// Rules that a record must meet before anything of it is written here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
    /// How conflicts of the object's shared fields are decided; absent: as Entente does by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conflicts: Option<Conflicts>,
    /// The lines.
    pub fields: Vec<FieldMap>,
}

impl Mapping {
    /// The mapping without what it says of conflicts: what it reads and writes.
    #[must_use]
    pub fn without_conflicts(&self) -> Self {
        let mut mapping = self.clone();
        mapping.conflicts = None;
        mapping.fields.iter_mut().for_each(|line| line.conflicts = None);
        mapping
    }

    /// The mapping with the lines that are in use alone: neither archived nor of a field that `leaves_out` names.
    #[must_use]
    pub fn in_use(&self, leaves_out: &BTreeSet<FieldKey>) -> Self {
        let mut mapping = self.clone();
        mapping.fields.retain(|line| !line.archived && !leaves_out.contains(&line.field));
        mapping
    }
}
