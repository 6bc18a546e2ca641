//! Metadata: tables, columns with their typed properties, keys and relationships, and adding to them.

use std::sync::Arc;

use http::Method;
use serde_json::{Map, Value, json};

use super::call::{Call, Key, address_of};
use super::filter;
use super::moment::iso;
use super::refusal::{Answer, Outcome, Refusal};
use super::schema::{AlternateKey, Choice, Column, FIRST_CHOICE, Table, Ty, label};
use super::state::State;

/// Keys of one table.
const KEYS_MAX: usize = 10;
/// The namespace that casts begin with.
const NAMESPACE: &str = "Microsoft.Dynamics.CRM.";

/// Type names: of the attribute, and of its metadata.
fn type_of(column: &Column) -> (&'static str, &'static str) {
    match &column.ty {
        Ty::Key => ("Uniqueidentifier", "UniqueIdentifierAttributeMetadata"),
        Ty::Text(_) => ("String", "StringAttributeMetadata"),
        Ty::Memo(_) => ("Memo", "MemoAttributeMetadata"),
        Ty::Whole => ("Integer", "IntegerAttributeMetadata"),
        Ty::Big => ("BigInt", "BigIntAttributeMetadata"),
        Ty::Decimal => ("Decimal", "DecimalAttributeMetadata"),
        Ty::Money => ("Money", "MoneyAttributeMetadata"),
        Ty::YesNo => ("Boolean", "BooleanAttributeMetadata"),
        Ty::Instant | Ty::Zoneless | Ty::Day => ("DateTime", "DateTimeAttributeMetadata"),
        Ty::Choice(_) => ("Picklist", "PicklistAttributeMetadata"),
        Ty::Choices(_) => ("Virtual", "MultiSelectPicklistAttributeMetadata"),
        Ty::State(_) => ("State", "StateAttributeMetadata"),
        Ty::Status(_) => ("Status", "StatusAttributeMetadata"),
        Ty::Lookup(targets) if column.name == "ownerid" && targets.len() > 1 => ("Owner", "LookupAttributeMetadata"),
        Ty::Lookup(targets) if targets.len() == 2 => ("Customer", "LookupAttributeMetadata"),
        Ty::Lookup(_) => ("Lookup", "LookupAttributeMetadata"),
    }
}

fn option(choice: &Choice, column: &Column) -> Value {
    let mut shown = json!({
        "Value": choice.value, "Label": label(&choice.label), "Description": label(""), "Color": null, "IsManaged": true, "MetadataId": null,
        "HasChanged": null,
    });
    match (&column.ty, choice.of) {
        (Ty::Status(_), Some(state)) => shown["State"] = json!(state),
        (Ty::State(_), Some(usual)) => {
            shown["DefaultStatus"] = json!(usual);
            shown["InvariantName"] = json!(choice.label);
        }
        _ => {}
    }
    shown
}

