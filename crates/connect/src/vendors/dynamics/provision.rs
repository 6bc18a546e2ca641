//! Creating columns, and the alternate key that carries Entente's id. Everything here may be repeated: what exists is left as it is.

use std::time::Duration;

use entente_model::mapping::remote::{RemoteField, RemoteKind};
use serde_json::{Value, json};

use super::Dynamics;
use super::kind::{Kind, Object};
use super::refusal::{misfit, of_no_row};
use super::schema::{Column, Shape};
use super::wire::ROOT;
use crate::connector::{NewField, Priority};
use crate::error::VendorError;
use crate::transport::call::Call;

/// How the names of columns begin that Entente made.
const OURS: &str = "entente_";
/// Characters of a line of text where nobody says how many.
const LINE: u32 = 255;
/// Characters of the longest line of text.
const LINE_MAX: u32 = 4_000;
/// Bounds of a decimal column, the widest there are.
const DECIMAL_MAX: f64 = 100_000_000_000.0;
/// The language that labels are given in: every environment takes English beside its own.
const ENGLISH: u32 = 1033;
/// Pause between two looks at a key whose index is being made, and how many looks there are: two minutes.
const KEY_PAUSE: Duration = Duration::from_secs(3);
const KEY_LOOKS: usize = 40;

fn label(text: &str) -> Value {
    json!({"@odata.type": "Microsoft.Dynamics.CRM.Label", "LocalizedLabels": [
        {"@odata.type": "Microsoft.Dynamics.CRM.LocalizedLabel", "Label": text, "LanguageCode": ENGLISH},
    ]})
}

/// `entente_plan_price` → `entente_Plan_Price`: the schema name, which only differs in its capitals.
fn schema_name(name: &str) -> String {
    let rest = name.strip_prefix(OURS).unwrap_or(name);
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
    };
    format!("{OURS}{}", rest.split('_').map(capital).collect::<Vec<_>>().join("_"))
}

/// A column as it is to be made. Lists that are open to other values are texts.
fn definition(field: &RemoteField) -> Value {
    let mut made = json!({
        "SchemaName": schema_name(&field.name), "DisplayName": label(&field.label), "Description": label("Kept by Entente."),
        "RequiredLevel": {"Value": "None", "CanBeChanged": true, "ManagedPropertyLogicalName": "canmodifyrequirementlevelsettings"},
    });
    let listed = field.restricted && !field.values.is_empty();
    let format = |name: &str| json!({"Value": name});
    let ty = match field.kind {
        RemoteKind::LongText | RemoteKind::Json => "Memo",
        RemoteKind::MultiPicklist if !listed => "Memo",
        RemoteKind::Number => "Decimal",
        RemoteKind::Date | RemoteKind::Datetime => "DateTime",
        RemoteKind::Boolean => "Boolean",
        RemoteKind::Picklist if listed => "Picklist",
        RemoteKind::MultiPicklist => "MultiSelectPicklist",
        _ => "String",
    };
    made["@odata.type"] = json!(format!("Microsoft.Dynamics.CRM.{ty}AttributeMetadata"));
    match ty {
        "Memo" => made["MaxLength"] = json!(field.length.unwrap_or(32_768)),
        "String" => {
            made["MaxLength"] = json!(field.length.unwrap_or(LINE).min(LINE_MAX));
            made["FormatName"] = format(match field.kind {
                RemoteKind::Email => "Email",
                RemoteKind::Phone => "Phone",
                RemoteKind::Url => "Url",
                _ => "Text",
            });
        }
        "Decimal" => {
            made["Precision"] = json!(2);
            made["MinValue"] = json!(-DECIMAL_MAX);
            made["MaxValue"] = json!(DECIMAL_MAX);
        }
        "DateTime" => {
            let day = field.kind == RemoteKind::Date;
            made["Format"] = json!(if day { "DateOnly" } else { "DateAndTime" });
            made["DateTimeBehavior"] = format(if day { "DateOnly" } else { "UserLocal" });
        }
        "Boolean" => {
            made["OptionSet"] = json!({
                "TrueOption": {"Value": 1, "Label": label("Yes")}, "FalseOption": {"Value": 0, "Label": label("No")}, "OptionSetType": "Boolean",
            });
        }
        _ => {
            let options: Vec<Value> = field.values.iter().map(|value| json!({"Label": label(value)})).collect();
            made["OptionSet"] = json!({"IsGlobal": false, "OptionSetType": "Picklist", "Options": options});
        }
    }
    made
}

/// Whether an existing column does for the wanted one.
fn fits(found: &Column, wanted: &RemoteField) -> bool {
    let texts = [
        RemoteKind::Text,
        RemoteKind::LongText,
        RemoteKind::Email,
        RemoteKind::Phone,
        RemoteKind::Url,
        RemoteKind::Picklist,
        RemoteKind::Json,
        RemoteKind::MultiPicklist,
        RemoteKind::Reference,
    ];
    found.kind == wanted.kind || (texts.contains(&found.kind) && texts.contains(&wanted.kind) && found.shape != Shape::Lookup)
}

