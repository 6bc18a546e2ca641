//! Creating fields through the Tooling API, and making them visible to our user through a permission set. Everything here may be
//! repeated: what exists is left as it is.

use entente_model::mapping::remote::{RemoteField, RemoteKind, RemoteObject};
use serde_json::{Map, Value, json};

use super::activities::{ACTIVITY, Half};
use super::wire::{QueryKind, text};
use super::{Salesforce, soql};
use crate::connector::{NewField, Priority};
use crate::error::{Class, VendorError};
use crate::transport::call::Call;

/// Name of the permission set that shows Entente's fields to our user.
const PERMISSION_SET: &str = "Entente";

/// Longest text of a text field.
const TEXT_MAX: u32 = 255;

/// Characters of a long text field.
const LONG_TEXT_CHARS: u32 = 32_768;

/// Digits of a number field, both sides of the point together.
const NUMBER_DIGITS: u32 = 18;

/// The object at which custom fields of an object are defined: those of tasks and events are fields of activities.
fn defined_at(object: &str) -> &str {
    if Half::of(object).is_some() { ACTIVITY } else { object }
}

impl Salesforce {
    /// See [`Connector::create_field`](crate::connector::Connector::create_field).
    pub(super) async fn provision_field(&self, new: &NewField) -> Result<(), VendorError> {
        let object = soql::name(&new.object)?;
        let field = soql::name(&new.field.name)?;
        let described = self.schema_now(object).await?;
        if let Some(found) = described.fields.iter().find(|known| known.name.eq_ignore_ascii_case(field)) {
            fits(object, &new.field, found.kind)?;
            return self.grow_list(object, &new.field, found).await;
        }
        if !field.ends_with("__c") {
            return Err(VendorError::new(
                Class::Configuration,
                "field_name",
                format!("`{field}` is not on {object}, and a field that is created must end with `__c`"),
                "give the field in the mapping a name that ends with `__c`",
            )
            .about(field));
        }
        let body = json!({"FullName": format!("{}.{field}", defined_at(object)), "Metadata": metadata(&new.field)?});
        let call = Call::post(format!("{}/tooling/sobjects/CustomField", self.root), body);
        match self.client.call("tooling", Priority::Update, call).await {
            Ok(_) => {}
            // It exists, hidden from our user: the permission is what is missing.
            Err(error) if matches!(error.code.as_str(), "DUPLICATE_DEVELOPER_NAME" | "DUPLICATE_VALUE") => {}
            Err(error) => return Err(error),
        }
        for shown in self.shown_at(object).await? {
            self.show_field(shown, field).await?;
        }
        self.schema_now(object).await?;
        Ok(())
    }

    /// What an object is made of by now.
    async fn schema_now(&self, object: &str) -> Result<RemoteObject, VendorError> {
        if object == ACTIVITY {
            return self.describe_activities(Priority::Update).await;
        }
        Ok(self.describe_now(object, Priority::Update).await?.object.clone())
    }

