//! Creating custom fields. Everything here may be repeated: what exists is left as it is, but for choices that it lacks.

use entente_model::mapping::remote::{RemoteField, RemoteKind};
use serde_json::{Value, json};

use super::Pipedrive;
use super::attributes::attribute;
use super::fields::{CUSTOM, Definition, OURS, unknown};
use super::kind::Kind;
use super::refusal::{misfit, of_no_row};
use crate::connector::{NewField, Priority};
use crate::error::VendorError;
use crate::transport::call::Call;

/// The choices that stand for a boolean.
const YES_NO: [&str; 2] = ["Yes", "No"];

/// `entente_plan_price` → `Entente plan price`: the name that people see, and by which the field is found again.
fn title(name: &str) -> String {
    let spaced = name.replace('_', " ");
    let mut letters = spaced.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// The type of a field at Pipedrive. Instants are kept as text, since there are no such custom fields, and a list that is open to other
/// values is a text, because lists refuse what is not in them.
fn type_of(field: &RemoteField) -> &'static str {
    let listed = field.restricted && !field.values.is_empty();
    match field.kind {
        RemoteKind::LongText | RemoteKind::Json => "text",
        RemoteKind::Number => "double",
        RemoteKind::Date => "date",
        RemoteKind::Boolean => "enum",
        RemoteKind::Phone => "phone",
        RemoteKind::Picklist if listed => "enum",
        RemoteKind::MultiPicklist if listed => "set",
        RemoteKind::MultiPicklist => "text",
        _ => "varchar",
    }
}

fn choices(field: &RemoteField, ty: &str) -> Vec<String> {
    match (ty, field.kind) {
        ("enum", RemoteKind::Boolean) => YES_NO.map(str::to_owned).to_vec(),
        ("enum" | "set", _) => field.values.clone(),
        _ => Vec::new(),
    }
}

/// Whether an existing type does for the wanted one.
fn fits(found: &str, wanted: &str) -> bool {
    let texts = ["varchar", "text", "varchar_auto", "phone"];
    found == wanted
        || (texts.contains(&found) && texts.contains(&wanted))
        || (wanted == "varchar" && found == "enum")
        || (wanted == "double" && found == "monetary")
}

impl Pipedrive {
    /// See [`Connector::create_field`](crate::connector::Connector::create_field).
    pub(super) async fn make_field(&self, new: &NewField) -> Result<(), VendorError> {
        let kind = Kind::named(&new.object)?;
        let field = &new.field;
        if attribute(kind, &field.name).is_some() {
            return Ok(());
        }
        let Some(path) = kind.definitions() else { return Err(unknown(kind, &field.name)) };
        self.forget(kind).await;
        let fields = self.fields(kind, &[], Priority::Urgent).await?;
        let wanted = type_of(field);
        if let Some(named) = fields.named(&field.name)? {
            return self.extend(kind, path, named.definition, field, wanted).await;
        }
        if !field.name.starts_with(OURS) {
            return Err(misfit(
                "field_name",
                format!("Pipedrive has no custom field `{}`, and Entente makes only its own there", field.name),
                "name the field entente_NAME, or make it at Pipedrive and map its hash (custom.HASH)",
            )
            .about(&field.name));
        }
        let mut body = json!({"field_name": title(&field.name), "field_type": wanted});
        let options = choices(field, wanted);
        if !options.is_empty() {
            body["options"] = options.iter().map(|label| json!({"label": label})).collect();
        }
        self.send("fields", Priority::Urgent, Call::post(path, body)).await.map_err(of_no_row)?;
        self.forget(kind).await;
        Ok(())
    }

    /// Adds the choices that an existing field lacks, after a look at whether it will do at all.
    async fn extend(&self, kind: Kind, path: &str, found: &Definition, field: &RemoteField, wanted: &str) -> Result<(), VendorError> {
        if !fits(&found.ty, wanted) {
            return Err(misfit(
                "field_type",
                format!("Pipedrive has a field `{}` of type {}, but {wanted} is needed", found.name, found.ty),
                "rename or delete the field at Pipedrive so that Entente can make it, or map another one",
            )
            .about(format!("{CUSTOM}{}", found.code)));
        }
        let lacking: Vec<Value> =
            choices(field, &found.ty).iter().filter(|label| found.choice(label).is_none()).map(|label| json!({"label": label})).collect();
        if lacking.is_empty() {
            return Ok(());
        }
        let call = Call::post(format!("{path}/{}/options", found.code), Value::from(lacking));
        self.send("fields", Priority::Urgent, call).await.map_err(of_no_row)?;
        self.forget(kind).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(kind: RemoteKind, values: &[&str], restricted: bool) -> RemoteField {
        RemoteField {
            writable: true,
            values: values.iter().map(|value| (*value).to_owned()).collect(),
            restricted,
            ..RemoteField::new("entente_x", "X", kind)
        }
    }

    #[test]
    fn every_kind_of_field_has_a_type_at_pipedrive() {
        assert_eq!(title("entente_plan_price"), "Entente plan price");
        let types = [
            (field(RemoteKind::Boolean, &[], false), "enum"),
            (field(RemoteKind::Picklist, &["Free", "Pro"], true), "enum"),
            (field(RemoteKind::Picklist, &["Free", "Pro"], false), "varchar"),
            (field(RemoteKind::Datetime, &[], false), "varchar"),
            (field(RemoteKind::Number, &[], false), "double"),
            (field(RemoteKind::LongText, &[], false), "text"),
        ];
        for (field, expected) in types {
            assert_eq!(type_of(&field), expected, "{:?}", field.kind);
        }
        assert_eq!(choices(&field(RemoteKind::Boolean, &[], false), "enum"), ["Yes", "No"]);
    }
}
