//! Reading rows: polls, and fetches by id.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use entente_model::clock::Timestamp;
use serde_json::json;

use super::cursor::{Phase, Position, digest_of};
use super::describe::Described;
use super::map::{Seeing, parse_instant};
use super::soap::Soap;
use super::wire::{QueryAnswer, QueryKind, Record, flag, text};
use super::{SPEC, Salesforce, ids, soql};
use crate::connector::Priority;
use crate::error::{Class, VendorError};
use crate::look::{Cursor, Existence, Look, Page, ReadSpec};
use crate::transport::call::{Answer, Call};
use crate::transport::offset::http_date;

/// Rows per page of a query; the server may send fewer.
const PAGE_ROWS: &str = "batchSize=2000";

/// Ids of one SOQL condition: what fits a URL beside a long list of fields is decided by length, this bounds the effort of measuring.
const IDS_PER_QUERY: usize = 500;

/// How far back the org tells of deleted rows: 15 days, less one so that a slow call does not miss it.
const DELETED_REACH: Duration = Duration::from_secs(14 * 86_400);

/// Shortest window of a question for deleted rows: two minutes, since a window is cut to whole ones and must not be empty then.
const SHORTEST_WINDOW: Duration = Duration::from_secs(120);

/// A measured offset beyond this many milliseconds means that the `Date` header is not the server's clock (a gateway writes its own).
const TRUSTED_OFFSET_MS: i64 = 300_000;

impl Salesforce {
    /// The server's time in an answer; without a `Date` header, ours corrected by what earlier answers showed.
    pub(super) fn server_time(&self, answer: &Answer) -> Timestamp {
        answer.header("date").and_then(http_date).unwrap_or_else(|| self.client.offset().theirs(self.client.now()))
    }

    fn query_call(&self, kind: QueryKind, soql: &str) -> Call {
        let path = match kind {
            QueryKind::Live => format!("{}/query", self.root),
            QueryKind::All => format!("{}/queryAll", self.root),
        };
        Call::get(path).query("q", soql).header("sforce-query-options", PAGE_ROWS)
    }

    /// One page of a query.
    async fn query_page(&self, kind: QueryKind, soql: &str, priority: Priority) -> Result<(QueryAnswer, Answer), VendorError> {
        if let Some(soap) = &self.soap {
            return self.soap_query(soap, kind, soql, priority).await;
        }
        let answer = self.client.call("query", priority, self.query_call(kind, soql)).await?;
        Ok((answer.json()?, answer))
    }

    /// All rows of a query for a few rows, which shares a call with what else is asked for at the same moment.
    async fn query_few(&self, soql: &str, priority: Priority) -> Result<Vec<Record>, VendorError> {
        if self.soap.is_some() {
            return self.query(QueryKind::All, soql, priority).await;
        }
        let call = self.query_call(QueryKind::All, soql);
        let answer = self.bundler.send(&self.client, &self.root, "query", priority, call).await?;
        self.rest_of(answer.json()?, priority).await
    }

    /// The page behind a locator.
    async fn more(&self, locator: &str, priority: Priority) -> Result<(QueryAnswer, Answer), VendorError> {
        if let Some(soap) = &self.soap {
            return self.soap_more(soap, locator, priority).await;
        }
        if !locator.starts_with('/') {
            // Of a time when this connection spoke SOAP.
            return Err(VendorError::new(
                Class::LookAgain,
                "INVALID_QUERY_LOCATOR",
                "the locator is another API's",
                "nothing to do: the read goes on behind its last row",
            ));
        }
        let call = Call::get(locator).header("sforce-query-options", PAGE_ROWS);
        let answer = self.client.call("query_more", priority, call).await?;
        Ok((answer.json()?, answer))
    }

    /// All rows of a query.
    pub(super) async fn query(&self, kind: QueryKind, soql: &str, priority: Priority) -> Result<Vec<Record>, VendorError> {
        let (page, _) = self.query_page(kind, soql, priority).await?;
        self.rest_of(page, priority).await
    }

    /// The rows of a page and of all that follow it.
    async fn rest_of(&self, mut page: QueryAnswer, priority: Priority) -> Result<Vec<Record>, VendorError> {
        let mut records = std::mem::take(&mut page.records);
        while let (false, Some(locator)) = (page.done, page.next_records_url.take()) {
            (page, _) = self.more(&locator, priority).await?;
            records.append(&mut page.records);
        }
        Ok(records)
    }

