//! Reading rows: first reads, polls, sweeps for archived ones, and fetches by id.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use entente_model::clock::Timestamp;
use serde_json::{Value, json};

use super::cursor::{Phase, Position};
use super::dialect::SEARCH;
use super::kind::{self, ASSOCIATION, OWNER, is_id, is_property};
use super::map::{ABSORBED, CHANGED_BY, Seeing, absorbed, instant};
use super::wire::{Batch, Record, RecordPage};
use super::{HubSpot, SPEC, lists, stages, subscriptions};
use crate::connector::Priority;
use crate::error::{Class, VendorError};
use crate::look::{Cursor, Existence, Look, Page, ReadSpec};
use crate::transport::call::{Answer, Call};
use crate::transport::offset::http_date;

/// Rows on a page of a list.
const LIST_ROWS: usize = 100;
/// Rows on a page of a search.
const SEARCH_ROWS: usize = 200;
/// Longest query of a list: HubSpot refuses addresses from about 16,300 characters on, and gateways earlier.
const QUERY_CHARS_MAX: usize = 7_000;
/// Longest body of a search: HubSpot refuses 3,000 characters.
pub(super) const SEARCH_CHARS_MAX: usize = 2_950;
/// How far what a search shows may be behind the records. HubSpot promises no more than that changes appear after a few moments; in bad ones those
/// are minutes, which is also why polls overlap.
const INDEX_LAG: Duration = SPEC.overlap;

/// The properties that a read needs: those of the fields, who changed the row, and what it absorbed.
pub(super) fn properties(read: &ReadSpec) -> Vec<&str> {
    let fields = &read.fields;
    let mut names: BTreeSet<&str> = fields.iter().map(String::as_str).filter(|name| is_property(name)).collect();
    names.extend(ABSORBED);
    for name in subscriptions::needs(fields) {
        names.insert(name);
    }
    names.extend(stages::needs(&read.object, fields));
    names.insert(CHANGED_BY);
    if fields.iter().any(|name| name.starts_with(OWNER)) {
        names.insert("hubspot_owner_id");
    }
    names.into_iter().collect()
}

/// Objects that a read wants the associations with.
fn associated_objects(fields: &[String]) -> Vec<&str> {
    fields.iter().filter_map(|name| name.strip_prefix(ASSOCIATION)).collect()
}

/// The body of a search in order of id, and whether it is short enough.
fn searching(read: &ReadSpec, groups: Value) -> (Value, bool) {
    let sorts = json!([{"propertyName": "hs_object_id", "direction": "ASCENDING"}]);
    let body = json!({"filterGroups": groups, "sorts": sorts, "limit": SEARCH_ROWS, "properties": properties(read)});
    let whole = body.to_string().chars().count() <= SEARCH_CHARS_MAX;
    (body, whole)
}

impl HubSpot {
    /// The server's time in an answer; without a `Date` header, ours corrected by what earlier answers showed.
    pub(super) fn server_time(&self, answer: &Answer) -> Timestamp {
        answer.header("date").and_then(http_date).unwrap_or_else(|| self.client.offset().theirs(self.client.now()))
    }

    /// See [`Connector::page`](crate::connector::Connector::page).
    pub(super) async fn read_page(&self, read: &ReadSpec, cursor: Option<&Cursor>, priority: Priority) -> Result<Page, VendorError> {
        let mut position = match cursor {
            Some(text) => Position::from_text(text)?.set_out(),
            None => Position::start(),
        };
        if let Some(journal) = self.journal.as_ref().filter(|_| position.is_fresh())
            && let Some(page) = self.journal_page(journal, read, &mut position, priority).await?
        {
            return Ok(page);
        }
        match position.phase {
            Phase::First => self.first_page(read, position, priority).await,
            Phase::Index => self.index_page(read, position, priority).await,
            Phase::Poll | Phase::Rest => self.poll_page(read, position, priority).await,
            Phase::Sweep => self.sweep_page(read, position, priority).await,
        }
    }