impl State {
    fn attribute(&self, table: &Table, column: &Column) -> Value {
        let (ty, metadata) = type_of(column);
        let required = match () {
            () if column.ty == Ty::Key => "SystemRequired",
            () if column.required => "ApplicationRequired",
            () => "None",
        };
        let type_name = if matches!(column.ty, Ty::Choices(_)) { "MultiSelectPicklistType".to_owned() } else { format!("{ty}Type") };
        let mut shown = json!({
            "@odata.type": format!("#{NAMESPACE}{metadata}"), "LogicalName": column.name, "SchemaName": column.schema, "AttributeType": ty,
            "AttributeTypeName": {"Value": type_name}, "IsValidForCreate": column.writable || column.ty == Ty::Key, "IsValidForUpdate": column.writable,
            "IsValidForRead": !column.secret, "IsPrimaryId": column.name == table.id, "IsPrimaryName": column.name == table.title,
            "IsCustomAttribute": column.custom, "AttributeOf": null, "EntityLogicalName": table.name,
            "RequiredLevel": {"Value": required, "CanBeChanged": true, "ManagedPropertyLogicalName": "canmodifyrequirementlevelsettings"},
            "DisplayName": label(&column.label), "Description": label(""), "MetadataId": column.metadata_id, "ModifiedOn": iso(self.now_ms),
        });
        match &column.ty {
            Ty::Text(most) => {
                shown["MaxLength"] = json!(most);
                shown["FormatName"] = json!({"Value": column.format});
            }
            Ty::Memo(most) => shown["MaxLength"] = json!(most),
            Ty::Money | Ty::Decimal => shown["Precision"] = json!(2),
            Ty::Whole => {
                shown["MinValue"] = json!(i32::MIN);
                shown["MaxValue"] = json!(i32::MAX);
            }
            Ty::Instant | Ty::Zoneless | Ty::Day => {
                let (format, behaviour) = match column.ty {
                    Ty::Day => ("DateOnly", "DateOnly"),
                    Ty::Zoneless => ("DateAndTime", "TimeZoneIndependent"),
                    _ => ("DateAndTime", "UserLocal"),
                };
                shown["Format"] = json!(format);
                shown["DateTimeBehavior"] = json!({"Value": behaviour});
            }
            Ty::Lookup(targets) => shown["Targets"] = json!(targets),
            _ => {}
        }
        shown
    }

    /// The choices of a column, which come only with a cast and an expansion.
    fn with_options(&self, table: &Table, column: &Column) -> Value {
        let mut shown = self.attribute(table, column);
        let set = |options: Value| json!({"Name": format!("{}_{}", table.name, column.name), "IsGlobal": false, "Options": options, "MetadataId": column.metadata_id});
        if column.ty == Ty::YesNo {
            let of = |value: i64, text: &str| json!({"Value": value, "Label": label(text)});
            shown["OptionSet"] = json!({"TrueOption": of(1, "Yes"), "FalseOption": of(0, "No")});
        } else if !column.choices().is_empty() {
            shown["OptionSet"] = set(column.choices().iter().map(|choice| option(choice, column)).collect());
        }
        shown["GlobalOptionSet"] = Value::Null;
        shown
    }

    fn definition(&self, table: &Table) -> Value {
        json!({
            "LogicalName": table.name, "SchemaName": table.schema, "EntitySetName": table.set, "PrimaryIdAttribute": table.id,
            "PrimaryNameAttribute": table.title, "ObjectTypeCode": 1, "IsActivity": table.activity, "IsCustomEntity": false,
            "ChangeTrackingEnabled": table.tracked, "CanChangeTrackingBeEnabled": {"Value": true}, "OwnershipType": "UserOwned",
            "DisplayName": label(&table.schema), "MetadataId": table.metadata_id,
        })
    }

    fn key(&self, key: &AlternateKey) -> Value {
        let status = if key.active_ms <= self.now_ms { "Active" } else { "Pending" };
        json!({
            "LogicalName": key.name.to_lowercase(), "SchemaName": key.name, "KeyAttributes": key.columns, "EntityKeyIndexStatus": status,
            "MetadataId": key.metadata_id, "DisplayName": label(&key.name),
        })
    }

    fn relationships(&self, table: &Table) -> Vec<Value> {
        let lookups = table.columns.iter().filter(|column| column.is_lookup());
        lookups
            .flat_map(|column| {
                column.navigation(&table.name).into_iter().map(|(property, target)| {
                    json!({
                        "@odata.type": "#Microsoft.Dynamics.CRM.OneToManyRelationshipMetadata", "SchemaName": format!("{}_{property}", table.name),
                        "ReferencedEntity": target, "ReferencingEntity": table.name, "ReferencingAttribute": column.name,
                        "ReferencingEntityNavigationPropertyName": property, "ReferencedEntityNavigationPropertyName": format!("{}_{property}", table.name),
                    })
                })
            })
            .collect()
    }