    /// Calls `use_looks` with what is needed to turn records into looks.
    pub(super) async fn seeing<T>(
        &self,
        object: &str,
        described: &Described,
        priority: Priority,
        use_looks: impl FnOnce(&Seeing<'_>) -> T,
    ) -> Result<T, VendorError> {
        // Every read asks for it before its own calls, so that this is an answer kept.
        let ours = &self.identity(priority).await?.user_id;
        Ok(use_looks(&Seeing { object, described, actors: &self.actors, ours, offset: self.client.offset(), seen_at: self.client.now() }))
    }

    /// See [`Connector::page`](crate::connector::Connector::page). `reader` is the object that mappings name: what is read of one object by itself
    /// and as a part of another has two positions, and so two streams.
    pub(super) async fn read_page(
        &self,
        read: &ReadSpec,
        reader: &str,
        cursor: Option<&Cursor>,
        priority: Priority,
    ) -> Result<Page, VendorError> {
        self.identity(priority).await?;
        let described = self.described(&read.object, &read.fields, priority).await?;
        let select = select(read, &described, &[])?;
        let fields = digest_of(&select);
        let mut position = match cursor {
            Some(text) => Position::from_text(text)?,
            None => Position::start(),
        };
        if position.phase == Phase::Rest
            && let Some(pubsub) = &self.pubsub
            && let Some(page) = self.streamed_page(pubsub, read, reader, &described, &mut position, priority).await?
        {
            return Ok(page);
        }
        position = position.set_out();
        let wide = soql::encoded_len(&select) > soql::QUERY_MAX - 500;
        if position.fields.as_deref() != Some(fields.as_str()) {
            // The job reads other fields than are wanted now.
            position.bulk = None;
        }
        if self.soap.is_some() {
            // A job of a time when this connection spoke REST: the pages go on where it stood.
            position.bulk = None;
        }
        if position.bulk.is_some()
            && let Some(page) = self.bulk_page(read, &described, &mut position, priority).await?
        {
            return Ok(page);
        }
        let polls_from = position.stamp.filter(|_| position.phase == Phase::Poll);
        let (page, answer) = self.next_page(read, &described, &select, wide, &fields, &position, priority).await?;
        let first = position.begun.is_none() && position.id.is_none();
        if first && position.begun.is_none() {
            let trusted = self.client.offset().ms().is_none_or(|ms| ms.abs() < TRUSTED_OFFSET_MS);
            position.begun = answer.header("date").and_then(http_date).filter(|_| trusted);
        }
        if let Some(last) = page.records.last() {
            position.stamp = text(last, "SystemModstamp").and_then(|stamp| parse_instant(&stamp)).or(position.stamp);
            position.id = text(last, "Id");
        }
        let more = !page.done;
        if first && more {
            let left = page.total_size.unwrap_or_default().saturating_sub(page.records.len() as u64);
            if self.soap.is_none() && self.worth_a_job(read, &described, left) {
                position.bulk = self.begin_bulk_read(read, &select, &position, position.kind(), priority).await?;
            }
        }
        position.locator = page.next_records_url.filter(|_| more);
        position.fields = (position.locator.is_some() || position.bulk.is_some()).then_some(fields);
        if position.phase == Phase::First && position.stamp.is_none() && position.begun.is_none() {
            // An empty object behind a gateway that writes no `Date`: the next poll starts at our own idea of the server's time.
            position.stamp = Some(self.client.offset().theirs(self.client.now()));
        }
        self.know_hands(&page.records, priority).await;
        let mut looks = if wide {
            self.widen(read, &described, &page.records, priority).await?
        } else {
            self.seeing(&read.object, &described, priority, |seeing| looks(seeing, &page.records, &read.fields)).await?
        };
        if let (Some(soap), true, Some(from)) = (&self.soap, first && described.replicateable, polls_from) {
            let shown: BTreeSet<String> = looks.iter().map(|look| look.id.clone()).collect();
            looks.extend(self.vanished(soap, read, (from, &position), &shown, priority).await?);
        }
        let next = if more { position.to_text() } else { position.rest().to_text() };
        Ok(Page { looks, next, more, total: page.total_size.filter(|_| first) })
    }

    /// Rows that `getDeleted` names since the last poll and the poll's query does not show: the recycle bin has them no more.
    async fn vanished(
        &self,
        soap: &Soap,
        read: &ReadSpec,
        (from, position): (Timestamp, &Position),
        shown: &BTreeSet<String>,
        priority: Priority,
    ) -> Result<Vec<Look>, VendorError> {
        let to = position.begun.unwrap_or_else(|| self.client.offset().theirs(self.client.now()));
        let from = from.checked_sub(SPEC.overlap).unwrap_or(from).max(position.floor.unwrap_or(Timestamp::MIN));
        let from = from.max(to.checked_sub(DELETED_REACH).unwrap_or(from));
        // Windows are cut to whole minutes.
        let from = from.min(to.checked_sub(SHORTEST_WINDOW).unwrap_or(from));
        let ids = self.soap_deleted(soap, &read.object, (from, to), priority).await?;
        let unseen: Vec<String> = ids.into_iter().filter(|id| !shown.contains(id)).collect();
        let looks = self.fetch_rows(read, &unseen, priority).await?;
        // One that is there again was restored since.
        Ok(looks.into_iter().filter(|look| look.existence != Existence::Present).collect())
    }

    #[expect(clippy::too_many_arguments, reason = "one step of read_page, split off for its length")]
    async fn next_page(
        &self,
        read: &ReadSpec,
        described: &Described,
        select: &str,
        wide: bool,
        fields: &str,
        position: &Position,
        priority: Priority,
    ) -> Result<(QueryAnswer, Answer), VendorError> {
        if let Some(locator) = &position.locator
            && position.fields.as_deref() == Some(fields)
        {
            match self.more(locator, priority).await {
                Err(error) if error.code == "INVALID_QUERY_LOCATOR" || error.status == 404 => {
                    tracing::info!(object = %read.object, "the query locator has ended; going on behind the last row");
                }
                answer => return answer,
            }
        }
        let narrow;
        let select = if wide {
            narrow = described.standing.join(",");
            &narrow
        } else {
            select
        };
        let condition = position.condition(SPEC.overlap).map(|condition| format!(" WHERE {condition}")).unwrap_or_default();
        let query = format!("SELECT {select} FROM {}{condition} ORDER BY SystemModstamp, Id", soql::name(&read.object)?);
        self.query_page(position.kind(), &query, priority).await
    }

    /// Looks at rows whose fields are too many for one query: the page told which rows, a retrieve tells their values.
    async fn widen(
        &self,
        read: &ReadSpec,
        described: &Described,
        records: &[Record],
        priority: Priority,
    ) -> Result<Vec<Look>, VendorError> {
        let narrow = self.seeing(&read.object, described, priority, |seeing| looks(seeing, records, &[])).await?;
        let present: Vec<String> = narrow.iter().filter(|look| look.existence == Existence::Present).map(|look| look.id.clone()).collect();
        let mut whole: BTreeMap<String, Look> =
            self.fetch_rows(read, &present, priority).await?.into_iter().map(|look| (look.id.clone(), look)).collect();
        Ok(narrow.into_iter().map(|look| whole.remove(&look.id).unwrap_or(look)).collect())
    }

    /// See [`Connector::fetch`](crate::connector::Connector::fetch). One query that also sees the recycle bin where it fits a URL; else
    /// a retrieve by POST, and a query for the rows it did not find.
    pub(super) async fn fetch_rows(&self, read: &ReadSpec, wanted: &[String], priority: Priority) -> Result<Vec<Look>, VendorError> {
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        self.identity(priority).await?;
        let described = self.described(&read.object, &read.fields, priority).await?;
        let wanted: Vec<String> = wanted.iter().map(|id| ids::to_18(id)).collect();
        // A text that is no id cannot be found, and would fail the whole call.
        let valid: Vec<&str> = wanted.iter().map(String::as_str).filter(|id| ids::is_id(id)).collect::<BTreeSet<_>>().into_iter().collect();
        let nested: Vec<String> = read.fields.iter().filter(|field| field.contains('.')).cloned().collect();
        let select = select(read, &described, &[])?;
        let chunks = chunk_ids(&valid, &select)?;
        let mut records: BTreeMap<String, Record> = BTreeMap::new();
        let mut add = |record: Record| {
            if let Some(id) = text(&record, "Id") {
                records.entry(ids::to_18(&id)).or_default().extend(record);
            }
        };
        match chunks {
            // A retrieve is not known to show what is archived: of such objects, queries that see everything are made.
            Some(chunks) if chunks.len() == 1 || !nested.is_empty() || described.archives => {
                for chunk in chunks {
                    let query = format!("SELECT {select} FROM {} WHERE Id IN {}", soql::name(&read.object)?, soql::list(chunk));
                    self.query_few(&query, priority).await?.into_iter().for_each(&mut add);
                }
            }
            _ => {
                let own: Vec<&str> = described
                    .standing
                    .iter()
                    .copied()
                    .chain(
                        read.fields
                            .iter()
                            .map(String::as_str)
                            .filter(|field| !field.contains('.') && !described.stands_for_the_currency(field)),
                    )
                    .collect();
                for chunk in valid.chunks(SPEC.fetch_max) {
                    self.retrieve(&read.object, chunk, &own, priority).await?.into_iter().for_each(&mut add);
                }
                for (select, chunk) in nested_queries(&nested, &valid)? {
                    let query = format!("SELECT Id,{select} FROM {} WHERE Id IN {}", soql::name(&read.object)?, soql::list(&chunk));
                    self.query(QueryKind::All, &query, priority).await?.into_iter().for_each(&mut add);
                }
                let missing: Vec<&str> = valid.iter().copied().filter(|id| !records.contains_key(*id)).collect();
                if described.merges && !missing.is_empty() {
                    let standing = described.standing.join(",");
                    for chunk in missing.chunks(IDS_PER_QUERY) {
                        let query = format!("SELECT {standing} FROM {} WHERE Id IN {}", soql::name(&read.object)?, soql::list(chunk));
                        for record in self.query(QueryKind::All, &query, priority).await? {
                            // Present after all: it became visible between the two calls, and the next look sees it whole.
                            let deleted = flag(&record, "IsDeleted");
                            if let Some(id) = text(&record, "Id").filter(|_| deleted) {
                                records.insert(ids::to_18(&id), record);
                            }
                        }
                    }
                }
            }
        }
        let hands = self.strangers(records.values().filter_map(|record| text(record, "LastModifiedById")));
        self.meet(hands, priority).await;
        self.seeing(&read.object, &described, priority, |seeing| {
            wanted
                .iter()
                .map(|id| records.get(id).and_then(|record| seeing.look(record, &read.fields)).unwrap_or_else(|| seeing.gone(id)))
                .collect()
        })
        .await
    }

    /// Rows by id through the collections resource; rows that are deleted or hidden are left out.
    async fn retrieve(&self, object: &str, ids: &[&str], fields: &[&str], priority: Priority) -> Result<Vec<Record>, VendorError> {
        if let Some(soap) = &self.soap {
            return self.soap_retrieve(soap, soql::name(object)?, ids, fields, priority).await;
        }
        let path = format!("{}/composite/sobjects/{}", self.root, soql::name(object)?);
        let call = Call::post(path, json!({"ids": ids, "fields": fields})).idempotent();
        let records: Vec<Option<Record>> = self.client.call("retrieve", priority, call).await?.json()?;
        Ok(records.into_iter().flatten().collect())
    }
}

/// Looks of the records that have an id.
pub(super) fn looks(seeing: &Seeing<'_>, records: &[Record], fields: &[String]) -> Vec<Look> {
    records.iter().filter_map(|record| seeing.look(record, fields)).collect()
}

/// The select list of a read: standing fields first, each field once.
pub(super) fn select(read: &ReadSpec, described: &Described, further: &[String]) -> Result<String, VendorError> {
    let mut seen = BTreeSet::new();
    let mut list = Vec::new();
    let standing = described.standing.iter().copied();
    let asked = standing.chain(read.fields.iter().map(String::as_str)).chain(further.iter().map(String::as_str));
    for field in asked.filter(|field| !described.stands_for_the_currency(field)) {
        if seen.insert(field.to_ascii_lowercase()) {
            list.push(soql::name(field)?);
        }
    }
    Ok(list.join(","))
}

/// Splits ids so that each query fits a URL; `None` when not even a few ids fit beside the fields.
fn chunk_ids<'a, 'b>(ids: &'b [&'a str], select: &str) -> Result<Option<Vec<&'b [&'a str]>>, VendorError> {
    // An id takes 18 characters, two quotes and a comma, the latter three percent-encoded.
    const ID_BYTES: usize = 18 + 3 * 3;
    const FRAME_BYTES: usize = 200;
    let room = soql::QUERY_MAX.saturating_sub(soql::encoded_len(select) + FRAME_BYTES) / ID_BYTES;
    Ok((room >= 20).then(|| ids.chunks(room.min(IDS_PER_QUERY)).collect()))
}

/// Queries for parents' fields, in parts that each fit a URL: (select list, ids).
fn nested_queries<'a>(fields: &[String], ids: &[&'a str]) -> Result<Vec<(String, Vec<&'a str>)>, VendorError> {
    const FIELDS_PER_QUERY: usize = 100;
    let mut queries = Vec::new();
    for part in fields.chunks(FIELDS_PER_QUERY) {
        for field in part {
            soql::name(field)?;
        }
        let select = part.join(",");
        let chunks = chunk_ids(ids, &select)?.ok_or_else(|| {
            VendorError::new(
                Class::Configuration,
                "too_many_fields",
                "the names of the parents' fields to read are too long for one query",
                "read fewer fields of parents in this mapping",
            )
        })?;
        queries.extend(chunks.into_iter().map(|chunk| (select.clone(), chunk.to_vec())));
    }
    Ok(queries)
}
