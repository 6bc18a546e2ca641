//! The description of a platform, as a YAML file holds it.

pub mod calls;
pub mod check;
pub mod fields;
pub mod load;
pub mod object;
pub mod path;
pub mod platform;
pub mod reference;
mod structure;
pub mod text;
mod tree;

use std::collections::BTreeMap;

use entente_model::mapping::{Mapping, Role};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use calls::Paging;
use object::ObjectPart;
use platform::{AnswersPart, AuthPart, CheckPart, ErrorsPart, LimitsPart, ListPart, WebhookPart};

/// A platform, described.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// Name that people read.
    pub label: String,
    /// The part it usually plays: `crm` or `support`.
    #[schemars(with = "String")]
    pub role: Role,
    /// Usual address of the API; `base_url` of the connection goes first.
    #[serde(default)]
    pub base_url: Option<String>,
    /// Headers of every call.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// How one signs in.
    pub auth: AuthPart,
    /// A call that tells who we are.
    pub check: CheckPart,
    /// How fast one may call.
    #[serde(default)]
    pub limits: LimitsPart,
    /// Where answers have what they are about.
    #[serde(default)]
    pub answers: AnswersPart,
    /// How lists go on, unless one says otherwise.
    #[serde(default)]
    pub paging: Paging,
    /// How refusals are read.
    #[serde(default)]
    pub errors: ErrorsPart,
    /// Lists that ids stand for, by a name that fields look them up with.
    #[serde(default)]
    pub lists: BTreeMap<String, ListPart>,
    /// Objects by their name, which mappings use.
    pub objects: BTreeMap<String, ObjectPart>,
    /// Webhooks. Without them, polls bring every change.
    #[serde(default)]
    pub webhooks: Option<WebhookPart>,
    /// Default mappings, in the form of mapping files: the first version of what a connection syncs.
    #[serde(default)]
    pub mappings: Vec<Mapping>,
}