    fn of_name(&self, key: Option<&Key>) -> Result<&Arc<Table>, Refusal> {
        match key {
            Some(Key::Values(values)) if values.first().is_some_and(|(name, _)| name == "LogicalName") => {
                let wanted = values[0].1.as_str().unwrap_or_default();
                let absent = || Refusal::new(404, "0x80060888", format!("Entity '{wanted}' does not exist."));
                self.tables.iter().find(|table| table.name == wanted).ok_or_else(absent)
            }
            Some(Key::Id(id)) => {
                self.tables.iter().find(|table| table.metadata_id == *id).ok_or_else(|| Refusal::absent("EntityDefinition", id))
            }
            _ => Err(Refusal::not_a_key("EntityMetadata")),
        }
    }

    /// `EntityDefinitions…`.
    pub(crate) fn metadata_routes(&mut self, call: &Call, key: Option<&Key>, rest: &[&str]) -> Outcome {
        let Some(key) = key else {
            let all: Vec<Value> = self.tables.iter().map(|table| self.expanded(call, table)).collect();
            return self.answer(call, "EntityDefinitions", all);
        };
        let table = self.of_name(Some(key))?.clone();
        let address = rest.first().map(|segment| address_of(segment));
        match (&call.method, address.as_ref().map(|address| address.set.as_str()), &rest[rest.len().min(1)..]) {
            (&Method::GET, None, _) => Ok(Answer::ok(chosen(self.expanded(call, &table), call.query("$select")))),
            (&Method::GET, Some("Attributes"), tail) => {
                let cast = tail.first().and_then(|segment| segment.strip_prefix(NAMESPACE));
                let options = call.query("$expand").is_some_and(|expand| expand.contains("OptionSet"));
                let shown = |column: &Column| {
                    if cast.is_some() && options { self.with_options(&table, column) } else { self.attribute(&table, column) }
                };
                if let Some(Key::Values(values)) = address.as_ref().and_then(|address| address.key.as_ref()) {
                    let name = values.first().and_then(|(_, value)| value.as_str()).unwrap_or_default();
                    let column =
                        table.column(name).ok_or_else(|| Refusal::new(404, "0x80060888", format!("Attribute '{name}' does not exist.")))?;
                    return Ok(Answer::ok(chosen(shown(column), call.query("$select"))));
                }
                let fits = |column: &&Column| cast.is_none_or(|cast| type_of(column).1 == cast);
                let all = table.columns.iter().filter(fits).map(shown).collect();
                self.answer(call, "Attributes", all)
            }
            (&Method::GET, Some("Keys"), []) => self.answer(call, "Keys", table.keys.iter().map(|key| self.key(key)).collect()),
            (&Method::GET, Some("ManyToOneRelationships"), []) => self.answer(call, "ManyToOneRelationships", self.relationships(&table)),
            (&Method::POST, Some("Attributes"), []) => {
                let id = self.add_column(&table.name, &call.body)?;
                let made = format!("{}EntityDefinitions({})/Attributes({id})", call.root, table.metadata_id);
                Ok(Answer::nothing().with("odata-entityid", made))
            }
            (&Method::POST, Some("Keys"), []) => {
                let id = self.add_key_of(&table.name, &call.body)?;
                Ok(Answer::nothing().with("odata-entityid", format!("{}EntityDefinitions({})/Keys({id})", call.root, table.metadata_id)))
            }
            (&Method::DELETE, Some("Attributes"), []) => {
                let named = address.and_then(|address| address.key);
                let Some(Key::Values(values)) = named else { return Err(Refusal::not_a_key("AttributeMetadata")) };
                self.drop_column(&table.name, values.first().and_then(|(_, value)| value.as_str()).unwrap_or_default())?;
                Ok(Answer::nothing())
            }
            _ => Err(Refusal::segment(rest.first().copied().unwrap_or("EntityDefinitions"))),
        }
    }