    /// The objects at which a field of an object is to be seen: rights are given for tasks and for events, not for activities.
    async fn shown_at<'a>(&self, object: &'a str) -> Result<Vec<&'a str>, VendorError> {
        if object == ACTIVITY { self.halves_seen(Priority::Update).await } else { Ok(vec![object]) }
    }

    /// Adds the values that a list lacks. One that is open to others takes them as they are.
    async fn grow_list(&self, object: &str, wanted: &RemoteField, found: &RemoteField) -> Result<(), VendorError> {
        let listed = matches!(found.kind, RemoteKind::Picklist | RemoteKind::MultiPicklist) && found.restricted;
        let lacking: Vec<&String> = wanted.values.iter().filter(|value| !found.values.contains(value)).collect();
        if !listed || lacking.is_empty() {
            return Ok(());
        }
        let Some(bare) = found.name.strip_suffix("__c") else {
            return Err(VendorError::new(
                Class::Configuration,
                "list_values",
                format!("the list `{}` of {object} lacks values, and lists of Salesforce's own are changed by an admin", found.name),
                "add the values in Salesforce (Setup, Object Manager), or translate them in the mapping",
            )
            .about(&found.name));
        };
        let query = format!(
            "SELECT Id FROM CustomField WHERE DeveloperName = {} AND TableEnumOrId = {}",
            soql::literal(bare),
            soql::literal(defined_at(object))
        );
        let call = Call::get(format!("{}/tooling/query", self.root)).query("q", &query);
        let answer: Value = self.client.call("tooling", Priority::Update, call).await?.json()?;
        let Some(id) = answer["records"][0]["Id"].as_str() else {
            return Err(VendorError::new(
                Class::Configuration,
                "list_values",
                format!("the list `{}` of {object} lacks values, and its definition cannot be found", found.name),
                "give our user the permission `Customize Application`, or add the values in Salesforce by hand",
            )
            .about(&found.name));
        };
        let mut grown = found.clone();
        grown.values.extend(lacking.into_iter().cloned());
        let body = json!({"Metadata": metadata(&grown)?});
        let path = format!("{}/tooling/sobjects/CustomField/{}", self.root, soql::name_of_id(id)?);
        self.client.call("tooling", Priority::Update, Call::patch(path, body)).await?;
        self.schema_now(object).await?;
        Ok(())
    }

    /// Gives our user read and edit access to a field.
    async fn show_field(&self, object: &str, field: &str) -> Result<(), VendorError> {
        let set = self.permission_set().await?;
        let full = format!("{object}.{field}");
        let query = format!(
            "SELECT Id, PermissionsEdit FROM FieldPermissions WHERE ParentId = {} AND SobjectType = {} AND Field = {}",
            soql::literal(&set),
            soql::literal(object),
            soql::literal(&full)
        );
        let known = self.query(QueryKind::Live, &query, Priority::Update).await?;
        match known.first() {
            Some(permission) if permission.get("PermissionsEdit").and_then(Value::as_bool) == Some(true) => Ok(()),
            Some(permission) => {
                let id = text(permission, "Id").unwrap_or_default();
                let body = json!({"PermissionsRead": true, "PermissionsEdit": true});
                let call = Call::patch(format!("{}/sobjects/FieldPermissions/{}", self.root, soql::name_of_id(&id)?), body);
                self.client.call("provision", Priority::Update, call).await.map(|_| ())
            }
            None => {
                let body = json!({"ParentId": set, "SobjectType": object, "Field": full, "PermissionsRead": true, "PermissionsEdit": true});
                self.create("FieldPermissions", body).await.map(|_| ())
            }
        }
    }

    /// The permission set, created and assigned to our user if it is not.
    async fn permission_set(&self) -> Result<String, VendorError> {
        let named = format!("SELECT Id FROM PermissionSet WHERE Name = {}", soql::literal(PERMISSION_SET));
        let found = self.query(QueryKind::Live, &named, Priority::Update).await?;
        let set = match found.first().and_then(|row| text(row, "Id")) {
            Some(id) => id,
            None => self.create("PermissionSet", json!({"Name": PERMISSION_SET, "Label": PERMISSION_SET})).await?,
        };
        soql::name_of_id(&set)?;
        let user = self.identity(Priority::Update).await?.user_id.clone();
        if user.is_empty() {
            return Err(VendorError::new(
                Class::Configuration,
                "identity",
                "Salesforce does not say who our user is, so the new field cannot be shown to it",
                "give the connected app the scope `id`, or assign the permission set `Entente` to our user by hand",
            ));
        }
        let assigned = format!(
            "SELECT Id FROM PermissionSetAssignment WHERE AssigneeId = {} AND PermissionSetId = {}",
            soql::literal(&user),
            soql::literal(&set)
        );
        if self.query(QueryKind::Live, &assigned, Priority::Update).await?.is_empty() {
            self.create("PermissionSetAssignment", json!({"AssigneeId": user, "PermissionSetId": set})).await?;
        }
        Ok(set)
    }

    /// Creates one record of a set-up object; one that exists already is as good. Gives its id, or an empty text if it existed.
    async fn create(&self, object: &str, body: Value) -> Result<String, VendorError> {
        let call = Call::post(format!("{}/sobjects/{object}", self.root), body);
        match self.client.call("provision", Priority::Update, call).await {
            Ok(answer) => {
                let created: Value = answer.json()?;
                Ok(created["id"].as_str().unwrap_or_default().to_owned())
            }
            Err(error) if matches!(error.code.as_str(), "DUPLICATE_VALUE" | "DUPLICATE_DEVELOPER_NAME") => Ok(String::new()),
            Err(error) => Err(error),
        }
    }
}

