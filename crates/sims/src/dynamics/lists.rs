//! Lists: filters, order, pages behind cookies, and what changed since a delta link was made.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::call::Call;
use super::filter::{self, order};
use super::moment::{DAY_MS, american, from_american};
use super::refusal::{Answer, Outcome, Refusal};
use super::schema::Table;
use super::show::Shape;
use super::state::{Record, State};

/// Rows of a page, the most there may be.
const PAGE_MAX: usize = 5_000;

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// A place in a list, as its cookie has it: values that it is ordered by, and the last id.
fn cookie(page: usize, place: &Value, tracking: bool) -> String {
    let (place, tracking) = (STANDARD.encode(place.to_string()), if tracking { "True" } else { "False" });
    format!("<cookie pagenumber=\"{page}\" pagingcookie=\"{place}\" istracking=\"{tracking}\" />")
}

fn attribute<'a>(cookie: &'a str, name: &str) -> Option<&'a str> {
    cookie.split(&format!("{name}=\"")).nth(1)?.split('"').next()
}

/// Reads a cookie: the next page's number, the place, and whether changes are tracked.
fn read_cookie(text: &str) -> Result<(usize, Value, bool), Refusal> {
    let invalid = || Refusal::bad("Malformed XML in the Paging Cookie");
    let place = attribute(text, "pagingcookie").and_then(|held| STANDARD.decode(held).ok()).ok_or_else(invalid)?;
    let place = serde_json::from_slice(&place).map_err(|_| invalid())?;
    let page = attribute(text, "pagenumber").and_then(|held| held.parse().ok()).ok_or_else(invalid)?;
    Ok((page, place, attribute(text, "istracking") == Some("True")))
}

/// The address of a list with other options than it was called with.
fn address(call: &Call, table: &Table, drop: &[&str], more: &[(&str, String)]) -> String {
    let kept = call.query.iter().filter(|(name, _)| !drop.contains(&name.as_str())).map(|(name, value)| (name.as_str(), value.clone()));
    let all: Vec<String> = kept.chain(more.iter().cloned()).map(|(name, value)| format!("{name}={}", encoded(&value))).collect();
    format!("{}{}?{}", call.root, table.set, all.join("&"))
}

/// `name,revenue desc` as names with their direction.
fn orders(text: &str) -> Vec<(String, bool)> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts.map(|part| part.split_once(' ').map_or((part.to_owned(), false), |(name, way)| (name.to_owned(), way.trim() == "desc"))).collect()
}

fn before(left: &[Value], right: &[Value], ways: &[(String, bool)]) -> Ordering {
    for (at, (left, right)) in left.iter().zip(right).enumerate() {
        let found = order(left, right);
        let found = if ways.get(at).is_some_and(|(_, down)| *down) { found.reverse() } else { found };
        if found != Ordering::Equal {
            return found;
        }
    }
    Ordering::Equal
}

