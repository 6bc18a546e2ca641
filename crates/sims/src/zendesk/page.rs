//! Cursor and offset pagination of lists.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::call::Call;
use super::refusal::{Answer, Outcome, Refusal};

/// Most items on a page of an ordinary list.
const PAGE_MAX: usize = 100;
/// Records that offset pagination reaches.
const OFFSET_WALL: usize = 10_000;

/// A list to be cut into pages: (sort key, id) pairs.
#[derive(Debug)]
pub(crate) struct Listing {
    name: &'static str,
    keys: Vec<(i64, u64)>,
    descending: bool,
    page_max: usize,
}

impl Listing {
    /// Smallest first.
    pub(crate) fn ascending(name: &'static str, keys: Vec<(i64, u64)>) -> Self {
        Self::ordered(name, keys, false)
    }

    pub(crate) fn ordered(name: &'static str, mut keys: Vec<(i64, u64)>, descending: bool) -> Self {
        keys.sort_unstable();
        if descending {
            keys.reverse();
        }
        Self { name, keys, descending, page_max: PAGE_MAX }
    }

    /// Keeps the order given: positions are the sort keys.
    pub(crate) fn as_is(name: &'static str, ids: Vec<u64>) -> Self {
        let keys = ids.into_iter().enumerate().map(|(at, id)| (i64::try_from(at).unwrap_or_default(), id)).collect();
        Self { name, keys, descending: false, page_max: PAGE_MAX }
    }

    pub(crate) fn page_max(mut self, most: usize) -> Self {
        self.page_max = most;
        self
    }

    fn is_before(&self, left: (i64, u64), right: (i64, u64)) -> bool {
        if self.descending { left > right } else { left < right }
    }
}

fn cursor(key: (i64, u64)) -> String {
    STANDARD.encode(json!({"o": "sort,id", "v": STANDARD.encode(format!("{}|{}", key.0, key.1))}).to_string())
}

fn read_cursor(text: &str) -> Result<(i64, u64), Refusal> {
    let read = || {
        let outer: Value = serde_json::from_slice(&STANDARD.decode(text).ok()?).ok()?;
        let inner = String::from_utf8(STANDARD.decode(outer["v"].as_str()?).ok()?).ok()?;
        let (key, id) = inner.split_once('|')?;
        Some((key.parse().ok()?, id.parse().ok()?))
    };
    read().ok_or_else(|| bad_pagination("page[after] or page[before] is not a cursor"))
}

fn bad_pagination(title: &str) -> Refusal {
    Refusal::json(400, &json!({"errors": [{"code": "InvalidPaginationParameter", "title": title}]}))
}

/// Whether the caller asked for cursor pages.
pub(crate) fn wants_cursor(call: &Call) -> bool {
    ["page[size]", "page[after]", "page[before]"].iter().any(|name| call.q(name).is_some())
}

/// The ids of one page, and the paging keys of the answer.
pub(crate) fn page(call: &Call, listing: &Listing) -> Result<(Vec<u64>, Map<String, Value>), Refusal> {
    if wants_cursor(call) { cursor_page(call, listing) } else { offset_page(call, listing) }
}

fn shortened(call: &Call, size: usize) -> usize {
    if call.half_page { (size / 2).max(1) } else { size }
}

fn cursor_page(call: &Call, listing: &Listing) -> Result<(Vec<u64>, Map<String, Value>), Refusal> {
    let size = match call.q("page[size]") {
        Some(text) => text.parse::<usize>().map_err(|_| bad_pagination("page[size] is not a number"))?,
        None => listing.page_max,
    };
    if size == 0 || size > listing.page_max {
        return Err(bad_pagination(&format!("page[size] must be between 1 and {}", listing.page_max)));
    }
    let size = shortened(call, size);
    let keys = &listing.keys;
    let (from, to) = if let Some(after) = call.q("page[after]") {
        let mark = read_cursor(after)?;
        let from = keys.partition_point(|key| !listing.is_before(mark, *key));
        (from, (from + size).min(keys.len()))
    } else if let Some(before) = call.q("page[before]") {
        let mark = read_cursor(before)?;
        let to = keys.partition_point(|key| listing.is_before(*key, mark));
        (to.saturating_sub(size), to)
    } else {
        (0, size.min(keys.len()))
    };
    let taken = &keys[from..to];
    let has_more = if call.q("page[before]").is_some() { from > 0 } else { to < keys.len() };
    let after = taken.last().map(|key| cursor(*key));
    let before = taken.first().map(|key| cursor(*key));
    // The next link is there even on the last page, as recorded: only `has_more` ends a list.
    let next = after.as_ref().map(|text| call.link(&[("page[before]", None), ("page[after]", Some(text.clone()))]));
    let prev = before.as_ref().map(|text| call.link(&[("page[after]", None), ("page[before]", Some(text.clone()))]));
    let mut paging = Map::new();
    paging.insert("meta".to_owned(), json!({"has_more": has_more, "after_cursor": after, "before_cursor": before}));
    paging.insert("links".to_owned(), json!({"prev": prev, "next": next}));
    Ok((taken.iter().map(|key| key.1).collect(), paging))
}

fn offset_page(call: &Call, listing: &Listing) -> Result<(Vec<u64>, Map<String, Value>), Refusal> {
    let number = |name: &str, usual: usize| match call.q(name) {
        Some(text) => text
            .parse::<usize>()
            .ok()
            .filter(|number| *number > 0)
            .ok_or_else(|| Refusal::plain(400, "InvalidPaginationParameter", &format!("{name} must be a positive number"))),
        None => Ok(usual),
    };
    let page = number("page", 1)?;
    let size = number("per_page", listing.page_max)?.min(listing.page_max);
    if (page - 1) * size >= OFFSET_WALL {
        return Err(Refusal::plain(
            400,
            "InvalidPaginationParameter",
            "Offset pagination reaches no further than 10,000 records: use cursor pagination",
        ));
    }
    let total = listing.keys.len();
    let from = ((page - 1) * size).min(total);
    let to = (from + size).min(total);
    let to = if call.half_page { from + shortened(call, to - from).min(to - from) } else { to };
    let next = (page * size < total).then(|| call.link(&[("page", Some((page + 1).to_string()))]));
    let previous = (page > 1).then(|| call.link(&[("page", Some((page - 1).to_string()))]));
    let mut paging = Map::new();
    paging.insert("next_page".to_owned(), json!(next));
    paging.insert("previous_page".to_owned(), json!(previous));
    paging.insert("count".to_owned(), json!(total));
    Ok((listing.keys[from..to].iter().map(|key| key.1).collect(), paging))
}

/// One page of a list as an answer.
pub(crate) fn listing(call: &Call, listing: Listing, shown: impl Fn(u64) -> Option<Value>) -> Outcome {
    let (ids, paging) = page(call, &listing)?;
    let mut body = Map::new();
    body.insert(listing.name.to_owned(), Value::Array(ids.into_iter().filter_map(shown).collect()));
    body.extend(paging);
    Ok(Answer::ok(Value::Object(body)))
}

/// A list that is never cut: `show_many` and the like.
pub(crate) fn whole(name: &str, items: Vec<Value>) -> Answer {
    let mut body = Map::new();
    let count = items.len();
    body.insert(name.to_owned(), Value::Array(items));
    body.insert("next_page".to_owned(), Value::Null);
    body.insert("previous_page".to_owned(), Value::Null);
    body.insert("count".to_owned(), json!(count));
    Answer::ok(Value::Object(body))
}
