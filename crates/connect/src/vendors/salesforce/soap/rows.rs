//! Rows over SOAP: queries, retrieves, writes, and the ids of what was deleted.

use std::collections::{BTreeMap, BTreeSet};

use super::xml::{self, Element};
use super::{Operation, Soap, results, sobject};
use crate::connector::Priority;
use crate::error::{Class, VendorError};
use crate::transport::call::Answer;
use crate::vendors::salesforce::describe::Described;
use crate::vendors::salesforce::map::parse_instant;
use crate::vendors::salesforce::wire::{QueryAnswer, QueryKind, Record, RowResult, text};
use crate::vendors::salesforce::{Salesforce, ids, soql};
use crate::write::{Write, WriteKind, WriteTarget};
use entente_model::clock::Timestamp;

/// Rows per page of a query; the server may send fewer.
const PAGE_ROWS: &str = "<urn:QueryOptions><urn:batchSize>2000</urn:batchSize></urn:QueryOptions>";

impl Salesforce {
    /// `query` or `queryAll`: one page. The way on is the locator.
    pub(in crate::vendors::salesforce) async fn soap_query(
        &self,
        soap: &Soap,
        kind: QueryKind,
        query: &str,
        priority: Priority,
    ) -> Result<(QueryAnswer, Answer), VendorError> {
        let name = match kind {
            QueryKind::Live => "query",
            QueryKind::All => "queryAll",
        };
        let body = format!("<urn:{name}>{}</urn:{name}>", xml::tag("urn:queryString", query));
        let (response, answer) = self.soap_call(soap, Operation::read("query", body).with(PAGE_ROWS), priority).await?;
        Ok((page(&response)?, answer))
    }

    /// `queryMore`.
    pub(in crate::vendors::salesforce) async fn soap_more(
        &self,
        soap: &Soap,
        locator: &str,
        priority: Priority,
    ) -> Result<(QueryAnswer, Answer), VendorError> {
        let body = format!("<urn:queryMore>{}</urn:queryMore>", xml::tag("urn:queryLocator", locator));
        let (response, answer) = self.soap_call(soap, Operation::read("query_more", body).with(PAGE_ROWS), priority).await?;
        Ok((page(&response)?, answer))
    }

    /// `retrieve`: rows by id; those that are deleted or hidden are left out.
    pub(in crate::vendors::salesforce) async fn soap_retrieve(
        &self,
        soap: &Soap,
        object: &str,
        ids: &[&str],
        fields: &[&str],
        priority: Priority,
    ) -> Result<Vec<Record>, VendorError> {
        let mut body = format!("<urn:retrieve>{}{}", xml::tag("urn:fieldList", &fields.join(",")), xml::tag("urn:sObjectType", object));
        ids.iter().for_each(|id| body.push_str(&xml::tag("urn:ids", id)));
        body.push_str("</urn:retrieve>");
        let (response, _) = self.soap_call(soap, Operation::read("retrieve", body), priority).await?;
        Ok(response.all("result").filter(|result| !result.nil).map(sobject::record).collect())
    }

    /// `getDeleted`: ids of rows that were deleted in a window, also of those that the recycle bin has no more.
    pub(in crate::vendors::salesforce) async fn soap_deleted(
        &self,
        soap: &Soap,
        object: &str,
        (from, to): (Timestamp, Timestamp),
        priority: Priority,
    ) -> Result<Vec<String>, VendorError> {
        let body = format!(
            "<urn:getDeleted>{}{}{}</urn:getDeleted>",
            xml::tag("urn:sObjectType", object),
            xml::tag("urn:startDate", &soql::instant(from)),
            xml::tag("urn:endDate", &soql::instant(to)),
        );
        let (response, _) = self.soap_call(soap, Operation::read("deleted", body), priority).await?;
        let records = response.child("result").into_iter().flat_map(|result| result.all("deletedRecords"));
        let found: BTreeSet<String> = records.filter_map(|record| record.text_of("id")).map(ids::to_18).collect();
        Ok(found.into_iter().collect())
    }

