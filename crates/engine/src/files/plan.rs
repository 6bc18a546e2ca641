//! Planning files: what they would change, what is wrong with them, and a digest of all that the plan hangs on.

use std::collections::BTreeMap;
use std::sync::Arc;

use entente_connect::error::Class;
use entente_model::mapping::Mapping;
use entente_model::object::{Field, Object};
use ring::digest::{SHA256, digest};
use serde::Serialize;
use utoipa::ToSchema;

use super::format::{Document, FileFault, FileText, ObjectFile, Parsed, parse};
use super::{own_object, rules};
use crate::catalog::Catalog;
use crate::engine::Engine;
use crate::error::{EngineError, Result};
use crate::metadata::new_fields::is_key;
use crate::metadata::proposal::{Among, Judgement, judge_among};
use crate::metadata::refresh;
use crate::records::conflicts::declared::RuleChanges;

/// What a file is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FileOf {
    /// A mapping.
    Mapping,
    /// An object and its custom fields.
    Fields,
    /// The rules of conflicts that people adopted.
    Rules,
}

/// Something that files would change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FileStep {
    /// The file.
    pub path: String,
    /// What it is of.
    pub of: FileOf,
    /// The connection, for a mapping.
    pub connection: Option<String>,
    /// The object.
    pub object: String,
    /// Fields, or adopted rules, that come in.
    pub added: Vec<String>,
    /// Fields that change.
    pub changed: Vec<String>,
    /// Fields, or adopted rules, that go.
    pub removed: Vec<String>,
    /// Whether the mapping changes beyond its lines (key, filter, creation, deletion, how conflicts are decided).
    pub frame: bool,
    /// What new lines lose on the way there and back. It must be accepted.
    pub losses: Vec<String>,
    /// Fields of the platform that are not there and that `entente provision --apply` makes afterwards.
    pub to_provision: Vec<String>,
}

/// What files would change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FilePlan {
    /// Stands for everything that the plan hangs on: files, mappings in force, what the platforms say. To be given when it is applied.
    pub digest: String,
    /// What would change. Empty when the files say what is in force.
    pub steps: Vec<FileStep>,
    /// What is wrong with the files.
    pub faults: Vec<FileFault>,
}

/// What a plan is made of, for whoever applies it.
pub(super) struct Planned {
    pub(super) plan: FilePlan,
    /// The catalog that it was made against, whose stamp tells of adopted rules too.
    pub(super) of: Arc<Catalog>,
    pub(super) objects: Vec<Object>,
    pub(super) mappings: Vec<(String, Mapping)>,
    pub(super) rules: RuleChanges,
}

/// Plans files. Nothing changes.
///
/// # Errors
/// When a platform cannot be asked or the store fails. What is wrong with the files is in the answer.
pub async fn plan(engine: &Engine, files: &[FileText]) -> Result<FilePlan> {
    Ok(make(engine, files).await?.plan)
}

pub(super) async fn make(engine: &Engine, files: &[FileText]) -> Result<Planned> {
    refresh(engine).await?;
    let catalog = engine.catalog();
    let (mut faults, mut parsed) = (Vec::new(), Vec::new());
    for file in files {
        match parse(file) {
            Ok(found) => parsed.extend(found),
            Err(fault) => faults.push(fault),
        }
    }
    let mut steps = Vec::new();
    let mut among = Among::default();
    for file in &parsed {
        if let Document::Object(of) = &file.document {
            add_fields(&catalog, file, of, &mut among, &mut steps, &mut faults);
        }
    }
    for file in &parsed {
        let Document::Mapping { connection, mapping } = &file.document else { continue };
        if let Err(error) = engine.connection(connection) {
            faults.push(file.fault(None, error.to_string(), "name the folder after a connection"));
        } else if catalog.mapped(connection, &mapping.object).is_none_or(|mapped| mapped.saved != **mapping) {
            among.mappings.push((connection.clone(), (**mapping).clone()));
        }
    }
    let mut judgements = Vec::new();
    for file in &parsed {
        let Document::Mapping { connection, mapping } = &file.document else { continue };
        if !among.mappings.iter().any(|(name, proposed)| name == connection && proposed.object == mapping.object) {
            continue;
        }
        let judgement = match judge_among(engine, connection, mapping, &among).await {
            // What the platform does not have is a mistake of the file that names it.
            Err(EngineError::Vendor { source, .. }) if matches!(source.class, Class::Configuration) => {
                faults.push(file.fault(None, source.message, source.advice));
                continue;
            }
            judgement => judgement?,
        };
        faults.extend(
            judgement
                .new_errors()
                .map(|finding| file.fault(finding.line.map(|line| line.saturating_sub(1)), finding.reason.clone(), finding.remedy.clone())),
        );
        steps.push(step(&catalog, file, connection, mapping, &judgement));
        // Without the examples: rows come and go.
        let losses: Vec<(&String, bool)> = judgement.losses.iter().map(|loss| (&loss.field, loss.known)).collect();
        judgements.push(serde_json::json!({ "errors": judgement.errors, "losses": losses }));
    }
    // One owner for each field, across what is saved and what is proposed, and everything else that only shows together.
    let mut rules = RuleChanges::default();
    if faults.is_empty() {
        match crate::metadata::mappings::with(engine, &catalog, &among.mappings, &among.objects) {
            Ok(will_be) => {
                for file in &parsed {
                    if let Document::Rules(of) = &file.document {
                        let sides = engine.connections().keys().map(String::as_str);
                        let compared = rules::compare(&catalog, &will_be, sides, file, of)?;
                        faults.extend(compared.faults);
                        steps.extend(compared.step);
                        rules.adopt.extend(compared.changes.adopt);
                        rules.withdraw.extend(compared.changes.withdraw);
                    }
                }
            }
            Err(error) => {
                let path = files.first().map(|file| file.path.clone()).unwrap_or_default();
                let remedy = "correct the mappings together".to_owned();
                faults.push(FileFault { path, line: 1, column: 1, reason: error.to_string(), remedy });
            }
        }
    }
    let told = serde_json::json!({
        "stamp": catalog.stamp(),
        "in_force": in_force(engine, &catalog),
        "files": files.iter().map(|file| (&file.path, &file.text)).collect::<BTreeMap<_, _>>(),
        "judgements": judgements,
    });
    let bytes =
        serde_json::to_vec(&told).map_err(|error| EngineError::Corrupt { what: "the plan".to_owned(), reason: error.to_string() })?;
    let digest = digest(&SHA256, &bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Planned { plan: FilePlan { digest, steps, faults }, of: catalog, objects: among.objects, mappings: among.mappings, rules })
}