impl State {
    fn page_size(&self, call: &Call) -> usize {
        let asked = call.preference("odata.maxpagesize").and_then(|text| text.parse::<usize>().ok());
        let size = asked.unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX);
        if call.half_page { size.div_ceil(2) } else { size }
    }

    fn context(&self, call: &Call, table: &Table, shape: &Shape, tail: &str) -> Value {
        let selected = if shape.select.is_empty() { String::new() } else { format!("({})", shape.select.join(",")) };
        let mut body = json!({"@odata.context": format!("{}$metadata#{}{selected}{tail}", call.root, table.set)});
        if shape.wants_all() {
            body["@Microsoft.Dynamics.CRM.globalmetadataversion"] = json!(self.metadata_version.to_string());
            body["@Microsoft.Dynamics.CRM.totalrecordcount"] = json!(-1);
            body["@Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded"] = json!(false);
        }
        body
    }

    fn fitting(&self, table: &Table, filter: Option<&str>) -> Result<Vec<&Record>, Refusal> {
        let test = match filter {
            None => None,
            Some(text) => Some(filter::read(text).ok_or_else(|| Refusal::bad(format!("Syntax error in '{text}'.")))?),
        };
        if let Some(name) = test.as_ref().and_then(|test| test.names().into_iter().find(|name| !self.is_name(table, name))) {
            return Err(Refusal::no_property(name, &table.name));
        }
        let held = self.rows.get(&table.name);
        // Rows that are asked for by their ids are not looked for among all others.
        if let Some(filter::Test::In(name, ids)) = &test
            && *name == table.id
        {
            let ids: BTreeSet<String> = ids.iter().filter_map(Value::as_str).map(str::to_lowercase).collect();
            return Ok(ids.iter().filter_map(|id| held?.get(id)).collect());
        }
        let rows = held.into_iter().flat_map(|rows| rows.values());
        Ok(rows
            .filter(|row| test.as_ref().is_none_or(|test| test.fits(self.now_ms, &|name| self.value_by_name(table, row, name))))
            .collect())
    }

    /// `GET set` and `GET set/$count`.
    pub(crate) fn list(&self, call: &Call, table: &Table, only_count: bool) -> Outcome {
        let cookie = call.query("$skiptoken").map(read_cookie).transpose()?;
        let tracking = call.preference("odata.track-changes").is_some() || cookie.as_ref().is_some_and(|(_, _, tracking)| *tracking);
        if call.query("$skip").is_some() {
            return Err(Refusal::bad("Skip Clause is not supported in CRM"));
        }
        if let Some(token) = call.query("$deltatoken") {
            return self.delta(call, table, token, cookie, only_count);
        }
        let refused = ["$filter", "$orderby", "$expand", "$top"].into_iter().find(|option| tracking && call.query(option).is_some());
        if let Some(option) = refused {
            return Err(Refusal::bad(format!("The {option} system query option is not supported together with change tracking.")));
        }
        if tracking && !table.tracked {
            return Err(Refusal::new(400, "0x80072535", format!("Entity: {} isn't enabled for change tracking.", table.name)));
        }
        let shape = self.shape(table, call)?;
        let rows = self.fitting(table, call.query("$filter"))?;
        if only_count {
            return Ok(Answer::text(200, "text/plain", rows.len().min(PAGE_MAX).to_string()));
        }
        let mut ways = orders(call.query("$orderby").unwrap_or_default());
        if let Some((name, _)) = ways.iter().find(|(name, _)| !self.is_name(table, name)) {
            return Err(Refusal::no_property(name, &table.name));
        }
        ways.push((table.id.clone(), false));
        let count = rows.len();
        let mut placed: Vec<(Vec<Value>, &Record)> =
            rows.into_iter().map(|row| (ways.iter().map(|(name, _)| self.value_by_name(table, row, name)).collect(), row)).collect();
        placed.sort_by(|left, right| before(&left.0, &right.0, &ways));
        let page = cookie.as_ref().map_or(1, |(page, ..)| *page);
        if let Some((_, Value::Array(place), _)) = &cookie {
            placed.retain(|(held, _)| before(held, place, &ways) == Ordering::Greater);
        }
        let top = call.query("$top").map(|text| text.parse::<usize>().map_err(|_| Refusal::bad("Invalid $top"))).transpose()?;
        let size = top.unwrap_or_else(|| self.page_size(call));
        let more = top.is_none() && placed.len() > size;
        placed.truncate(size);
        let mut body = self.context(call, table, &shape, "");
        if call.query("$count") == Some("true") {
            body["@odata.count"] = json!(count.min(PAGE_MAX));
            body["@Microsoft.Dynamics.CRM.totalrecordcount"] = json!(count.min(PAGE_MAX));
            body["@Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded"] = json!(count > PAGE_MAX);
        }
        body["value"] = placed.iter().map(|(_, row)| Value::Object(self.shown(table, row, &shape))).collect();
        if let Some((place, _)) = placed.last().filter(|_| more) {
            let token = self::cookie(page + 1, &Value::from(place.clone()), tracking);
            body["@odata.nextLink"] = json!(address(call, table, &["$skiptoken"], &[("$skiptoken", token)]));
        } else if tracking {
            // The link stands at the moment of the last page: what changed on earlier ones meanwhile is not told of.
            body["@odata.deltaLink"] = json!(self.delta_link(call, table, self.newest()));
        }
        let answer = Answer::ok(body);
        let applied = [("odata.track-changes", tracking), ("odata.maxpagesize", call.preference("odata.maxpagesize").is_some())];
        let applied: Vec<&str> = applied.into_iter().filter_map(|(name, held)| held.then_some(name)).collect();
        Ok(if applied.is_empty() { answer } else { answer.with("preference-applied", applied.join(",")) })
    }

    fn delta_link(&self, call: &Call, table: &Table, version: u64) -> String {
        let token = format!("{version}!{}", american(self.now_ms));
        address(call, table, &["$skiptoken", "$deltatoken"], &[("$deltatoken", token)])
    }

    /// What changed since a link was made, in no order that means anything.
    fn delta(&self, call: &Call, table: &Table, token: &str, cookie: Option<(usize, Value, bool)>, only_count: bool) -> Outcome {
        let invalid = || Refusal::bad("The delta token is not valid.");
        let (version, stamp) = token.split_once('!').ok_or_else(invalid)?;
        let (version, made) = (version.parse::<u64>().map_err(|_| invalid())?, from_american(stamp).ok_or_else(invalid)?);
        if made < self.links_end_ms || self.now_ms - made > self.options.tracking_days * DAY_MS {
            return Err(Refusal::expired_link());
        }
        let shape = self.shape(table, call)?;
        let rows = self.rows.get(&table.name);
        let present =
            rows.into_iter().flat_map(|rows| rows.values()).filter(|row| row.version > version).map(|row| (row.id.clone(), false));
        let gone = self.gone.get(&table.name).into_iter().flatten().filter(|gone| gone.version > version);
        let gone = gone.filter(|gone| rows.is_none_or(|rows| !rows.contains_key(&gone.id))).map(|gone| (gone.id.clone(), true));
        let all: BTreeSet<(String, bool)> = present.chain(gone).collect();
        if only_count {
            return Ok(Answer::text(200, "text/plain", all.len().to_string()));
        }
        let page = cookie.as_ref().map_or(1, |(page, ..)| *page);
        let (last, upto) = match &cookie {
            Some((_, place, _)) => (place["id"].as_str().unwrap_or_default().to_owned(), place["upto"].as_u64().unwrap_or(0)),
            None => (String::new(), self.newest()),
        };
        let size = self.page_size(call);
        let rest: Vec<&(String, bool)> = all.iter().filter(|(id, _)| *id > last).collect();
        let shown = rest.iter().take(size).map(|(id, deleted)| {
            let row = self.row(&table.name, id).filter(|_| !deleted);
            match row {
                Some(row) => Value::Object(self.shown(table, row, &shape)),
                None => {
                    json!({"@odata.context": format!("{}$metadata#{}/$deletedEntity", call.root, table.set), "id": id, "reason": "deleted"})
                }
            }
        });
        let mut body = self.context(call, table, &shape, "/$delta");
        body["value"] = shown.collect();
        if let Some((id, _)) = rest.get(size.saturating_sub(1)).filter(|_| rest.len() > size) {
            let token = self::cookie(page + 1, &json!({"id": id, "upto": upto}), true);
            body["@odata.nextLink"] = json!(address(call, table, &["$skiptoken"], &[("$skiptoken", token)]));
        } else {
            body["@odata.deltaLink"] = json!(self.delta_link(call, table, upto));
        }
        Ok(Answer::ok(body).with("preference-applied", "odata.track-changes"))
    }
}
