//! What a field and an object are.

use serde_json::{Map, Value};

/// A field's type, named as describe names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FieldType {
    /// Record id.
    Id,
    /// Short text.
    String,
    /// One of a list.
    Picklist,
    /// Several of a list, written `a;b`.
    MultiPicklist,
    /// Id of another record.
    Reference,
    /// True or false, never null.
    Boolean,
    /// Money.
    Currency,
    /// Number with decimals.
    Double,
    /// Percentage; 12.5 means 12.5 %.
    Percent,
    /// Whole number.
    Int,
    /// Day.
    Date,
    /// Instant.
    Datetime,
    /// Time of day.
    Time,
    /// Mail address.
    Email,
    /// Phone number, free text.
    Phone,
    /// Web address.
    Url,
    /// Text of several lines; above 255 characters it cannot be filtered.
    TextArea,
    /// Compound of street, city, state, postal code and country; read only.
    Address,
}

impl FieldType {
    /// The name in describe.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::String => "string",
            Self::Picklist => "picklist",
            Self::MultiPicklist => "multipicklist",
            Self::Reference => "reference",
            Self::Boolean => "boolean",
            Self::Currency => "currency",
            Self::Double => "double",
            Self::Percent => "percent",
            Self::Int => "int",
            Self::Date => "date",
            Self::Datetime => "datetime",
            Self::Time => "time",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Url => "url",
            Self::TextArea => "textarea",
            Self::Address => "address",
        }
    }

    /// The type that a name in describe, or a type in the Tooling API's `Metadata`, stands for.
    #[must_use]
    pub fn read(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "id" => Self::Id,
            "string" | "text" | "autonumber" => Self::String,
            "picklist" => Self::Picklist,
            "multipicklist" | "multiselectpicklist" => Self::MultiPicklist,
            "reference" | "ref" | "lookup" => Self::Reference,
            "boolean" | "checkbox" => Self::Boolean,
            "currency" => Self::Currency,
            "double" | "number" => Self::Double,
            "percent" => Self::Percent,
            "int" => Self::Int,
            "date" => Self::Date,
            "datetime" => Self::Datetime,
            "time" => Self::Time,
            "email" => Self::Email,
            "phone" => Self::Phone,
            "url" => Self::Url,
            "textarea" | "longtextarea" | "html" => Self::TextArea,
            "address" => Self::Address,
            _ => return None,
        })
    }

    pub(crate) fn is_number(self) -> bool {
        matches!(self, Self::Currency | Self::Double | Self::Percent | Self::Int)
    }

    pub(crate) fn is_text(self) -> bool {
        matches!(self, Self::String | Self::Picklist | Self::MultiPicklist | Self::Email | Self::Phone | Self::Url | Self::TextArea)
    }

    /// `soapType` in describe.
    pub(crate) fn soap(self) -> &'static str {
        match self {
            Self::Id | Self::Reference => "tns:ID",
            Self::Boolean => "xsd:boolean",
            Self::Currency | Self::Double | Self::Percent => "xsd:double",
            Self::Int => "xsd:int",
            Self::Date => "xsd:date",
            Self::Datetime => "xsd:dateTime",
            Self::Time => "xsd:time",
            Self::Address => "urn:address",
            _ => "xsd:string",
        }
    }
}

/// One field of an object, as an administrator defines it.
#[derive(Debug, Clone)]
pub struct FieldSpec {
    /// API name; custom ones end in `__c`.
    pub name: String,
    /// Label.
    pub label: String,
    /// Type.
    pub kind: FieldType,
    /// Longest text, in characters; 0 where it does not apply.
    pub length: u32,
    /// Digits in all, of a number.
    pub precision: u32,
    /// Digits behind the point, of a number.
    pub scale: u32,
    /// Whether it must have a value.
    pub required: bool,
    /// Whether no two records may share a value.
    pub unique: bool,
    /// Whether it is an external id.
    pub external_id: bool,
    /// Whether it can be used as a look-up key (`idLookup`), and is indexed.
    pub id_lookup: bool,
    /// Whether its unique values differ by case.
    pub case_sensitive: bool,
    /// Picklist values, in order.
    pub values: Vec<String>,
    /// Whether values outside the list are refused.
    pub restricted: bool,
    /// Objects that a reference points to.
    pub reference_to: Vec<String>,
    /// Name of the parent in queries (`Account` for `AccountId`).
    pub relationship: Option<String>,
    /// Name of the children in queries at the parent (`Contacts`).
    pub child_relationship: Option<String>,
    /// Whether children go when the parent is deleted.
    pub cascade: bool,
    /// Whether clients may set it on create.
    pub createable: bool,
    /// Whether clients may change it.
    pub updateable: bool,
    /// Value of a new record that names none.
    pub default: Option<Value>,
    /// Whether users see it only by a `FieldPermissions` row.
    pub needs_grant: bool,
    /// Whether it is a formula or a roll-up.
    pub calculated: bool,
}