/// Whether a field that is there can hold what is wanted of it: kinds of text can hold each other's values, no other kinds can.
fn fits(object: &str, wanted: &RemoteField, found: RemoteKind) -> Result<(), VendorError> {
    let is_text = |kind: RemoteKind| {
        !matches!(
            kind,
            RemoteKind::Number
                | RemoteKind::Date
                | RemoteKind::Datetime
                | RemoteKind::Boolean
                | RemoteKind::MultiPicklist
                | RemoteKind::Json
        )
    };
    if found == wanted.kind || (is_text(found) && is_text(wanted.kind)) {
        return Ok(());
    }
    Err(VendorError::new(
        Class::Configuration,
        "field_type",
        format!("{object} has a field `{}` of another type: {found:?}, but {:?} is needed", wanted.name, wanted.kind),
        "rename or delete the field in Salesforce, or map another one",
    )
    .about(&wanted.name))
}

/// The metadata of a field to create.
fn metadata(field: &RemoteField) -> Result<Value, VendorError> {
    let mut metadata = Map::new();
    let mut set = |name: &str, value: Value| {
        metadata.insert(name.to_owned(), value);
    };
    set("label", Value::from(field.label.as_str()));
    let kind = match field.kind {
        RemoteKind::Text => {
            set("length", Value::from(field.length.unwrap_or(TEXT_MAX).clamp(1, TEXT_MAX)));
            "Text"
        }
        RemoteKind::LongText | RemoteKind::Json => {
            set("length", Value::from(LONG_TEXT_CHARS));
            set("visibleLines", Value::from(5));
            "LongTextArea"
        }
        RemoteKind::Email => "Email",
        RemoteKind::Phone => "Phone",
        RemoteKind::Url => "Url",
        RemoteKind::Number => {
            set("precision", Value::from(NUMBER_DIGITS));
            set("scale", Value::from(field.scale.unwrap_or(0).min(NUMBER_DIGITS - 1)));
            "Number"
        }
        RemoteKind::Date => "Date",
        RemoteKind::Datetime => "DateTime",
        RemoteKind::Boolean => {
            set("defaultValue", Value::from("false"));
            "Checkbox"
        }
        RemoteKind::Picklist | RemoteKind::MultiPicklist => {
            let values: Vec<Value> =
                field.values.iter().map(|value| json!({"fullName": value, "label": value, "default": false})).collect();
            set("valueSet", json!({"restricted": field.restricted, "valueSetDefinition": {"sorted": false, "value": values}}));
            if field.kind == RemoteKind::MultiPicklist {
                set("visibleLines", Value::from(4));
                "MultiselectPicklist"
            } else {
                "Picklist"
            }
        }
        RemoteKind::Reference => {
            return Err(VendorError::new(
                Class::Configuration,
                "field_type",
                format!("`{}` would be a lookup, whose target is not known here", field.name),
                "create the lookup field in Salesforce's Object Manager, then run this again",
            )
            .about(field.name.as_str()));
        }
    };
    set("type", Value::from(kind));
    if field.unique {
        if !matches!(kind, "Text" | "Number" | "Email") {
            return Err(VendorError::new(
                Class::Configuration,
                "field_type",
                format!("`{}` cannot be unique: Salesforce allows that for texts, numbers and e-mails only", field.name),
                "make the key field a text",
            )
            .about(field.name.as_str()));
        }
        set("unique", Value::from(true));
        set("externalId", Value::from(true));
        if kind == "Text" {
            // Entente's ids are lower case, and an index that minds case is the stricter promise.
            set("caseSensitive", Value::from(true));
        }
    }
    Ok(Value::Object(metadata))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(kind: RemoteKind, unique: bool) -> RemoteField {
        RemoteField {
            writable: true,
            unique,
            length: Some(40),
            scale: Some(2),
            values: vec!["a".to_owned()],
            restricted: true,
            ..RemoteField::new("Entente_Id__c", "Entente id", kind)
        }
    }

    #[test]
    fn the_key_field_is_an_external_id() {
        let metadata = metadata(&field(RemoteKind::Text, true)).expect("metadata");
        assert_eq!(
            metadata,
            json!({"label": "Entente id", "length": 40, "type": "Text", "unique": true, "externalId": true, "caseSensitive": true})
        );
    }

    #[test]
    fn what_salesforce_cannot_make_is_refused_with_advice() {
        assert_eq!(metadata(&field(RemoteKind::Date, true)).map_err(|error| error.code), Err("field_type".to_owned()));
        assert_eq!(metadata(&field(RemoteKind::Reference, false)).map_err(|error| error.code), Err("field_type".to_owned()));
        let picklist = metadata(&field(RemoteKind::Picklist, false)).expect("metadata");
        assert_eq!(picklist["valueSet"]["valueSetDefinition"]["value"][0]["fullName"], "a");
    }
}
