//! Tables as their metadata describe them, and the flattened names that mappings use.
//!
//! A column goes by its logical name. A choice is shown by its label and, as `NAME.code`, by the number that is the same in every language; a
//! lookup by the id it leads to, as `NAME.name` by what people call that row, as `NAME.type` by its table, and as `NAME.TABLE` (`customerid.account`)
//! where only rows of one table count.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use entente_model::clock::Timestamp;
use entente_model::mapping::remote::{RemoteField, RemoteKind, RemoteObject};
use serde_json::Value;

use super::Dynamics;
use super::kind::{Kind, Object};
use super::refusal::{misfit, of_no_row};
use super::special::{Special, specials};
use super::wire::ROOT;
use crate::connector::Priority;
use crate::error::VendorError;
use crate::transport::call::Call;

/// The column that carries Entente's id where the shipped mappings are used.
const KEY_COLUMN: &str = "entente_id";
/// The table of users, and the one that stands for users and teams alike.
const OWNERS: [&str; 2] = ["systemuser", "owner"];
/// How long metadata are believed. Reads and writes of a column that has vanished meanwhile notice it anyway.
const BELIEF: Duration = Duration::from_secs(3_600);
/// Types of columns with choices: each is asked for by itself, and only once a column of that type is read or written.
const LISTED: [&str; 4] =
    ["PicklistAttributeMetadata", "MultiSelectPicklistAttributeMetadata", "StateAttributeMetadata", "StatusAttributeMetadata"];

/// One choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Choice {
    pub value: i64,
    pub label: String,
}

/// What a column's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// As they stand.
    Plain,
    /// The number of a choice.
    Choice,
    /// Numbers of choices, in one text.
    Choices,
    /// A row of another table.
    Lookup,
    /// A time of day that is the same everywhere: it must not be shifted.
    Zoneless,
}

/// One column.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub name: String,
    label: String,
    pub kind: RemoteKind,
    pub shape: Shape,
    pub writable: bool,
    required: bool,
    length: Option<u32>,
    pub choices: Vec<Choice>,
    /// The type by which its choices are asked for, if it has any.
    cast: Option<&'static str>,
    /// Navigation properties by the table they lead to.
    pub navigation: BTreeMap<String, String>,
}

impl Column {
    /// Its name in rows.
    pub fn read_name(&self) -> String {
        if self.shape == Shape::Lookup { format!("_{}_value", self.name) } else { self.name.clone() }
    }

    /// Whether it leads to a user whom somebody chooses. Who made or changed a row is nobody's choice.
    fn is_of_owner(&self) -> bool {
        self.writable && OWNERS.iter().any(|table| self.navigation.contains_key(*table))
    }

    /// The label of a choice.
    pub fn label(&self, value: i64) -> Option<&str> {
        self.choices.iter().find(|choice| choice.value == value).map(|choice| choice.label.as_str())
    }

    /// The choice of a label, whatever its case.
    pub fn choice(&self, label: &str) -> Option<i64> {
        let wanted = label.trim().to_lowercase();
        self.choices.iter().find(|choice| choice.label.trim().to_lowercase() == wanted).map(|choice| choice.value)
    }
}

