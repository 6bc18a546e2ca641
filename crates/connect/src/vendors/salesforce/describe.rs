//! What an object is made of, and what the connector must know of it to read and write rows.

use std::collections::{BTreeMap, BTreeSet};

use entente_model::mapping::remote::{RemoteField, RemoteKind, RemoteObject};

use super::wire::{DescribeAnswer, DescribeField};
use super::{ids, lists};

/// Fields that come along with each row, where the object has them.
const STANDING: [&str; 6] = ["Id", "SystemModstamp", "LastModifiedDate", "LastModifiedById", "IsDeleted", "MasterRecordId"];

/// Objects whose name field is not `Name`.
const NAMELESS: [&str; 8] = ["Case", "Task", "Event", "Contract", "Order", "Solution", "CaseComment", "EmailMessage"];

/// The record type of a row by its developer name, which is the same in every org; ids are not.
pub(super) const RECORD_TYPE: &str = "RecordType.DeveloperName";

/// The currency of a row. Orgs without multiple currencies have no such field: there it stands for the org's one.
pub(super) const CURRENCY: &str = "CurrencyIsoCode";

/// One object's schema, ready for use.
#[derive(Debug)]
pub(crate) struct Described {
    /// The schema as others see it.
    pub object: RemoteObject,
    /// Standing fields the object has.
    pub standing: Vec<&'static str>,
    /// Whether its rows can be merged.
    pub merges: bool,
    /// Whether old rows are archived: ordinary queries do not show them.
    pub archives: bool,
    /// The field that names a row.
    pub name_field: Option<String>,
    /// E-mail fields that can be searched.
    pub emails: Vec<String>,
    /// Phone fields that can be searched.
    pub phones: Vec<String>,
    /// Whether the org tells which of its rows were deleted.
    pub replicateable: bool,
    /// The org's active currencies; `None` where it has one alone.
    pub currencies: Option<Vec<String>>,
    /// Fields that hold amounts of money.
    money: BTreeSet<String>,
    kinds: BTreeMap<String, RemoteKind>,
    parents: BTreeMap<String, String>,
    /// The object behind a relationship, where there is one alone.
    parent_objects: BTreeMap<String, String>,
    compounds: BTreeMap<String, Vec<String>>,
    record_types: BTreeMap<String, String>,
    /// The record type of rows that our user makes without one.
    usual_type: Option<String>,
}

impl Described {
    /// Reads a describe answer.
    pub fn new(answer: DescribeAnswer) -> Self {
        let has = |name: &str| answer.fields.iter().any(|field| field.name.eq_ignore_ascii_case(name));
        let standing: Vec<&'static str> = STANDING.into_iter().filter(|name| *name == "Id" || has(name)).collect();
        let of_kind = |kind: &str| -> Vec<String> {
            let fits = |field: &&DescribeField| field.kind == kind && field.filterable && !field.name.contains("Fax");
            answer.fields.iter().filter(fits).map(|field| field.name.clone()).collect()
        };
        let (emails, phones) = (of_kind("email"), of_kind("phone"));
        let parents = answer.fields.iter().filter_map(|field| Some((field.relationship_name.clone()?, field.name.clone()))).collect();
        let parent_objects = answer.fields.iter().filter_map(parent_object).collect();
        let kinds = answer.fields.iter().map(|field| (field.name.to_ascii_lowercase(), kind(&field.kind))).collect();
        let mut compounds: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for field in &answer.fields {
            // A field that is no compound names itself.
            if let Some(compound) = field.compound_field_name.as_ref().filter(|compound| **compound != field.name) {
                compounds.entry(compound.clone()).or_default().push(field.name.clone());
            }
        }
        let mut fields = Vec::with_capacity(answer.fields.len());
        for field in &answer.fields {
            fields.push(remote(field));
            fields.extend(parent_fields(field));
        }
        let usable =
            answer.record_types.iter().filter(|kind| kind.active && kind.available && !kind.master && !kind.developer_name.is_empty());
        let record_types: BTreeMap<String, String> =
            usable.map(|kind| (kind.developer_name.clone(), ids::to_18(&kind.record_type_id))).collect();
        let lists = lists::dependent(&answer.fields);
        let usual_type = answer.record_types.iter().find(|kind| kind.default_mapping && !kind.master && kind.available);
        let usual_type = usual_type.map(|kind| kind.developer_name.clone()).filter(|name| record_types.contains_key(name));
        let currencies = answer.fields.iter().find(|field| field.name == CURRENCY).map(|field| {
            let values = field.picklist_values.iter().flatten().filter(|value| value.active);
            values.map(|value| value.value.clone()).collect()
        });
        if currencies.is_none() && answer.fields.iter().any(|field| kind(&field.kind) == RemoteKind::Number) {
            fields.push(currency_field());
        }
        let money = answer.fields.iter().filter(|field| field.kind == "currency").map(|field| field.name.clone()).collect();
        if !record_types.is_empty() {
            fields.push(record_type_field(&record_types));
        }
        Self {
            standing,
            merges: has("MasterRecordId"),
            archives: has("IsArchived"),
            name_field: answer.fields.iter().find(|field| field.name_field).map(|field| field.name.clone()),
            emails,
            phones,
            replicateable: answer.replicateable,
            currencies,
            money,
            kinds,
            parents,
            parent_objects,
            compounds,
            record_types,
            usual_type,
            object: RemoteObject { name: answer.name, fields, lists },
        }
    }

    /// The kind of one of the object's own fields.
    pub fn kind(&self, field: &str) -> Option<RemoteKind> {
        self.kinds.get(&field.to_ascii_lowercase()).copied()
    }