    fn expanded(&self, call: &Call, table: &Table) -> Value {
        let mut shown = self.definition(table);
        let expand = call.query("$expand").unwrap_or_default();
        if expand.contains("Attributes") {
            shown["Attributes"] = table.columns.iter().map(|column| self.attribute(table, column)).collect();
        }
        if expand.contains("Keys") {
            shown["Keys"] = table.keys.iter().map(|key| self.key(key)).collect();
        }
        if expand.contains("ManyToOneRelationships") {
            shown["ManyToOneRelationships"] = Value::from(self.relationships(table));
        }
        shown
    }

    fn answer(&self, call: &Call, what: &str, mut all: Vec<Value>) -> Outcome {
        if let Some(text) = call.query("$filter") {
            let test = filter::read(text).ok_or_else(|| Refusal::bad(format!("Syntax error in '{text}'.")))?;
            let get = |row: &Value, name: &str| name.split('/').fold(row.clone(), |held, part| held[part].clone());
            all.retain(|row| test.fits(self.now_ms, &|name| get(row, name)));
        }
        let all: Vec<Value> = all.into_iter().map(|row| chosen(row, call.query("$select"))).collect();
        Ok(Answer::ok(json!({"@odata.context": format!("{}$metadata#{what}", call.root), "value": all})))
    }

    /// Adds a column to a table; its id in the metadata.
    ///
    /// # Errors
    /// When its name has no publisher's prefix, is taken, or its type cannot be made.
    pub(crate) fn add_column(&mut self, table: &str, body: &Value) -> Result<String, Refusal> {
        let invalid = |reason: &str| Refusal::new(400, "0x80048403", reason.to_owned());
        let schema = body["SchemaName"]
            .as_str()
            .filter(|name| name.contains('_'))
            .ok_or_else(|| invalid("SchemaName must begin with a publisher's prefix."))?;
        let name = schema.to_lowercase();
        if self.table(table)?.column(&name).is_some() {
            return Err(Refusal::new(400, "0x80044363", format!("An attribute with the name {name} already exists on entity {table}.")));
        }
        let text = body["DisplayName"]["LocalizedLabels"][0]["Label"].as_str().unwrap_or(schema).to_owned();
        let most = |usual: u64, limit: u64| -> Result<u32, Refusal> {
            let asked = body["MaxLength"].as_u64().unwrap_or(usual);
            if asked > limit { Err(invalid("MaxLength is too large.")) } else { Ok(u32::try_from(asked).unwrap_or(u32::MAX)) }
        };
        let options = || -> Vec<Choice> {
            let listed = body["OptionSet"]["Options"].as_array().into_iter().flatten().zip(FIRST_CHOICE..);
            let of = |(option, usual): (&Value, i64)| Choice {
                value: option["Value"].as_i64().unwrap_or(usual),
                label: option["Label"]["LocalizedLabels"][0]["Label"].as_str().unwrap_or_default().to_owned(),
                of: None,
            };
            listed.map(of).collect()
        };
        let ty = body["@odata.type"].as_str().unwrap_or_default().rsplit('.').next().unwrap_or_default();
        let ty = match ty {
            "StringAttributeMetadata" => Ty::Text(most(100, 4_000)?),
            "MemoAttributeMetadata" => Ty::Memo(most(2_000, 1_048_576)?),
            "IntegerAttributeMetadata" => Ty::Whole,
            "DecimalAttributeMetadata" | "DoubleAttributeMetadata" => Ty::Decimal,
            "MoneyAttributeMetadata" => Ty::Money,
            "BooleanAttributeMetadata" => Ty::YesNo,
            "DateTimeAttributeMetadata" if body["Format"] == "DateOnly" => Ty::Day,
            "DateTimeAttributeMetadata" if body["DateTimeBehavior"]["Value"] == "TimeZoneIndependent" => Ty::Zoneless,
            "DateTimeAttributeMetadata" => Ty::Instant,
            "PicklistAttributeMetadata" => Ty::Choice(options()),
            "MultiSelectPicklistAttributeMetadata" => Ty::Choices(options()),
            "LookupAttributeMetadata" => {
                let targets = body["Targets"].as_array().into_iter().flatten().filter_map(Value::as_str);
                Ty::Lookup(targets.map(str::to_owned).collect())
            }
            other => return Err(invalid(&format!("Attributes of the type '{other}' cannot be created."))),
        };
        let (schema, metadata_id) = (schema.to_owned(), self.uuid());
        let required = body["RequiredLevel"]["Value"] == "ApplicationRequired";
        let column = Column {
            name,
            schema,
            label: text,
            ty,
            required,
            writable: true,
            custom: true,
            format: body["FormatName"]["Value"].as_str().unwrap_or("Text").to_owned(),
            secret: false,
            metadata_id: metadata_id.clone(),
        };
        let found = self.tables.iter_mut().find(|held| held.name == table).map(Arc::make_mut).ok_or_else(|| Refusal::segment(table))?;
        found.columns.push(column);
        self.metadata_version += 1;
        Ok(metadata_id)
    }