    /// `upsert`, `update` or `delete` of at most 200 rows.
    pub(in crate::vendors::salesforce) async fn soap_write(
        &self,
        soap: &Soap,
        target: &WriteTarget,
        described: Option<&Described>,
        (kind, records): (WriteKind, Vec<Record>),
        priority: Priority,
    ) -> Result<(Vec<RowResult>, Answer), VendorError> {
        // A row that cannot be written down is refused alone.
        let mut unfit: BTreeMap<usize, VendorError> = BTreeMap::new();
        let mut rows = String::new();
        for (at, record) in records.iter().enumerate() {
            match kind {
                WriteKind::Delete => rows.push_str(&xml::tag("urn:ids", &text(record, "id").unwrap_or_default())),
                WriteKind::Create | WriteKind::Update => match sobject::element("sObjects", &target.object, record, described) {
                    Ok(element) => rows.push_str(&element),
                    Err(error) => _ = unfit.insert(at, error),
                },
            }
        }
        if let Some(error) = unfit.values().next().filter(|_| unfit.len() == records.len()) {
            return Err(error.clone());
        }
        let operation = match kind {
            WriteKind::Create => {
                let key = xml::tag("urn:externalIDFieldName", &target.key_field);
                Operation::write("upsert", format!("<urn:upsert>{key}{rows}</urn:upsert>"))
            }
            WriteKind::Update => Operation::write("update", format!("<urn:update>{rows}</urn:update>")),
            WriteKind::Delete => Operation::write("delete", format!("<urn:delete>{rows}</urn:delete>")),
        };
        let (response, answer) = self.soap_call(soap, operation, priority).await?;
        let mut told = results::of(&response).into_iter();
        let mut results = Vec::with_capacity(records.len());
        for at in 0..records.len() {
            match unfit.get(&at) {
                Some(error) => results.push(RowResult::refused(error)),
                None => results.extend(told.next()),
            }
        }
        results.extend(told);
        Ok((results, answer))
    }

    /// `merge` of one row into another.
    pub(in crate::vendors::salesforce) async fn soap_merge(
        &self,
        soap: &Soap,
        object: &str,
        stays: &str,
        goes: &str,
        priority: Priority,
    ) -> Result<(Vec<RowResult>, Answer), VendorError> {
        let master = format!("{}{}", xml::tag("sobj:type", object), xml::tag("sobj:Id", stays));
        let request = format!("<urn:masterRecord>{master}</urn:masterRecord>{}", xml::tag("urn:recordToMergeIds", goes));
        let operation = Operation::write("merge", format!("<urn:merge><urn:request>{request}</urn:request></urn:merge>"));
        let (response, answer) = self.soap_call(soap, operation, priority).await?;
        Ok((results::of(&response), answer))
    }

    /// `emptyRecycleBin`, of at most 200 rows: they are gone for good. Answers how many are.
    pub(in crate::vendors::salesforce) async fn empty_bin(
        &self,
        soap: &Soap,
        ids: &[String],
        priority: Priority,
    ) -> Result<usize, VendorError> {
        let rows: String = ids.iter().map(|id| xml::tag("urn:ids", id)).collect();
        let operation = Operation::write("empty_bin", format!("<urn:emptyRecycleBin>{rows}</urn:emptyRecycleBin>"));
        let (response, _) = self.soap_call(soap, operation, priority).await?;
        Ok(results::of(&response).iter().filter(|result| result.success).count())
    }

    /// Which of some updates lean on a version that their row has left. SOAP has no precondition: the stamps are looked at right before.
    pub(in crate::vendors::salesforce) async fn soap_moved_on(
        &self,
        soap: &Soap,
        object: &str,
        writes: &[(usize, &Write)],
        priority: Priority,
    ) -> Result<BTreeSet<usize>, VendorError> {
        let leaning: Vec<(usize, String, Timestamp)> = writes
            .iter()
            .enumerate()
            .filter_map(|(at, (_, write))| Some((at, ids::to_18(write.id.as_deref()?), write.expect.as_deref().and_then(parse_instant)?)))
            .collect();
        if leaning.is_empty() {
            return Ok(BTreeSet::new());
        }
        let wanted: Vec<&str> = leaning.iter().map(|(_, id, _)| id.as_str()).collect();
        let rows = self.soap_retrieve(soap, object, &wanted, &["Id", "SystemModstamp"], priority).await?;
        let stamps: BTreeMap<String, Timestamp> = rows
            .iter()
            .filter_map(|row| Some((ids::to_18(&text(row, "Id")?), text(row, "SystemModstamp").as_deref().and_then(parse_instant)?)))
            .collect();
        Ok(leaning.into_iter().filter(|(_, id, expect)| stamps.get(id).is_some_and(|stamp| stamp > expect)).map(|(at, _, _)| at).collect())
    }
}

/// A page of a query.
fn page(response: &Element) -> Result<QueryAnswer, VendorError> {
    let Some(result) = response.child("result") else {
        return Err(VendorError::new(
            Class::Retry,
            "unreadable",
            "the answer to a query has no result",
            "if this repeats, check that the base URL points at the org's API",
        ));
    };
    Ok(QueryAnswer {
        total_size: result.text_of("size").and_then(|size| size.parse().ok()),
        done: result.flag("done"),
        next_records_url: result.text_of("queryLocator").map(str::to_owned),
        records: result.all("records").map(sobject::record).collect(),
    })
}

impl RowResult {
    /// A row that was not sent.
    fn refused(error: &VendorError) -> Self {
        let item = crate::vendors::salesforce::wire::ErrorItem {
            code: error.code.clone(),
            message: error.message.clone(),
            fields: error.field.clone().map(|field| vec![field]),
            ..Default::default()
        };
        Self { id: None, success: false, created: None, errors: vec![item] }
    }
}