    async fn list(
        &self,
        read: &ReadSpec,
        position: &Position,
        archived: bool,
        priority: Priority,
    ) -> Result<(RecordPage, Answer, bool), VendorError> {
        let mut call = Call::get(self.paths.objects(&self.place(&read.object, priority).await?, "")).query("limit", LIST_ROWS.to_string());
        if let Some(after) = &position.after {
            call = call.query("after", after);
        }
        let mut whole = true;
        if archived {
            call = call.query("archived", "true").query("properties", "hs_object_id");
        } else {
            let names = properties(read).join(",");
            whole = names.len() <= QUERY_CHARS_MAX;
            call = call.query("properties", if whole { names } else { "hs_object_id".to_owned() });
            // The portal's own objects go by another name in what a list says of them.
            let own = |name: &&str| kind::is_standard(&read.object) && kind::is_standard(name);
            let to = associated_objects(&read.fields).into_iter().filter(own).collect::<Vec<_>>().join(",");
            if !to.is_empty() {
                call = call.query("associations", to);
            }
        }
        let answer = self.client.call(if archived { "list_archived" } else { "list" }, priority, call).await?;
        Ok((answer.json()?, answer, whole))
    }

    pub(super) async fn first_page(&self, read: &ReadSpec, mut position: Position, priority: Priority) -> Result<Page, VendorError> {
        self.schema(&read.object, &read.fields, priority).await?;
        let (page, answer, whole) = self.list(read, &position, false, priority).await?;
        position.begun = position.begun.or_else(|| Some(self.server_time(&answer)));
        let next = page.next().map(str::to_owned);
        let records = if whole { page.results } else { self.fill(read, page.results, priority).await? };
        let looks = self.looks(read, &records, true, priority).await?;
        Ok(turn(position, next, looks, None))
    }

    async fn poll_page(&self, read: &ReadSpec, mut position: Position, priority: Priority) -> Result<Page, VendorError> {
        self.schema(&read.object, &read.fields, priority).await?;
        let mut filters = Vec::new();
        if let Some(from) = position.from(SPEC.overlap) {
            let value = from.as_millisecond().to_string();
            filters.push(json!({"propertyName": kind::cursor(&read.object), "operator": "GTE", "value": value}));
        }
        if let Some(last) = &position.after {
            filters.push(json!({"propertyName": "hs_object_id", "operator": "GT", "value": last}));
        }
        let groups = json!([{"filters": filters}]);
        let begins = position.after.is_none();
        let (page, answer) = self.search(read, groups, priority).await?;
        position.begun = position.begun.or_else(|| Some(self.server_time(&answer)));
        // Rows that were asked for behind the last id: how many are left is what counts, not where a page of a moving list ends.
        let more = page.total.is_some_and(|total| total > page.results.len() as u64) || page.next().is_some();
        let next = page.results.last().map(|record| record.id.clone()).filter(|_| more);
        let total = page.total.filter(|_| begins);
        let looks = self.looks(read, &page.results, false, priority).await?;
        Ok(turn(position, next, looks, total))
    }

    async fn sweep_page(&self, read: &ReadSpec, mut position: Position, priority: Priority) -> Result<Page, VendorError> {
        let (page, _, _) = self.list(read, &position, true, priority).await?;
        position.pages += 1;
        let known = position.swept.and_then(|swept| swept.checked_sub(SPEC.overlap).ok());
        let next = page.next().map(str::to_owned);
        let news = page.results.iter().filter(|record| {
            let at = record.archived_at.as_deref().and_then(instant);
            at.is_none() || known.is_none() || at >= known
        });
        let schema = self.schema(&read.object, &[], priority).await?;
        let seeing = self.seeing(&read.object, &schema);
        let looks = news.map(|record| seeing.gone(&record.id, Existence::Deleted)).collect();
        Ok(turn(position, next, looks, None))
    }

    /// One page of a search in order of id. Where the properties do not fit its body, they are fetched by id. What the index itself shows is dated
    /// back by its lag.
    pub(super) async fn search(&self, read: &ReadSpec, groups: Value, priority: Priority) -> Result<(RecordPage, Answer), VendorError> {
        let (mut body, whole) = searching(read, groups);
        if !whole {
            body["properties"] = json!(["hs_object_id"]);
        }
        let path = self.paths.objects(&self.place(&read.object, priority).await?, "/search");
        let answer = self.client.call("search", priority, Call::post(path, body).idempotent().bucket(SEARCH)).await?;
        let mut page: RecordPage = answer.json()?;
        if whole {
            let indexed_to = self.client.now().checked_sub(INDEX_LAG).unwrap_or(Timestamp::MIN);
            page.results.iter_mut().for_each(|record| record.indexed_to = Some(indexed_to));
        } else {
            page.results = self.fill(read, std::mem::take(&mut page.results), priority).await?;
        }
        Ok((page, answer))
    }

