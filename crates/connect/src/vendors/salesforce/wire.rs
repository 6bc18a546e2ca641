//! The shapes that travel.

use serde::Deserialize;
use serde_json::{Map, Value};

/// A record as it travels.
pub(crate) type Record = Map<String, Value>;

/// Whether a query sees deleted rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum QueryKind {
    /// `query`: rows that are there.
    Live,
    /// `queryAll`: deleted, merged and archived ones too.
    All,
}

/// A page of query results.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct QueryAnswer {
    pub total_size: Option<u64>,
    pub done: bool,
    pub next_records_url: Option<String>,
    #[serde(default)]
    pub records: Vec<Record>,
}

/// One error, in either spelling: `errorCode` where it answers a call, `statusCode` where it answers a row.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct ErrorItem {
    #[serde(alias = "errorCode", alias = "statusCode", alias = "exceptionCode", alias = "error", default)]
    pub code: String,
    #[serde(alias = "exceptionMessage", alias = "error_description", default)]
    pub message: String,
    #[serde(default)]
    pub fields: Option<Vec<String>>,
    /// The vendor's own spelling mistake.
    #[serde(default, rename = "duplicateResut")]
    pub duplicate_resut: Option<Value>,
    #[serde(default, rename = "duplicateResult")]
    pub duplicate_result: Option<Value>,
}

/// What became of one row of a collection.
#[derive(Debug, Deserialize)]
pub(crate) struct RowResult {
    pub id: Option<String>,
    pub success: bool,
    pub created: Option<bool>,
    #[serde(default)]
    pub errors: Vec<ErrorItem>,
}

/// `GET /services/oauth2/userinfo`.
#[derive(Debug, Deserialize)]
pub(crate) struct UserInfo {
    pub user_id: String,
    pub organization_id: String,
    pub preferred_username: Option<String>,
    pub email: Option<String>,
    pub name: Option<String>,
}

/// `GET /sobjects/{X}/describe`, as far as it is used.
#[derive(Debug, Deserialize)]
pub(crate) struct DescribeAnswer {
    pub name: String,
    /// Whether the org tells which of its rows were deleted.
    #[serde(default)]
    pub replicateable: bool,
    #[serde(default)]
    pub fields: Vec<DescribeField>,
    #[serde(default, rename = "recordTypeInfos")]
    pub record_types: Vec<RecordType>,
}

/// One record type of a describe.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RecordType {
    #[serde(default)]
    pub developer_name: String,
    pub record_type_id: String,
    /// The type of rows without one.
    #[serde(default)]
    pub master: bool,
    #[serde(default = "yes")]
    pub active: bool,
    /// Whether our user may make rows of it.
    #[serde(default = "yes")]
    pub available: bool,
    /// Whether rows that our user makes without a type get it.
    #[serde(default, rename = "defaultRecordTypeMapping")]
    pub default_mapping: bool,
}

/// One field of a describe.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DescribeField {
    pub name: String,
    #[serde(default)]
    pub label: String,
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub createable: bool,
    #[serde(default)]
    pub updateable: bool,
    #[serde(default)]
    pub nillable: bool,
    #[serde(default)]
    pub defaulted_on_create: bool,
    #[serde(default)]
    pub unique: bool,
    #[serde(default)]
    pub name_field: bool,
    #[serde(default)]
    pub length: u32,
    #[serde(default)]
    pub scale: u32,
    #[serde(default)]
    pub restricted_picklist: bool,
    /// Whether it is a formula or a roll-up.
    #[serde(default)]
    pub calculated: bool,
    pub picklist_values: Option<Vec<PicklistValue>>,
    pub relationship_name: Option<String>,
    pub reference_to: Option<Vec<String>>,
    /// The compound field that this one is a part of.
    pub compound_field_name: Option<String>,
    /// Whether the field may stand in WHERE; encrypted and long texts may not.
    #[serde(default = "yes")]
    pub filterable: bool,
    /// The picklist or checkbox that says which values of this one may be chosen.
    pub controller_name: Option<String>,
}

fn yes() -> bool {
    true
}

/// One value of a picklist.
#[derive(Debug, Deserialize)]
pub(crate) struct PicklistValue {
    pub value: String,
    #[serde(default = "yes")]
    pub active: bool,
    /// For which values of the controlling field it may be chosen: a bitmap in base64, the most significant bit first.
    #[serde(default, rename = "validFor")]
    pub valid_for: Option<String>,
}

/// A field of a record by name; names that differ in case only are the same to the vendor.
pub(crate) fn member<'a>(record: &'a Record, name: &str) -> Option<&'a Value> {
    record.get(name).or_else(|| record.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

/// Whether a field of a record says true. SOAP writes every value as a text.
pub(crate) fn flag(record: &Record, name: &str) -> bool {
    member(record, name).is_some_and(|value| value.as_bool().unwrap_or(value.as_str() == Some("true")))
}

/// A text field of a record.
pub(crate) fn text(record: &Record, name: &str) -> Option<String> {
    member(record, name).and_then(Value::as_str).map(str::to_owned)
}
