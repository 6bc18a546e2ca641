//! Writing out what is in force.

use entente_model::mapping::Mapping;
use schemars::{JsonSchema, schema_for};
use serde::Serialize;

use super::format::{FileText, ObjectFile, RulesFile};
use super::rules;
use crate::engine::Engine;
use crate::error::{EngineError, Result};
use crate::metadata::mappings;
use crate::metadata::refresh;

/// Every mapping in force, every object's custom fields and adopted rules, and the JSON Schemas of the files.
///
/// # Errors
/// When the store fails.
pub async fn export(engine: &Engine) -> Result<Vec<FileText>> {
    refresh(engine).await?;
    let mut files = Vec::new();
    for version in mappings::list(engine, None, None).await? {
        let path = format!("mappings/{}/{}.yaml", version.connection, version.object);
        files.push(FileText { text: yaml(&path, "../../schemas/mapping.json", &version.mapping)?, path });
    }
    for object in engine.catalog().objects() {
        let fields: Vec<_> = object.fields.iter().filter(|field| field.custom).cloned().collect();
        if !fields.is_empty() || object.custom {
            let path = format!("objects/{}.yaml", object.key);
            let own = object.custom.then_some(object);
            let file = ObjectFile {
                object: object.key.clone(),
                label: own.map(|object| object.label.clone()),
                prefix: own.map(|object| object.prefix.clone()),
                title: own.map(|object| object.title.clone()).unwrap_or_default(),
                fields,
            };
            files.push(FileText { text: yaml(&path, "../schemas/object.json", &file)?, path });
        }
    }
    for file in rules::in_force(&engine.catalog()) {
        let path = format!("rules/{}.yaml", file.object);
        files.push(FileText { text: yaml(&path, "../schemas/rules.json", &file)?, path });
    }
    files.push(json_schema::<Mapping>("schemas/mapping.json")?);
    files.push(json_schema::<RulesFile>("schemas/rules.json")?);
    files.push(json_schema::<ObjectFile>("schemas/object.json")?);
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

fn yaml<T: Serialize>(path: &str, schema: &str, document: &T) -> Result<String> {
    let text = serde_saphyr::to_string(document)
        .map_err(|error| EngineError::Corrupt { what: format!("what {path} would hold"), reason: error.to_string() })?;
    Ok(format!("# yaml-language-server: $schema={schema}\n{}\n", text.trim_end()))
}

fn json_schema<T: JsonSchema>(path: &str) -> Result<FileText> {
    let text = serde_json::to_string_pretty(&schema_for!(T))
        .map_err(|error| EngineError::Corrupt { what: path.to_owned(), reason: error.to_string() })?;
    Ok(FileText { path: path.to_owned(), text: format!("{text}\n") })
}

#[cfg(test)]
mod tests {
    use entente_model::object::{Field, FieldType};
    use entente_model::plan::policy::Kind;

    use super::*;
    use crate::catalog::shipped_mappings;
    use crate::files::format::{Document, parse};

    #[test]
    fn every_shipped_mapping_comes_back_as_it_went_out() {
        for platform in ["salesforce", "hubspot", "zendesk", "freshdesk"] {
            for mapping in shipped_mappings(platform).unwrap() {
                let path = format!("mappings/{platform}/{}.yaml", mapping.object);
                let text = yaml(&path, "../../schemas/mapping.json", &mapping).unwrap();
                let Some(parsed) = parse(&FileText { path, text }).unwrap() else { panic!("it is a file of ours") };
                let Document::Mapping { connection, mapping: read } = parsed.document else { panic!("it is a mapping") };
                assert_eq!((connection.as_str(), *read), (platform, mapping));
            }
        }
    }

    #[test]
    fn texts_that_look_like_something_else_stay_texts() {
        let mut mapping = shipped_mappings("zendesk").unwrap().remove(0);
        mapping.filter = Some("IF(name = \"no: # yes\", TRUE, ISBLANK(details)) && 'é' <> \"\n\"".to_owned());
        let odd = [("yes", "no"), ("1.0", "~"), ("null", " padded "), ("'q'", "\"\""), ("- a", "{b}"), ("2026-01-02", "0x1F")];
        mapping.fields[0].values = odd.map(|(theirs, ours)| (theirs.to_owned(), ours.to_owned())).to_vec();
        let path = format!("mappings/desk/{}.yaml", mapping.object);
        let text = yaml(&path, "x", &mapping).unwrap();
        let read = crate::files::parse_mapping(&FileText { path, text: text.clone() }).unwrap();
        assert_eq!(read, mapping, "{text}");
    }

    #[test]
    fn custom_fields_come_back_as_they_went_out() {
        let field = |key: &str, kind| Field {
            key: key.to_owned(),
            label: format!("{key}: yes"),
            kind,
            custom: true,
            indexed: false,
            data: Kind::Other,
        };
        let money = FieldType::Money { currency: "EUR".to_owned() };
        let list = FieldType::Picklist { values: vec!["on".to_owned(), "off".to_owned()] };
        let file = ObjectFile {
            object: "account".to_owned(),
            label: None,
            prefix: None,
            title: Vec::new(),
            fields: vec![field("budget", money), field("switch", list)],
        };
        let path = "objects/account.yaml".to_owned();
        let text = yaml(&path, "x", &file).unwrap();
        let Some(parsed) = parse(&FileText { path, text }).unwrap() else { panic!("it is a file of ours") };
        let Document::Object(read) = parsed.document else { panic!("it is an object") };
        assert_eq!(read, file);
    }
}