    /// Whether a search behind an id shows all that is read.
    pub(super) fn fits_search(&self, read: &ReadSpec) -> bool {
        searching(read, json!([{"filters": [{"propertyName": "hs_object_id", "operator": "GT", "value": u64::MAX.to_string()}]}])).1
    }

    /// The same records with their properties, which were too many for the call that listed them.
    async fn fill(&self, read: &ReadSpec, records: Vec<Record>, priority: Priority) -> Result<Vec<Record>, VendorError> {
        let mut filled: BTreeMap<String, Record> = BTreeMap::new();
        for chunk in records.chunks(SPEC.fetch_max) {
            let ids: Vec<&str> = chunk.iter().map(|record| record.id.as_str()).collect();
            let batch = self.batch_read(read, &ids, None, priority).await?;
            filled.extend(batch.results.into_iter().map(|record| (record.id.clone(), record)));
        }
        // One that vanished between the two calls is told of by the next sweep.
        let listed = records.into_iter().filter_map(|record| {
            let full = filled.remove(&record.id)?;
            Some(Record { associations: record.associations, ..full })
        });
        Ok(listed.collect())
    }

    /// Records by id, or by the value of a unique property. Those that are not found are missing from the answer.
    pub(super) async fn batch_read(
        &self,
        read: &ReadSpec,
        ids: &[&str],
        by: Option<&str>,
        priority: Priority,
    ) -> Result<Batch, VendorError> {
        let inputs: Vec<Value> = ids.iter().map(|id| json!({"id": id})).collect();
        let mut body = json!({"inputs": inputs, "properties": properties(read), "propertiesWithHistory": []});
        if let Some(by) = by {
            body["idProperty"] = Value::from(by);
        }
        let path = self.paths.objects(&self.place(&read.object, priority).await?, "/batch/read");
        match self.client.call("batch_read", priority, Call::post(path, body).idempotent()).await {
            Ok(answer) => answer.json(),
            // Not one of them was found.
            Err(error) if error.class == Class::LookAgain => Ok(Batch { results: Vec::new(), errors: Vec::new() }),
            Err(error) => Err(error),
        }
    }

    /// See [`Connector::fetch`](crate::connector::Connector::fetch).
    pub(super) async fn fetch_rows(&self, read: &ReadSpec, ids: &[String], priority: Priority) -> Result<Vec<Look>, VendorError> {
        let schema = self.schema(&read.object, &read.fields, priority).await?;
        let wanted: Vec<&str> = ids.iter().map(String::as_str).filter(|id| is_id(id)).collect::<BTreeSet<_>>().into_iter().collect();
        let mut records = Vec::new();
        for chunk in wanted.chunks(SPEC.fetch_max) {
            records.extend(self.batch_read(read, chunk, None, priority).await?.results);
        }
        let mut survivors: BTreeMap<String, String> = BTreeMap::new();
        for record in &records {
            survivors.extend(absorbed(record).into_iter().map(|old| (old, record.id.clone())));
        }
        let looks = self.rows(read, &records, false, priority).await?;
        let present: BTreeMap<String, Look> = looks.into_iter().map(|look| (look.id.clone(), look)).collect();
        let seeing = self.seeing(&read.object, &schema);
        Ok(ids
            .iter()
            .map(|id| match (present.get(id), survivors.get(id)) {
                (Some(look), _) => look.clone(),
                (None, Some(survivor)) => seeing.gone(id, Existence::MergedInto(survivor.clone())),
                (None, None) => seeing.gone(id, Existence::Deleted),
            })
            .collect())
    }

    /// Looks at records, and at the rows that went into them.
    pub(super) async fn looks(
        &self,
        read: &ReadSpec,
        records: &[Record],
        listed: bool,
        priority: Priority,
    ) -> Result<Vec<Look>, VendorError> {
        let mut looks = self.rows(read, records, listed, priority).await?;
        let schema = self.schema(&read.object, &[], priority).await?;
        let seeing = self.seeing(&read.object, &schema);
        for record in records {
            looks.extend(absorbed(record).iter().map(|id| seeing.gone(id, Existence::MergedInto(record.id.clone()))));
        }
        Ok(looks)
    }