    /// `POST InsertOptionValue`: one more choice of a column.
    pub(crate) fn insert_option(&mut self, call: &Call) -> Outcome {
        let text = |name: &str| call.body[name].as_str().unwrap_or_default().to_owned();
        let (table, name) = (text("EntityLogicalName"), text("AttributeLogicalName"));
        let label = call.body["Label"]["LocalizedLabels"][0]["Label"].as_str().unwrap_or_default().to_owned();
        let found = self.tables.iter_mut().find(|held| held.name == table).map(Arc::make_mut).ok_or_else(|| Refusal::segment(&table))?;
        let column = found.columns.iter_mut().find(|column| column.name == name);
        let Some(Ty::Choice(all) | Ty::Choices(all)) = column.map(|column| &mut column.ty) else {
            return Err(Refusal::new(404, "0x80060888", format!("Attribute '{name}' does not exist or has no options.")));
        };
        let next = all.iter().map(|choice| choice.value + 1).max().unwrap_or(FIRST_CHOICE).max(FIRST_CHOICE);
        let value = call.body["Value"].as_i64().unwrap_or(next);
        if all.iter().any(|choice| choice.value == value) {
            return Err(Refusal::new(400, "0x80048403", "An option with this value already exists."));
        }
        all.push(Choice { value, label, of: None });
        self.metadata_version += 1;
        Ok(Answer::ok(json!({
            "@odata.context": format!("{}$metadata#Microsoft.Dynamics.CRM.InsertOptionValueResponse", call.root), "NewOptionValue": value,
        })))
    }

    /// Removes a custom column with its values and keys.
    pub(crate) fn drop_column(&mut self, table: &str, name: &str) -> Result<(), Refusal> {
        let found = self.tables.iter_mut().find(|held| held.name == table).map(Arc::make_mut).ok_or_else(|| Refusal::segment(table))?;
        let at = found.columns.iter().position(|column| column.name == name && column.custom);
        found.columns.remove(at.ok_or_else(|| Refusal::new(404, "0x80060888", format!("Attribute '{name}' does not exist.")))?);
        found.keys.retain(|key| !key.columns.iter().any(|column| column == name));
        for row in self.rows.get_mut(table).into_iter().flat_map(|rows| rows.values_mut()) {
            row.values.remove(name);
        }
        self.metadata_version += 1;
        Ok(())
    }