impl FieldSpec {
    /// A writable, optional field with the usual length of its type.
    #[must_use]
    pub fn new(name: &str, kind: FieldType) -> Self {
        let length = match kind {
            FieldType::Email => 80,
            FieldType::Phone => 40,
            FieldType::Id | FieldType::Reference => 18,
            FieldType::MultiPicklist => 4099,
            _ if kind.is_text() => 255,
            _ => 0,
        };
        let custom = name.ends_with("__c");
        let relationship = match kind {
            FieldType::Reference if custom => Some(format!("{}__r", name.trim_end_matches("__c"))),
            FieldType::Reference => name.strip_suffix("Id").map(str::to_owned),
            _ => None,
        };
        let readonly = matches!(kind, FieldType::Id | FieldType::Address);
        Self {
            name: name.to_owned(),
            label: label_of(name),
            kind,
            length,
            precision: if kind == FieldType::Int { 9 } else { 18 },
            scale: if kind == FieldType::Int { 0 } else { 2 },
            required: false,
            unique: false,
            external_id: false,
            id_lookup: false,
            case_sensitive: false,
            values: Vec::new(),
            restricted: false,
            reference_to: Vec::new(),
            relationship,
            child_relationship: None,
            cascade: false,
            createable: !readonly,
            updateable: !readonly,
            default: (kind == FieldType::Boolean).then_some(Value::Bool(false)),
            needs_grant: false,
            calculated: false,
        }
    }

    /// A formula: nobody writes it, and it changes without an edit of its row.
    #[must_use]
    pub fn formula(name: &str, kind: FieldType) -> Self {
        Self { calculated: true, createable: false, updateable: false, default: None, ..Self::new(name, kind) }
    }

    /// A unique external-id text field of 255 characters: what a sync writes its own key into.
    #[must_use]
    pub fn external_id(name: &str) -> Self {
        Self { external_id: true, unique: true, id_lookup: true, ..Self::new(name, FieldType::String) }
    }

    /// A picklist with these values.
    #[must_use]
    pub fn picklist(name: &str, values: &[&str], restricted: bool) -> Self {
        Self { values: values.iter().map(|v| (*v).to_owned()).collect(), restricted, ..Self::new(name, FieldType::Picklist) }
    }

    /// Reads a definition from JSON: `name`, `type`, and any of `label`, `length`, `precision`, `scale`, `required`, `unique`,
    /// `externalId`, `values`, `restricted`, `referenceTo`, `relationshipName`, `childRelationshipName`, `needsGrant`,
    /// `calculated`.
    ///
    /// # Errors
    /// Says which member is missing or unknown.
    pub fn read(fields: &Map<String, Value>) -> Result<Self, String> {
        let text = |key: &str| fields.get(key).and_then(Value::as_str);
        let flag = |key: &str| fields.get(key).and_then(Value::as_bool).unwrap_or(false);
        let number = |key: &str| fields.get(key).and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok());
        let list = |key: &str| -> Vec<String> {
            match fields.get(key) {
                Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
                Some(Value::String(one)) => vec![one.clone()],
                _ => Vec::new(),
            }
        };
        let name = text("name").ok_or("give the field a \"name\"")?;
        let kind = text("type").unwrap_or("string");
        let kind = FieldType::read(kind).ok_or_else(|| format!("\"{kind}\" is no field type"))?;
        let mut spec = Self::new(name, kind);
        if let Some(label) = text("label") {
            spec.label = label.to_owned();
        }
        spec.length = number("length").unwrap_or(spec.length);
        spec.precision = number("precision").unwrap_or(spec.precision);
        spec.scale = number("scale").unwrap_or(spec.scale);
        spec.required = flag("required");
        spec.unique = flag("unique");
        spec.external_id = flag("externalId");
        spec.id_lookup = spec.external_id;
        spec.values = list("values");
        spec.restricted = flag("restricted");
        spec.reference_to = list("referenceTo");
        if let Some(name) = text("relationshipName") {
            spec.relationship = Some(name.to_owned());
        }
        spec.child_relationship = text("childRelationshipName").map(str::to_owned);
        spec.needs_grant = flag("needsGrant");
        spec.calculated = flag("calculated");
        spec.createable &= !spec.calculated;
        spec.updateable &= !spec.calculated;
        Ok(spec)
    }

    pub(crate) fn is_custom(&self) -> bool {
        self.name.ends_with("__c")
    }

    pub(crate) fn filterable(&self) -> bool {
        !(self.kind == FieldType::Address || (self.kind == FieldType::TextArea && self.length > 255))
    }

    /// Whether rows are found by it without a scan: keys, and references to business records (not to users or record types).
    pub(crate) fn indexed(&self) -> bool {
        let points_to_records = self.kind == FieldType::Reference
            && !self.reference_to.iter().any(|to| matches!(to.as_str(), "User" | "Group" | "RecordType" | "Profile"));
        self.unique || self.external_id || self.id_lookup || points_to_records
    }
}

/// `MailingCity` → `Mailing City`, `Entente_Id__c` → `Entente Id`, `AccountId` → `Account ID`.
fn label_of(name: &str) -> String {
    let base = name.trim_end_matches("__c").replace('_', " ");
    let mut label = String::with_capacity(base.len() + 4);
    let mut before = ' ';
    for c in base.chars() {
        if c.is_ascii_uppercase() && before.is_ascii_lowercase() {
            label.push(' ');
        }
        label.push(c);
        before = c;
    }
    match label.strip_suffix(" Id") {
        Some(head) if !name.ends_with("__c") => format!("{head} ID"),
        _ => label,
    }
}

/// Where a field's value is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Id,
    IsDeleted,
    CreatedDate,
    CreatedBy,
    ModifiedDate,
    ModifiedBy,
    Stamp,
    /// A compound made of the parts beside it.
    Address,
    /// A cell of the row.
    Cell,
}