/// What a flattened name stands for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Part<'a> {
    /// The row's id.
    Id,
    /// A column's value.
    Value(&'a Column),
    /// The number of a choice.
    Code(&'a Column),
    /// What people call the row of a lookup.
    Name(&'a Column),
    /// The table of a lookup's row.
    Type(&'a Column),
    /// A lookup's row, if it is of this table.
    To(&'a Column, &'a str),
    /// What this connector adds.
    Special(Special),
}

/// A table.
#[derive(Debug, Clone)]
pub(crate) struct Schema {
    pub kind: Kind,
    columns: BTreeMap<String, Column>,
    pub tracked: bool,
    /// Columns of alternate keys, and whether their index is there.
    pub keys: Vec<(Vec<String>, String)>,
    /// Types of columns whose choices are known.
    listed: BTreeSet<&'static str>,
}

impl Schema {
    /// One column by its logical name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.get(name)
    }

    /// What a flattened name stands for in this table.
    pub fn part<'a>(&'a self, name: &'a str) -> Option<Part<'a>> {
        if name == "id" {
            return Some(Part::Id);
        }
        if let Some(special) = Special::named(self.kind, name) {
            return Some(Part::Special(special));
        }
        // Notes have other words for what they share with activities.
        let (base, tail) = name.split_once('.').unwrap_or((name, ""));
        let base = match (self.kind, base) {
            (Kind::Note, "description") => "notetext",
            (Kind::Note, "regardingobjectid") => "objectid",
            _ => base,
        };
        let column = self.columns.get(base)?;
        match (column.shape, tail) {
            (_, "") => Some(Part::Value(column)),
            (Shape::Choice, "code") => Some(Part::Code(column)),
            (Shape::Lookup, "name") => Some(Part::Name(column)),
            (Shape::Lookup, "type") => Some(Part::Type(column)),
            (Shape::Lookup, table) if column.navigation.contains_key(table) => Some(Part::To(column, table)),
            _ => None,
        }
    }

    /// The types whose choices these flattened names are told in, and which are not known yet.
    fn unlisted(&self, names: &[String]) -> BTreeSet<&'static str> {
        let cast = |name: &String| match self.part(name) {
            Some(Part::Value(column)) => column.cast,
            _ => None,
        };
        names.iter().filter_map(cast).filter(|cast| !self.listed.contains(cast)).collect()
    }

    /// The names in rows that these flattened names need, with those that every look needs.
    pub fn selection(&self, names: &[String]) -> Vec<String> {
        let mut wanted = vec![self.kind.id_column().to_owned()];
        let mut standing = vec!["modifiedon", "modifiedby"];
        if self.kind.merges() {
            standing.extend(["merged", "masterid"]);
        }
        let mut add = |column: &Column| {
            let name = column.read_name();
            if !wanted.contains(&name) {
                wanted.push(name);
            }
        };
        standing.iter().filter_map(|name| self.columns.get(*name)).for_each(&mut add);
        for name in names {
            match self.part(name) {
                Some(Part::Value(column) | Part::Code(column) | Part::Name(column) | Part::Type(column) | Part::To(column, _)) => {
                    add(column)
                }
                Some(Part::Special(special)) => special.columns().iter().filter_map(|name| self.columns.get(*name)).for_each(&mut add),
                Some(Part::Id) | None => {}
            }
        }
        wanted
    }

    /// Whether an alternate key is made of this column alone.
    pub fn is_key(&self, name: &str) -> bool {
        self.keys.iter().any(|(columns, _)| columns.len() == 1 && columns[0] == name)
    }

    fn described(&self) -> Vec<RemoteField> {
        let mut all = vec![field("id", "Id", RemoteKind::Reference, false)];
        all[0].unique = true;
        all.extend(specials(self.kind).map(|special| special.described()));
        for column in self.columns.values() {
            // A key's column without its key carries no key: provisioning goes on where it was broken off.
            if column.name == KEY_COLUMN && !self.is_key(&column.name) {
                continue;
            }
            let unique = self.is_key(&column.name);
            let listed = column.shape == Shape::Choice || column.shape == Shape::Choices;
            all.push(RemoteField {
                // A lookup to several tables is mapped table by table; which of them is there, only the row tells.
                required: column.required && column.navigation.len() < 2,
                unique,
                length: column.length,
                values: if listed { column.choices.iter().map(|choice| choice.label.clone()).collect() } else { Vec::new() },
                restricted: listed,
                of_owner: column.is_of_owner(),
                ..field(&column.name, &column.label, column.kind, column.writable)
            });
            let mut more = |tail: &str, kind: RemoteKind, writable: bool| {
                let field = field(&format!("{}.{tail}", column.name), &format!("{} ({tail})", column.label), kind, writable);
                all.push(RemoteField { of_owner: column.is_of_owner() && tail != "type", ..field });
            };
            match column.shape {
                Shape::Choice => more("code", RemoteKind::Number, column.writable),
                Shape::Lookup => {
                    more("name", RemoteKind::Text, false);
                    more("type", RemoteKind::Text, false);
                    column.navigation.keys().for_each(|table| more(table, RemoteKind::Reference, column.writable));
                }
                Shape::Plain | Shape::Choices | Shape::Zoneless => {}
            }
        }
        all
    }
}

/// A field as `describe` tells of it, without anything that is special about it.
pub(crate) fn field(name: &str, label: &str, kind: RemoteKind, writable: bool) -> RemoteField {
    RemoteField { writable, ..RemoteField::new(name, label, kind) }
}

/// The text of a label in the user's language, or in whatever there is.
fn label_of(label: &Value) -> String {
    let own = label["UserLocalizedLabel"]["Label"].as_str().or_else(|| label["LocalizedLabels"][0]["Label"].as_str());
    own.unwrap_or_default().to_owned()
}

fn column_of(attribute: &Value) -> Option<Column> {
    let name = attribute["LogicalName"].as_str()?;
    // Names of lookups and of choices are shown as columns of their own, which cannot be read.
    if attribute["AttributeOf"].is_string() || attribute["IsValidForRead"] == false {
        return None;
    }
    let ty = attribute["AttributeTypeName"]["Value"].as_str().unwrap_or_default();
    let (kind, shape) = match ty.trim_end_matches("Type") {
        "String" => match attribute["FormatName"]["Value"].as_str().or_else(|| attribute["Format"].as_str()) {
            Some("Email") => (RemoteKind::Email, Shape::Plain),
            Some("Phone") => (RemoteKind::Phone, Shape::Plain),
            Some("Url") => (RemoteKind::Url, Shape::Plain),
            _ => (RemoteKind::Text, Shape::Plain),
        },
        "Memo" => (RemoteKind::LongText, Shape::Plain),
        "Integer" | "BigInt" | "Decimal" | "Double" | "Money" => (RemoteKind::Number, Shape::Plain),
        "Boolean" => (RemoteKind::Boolean, Shape::Plain),
        "DateTime" => match (attribute["Format"].as_str(), attribute["DateTimeBehavior"]["Value"].as_str()) {
            (_, Some("DateOnly")) => (RemoteKind::Date, Shape::Plain),
            (_, Some("TimeZoneIndependent")) => (RemoteKind::Text, Shape::Zoneless),
            _ => (RemoteKind::Datetime, Shape::Plain),
        },
        "Picklist" | "State" | "Status" => (RemoteKind::Picklist, Shape::Choice),
        "MultiSelectPicklist" => (RemoteKind::MultiPicklist, Shape::Choices),
        "Lookup" | "Customer" | "Owner" => (RemoteKind::Reference, Shape::Lookup),
        "Uniqueidentifier" => (RemoteKind::Reference, Shape::Plain),
        // Parties, files, images, calendars: nothing that one value could be.
        _ => return None,
    };
    let cast = LISTED.into_iter().find(|listed| listed.strip_suffix("AttributeMetadata") == Some(ty.trim_end_matches("Type")));
    let required = matches!(attribute["RequiredLevel"]["Value"].as_str(), Some("ApplicationRequired" | "SystemRequired"));
    let writable = attribute["IsValidForUpdate"] == true;
    Some(Column {
        name: name.to_owned(),
        label: Some(label_of(&attribute["DisplayName"])).filter(|label| !label.is_empty()).unwrap_or_else(|| name.to_owned()),
        kind,
        shape,
        writable,
        required: required && writable,
        length: attribute["MaxLength"].as_u64().and_then(|length| u32::try_from(length).ok()),
        choices: Vec::new(),
        cast,
        navigation: BTreeMap::new(),
    })
}

fn choices_of(attribute: &Value) -> Vec<Choice> {
    let set = if attribute["OptionSet"].is_object() { &attribute["OptionSet"] } else { &attribute["GlobalOptionSet"] };
    let options = set["Options"].as_array().into_iter().flatten();
    options.filter_map(|option| Some(Choice { value: option["Value"].as_i64()?, label: label_of(&option["Label"]) })).collect()
}

/// Where the definition of a table is.
fn table_path(kind: Kind) -> String {
    format!("{ROOT}/EntityDefinitions(LogicalName='{}')", kind.table())
}

/// Tables as they were last read.
#[derive(Debug, Default)]
pub(crate) struct Schemas(tokio::sync::Mutex<BTreeMap<Kind, (Timestamp, Arc<Schema>)>>);

impl Dynamics {
    /// A table, read anew unless it was a moment ago. All of `names` are among its columns, or among those of another table of the object.
    ///
    /// # Errors
    /// `unknown_field` when one is not: it must not be taken for one that somebody cleared.
    pub(super) async fn schema(
        &self,
        object: Object,
        kind: Kind,
        names: &[String],
        priority: Priority,
    ) -> Result<Arc<Schema>, VendorError> {
        let stranger = |schema: &Schema| names.iter().find(|name| schema.part(name).is_none()).cloned();
        let mut held = self.schemas.0.lock().await;
        let now = self.client.now();
        let fresh = |at: &Timestamp| Duration::try_from(now.duration_since(*at)).is_ok_and(|age| age < BELIEF);
        let known = held.get(&kind).filter(|(at, schema)| fresh(at) && (object == Object::Activities || stranger(schema).is_none()));
        let (at, mut schema) = match known {
            Some((at, schema)) => (*at, Arc::clone(schema)),
            None => (now, Arc::new(self.read_table(kind, priority).await?)),
        };
        let unlisted = schema.unlisted(names);
        if !unlisted.is_empty() {
            let mut whole = Schema::clone(&schema);
            self.read_choices(&mut whole, unlisted, priority).await?;
            schema = Arc::new(whole);
        }
        held.insert(kind, (at, Arc::clone(&schema)));
        match stranger(&schema).filter(|_| object != Object::Activities) {
            None => Ok(schema),
            Some(name) => Err(unknown(object, &name)),
        }
    }

    /// A table with every choice of every column.
    ///
    /// # Errors
    /// When the vendor cannot be asked.
    pub(super) async fn whole_schema(&self, object: Object, kind: Kind, priority: Priority) -> Result<Arc<Schema>, VendorError> {
        let names: Vec<String> = self.schema(object, kind, &[], priority).await?.columns.keys().cloned().collect();
        // Names of activities' columns are those of one table of several.
        self.schema(object, kind, &names, priority).await
    }

    /// Makes sure that each field is one of some table of the object.
    ///
    /// # Errors
    /// `unknown_field` when one is not.
    pub(super) async fn known_somewhere(&self, object: Object, names: &[String], priority: Priority) -> Result<(), VendorError> {
        if object != Object::Activities {
            return Ok(());
        }
        let mut strangers: Vec<&String> = names.iter().collect();
        for kind in object.kinds() {
            if strangers.is_empty() {
                break;
            }
            let schema = self.schema(object, kind, &[], priority).await?;
            strangers.retain(|name| schema.part(name).is_none());
        }
        strangers.first().map_or(Ok(()), |name| Err(unknown(object, name)))
    }

    /// Forgets what is known of an object's tables, because it has changed.
    pub(super) async fn forget(&self, object: Object) {
        let kinds = object.kinds();
        self.schemas.0.lock().await.retain(|kind, _| !kinds.contains(kind));
    }

    /// Asks for metadata as they are now, and not as a cache has them.
    async fn read_metadata(&self, call: Call, priority: Priority) -> Result<Value, VendorError> {
        self.ask("metadata", priority, call.header("consistency", "Strong")).await.map_err(of_no_row)
    }

    /// The definition of a table with its columns, keys and lookups, in one call.
    async fn read_table(&self, kind: Kind, priority: Priority) -> Result<Schema, VendorError> {
        let call = Call::get(table_path(kind)).query("$select", "LogicalName,ChangeTrackingEnabled").query(
            "$expand",
            "Attributes,Keys($select=KeyAttributes,EntityKeyIndexStatus),ManyToOneRelationships($select=ReferencedEntity,\
             ReferencingAttribute,ReferencingEntityNavigationPropertyName)",
        );
        let definition = self.read_metadata(call, priority).await?;
        // One sample of the documentation wraps the definition in a list.
        let definition = if definition["value"].is_array() { &definition["value"][0] } else { &definition };
        let found = definition["Attributes"].as_array().into_iter().flatten().filter_map(column_of);
        let mut columns: BTreeMap<String, Column> = found.map(|column| (column.name.clone(), column)).collect();
        for relationship in definition["ManyToOneRelationships"].as_array().into_iter().flatten() {
            let text = |name: &str| relationship[name].as_str().unwrap_or_default().to_owned();
            if let Some(column) = columns.get_mut(&text("ReferencingAttribute")) {
                column.navigation.insert(text("ReferencedEntity"), text("ReferencingEntityNavigationPropertyName"));
            }
        }
        let keys = definition["Keys"].as_array().into_iter().flatten().map(|key| {
            let columns = key["KeyAttributes"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
            (columns, key["EntityKeyIndexStatus"].as_str().unwrap_or_default().to_owned())
        });
        Ok(Schema { kind, tracked: definition["ChangeTrackingEnabled"] != false, keys: keys.collect(), columns, listed: BTreeSet::new() })
    }

    /// Adds the choices of columns of these types: they come with a cast to the type alone.
    async fn read_choices(&self, schema: &mut Schema, casts: BTreeSet<&'static str>, priority: Priority) -> Result<(), VendorError> {
        for cast in casts {
            let call = Call::get(format!("{}/Attributes/Microsoft.Dynamics.CRM.{cast}", table_path(schema.kind)));
            let call = call.query("$select", "LogicalName").query("$expand", "OptionSet,GlobalOptionSet");
            let listed = self.read_metadata(call, priority).await?;
            for attribute in listed["value"].as_array().into_iter().flatten() {
                if let Some(column) = attribute["LogicalName"].as_str().and_then(|name| schema.columns.get_mut(name)) {
                    column.choices = choices_of(attribute);
                }
            }
            schema.listed.insert(cast);
        }
        Ok(())
    }

    /// Reads the schema of an object: of `activities`, what any of its tables has.
    pub(super) async fn read_schema(&self, object: Object, priority: Priority) -> Result<RemoteObject, VendorError> {
        self.forget(object).await;
        let mut fields: Vec<RemoteField> = Vec::new();
        for kind in object.kinds() {
            for field in self.whole_schema(object, kind, priority).await?.described() {
                if !fields.iter().any(|known| known.name == field.name) {
                    let required = field.required && object != Object::Activities;
                    fields.push(RemoteField { required, ..field });
                }
            }
        }
        Ok(RemoteObject { name: object.name().to_owned(), fields, lists: Vec::new() })
    }
}

/// The error of a field that is not there.
pub(crate) fn unknown(object: Object, name: &str) -> VendorError {
    misfit(
        "unknown_field",
        format!("Dynamics 365 has no column behind the field `{name}` of {}, or our user may not read it", object.name()),
        "run `entente provision`, or take the field out of the mapping",
    )
    .about(name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Schema {
        let attribute = |name: &str, ty: &str| json!({"LogicalName": name, "AttributeTypeName": {"Value": ty}, "IsValidForUpdate": true, "IsValidForRead": true});
        let mut columns: BTreeMap<String, Column> =
            [attribute("title", "StringType"), attribute("prioritycode", "PicklistType"), attribute("customerid", "CustomerType")]
                .iter()
                .filter_map(column_of)
                .map(|column| (column.name.clone(), column))
                .collect();
        let customer = columns.get_mut("customerid").expect("column");
        customer.navigation.insert("account".to_owned(), "customerid_account".to_owned());
        Schema { kind: Kind::Incident, columns, tracked: true, keys: Vec::new(), listed: BTreeSet::new() }
    }

    #[test]
    fn a_name_stands_for_a_column_or_for_what_belongs_to_it() {
        let schema = schema();
        assert!(matches!(schema.part("title"), Some(Part::Value(_))));
        assert!(matches!(schema.part("prioritycode.code"), Some(Part::Code(_))));
        assert!(matches!(schema.part("customerid.account"), Some(Part::To(_, "account"))));
        assert!(schema.part("customerid.lead").is_none() && schema.part("title.code").is_none() && schema.part("nothing").is_none());
        let wanted = schema.selection(&["prioritycode.code".to_owned(), "customerid.name".to_owned(), "id".to_owned()]);
        assert_eq!(wanted, ["incidentid", "prioritycode", "_customerid_value"]);
    }

    #[test]
    fn times_without_a_zone_are_texts() {
        let of = |behaviour: &str| {
            column_of(
                &json!({"LogicalName": "x", "AttributeTypeName": {"Value": "DateTimeType"}, "DateTimeBehavior": {"Value": behaviour}}),
            )
            .expect("column")
            .kind
        };
        assert_eq!(
            (of("UserLocal"), of("DateOnly"), of("TimeZoneIndependent")),
            (RemoteKind::Datetime, RemoteKind::Date, RemoteKind::Text)
        );
    }
}