impl Dynamics {
    /// See [`Connector::create_field`](crate::connector::Connector::create_field).
    pub(super) async fn make_field(&self, new: &NewField) -> Result<(), VendorError> {
        let (object, field) = (Object::named(&new.object)?, &new.field);
        let Object::Table(kind) = object else {
            return Err(misfit(
                "field_name",
                "`activities` are five tables, and Entente makes no columns in all of them",
                "map a column that they have, or one table alone",
            )
            .about(&field.name));
        };
        self.forget(object).await;
        let schema = self.whole_schema(object, kind, Priority::Urgent).await?;
        match schema.column(&field.name) {
            Some(found) if !fits(found, field) => {
                let (is, wanted) = (format!("{:?}", found.kind).to_lowercase(), format!("{:?}", field.kind).to_lowercase());
                return Err(misfit(
                    "field_type",
                    format!("Dynamics 365 has a column `{}` of type {is}, but {wanted} is needed", field.name),
                    "delete the column there so that Entente can make it, or map another one",
                )
                .about(&field.name));
            }
            Some(found) => self.extend(kind, found, field).await?,
            None if !field.name.starts_with(OURS) => {
                return Err(misfit(
                    "field_name",
                    format!("Dynamics 365 has no column `{}`, and Entente makes only its own there", field.name),
                    "name the field entente_NAME, or make the column there",
                )
                .about(&field.name));
            }
            None => {
                let path = format!("{ROOT}/EntityDefinitions(LogicalName='{}')/Attributes", kind.table());
                self.ask("metadata", Priority::Urgent, Call::post(path, definition(field))).await.map_err(of_no_row)?;
            }
        }
        if field.unique && !schema.is_key(&field.name) {
            self.make_key(kind, field).await?;
        }
        self.forget(object).await;
        Ok(())
    }

    /// Adds the choices that an existing list lacks.
    async fn extend(&self, kind: Kind, found: &Column, field: &RemoteField) -> Result<(), VendorError> {
        if !field.restricted || !matches!(found.shape, Shape::Choice | Shape::Choices) {
            return Ok(());
        }
        for value in field.values.iter().filter(|value| found.choice(value).is_none()) {
            let body = json!({"EntityLogicalName": kind.table(), "AttributeLogicalName": found.name, "Label": label(value)});
            self.ask("metadata", Priority::Urgent, Call::post(format!("{ROOT}/InsertOptionValue"), body)).await.map_err(of_no_row)?;
        }
        Ok(())
    }

    /// Makes an alternate key and waits for its index, without which nothing can be created.
    async fn make_key(&self, kind: Kind, field: &RemoteField) -> Result<(), VendorError> {
        let path = format!("{ROOT}/EntityDefinitions(LogicalName='{}')/Keys", kind.table());
        let body = json!({"SchemaName": format!("{}_Key", schema_name(&field.name)), "DisplayName": label(&field.label), "KeyAttributes": [field.name]});
        self.ask("metadata", Priority::Urgent, Call::post(&path, body)).await.map_err(of_no_row)?;
        for _ in 0..KEY_LOOKS {
            let call = Call::get(&path).query("$select", "KeyAttributes,EntityKeyIndexStatus").header("consistency", "Strong");
            let listed = self.ask("metadata", Priority::Urgent, call).await.map_err(of_no_row)?;
            let ours = listed["value"].as_array().into_iter().flatten().find(|key| key["KeyAttributes"] == json!([field.name]));
            match ours.and_then(|key| key["EntityKeyIndexStatus"].as_str()) {
                Some("Active") => return Ok(()),
                Some("Failed") => {
                    return Err(misfit(
                        "key_field",
                        format!("the index of the key on `{}` has failed", field.name),
                        "look for rows that hold the same value twice, delete the key in the table's settings, and provision again",
                    )
                    .about(&field.name));
                }
                _ => self.client.sleep(KEY_PAUSE).await,
            }
        }
        Err(misfit(
            "key_field",
            format!("the index of the key on `{}` is not there after two minutes", field.name),
            "wait, then run `entente provision --apply` again",
        )
        .about(&field.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(kind: RemoteKind) -> RemoteField {
        RemoteField { writable: true, values: vec!["Free".to_owned()], ..RemoteField::new("entente_plan_price", "Plan price", kind) }
    }

    #[test]
    fn every_kind_of_field_has_a_type_there() {
        let types = [
            (RemoteKind::Text, "String"),
            (RemoteKind::Picklist, "String"),
            (RemoteKind::LongText, "Memo"),
            (RemoteKind::Number, "Decimal"),
            (RemoteKind::Date, "DateTime"),
            (RemoteKind::Boolean, "Boolean"),
        ];
        for (kind, expected) in types {
            let made = definition(&field(kind));
            assert_eq!(made["@odata.type"], json!(format!("Microsoft.Dynamics.CRM.{expected}AttributeMetadata")), "{kind:?}");
        }
        assert_eq!(
            definition(&RemoteField { restricted: true, ..field(RemoteKind::Picklist) })["OptionSet"]["Options"][0]["Label"]["LocalizedLabels"]
                [0]["Label"],
            "Free"
        );
        assert_eq!(schema_name("entente_plan_price"), "entente_Plan_Price");
    }
}
