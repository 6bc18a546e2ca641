//! What record types have of picklists: `describeLayout`, whose mapping of each record type carries its lists.

use entente_model::mapping::remote::ListPart;

use super::xml;
use super::{Operation, Soap};
use crate::connector::Priority;
use crate::error::VendorError;
use crate::vendors::salesforce::describe::RECORD_TYPE;
use crate::vendors::salesforce::{Salesforce, ids};

impl Salesforce {
    /// The parts of an object's lists for one record type, by its name and id; none where the layout says nothing of it.
    pub(in crate::vendors::salesforce) async fn soap_lists(
        &self,
        soap: &Soap,
        (object, name, id): (&str, &str, &str),
        priority: Priority,
    ) -> Result<Vec<ListPart>, VendorError> {
        let asked = format!("{}{}", xml::tag("urn:sObjectType", object), xml::tag("urn:recordTypeIds", id));
        let body = format!("<urn:describeLayout>{asked}</urn:describeLayout>");
        let (response, _) = self.soap_call(soap, Operation::read("picklists", body), priority).await?;
        let mappings = response.child("result").into_iter().flat_map(|result| result.all("recordTypeMappings"));
        // Others may come along: that of the master, and of all where an old version minds no ids.
        let ours = mappings.filter(|mapping| mapping.text_of("recordTypeId").is_some_and(|of| ids::to_18(of) == ids::to_18(id)));
        let parts = ours.flat_map(|mapping| mapping.all("picklistsForRecordType")).filter_map(|list| {
            let values = list.all("picklistValues").filter(|value| value.child("active").is_none() || value.flag("active"));
            Some(ListPart {
                when: RECORD_TYPE.to_owned(),
                is: name.to_owned(),
                field: list.text_of("picklistName")?.to_owned(),
                values: values.filter_map(|value| value.text_of("value")).map(str::to_owned).collect(),
            })
        });
        Ok(parts.collect())
    }
}
