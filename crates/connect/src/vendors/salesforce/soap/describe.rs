//! Who we are, what time it is there, and what objects are made of.

use entente_model::clock::Timestamp;

use super::xml::{self, Element};
use super::{Operation, Soap};
use crate::connector::{Identity, Priority};
use crate::error::{Class, VendorError};
use crate::vendors::salesforce::map::parse_instant;
use crate::vendors::salesforce::wire::{DescribeAnswer, DescribeField, PicklistValue, RecordType};
use crate::vendors::salesforce::{Salesforce, ids};

impl Salesforce {
    /// `getUserInfo`.
    pub(in crate::vendors::salesforce) async fn soap_identity(&self, soap: &Soap, priority: Priority) -> Result<Identity, VendorError> {
        let (response, _) = self.soap_call(soap, Operation::read("userinfo", "<urn:getUserInfo/>".to_owned()), priority).await?;
        let user = response.child("result").ok_or_else(|| lacking("result"))?;
        let of = |name: &str| user.text_of(name).map(str::to_owned);
        Ok(Identity {
            user_id: ids::to_18(&of("userId").ok_or_else(|| lacking("userId"))?),
            user: of("userName").or_else(|| of("userEmail")).unwrap_or_default(),
            organization: ids::to_18(&of("organizationId").ok_or_else(|| lacking("organizationId"))?),
        })
    }

    /// `getServerTimestamp`.
    pub(in crate::vendors::salesforce) async fn soap_present(&self, soap: &Soap, priority: Priority) -> Result<Timestamp, VendorError> {
        let (response, _) = self.soap_call(soap, Operation::read("present", "<urn:getServerTimestamp/>".to_owned()), priority).await?;
        let result = response.child("result").and_then(|result| result.text_of("timestamp"));
        result.and_then(parse_instant).ok_or_else(|| lacking("timestamp"))
    }

    /// `describeSObjects`, of one.
    pub(in crate::vendors::salesforce) async fn soap_describe(
        &self,
        soap: &Soap,
        object: &str,
        priority: Priority,
    ) -> Result<DescribeAnswer, VendorError> {
        let body = format!("<urn:describeSObjects>{}</urn:describeSObjects>", xml::tag("urn:sObjectType", object));
        let (response, _) = self.soap_call(soap, Operation::read("describe", body), priority).await?;
        let result = response.child("result").ok_or_else(|| lacking("result"))?;
        Ok(DescribeAnswer {
            name: result.text_of("name").unwrap_or(object).to_owned(),
            replicateable: result.flag("replicateable"),
            fields: result.all("fields").filter_map(field).collect(),
            record_types: result.all("recordTypeInfos").filter_map(record_type).collect(),
        })
    }
}

fn lacking(what: &str) -> VendorError {
    VendorError::new(
        Class::Retry,
        "unreadable",
        format!("the answer has no `{what}`"),
        "if this repeats, check that the base URL points at the org's API",
    )
}

fn field(element: &Element) -> Option<DescribeField> {
    let text = |name: &str| element.text_of(name).map(str::to_owned);
    let number = |name: &str| element.text_of(name).and_then(|text| text.parse().ok()).unwrap_or(0);
    let references: Vec<String> = element.all("referenceTo").map(|to| to.text.clone()).collect();
    let values: Vec<PicklistValue> = element.all("picklistValues").filter_map(value).collect();
    Some(DescribeField {
        name: text("name")?,
        label: text("label").unwrap_or_default(),
        kind: text("type")?,
        createable: element.flag("createable"),
        updateable: element.flag("updateable"),
        nillable: element.flag("nillable"),
        defaulted_on_create: element.flag("defaultedOnCreate"),
        unique: element.flag("unique"),
        name_field: element.flag("nameField"),
        length: number("length"),
        scale: number("scale"),
        restricted_picklist: element.flag("restrictedPicklist"),
        calculated: element.flag("calculated"),
        picklist_values: (!values.is_empty()).then_some(values),
        relationship_name: text("relationshipName"),
        reference_to: (!references.is_empty()).then_some(references),
        compound_field_name: text("compoundFieldName"),
        filterable: element.flag("filterable"),
        controller_name: text("controllerName"),
    })
}

fn value(element: &Element) -> Option<PicklistValue> {
    Some(PicklistValue {
        value: element.text_of("value")?.to_owned(),
        active: element.flag("active"),
        valid_for: element.text_of("validFor").map(str::to_owned),
    })
}

fn record_type(element: &Element) -> Option<RecordType> {
    Some(RecordType {
        developer_name: element.text_of("developerName").unwrap_or_default().to_owned(),
        record_type_id: element.text_of("recordTypeId")?.to_owned(),
        master: element.flag("master"),
        // Old versions say nothing of it.
        active: element.child("active").is_none() || element.flag("active"),
        available: element.flag("available"),
        default_mapping: element.flag("defaultRecordTypeMapping"),
    })
}
