//! Queries over REST, page by page.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::State;
use super::fail::{Fail, Outcome};
use super::id::SfId;
use super::org::DAY_MS;
use super::soql_run::{Bound, Found};
use super::wire::{Answer, Call};
use crate::faults::Fault;

/// Rows of a page, unless asked for fewer.
const PAGE_MAX: usize = 2000;
/// Fewest rows that a client can ask a page to have.
const PAGE_MIN: usize = 200;
/// Days that a locator lives.
const LOCATOR_DAYS: i64 = 2;
/// Locators kept; the oldest go first, to bound the simulator's memory.
const LOCATORS_MAX: usize = 2000;

struct Cursor {
    bound: Arc<Bound>,
    rows: Arc<Vec<u32>>,
    user: SfId,
    made_ms: i64,
}

/// Open query results.
#[derive(Default)]
pub(crate) struct Cursors {
    open: HashMap<String, Cursor>,
    serial: u64,
}

/// One page: the rows, their number in all, and the locator of the rest.
pub(crate) struct Page {
    pub bound: Arc<Bound>,
    pub rows: Vec<u32>,
    pub total: usize,
    pub next: Option<String>,
}

impl Cursors {
    /// Keeps a result and gives its first page.
    pub fn start(&mut self, bound: Arc<Bound>, rows: Arc<Vec<u32>>, user: SfId, pod: [u8; 3], now: i64, size: usize) -> Page {
        let total = rows.len();
        if total <= size {
            return Page { bound, rows: rows.to_vec(), total, next: None };
        }
        self.open.retain(|_, cursor| now - cursor.made_ms <= LOCATOR_DAYS * DAY_MS);
        if self.open.len() >= LOCATORS_MAX
            && let Some(oldest) = self.open.iter().min_by_key(|(_, c)| c.made_ms).map(|(key, _)| key.clone())
        {
            self.open.remove(&oldest);
        }
        self.serial += 1;
        let locator = SfId::new(*b"0r8", pod, self.serial).to_string();
        let page = Page { bound: Arc::clone(&bound), rows: rows[..size].to_vec(), total, next: Some(format!("{locator}-{size}")) };
        self.open.insert(locator, Cursor { bound, rows, user, made_ms: now });
        page
    }

    /// The page that `locator-offset` stands for.
    pub fn page(&self, locator: &str, user: SfId, now: i64, size: usize) -> Outcome<Page> {
        let invalid = || Fail::bad("INVALID_QUERY_LOCATOR", "invalid query locator");
        let (key, offset) = locator.rsplit_once('-').ok_or_else(invalid)?;
        let from: usize = offset.parse().map_err(|_| invalid())?;
        let cursor = self.open.get(key).ok_or_else(invalid)?;
        let total = cursor.rows.len();
        if cursor.user != user || now - cursor.made_ms > LOCATOR_DAYS * DAY_MS || from > total {
            return Err(invalid());
        }
        let to = (from + size).min(total);
        let next = (to < total).then(|| format!("{key}-{to}"));
        Ok(Page { bound: Arc::clone(&cursor.bound), rows: cursor.rows[from..to].to_vec(), total, next })
    }
}

/// Rows of the next page: as asked, and half of it when a fault wants so.
fn page_size(call: &Call) -> Outcome<usize> {
    let size = match call.option("sforce-query-options", "batchSize") {
        None => PAGE_MAX,
        Some(text) => {
            let asked: usize = text.parse().map_err(|_| Fail::bad("INVALID_HEADER", format!("batchSize {text} is no number")))?;
            if !(PAGE_MIN..=PAGE_MAX).contains(&asked) {
                return Err(Fail::bad("INVALID_HEADER", format!("batchSize must be between {PAGE_MIN} and {PAGE_MAX}")));
            }
            asked
        }
    };
    Ok(if call.fault == Some(Fault::HalfPage) { size / 2 } else { size })
}

/// `GET /query` and `GET /queryAll`.
pub(crate) fn first(state: &mut State, call: &Call, all: bool) -> Outcome<Answer> {
    let text = call.param("q").ok_or_else(|| Fail::bad("MALFORMED_QUERY", "SOQL statement cannot be empty"))?;
    let mut size = page_size(call)?;
    match state.org.query(text, call.user, all)? {
        Found::Count(n) => Ok(Answer::json(200, json!({"totalSize": n, "done": true, "records": []}))),
        Found::Aggregates(rows) => Ok(Answer::json(200, json!({"totalSize": rows.len(), "done": true, "records": rows}))),
        Found::Rows(bound, rows) => {
            if call.fault == Some(Fault::HalfPage) {
                // A small result is cut as well, or the fault would show only on large ones.
                size = size.min(rows.len().div_ceil(2)).max(1);
            }
            let (now, pod) = (state.org.clock.now_ms(), state.org.pod);
            let page = state.cursors.start(bound, rows, call.user, pod, now, size);
            Ok(shown(state, call, &page))
        }
    }
}

/// `GET /query/{locator}`.
pub(crate) fn more(state: &mut State, call: &Call, locator: &str) -> Outcome<Answer> {
    let page = state.cursors.page(locator, call.user, state.org.clock.now_ms(), page_size(call)?)?;
    Ok(shown(state, call, &page))
}

fn shown(state: &State, call: &Call, page: &Page) -> Answer {
    let t = &state.org.tables[page.bound.table];
    let rows = page.rows.iter().filter_map(|ord| t.row(*ord));
    let records: Vec<Value> = rows.map(|row| state.org.project(&page.bound, row, &call.version)).collect();
    let mut body = json!({"totalSize": page.total, "done": page.next.is_none()});
    if let Some(next) = &page.next {
        body["nextRecordsUrl"] = json!(format!("{}/query/{next}", call.base()));
    }
    body["records"] = Value::Array(records);
    Answer::json(200, body)
}
