//! What the files hold, and how they are read: everything that is wrong is named with file, line and column.

use std::collections::BTreeMap;

use entente_model::actor::Actor;
use entente_model::mapping::Mapping;
use entente_model::object::Field;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::place::Places;

/// One file: its path within the folder, with `/` between the parts, and its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FileText {
    /// Path within the folder.
    pub path: String,
    /// Text.
    pub text: String,
}

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FileFault {
    /// Path within the folder.
    pub path: String,
    /// Line, counted from 1.
    pub line: u64,
    /// Column, counted from 1.
    pub column: u64,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    pub remedy: String,
}

impl std::fmt::Display for FileFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}: {}; {}", self.path, self.line, self.column, self.reason, self.remedy)
    }
}

/// The custom fields of an object, or an object of one's own, as a file holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ObjectFile {
    /// Object.
    pub(super) object: String,
    /// Name that people read, singular; of an object that Entente does not ship.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) label: Option<String>,
    /// Prefix of its records' ids, two to four lower-case letters; of an object that Entente does not ship. It never changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) prefix: Option<String>,
    /// Fields whose values, joined by a space, name a record to a person; of an object that Entente does not ship.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) title: Vec<String>,
    /// Its custom fields.
    pub(super) fields: Vec<Field>,
}

/// The rules of conflicts that people adopted for an object, as a file holds them: all of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RulesFile {
    /// Object.
    pub(super) object: String,
    /// Its adopted rules.
    pub(super) adopted: Vec<AdoptedRule>,
}

/// A rule that decides what would be for a person otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AdoptedRule {
    /// Field.
    pub(super) field: String,
    /// The sides that changed the field (connections, or `entente`), and whose hand it was on each. It applies where all of that is so.
    pub(super) sides: BTreeMap<String, Actor>,
    /// The side whose value wins.
    pub(super) winner: String,
}

/// A file that was read.
pub(super) struct Parsed {
    pub(super) path: String,
    pub(super) places: Places,
    pub(super) document: Document,
}

/// What a file is.
pub(super) enum Document {
    Mapping { connection: String, mapping: Box<Mapping> },
    Object(ObjectFile),
    Rules(RulesFile),
}

impl Parsed {
    /// A fault at the line of a mapping, field of an object or rule, counted from 0; at the beginning without one.
    pub(super) fn fault(&self, at: Option<usize>, reason: impl Into<String>, remedy: impl Into<String>) -> FileFault {
        let (line, column) = at.map_or((1, 1), |at| self.places.of(at));
        FileFault { path: self.path.clone(), line, column, reason: reason.into(), remedy: remedy.into() }
    }
}

/// Reads a file. Files that are not for us (JSON Schemas, notes) come back as nothing.
pub(super) fn parse(file: &FileText) -> Result<Option<Parsed>, FileFault> {
    let Some(name) = file.path.strip_suffix(".yaml").or_else(|| file.path.strip_suffix(".yml")) else { return Ok(None) };
    let fault = |reason: String, remedy: &str| FileFault { path: file.path.clone(), line: 1, column: 1, reason, remedy: remedy.to_owned() };
    let differs = |says: &str, object: &str| {
        fault(format!("the file is of `{object}` by its name, and of `{says}` by its text"), "rename the file, or correct `object`")
    };
    let (document, stem) = match name.split('/').collect::<Vec<_>>().as_slice() {
        ["mappings", connection, object] => {
            let mapping: Box<Mapping> = Box::new(read(file)?);
            if mapping.object != *object {
                return Err(differs(&mapping.object, object));
            }
            (Document::Mapping { connection: (*connection).to_owned(), mapping }, *object)
        }
        ["objects", object] => (Document::Object(read::<ObjectFile>(file)?), *object),
        ["rules", object] => (Document::Rules(read::<RulesFile>(file)?), *object),
        _ => {
            let remedy = "use mappings/CONNECTION/OBJECT.yaml, objects/OBJECT.yaml or rules/OBJECT.yaml";
            return Err(fault("no file belongs here".to_owned(), remedy));
        }
    };
    if let Document::Object(ObjectFile { object, .. }) | Document::Rules(RulesFile { object, .. }) = &document
        && object != stem
    {
        return Err(differs(object, stem));
    }
    Ok(Some(Parsed { path: file.path.clone(), places: Places::read(&file.text), document }))
}

/// Reads a mapping alone, wherever its file is.
///
/// # Errors
/// When the text is no mapping; the place is in the answer.
pub fn parse_mapping(file: &FileText) -> Result<Mapping, FileFault> {
    read(file)
}

fn read<T: DeserializeOwned>(file: &FileText) -> Result<T, FileFault> {
    serde_saphyr::from_str(&file.text).map_err(|error| {
        let (line, column) = error.location().map_or((1, 1), |at| (at.line(), at.column()));
        FileFault {
            path: file.path.clone(),
            line: line.max(1),
            column: column.max(1),
            reason: plain(&error),
            remedy: "correct it here; `entente export` writes files that are right".to_owned(),
        }
    })
}

/// The sentence of an error, without the place and the excerpt that come with it.
fn plain(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().to_string();
    let first = text.lines().next().unwrap_or_default();
    let sentence = first.split(" at line ").next().unwrap_or(first);
    sentence.trim_start_matches("error: ").trim().to_owned()
}