    /// Adds an alternate key, whose index takes a while; its id.
    pub(crate) fn add_key_of(&mut self, table: &str, body: &Value) -> Result<String, Refusal> {
        let id = self.uuid();
        let active_ms = self.now_ms + i64::try_from(self.options.profile.index_lag_ms).unwrap_or(0);
        let columns: Vec<String> =
            body["KeyAttributes"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
        let found = self.tables.iter_mut().find(|held| held.name == table).map(Arc::make_mut).ok_or_else(|| Refusal::segment(table))?;
        let name = body["SchemaName"].as_str().unwrap_or_default().to_owned();
        if columns.is_empty() || columns.iter().any(|column| found.column(column).is_none()) {
            return Err(Refusal::new(400, "0x80048403", "A key attribute does not exist."));
        }
        if found.keys.len() >= KEYS_MAX {
            return Err(Refusal::new(400, "0x8006088c", format!("The limit of {KEYS_MAX} keys per entity has been reached.")));
        }
        if found.keys.iter().any(|key| key.name.eq_ignore_ascii_case(&name) || key.columns == columns) {
            return Err(Refusal::new(400, "0x80060889", format!("A key with the name {name} already exists.")));
        }
        found.keys.push(AlternateKey { name, columns, active_ms, metadata_id: id.clone() });
        self.metadata_version += 1;
        self.build_index(table);
        Ok(id)
    }

    /// `$metadata`: types with their properties, as far as clients read them.
    pub(crate) fn csdl(&self) -> Answer {
        let mut text = String::from(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><edmx:Edmx Version=\"4.0\" xmlns:edmx=\"http://docs.oasis-open.org/odata/ns/edmx\"><edmx:DataServices><Schema Namespace=\"Microsoft.Dynamics.CRM\" Alias=\"mscrm\" xmlns=\"http://docs.oasis-open.org/odata/ns/edm\">",
        );
        for table in &self.tables {
            text.push_str(&format!(
                "<EntityType Name=\"{}\" BaseType=\"mscrm.crmbaseentity\"><Key><PropertyRef Name=\"{}\"/></Key>",
                table.name, table.id
            ));
            for column in &table.columns {
                text.push_str(&format!("<Property Name=\"{}\" Type=\"{}\"/>", column.read_name(), edm(column)));
                for (property, target) in column.navigation(&table.name) {
                    text.push_str(&format!("<NavigationProperty Name=\"{property}\" Type=\"mscrm.{target}\"/>"));
                }
            }
            text.push_str("</EntityType>");
        }
        text.push_str("<EntityContainer Name=\"System\">");
        for table in &self.tables {
            text.push_str(&format!("<EntitySet Name=\"{}\" EntityType=\"Microsoft.Dynamics.CRM.{}\"/>", table.set, table.name));
        }
        text.push_str("</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>");
        Answer::text(200, "application/xml", text)
    }
}

fn edm(column: &Column) -> &'static str {
    match column.ty {
        Ty::Key | Ty::Lookup(_) => "Edm.Guid",
        Ty::Text(_) | Ty::Memo(_) | Ty::Choices(_) => "Edm.String",
        Ty::Whole | Ty::Choice(_) | Ty::State(_) | Ty::Status(_) => "Edm.Int32",
        Ty::Big => "Edm.Int64",
        Ty::Decimal | Ty::Money => "Edm.Decimal",
        Ty::YesNo => "Edm.Boolean",
        Ty::Instant | Ty::Zoneless => "Edm.DateTimeOffset",
        Ty::Day => "Edm.Date",
    }
}

/// A row with the selected properties alone; its id, its type and what was expanded stay.
fn chosen(row: Value, select: Option<&str>) -> Value {
    let Some(select) = select else { return row };
    let names: Vec<&str> = select.split(',').map(str::trim).collect();
    let Value::Object(held) = row else { return row };
    let stays = |name: &str| {
        name.starts_with('@')
            || names.contains(&name)
            || matches!(name, "MetadataId" | "OptionSet" | "GlobalOptionSet" | "Attributes" | "Keys" | "ManyToOneRelationships")
    };
    Value::Object(held.into_iter().filter(|(name, _)| stays(name)).collect::<Map<_, _>>())
}
