//! Creating properties. Everything here may be repeated: what exists is left as it is, but for choices that it lacks.

use entente_model::mapping::remote::{RemoteField, RemoteKind};
use serde_json::{Value, json};

use super::HubSpot;
use super::kind::is_property;
use super::refusal::misfit;
use super::schema::kind_of;
use crate::connector::{NewField, Priority};
use crate::error::VendorError;
use crate::transport::call::Call;

/// Group that Entente's properties stand in.
const GROUP: &str = "entente";

impl HubSpot {
    /// See [`Connector::create_field`](crate::connector::Connector::create_field).
    pub(super) async fn provision(&self, new: &NewField) -> Result<(), VendorError> {
        let place = self.place(&new.object, Priority::Update).await?;
        let object = place.as_ref();
        let field = &new.field;
        if !is_property(&field.name) {
            return Ok(());
        }
        name_fits(&field.name)?;
        self.schemas.forget(&new.object);
        let existing = self
            .client
            .call("properties", Priority::Update, Call::get(self.paths.properties(object, &format!("/{}", field.name))).accept(&[404]))
            .await?;
        if existing.status != 404 {
            return self.extend(object, field, &existing.json()?).await;
        }
        self.group(object).await?;
        let mut body = property(field)?;
        body["groupName"] = Value::from(GROUP);
        match self.client.call("properties", Priority::Update, Call::post(self.paths.properties(object, ""), body)).await {
            Ok(_) => Ok(()),
            // Somebody else was faster.
            Err(error) if error.status == 409 => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Makes sure that the group exists.
    async fn group(&self, object: &str) -> Result<(), VendorError> {
        let call = Call::post(self.paths.properties(object, "/groups"), json!({"name": GROUP, "label": "Entente", "displayOrder": -1}));
        match self.client.call("properties", Priority::Update, call).await {
            Ok(_) => Ok(()),
            Err(error) if error.status == 409 => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Adds the choices that an existing property lacks, after a look at whether it will do at all.
    async fn extend(&self, object: &str, field: &RemoteField, definition: &Value) -> Result<(), VendorError> {
        if field.unique && definition["hasUniqueValue"].as_bool() != Some(true) {
            return Err(misfit(
                "field_unique",
                format!("HubSpot's property `{}` exists, but does not have unique values, and that cannot be changed", field.name),
                "delete the property at HubSpot so that Entente can make it, or name another key in the mapping",
            )
            .about(&field.name));
        }
        let (found, (ty, _)) = (definition["type"].as_str().unwrap_or_default(), type_of(field)?);
        let texts = ["string", "enumeration", "phone_number"];
        if found != ty && !(texts.contains(&found) && texts.contains(&ty)) {
            return Err(misfit(
                "field_type",
                format!("HubSpot has a property `{}` of type {found}, but {ty} is needed", field.name),
                "rename or delete the property at HubSpot, or map another one",
            )
            .about(&field.name));
        }
        if !matches!(kind_of(definition), RemoteKind::Picklist | RemoteKind::MultiPicklist) {
            return Ok(());
        }
        let mut all: Vec<Value> = definition["options"].as_array().cloned().unwrap_or_default();
        let before = all.len();
        for option in options(field).as_array().into_iter().flatten() {
            if !all.iter().any(|known| known["value"] == option["value"]) {
                all.push(option.clone());
            }
        }
        if all.len() == before {
            return Ok(());
        }
        // The whole list is replaced, so that it goes back with the choices that were there.
        let call = Call::patch(self.paths.properties(object, &format!("/{}", field.name)), json!({"options": all}));
        self.client.call("properties", Priority::Update, call).await.map(drop)
    }
}

/// The definition of a property, without the group that it stands in.
///
/// # Errors
/// When HubSpot has no property like that.
pub(crate) fn property(field: &RemoteField) -> Result<Value, VendorError> {
    name_fits(&field.name)?;
    let (ty, form) = type_of(field)?;
    let mut body = json!({
        "name": field.name, "label": field.label, "type": ty, "fieldType": form, "description": "Kept by Entente",
        "hasUniqueValue": field.unique,
    });
    if matches!(ty, "enumeration" | "bool") {
        body["options"] = options(field);
    }
    Ok(body)
}

fn name_fits(name: &str) -> Result<(), VendorError> {
    let fits = name.starts_with(|letter: char| letter.is_ascii_lowercase())
        && name.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_');
    if fits {
        return Ok(());
    }
    Err(misfit(
        "field_name",
        format!("`{name}` cannot be the name of a HubSpot property"),
        "name properties with lower-case letters, digits and underscores, beginning with a letter",
    )
    .about(name))
}

fn options(field: &RemoteField) -> Value {
    if field.kind == RemoteKind::Boolean {
        return json!([
            {"label": "Yes", "value": "true", "displayOrder": 0, "hidden": false},
            {"label": "No", "value": "false", "displayOrder": 1, "hidden": false},
        ]);
    }
    let list = field.values.iter().enumerate();
    list.map(|(at, value)| json!({"label": value, "value": value, "displayOrder": at, "hidden": false})).collect()
}

/// Type and form of a property.
fn type_of(field: &RemoteField) -> Result<(&'static str, &'static str), VendorError> {
    // HubSpot refuses what is not in a list, so one that is open to other values is a text there.
    let listed = !field.values.is_empty() && field.restricted;
    let fits = match field.kind {
        RemoteKind::LongText | RemoteKind::Json => ("string", "textarea"),
        RemoteKind::Number => ("number", "number"),
        RemoteKind::Date => ("date", "date"),
        RemoteKind::Datetime => ("datetime", "date"),
        RemoteKind::Boolean => ("bool", "booleancheckbox"),
        RemoteKind::Picklist if listed => ("enumeration", "select"),
        RemoteKind::MultiPicklist if listed => ("enumeration", "checkbox"),
        RemoteKind::Phone => ("string", "phonenumber"),
        _ => ("string", "text"),
    };
    if field.unique && !matches!(fits.0, "string" | "number") {
        return Err(misfit(
            "field_type",
            format!("`{}` cannot be unique: HubSpot allows that for texts and numbers only", field.name),
            "make the key field a text",
        )
        .about(&field.name));
    }
    Ok(fits)
}