/// Every mapping and object that is saved.
fn in_force(engine: &Engine, catalog: &Catalog) -> serde_json::Value {
    let mappings: Vec<(&String, Vec<&Mapping>)> =
        engine.connections().keys().map(|name| (name, catalog.mappings(name).iter().map(|mapped| &mapped.saved).collect())).collect();
    let objects: Vec<&Object> = catalog.objects().collect();
    serde_json::json!({ "mappings": mappings, "objects": objects })
}

/// Takes in the custom fields of an object. They are added and changed; the values of one that no file names stay, so it does too.
fn add_fields(
    catalog: &Catalog,
    file: &Parsed,
    of: &ObjectFile,
    among: &mut Among,
    steps: &mut Vec<FileStep>,
    faults: &mut Vec<FileFault>,
) {
    let (key, fields) = (of.object.as_str(), of.fields.as_slice());
    let mut object = match own_object::of(catalog, of) {
        Ok(object) => object,
        Err((reason, remedy)) => return faults.push(file.fault(None, reason, remedy)),
    };
    let reframed = catalog.object(key).is_none_or(|known| known.label != object.label || known.title != object.title);
    let (mut added, mut changed) = (Vec::new(), Vec::new());
    for (at, field) in fields.iter().enumerate() {
        let twice = fields[..at].iter().any(|other| other.key == field.key);
        let mut refuse = |reason: String, remedy: &str| faults.push(file.fault(Some(at), reason, remedy));
        match object.fields.iter_mut().find(|known| known.key == field.key) {
            _ if twice => refuse(format!("the field `{}` is listed twice", field.key), "keep one of the two"),
            _ if !field.custom => refuse(format!("`{}` is not marked as custom", field.key), "add `custom: true`"),
            Some(known) if known == field => {}
            Some(known) if !known.custom => {
                refuse(format!("`{}` is a field that Entente ships", field.key), "give the field another name, or leave it out");
            }
            Some(known) if known.kind != field.kind && !only_more_values(known, field) => {
                refuse(
                    format!("`{}` has values of another type", field.key),
                    "add a field of the new type, and archive the lines of this one",
                );
            }
            Some(known) => {
                *known = field.clone();
                changed.push(field.key.clone());
            }
            None if !is_key(&field.key) => {
                refuse(format!("`{}` is no name of a field", field.key), "use small letters, digits and underscores");
            }
            None => {
                object.fields.push(field.clone());
                added.push(field.key.clone());
            }
        }
    }
    if let Some(strange) = object.title.iter().find(|name| object.field(name).is_none()) {
        let remedy = "name fields of the object in `title`";
        return faults.push(file.fault(None, format!("`{key}` has no field `{strange}` that could name its records"), remedy));
    }
    if !added.is_empty() || !changed.is_empty() || reframed {
        let step = FileStep {
            path: file.path.clone(),
            of: FileOf::Fields,
            connection: None,
            object: key.to_owned(),
            added,
            changed,
            removed: Vec::new(),
            frame: reframed,
            losses: Vec::new(),
            to_provision: Vec::new(),
        };
        steps.push(step);
        among.objects.push(object);
    }
}

/// Whether two fields differ in the values of their list alone.
fn only_more_values(known: &Field, field: &Field) -> bool {
    use entente_model::object::FieldType as Type;
    matches!(
        (&known.kind, &field.kind),
        (Type::Picklist { .. }, Type::Picklist { .. }) | (Type::MultiPicklist { .. }, Type::MultiPicklist { .. })
    )
}

fn step(catalog: &Catalog, file: &Parsed, connection: &str, mapping: &Mapping, judgement: &Judgement) -> FileStep {
    let bare = |mapping: &Mapping| Mapping { fields: Vec::new(), ..mapping.clone() };
    let frame = catalog.mapped(connection, &mapping.object).is_none_or(|mapped| bare(&mapped.saved) != bare(mapping));
    FileStep {
        path: file.path.clone(),
        of: FileOf::Mapping,
        connection: Some(connection.to_owned()),
        object: mapping.object.clone(),
        added: judgement.added.clone(),
        changed: judgement.changed.clone(),
        removed: judgement.removed.clone(),
        frame,
        losses: judgement.new_losses().map(|loss| loss.text.clone()).collect(),
        to_provision: judgement.to_provision.clone(),
    }
}