    /// Whole looks at records, with their associations and owners.
    pub(super) async fn rows(
        &self,
        read: &ReadSpec,
        records: &[Record],
        listed: bool,
        priority: Priority,
    ) -> Result<Vec<Look>, VendorError> {
        // A property that is not even null does not exist any more: the schema that we know is old.
        let vanished = |record: &Record| read.fields.iter().any(|name| is_property(name) && !record.properties.contains_key(name));
        if records.iter().any(vanished) {
            self.schemas.forget(&read.object);
        }
        let schema = self.schema(&read.object, &read.fields, priority).await?;
        let mut ends: BTreeMap<&str, BTreeMap<String, String>> = BTreeMap::new();
        if !records.is_empty() {
            for to in associated_objects(&read.fields) {
                ends.insert(to, self.associated(&read.object, to, records, listed, priority).await?);
            }
        }
        let owner_ids: Vec<&str> = records.iter().filter_map(|record| record.text("hubspot_owner_id")).collect();
        let owners = if owner_ids.is_empty() || !read.fields.iter().any(|name| name.starts_with(OWNER)) {
            None
        } else {
            Some(self.known_owners(&owner_ids, priority).await?)
        };
        let asks_stage = read.fields.iter().any(|name| name == stages::NAME);
        let staged = stages::property(&read.object).filter(|_| asks_stage);
        let stage_of = |record: &Record| staged.and_then(|property| record.text(property)).map(str::to_owned);
        let stage_ids: Vec<String> = records.iter().filter_map(stage_of).collect();
        let stage_names = if stage_ids.is_empty() {
            None
        } else {
            Some(self.stage_names(&read.object, &stage_ids.iter().map(String::as_str).collect::<Vec<_>>(), priority).await?)
        };
        let memberships = if records.is_empty() || !read.fields.iter().any(|name| name == lists::NAMES) {
            BTreeMap::new()
        } else {
            let ids: Vec<&str> = records.iter().map(|record| record.id.as_str()).collect();
            self.list_names(&read.object, &ids, priority).await?
        };
        let mut wishes: BTreeMap<&str, BTreeMap<String, Value>> = BTreeMap::new();
        if read.fields.iter().any(|name| name.starts_with(subscriptions::PREFIX)) {
            for record in records {
                wishes.insert(&record.id, self.subscriptions(record, &read.fields, priority).await?);
            }
        }
        let seeing = self.seeing(&read.object, &schema);
        let looks = records.iter().map(|record| {
            seeing.look(record, &read.fields, |name| match name.strip_prefix(ASSOCIATION) {
                Some(to) => ends.get(to).and_then(|ends| ends.get(&record.id)).map_or(Value::Null, |id| Value::from(id.as_str())),
                None if name == lists::NAMES => memberships.get(&record.id).cloned().unwrap_or_else(|| Value::Array(Vec::new())),
                None if name.starts_with(subscriptions::PREFIX) => {
                    wishes.get(record.id.as_str()).and_then(|told| told.get(name)).cloned().unwrap_or(Value::Null)
                }
                None if name == stages::NAME => {
                    let id = stage_of(record);
                    let known = stage_names.as_ref().zip(id).and_then(|(names, id)| names.get(&id).cloned());
                    known.map_or(Value::Null, Value::from)
                }
                None if name == stages::STATE => stages::state(record),
                None => owners.as_ref().map_or(Value::Null, |owners| owners.value(record.text("hubspot_owner_id"), name)),
            })
        });
        Ok(looks.collect())
    }

    pub(super) fn seeing<'a>(&'a self, object: &'a str, schema: &'a super::schema::Schema) -> Seeing<'a> {
        Seeing {
            object,
            schema,
            actors: &self.actors,
            ours: self.ours.get().map_or("", String::as_str),
            offset: self.client.offset(),
            seen_at: self.client.now(),
        }
    }
}

/// The page, with the position moved on.
pub(super) fn turn(position: Position, next: Option<String>, looks: Vec<Look>, total: Option<u64>) -> Page {
    let position = match next {
        Some(after) => Position { after: Some(after), ..position },
        None => position.finished(),
    };
    Page { looks, more: position.phase != Phase::Rest, next: position.to_text(), total }
}