    /// Whether a field is known; parents' fields are taken on trust.
    pub fn knows(&self, field: &str) -> bool {
        field.contains('.') || self.kind(field).is_some() || self.stands_for_the_currency(field)
    }

    /// Whether a name is that of a row's currency, in an org that has no field for it.
    pub fn stands_for_the_currency(&self, field: &str) -> bool {
        self.currencies.is_none() && field.eq_ignore_ascii_case(CURRENCY)
    }

    /// Whether a field holds an amount of money.
    pub fn is_money(&self, field: &str) -> bool {
        self.money.contains(field)
    }

    /// The id of a record type that our user may use.
    pub fn record_type(&self, name: &str) -> Option<&str> {
        self.record_types.get(name).map(String::as_str)
    }

    /// The record type that rows get which our user makes without one.
    pub fn usual_type(&self) -> Option<&str> {
        self.usual_type.as_deref()
    }

    /// Developer names of the record types that our user may use.
    pub fn record_types(&self) -> Vec<&str> {
        self.record_types.keys().map(String::as_str).collect()
    }

    /// The parts of a compound field; none when it is an ordinary one.
    pub fn parts(&self, compound: &str) -> impl Iterator<Item = &str> {
        self.compounds.get(compound).into_iter().flatten().map(String::as_str)
    }

    /// The object behind a relationship, where it can be one alone.
    pub fn parent_object(&self, relationship: &str) -> Option<&str> {
        self.parent_objects.get(relationship).map(String::as_str)
    }

    /// The reference field behind a relationship (`Account` → `AccountId`).
    pub fn reference(&self, relationship: &str) -> Option<&str> {
        self.parents.get(relationship).map(String::as_str)
    }
}

fn parent_object(field: &DescribeField) -> Option<(String, String)> {
    match field.reference_to.as_deref()? {
        [only] => Some((field.relationship_name.clone()?, only.clone())),
        _ => None,
    }
}

fn record_type_field(record_types: &BTreeMap<String, String>) -> RemoteField {
    RemoteField {
        writable: true,
        values: record_types.keys().cloned().collect(),
        restricted: true,
        ..RemoteField::new(RECORD_TYPE, "Record type", RemoteKind::Picklist)
    }
}

/// What stands for the org's one currency.
fn currency_field() -> RemoteField {
    RemoteField { writable: true, ..RemoteField::new(CURRENCY, "Currency", RemoteKind::Picklist) }
}

fn kind(vendor: &str) -> RemoteKind {
    match vendor {
        "textarea" => RemoteKind::LongText,
        "email" => RemoteKind::Email,
        "phone" => RemoteKind::Phone,
        "url" => RemoteKind::Url,
        "int" | "double" | "currency" | "percent" | "long" => RemoteKind::Number,
        "date" => RemoteKind::Date,
        "datetime" => RemoteKind::Datetime,
        "boolean" => RemoteKind::Boolean,
        "picklist" | "combobox" => RemoteKind::Picklist,
        "multipicklist" => RemoteKind::MultiPicklist,
        "reference" | "id" => RemoteKind::Reference,
        "address" | "location" | "anyType" | "complexvalue" | "json" | "base64" => RemoteKind::Json,
        // string, encryptedstring, time, datacategorygroupreference, and whatever comes next.
        _ => RemoteKind::Text,
    }
}

fn remote(field: &DescribeField) -> RemoteField {
    let kind = kind(&field.kind);
    let texts = matches!(kind, RemoteKind::Text | RemoteKind::LongText | RemoteKind::Email | RemoteKind::Phone | RemoteKind::Url);
    let picks = matches!(kind, RemoteKind::Picklist | RemoteKind::MultiPicklist);
    let values = field.picklist_values.iter().flatten().filter(|value| picks && value.active);
    RemoteField {
        writable: field.createable || field.updateable,
        required: field.createable && !field.nillable && !field.defaulted_on_create,
        unique: field.unique || field.kind == "id",
        length: (texts && field.length > 0).then_some(field.length),
        scale: (kind == RemoteKind::Number).then_some(field.scale),
        values: values.map(|value| value.value.clone()).collect(),
        restricted: field.restricted_picklist,
        derived: field.calculated,
        of_owner: is_of_owner(field),
        ..RemoteField::new(field.name.clone(), field.label.clone(), kind)
    }
}

/// Whether a field leads to a user whom somebody chooses: owners, and lookups of the org's own to users. Who made or changed a row is nobody's choice.
fn is_of_owner(field: &DescribeField) -> bool {
    field.updateable && field.reference_to.iter().flatten().any(|target| target == "User")
}

/// The fields of a parent that mappings commonly read (`Owner.Name`, `Owner.Email`).
fn parent_fields(field: &DescribeField) -> Vec<RemoteField> {
    let Some(relationship) = &field.relationship_name else { return Vec::new() };
    let targets = field.reference_to.as_deref().unwrap_or_default();
    let parent = |name: &str, kind: RemoteKind| RemoteField {
        of_owner: is_of_owner(field),
        ..RemoteField::new(format!("{relationship}.{name}"), format!("{} ({name})", field.label), kind)
    };
    let mut fields = Vec::new();
    if !targets.iter().any(|target| NAMELESS.contains(&target.as_str())) {
        fields.push(parent("Name", RemoteKind::Text));
    }
    if targets.iter().any(|target| matches!(target.as_str(), "User" | "Contact" | "Lead")) {
        fields.push(parent("Email", RemoteKind::Email));
    }
    fields
}
